"""What the hub answers: columns of devices and readings, and how it is itself."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.codes import DeviceState, Quality
from datahub.contract.observations import Floats, Ints
from datahub.devices.condition import Word


@dataclass(frozen=True, slots=True, eq=False)
class Devices:
    """Devices in columns of length n, by code.

    ``kind`` indexes ``kinds``, ``stage`` indexes ``stages``, ``word`` indexes ``words``: how each is, in one word
    (``Condition.words``); ``heard`` when its node last spoke [ms; its own clock].
    """

    kinds: tuple[str, ...]
    stages: tuple[DeviceState, ...]
    words: tuple[Word, ...]
    device: Ints
    object: Ints
    node: Ints
    kind: NDArray[np.int16]
    stage: NDArray[np.uint8]
    lon: Floats
    lat: Floats
    word: NDArray[np.uint8]
    heard: Ints

    def __len__(self) -> int:
        return len(self.device)

    def unheard(self) -> NDArray[np.bool_]:
        """Those that should speak and do not: silent or dead, and not out of service."""
        return np.isin(self.word, [self.words.index(word) for word in (Word.SILENT, Word.DEAD)])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Readings of one property in columns of length n.

    Device code, when it was so [ms], value [unit in the property's name], quality bits (``codes.Quality``; 0 good).
    """

    device: Ints
    phenomenon_time: Ints
    value: Floats
    quality: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.device)

    def good(self) -> Rows:
        """Those without a quality flag, or merely late."""
        return self._only((self.quality & ~np.uint8(Quality.LATE)) == 0)

    def of(self, devices: Ints) -> Rows:
        """Those of some devices (codes)."""
        return self._only(np.isin(self.device, devices))

    def _only(self, keep: NDArray[np.bool_]) -> Rows:
        return Rows(self.device[keep], self.phenomenon_time[keep], self.value[keep], self.quality[keep])


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, start <= t < end [ms], and what an answer over it was made of: raw, hourly or daily."""

    resolution: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One device's property in equal steps: those that have a reading.

    Start of the step [ms], how many readings, and their least, mean, greatest and last value. ``spans``: what it was
    made of, in the order of time.
    """

    t: Ints
    count: Ints
    min: Floats
    mean: Floats
    max: Floats
    last: Floats
    spans: tuple[Span, ...] = ()

    def __len__(self) -> int:
        return len(self.t)


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """A property over areas and steps of time, by area and time: those that have a reading.

    Attributes:
        areas: codes of the areas that are in the answer.
        area: row in ``areas``.
        t: start of the step [ms].
        devices: how many devices were read.
        count, min, mean, max: of their readings, impossible values left out.
        sum: of the devices' means; NaN where adding up devices means nothing (a temperature, a level).
    """

    areas: tuple[str, ...]
    area: Ints
    t: Ints
    devices: Ints
    count: Ints
    min: Floats
    mean: Floats
    max: Floats
    sum: Floats
    spans: tuple[Span, ...] = ()

    def __len__(self) -> int:
        return len(self.t)


class Health(msgspec.Struct, frozen=True):
    """How the hub is. Times in ms of city time.

    ``silent_nodes``, ``dead_nodes``: nodes of which that is the word (``Condition.words_of_nodes``); one that speaks
    only for devices out of service is neither.
    ``waiting``: readings that no tick has seen; ``unwritten``: those and packs that are evaluated and not in the column
    store yet. Both are durable in the journal.
    ``claims_refused``: births since the first day of the database for devices for which another node speaks.
    """

    now: int | None
    tick: int
    devices: int
    nodes: int
    silent_nodes: int
    dead_nodes: int
    waiting: int
    unwritten: int
    open_alarms: int
    quarantined_nodes: int
    claims_refused: int


class Rejected(msgspec.Struct, frozen=True):
    """Detail of a reading or message that was not stored; a later one has a greater ``id``."""

    id: int
    reason: str
    t: int
    node: int
    device: int
    property: str
    phenomenon_time: int
    value: float
    detail: str
