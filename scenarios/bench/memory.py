"""Whether the hub's memory stays as it is however much it has taken in.

The whole hub on disk, over the embedded broker, at QoS 1 and a hundred readings a message. Its resident memory is
looked at once a second, after the tick; what it is at one such moment wavers with what waits and what the databases are
about, so medians are compared: over the readings from the second to the fourth tenth (by then every buffer has been
full) and over the last three.
"""

from __future__ import annotations

import statistics
from multiprocessing.connection import Connection
from typing import Final

import msgspec
import psutil

from datahub.contract.topics import Topics
from datahub.transport.broker import EmbeddedBroker
from scenarios.bench.ingest import Load, subscribed, taken_in

READINGS: Final = 10_000_000
"""At scale 1."""

PACK: Final = 100

ROW_BYTES: Final = 39
"""A reading in the columns of the store: 8 + 2 + 8 + 8 + 1 + 8 + 4 (``store.observations``)."""

SHARE: Final = 0.1
"""A hub whose memory grows by less than this share of what it has taken in keeps none of it. Ours."""


class Figures(msgspec.Struct, frozen=True):
    """Memory of the hub [MB].

    Attributes:
        early_mb, late_mb: medians over the readings from a tenth to four tenths, and over the last three tenths.
        tenths_mb: medians over each tenth.
        limit_mb: what it may have grown.
    """

    readings: int
    readings_s: float
    early_mb: float
    late_mb: float
    grown_mb: float
    limit_mb: float
    peak_rss_mb: float
    tenths_mb: list[float]

    @property
    def flat(self) -> bool:
        """Whether it stayed as it was."""
        return self.grown_mb <= self.limit_mb


def measure(*, scale: float = 1.0) -> Figures:
    """Memory over ``READINGS`` times ``scale`` readings.

    Raises:
        OutsideError: if the broker fails or loses messages.
    """
    load = Load(max(round(scale * READINGS / PACK), 10), PACK, 1)
    with EmbeddedBroker() as broker:
        measured, seen = subscribed(broker.url, Topics("bench-memory"), watched, load)
    return figures(load.messages * PACK, *measured, seen=seen)


def watched(url: str, topics: Topics, load: Load, control: Connection, result: Connection) -> None:
    """The hub, its memory looked at after every tick."""
    process, seen = psutil.Process(), list[tuple[int, float]]()

    def look(stored: int) -> None:
        seen.append((stored, process.memory_info().rss / 2**20))

    measured = taken_in(url, topics, load, control, at_tick=look)
    if measured is not None:
        result.send((tuple(measured), seen))


def figures(
    readings: int, readings_s: float, readings_cpu_s: float, peak_rss_mb: float, *, seen: list[tuple[int, float]]
) -> Figures:
    """What was seen, as (readings stored, MB), said in medians."""

    def between(low: float, high: float) -> float:
        some = [mb for stored, mb in seen if low * readings <= stored <= high * readings]
        return round(statistics.median(some), 1) if some else 0.0

    early, late = between(0.1, 0.4), between(0.7, 1.0)
    return Figures(
        readings=readings,
        readings_s=round(readings_s),
        early_mb=early,
        late_mb=late,
        grown_mb=round(late - early, 1),
        limit_mb=round(SHARE * readings * ROW_BYTES / 2**20, 1),
        peak_rss_mb=round(peak_rss_mb, 1),
        tenths_mb=[between(part / 10, (part + 1) / 10) for part in range(10)],
    )
