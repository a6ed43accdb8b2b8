"""Whether the hub's memory stays as it is however much it has taken in.

The whole hub on disk, over the embedded broker, at QoS 1 and a hundred readings a message, looked at a hundred times at
even distances. Two things are judged. What DuckDB holds must stay below a ceiling at every look of the second half:
that tells a cache that fills. Resident memory, which wavers by some 60 MB with what waits and what the databases are
about, must not have grown by more than a limit between the medians of the second to fourth tenth (by then every buffer
has been full) and of the last three: that tells a hub that keeps a part of what it takes in.
"""

from __future__ import annotations

import statistics
from multiprocessing.connection import Connection
from typing import Final, NamedTuple

import msgspec
import psutil

from datahub.contract.errors import UsageError
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.store.observations import FORGET_ROWS, LEAST_MB
from datahub.transport.broker import EmbeddedBroker
from scenarios.bench.ingest import Load, subscribed, taken_in

READINGS: Final = 10_000_000
"""At scale 1."""

PACK: Final = 100
LOOKS: Final = 100
LEAST_LOOKS: Final = 5
"""So many looks at least stand behind each median."""

ROW_BYTES: Final = 39
"""A reading in the columns of the store: 8 + 2 + 8 + 8 + 1 + 8 + 4 (``store.observations``)."""

LIMIT_MB: Final = 0.25 * READINGS * ROW_BYTES / 2**20
"""What resident memory may have grown [MB]: a quarter of what ten million readings are, whatever the scale. Ours."""

CEILING_MB: Final = LEAST_MB + FORGET_ROWS * ROW_BYTES / 2**20
"""What DuckDB may hold [MB]: what it keeps when it lets go, and the rows until it does so again."""


class Look(NamedTuple):
    """One look at the hub: readings stored so far, resident memory, and what DuckDB holds of it [MB]."""

    stored: int
    rss_mb: float
    pages_mb: float


class Figures(msgspec.Struct, frozen=True):
    """Memory of the hub [MB].

    Attributes:
        early_mb, late_mb: median resident memory over the readings from a tenth to four tenths, and over the last
            three tenths; ``grown_mb`` between them.
        pages_mb: most that DuckDB held in the second half.
        limit_mb, ceiling_mb: what growth and pages may be.
        tenths_mb: median resident memory over each tenth.
    """

    readings: int
    readings_s: float
    looks: int
    early_mb: float
    late_mb: float
    grown_mb: float
    limit_mb: float
    pages_mb: float
    ceiling_mb: float
    peak_rss_mb: float
    tenths_mb: list[float]

    @property
    def flat(self) -> bool:
        """Whether it stayed as it was."""
        return self.grown_mb <= self.limit_mb and self.pages_mb <= self.ceiling_mb


def measure(*, scale: float = 1.0) -> Figures:
    """Memory over ``READINGS`` times ``scale`` readings.

    Raises:
        OutsideError: if the broker fails or loses messages.
        UsageError: if that is too little to look at often enough.
    """
    load = Load(max(round(scale * READINGS / PACK), 1), PACK, 1)
    with EmbeddedBroker() as broker:
        measured, seen = subscribed(broker.url, Topics("bench-memory"), watched, load)
    return figures(load.messages * PACK, *measured, seen=[Look(*one) for one in seen])


def watched(url: str, topics: Topics, load: Load, control: Connection, result: Connection) -> None:
    """The hub, its memory looked at again and again."""
    process, seen = psutil.Process(), list[Look]()

    def look(hub: Hub, stored: int) -> None:
        if stored * LOOKS >= len(seen) * load.messages * PACK:
            seen.append(Look(stored, process.memory_info().rss / 2**20, hub.observations.kept_mb()))

    measured = taken_in(url, topics, load, control, look=look)
    if measured is not None:
        result.send((tuple(measured), seen))


def figures(
    readings: int, readings_s: float, readings_cpu_s: float, peak_rss_mb: float, *, seen: list[Look]
) -> Figures:
    """What was seen, in medians.

    Raises:
        UsageError: if a tenth was not looked at often enough.
    """

    def between(low: float, high: float) -> float:
        some = [look.rss_mb for look in seen if low * readings <= look.stored <= high * readings]
        if len(some) < LEAST_LOOKS:
            raise UsageError(f"{len(some)} looks are too few for a median; take a larger --scale")
        return round(statistics.median(some), 1)

    early, late = between(0.1, 0.4), between(0.7, 1.0)
    return Figures(
        readings=readings,
        readings_s=round(readings_s),
        looks=len(seen),
        early_mb=early,
        late_mb=late,
        grown_mb=round(late - early, 1),
        limit_mb=round(LIMIT_MB, 1),
        pages_mb=round(max(look.pages_mb for look in seen if 2 * look.stored >= readings), 1),
        ceiling_mb=round(CEILING_MB, 1),
        peak_rss_mb=round(peak_rss_mb, 1),
        tenths_mb=[between(part / 10, (part + 1) / 10) for part in range(10)],
    )
