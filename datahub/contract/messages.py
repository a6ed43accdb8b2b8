"""Messages that cross the wire besides observations. Frozen, versioned, tolerant of fields they do not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from datahub.contract.codes import AckStatus
from datahub.contract.observations import Floats, Ints, ObservationBatch

SCHEMA = 1
"""Version of every message below. A reader refuses a newer major version in one sentence, never half reads it."""


class PropertyDescriptor(msgspec.Struct, frozen=True):
    """What a kind of device observes, as its maker states it.

    Attributes:
        name: property with its SI unit as suffix, such as ``pressure_pa``.
        resolution: smallest step the sensor can tell [unit of the name].
        low, high: range of measurement [unit of the name].
        period_s: time between readings; 0 for events only [s].
        cumulative: a counter that never falls.
        may_rest_s: how long the value may stand still without being stuck; 0 for ever [s].
        rate_s: fastest change per second that the thing can make; 0 for unlimited [unit/s].
    """

    name: str
    resolution: float
    low: float
    high: float
    period_s: float
    zh: str = ""
    en: str = ""
    cumulative: bool = False
    may_rest_s: float = 0.0
    rate_s: float = 0.0


class ArgumentDescriptor(msgspec.Struct, frozen=True):
    """One argument of a command: its range [unit of its name], and its value where an order leaves it out."""

    command: str
    name: str
    low: float
    high: float
    default: float | None = None


class KindDescriptor(msgspec.Struct, frozen=True):
    """A kind of device: what it observes and which commands it takes."""

    name: str
    zh: str
    en: str
    properties: tuple[PropertyDescriptor, ...] = ()
    commands: tuple[str, ...] = ()
    report_s: float = 0.0
    """Time between two packs of a healthy device [s]; silence longer than some of these is a fault."""
    arguments: tuple[ArgumentDescriptor, ...] | None = None
    """What its commands take; None where the maker does not say."""


class BirthDevice(msgspec.Struct, frozen=True):
    """One device behind a node, in the node's birth message."""

    device: int
    object: int
    lon: float
    lat: float


class Birth(msgspec.Struct, frozen=True):
    """One node says that it is there and what stands behind it (wire form; inside: ``BirthBatch``)."""

    node: int
    epoch: int
    kind: KindDescriptor
    devices: tuple[BirthDevice, ...]
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, eq=False)
class BirthBatch:
    """Births of many devices of one kind, in columns of length n.

    ``object`` is the unified code of the managed object that the device watches (pole, pipe, junction ...).
    """

    kind: KindDescriptor
    node: Ints
    epoch: Ints
    device: Ints
    object: Ints
    lon: Floats
    lat: Floats

    def __len__(self) -> int:
        return len(self.device)


class Death(msgspec.Struct, frozen=True):
    """A node is gone: its own farewell or its last will.

    Attributes:
        epoch: the birth epoch that ended; a later birth is not touched.
        carried: further nodes that are gone with it, because one gateway connection carried them all (a connection
            has only one last will). All their births up to ``epoch`` ended.
    """

    node: int
    epoch: int
    carried: tuple[int, ...] = ()
    schema: int = SCHEMA


class Lost(msgspec.Struct, frozen=True):
    """A node says which of its readings will never come: it numbered them, and has them no more.

    Attributes:
        epoch: the birth epoch in which it numbered them.
        first, last: their sequences, both included.
        t: when it gave them up [ms].
        why: in its own words.
    """

    node: int
    epoch: int
    first: int
    last: int
    t: int
    why: str = ""
    schema: int = SCHEMA


class Reported(msgspec.Struct, frozen=True):
    """What a device says its settings are (reported side of its shadow).

    ``reason`` is empty where they are as the platform wanted; else it says why the field set or kept them otherwise (an
    edge node's rule, and what it saw).
    """

    node: int
    device: int
    t: int
    state: dict[str, float]
    reason: str = ""
    schema: int = SCHEMA


class Ack(msgspec.Struct, frozen=True):
    """A device says how far a command has come."""

    node: int
    device: int
    command: str
    status: AckStatus
    t: int
    detail: str = ""
    schema: int = SCHEMA


class Desired(msgspec.Struct, frozen=True):
    """What the platform wants a device's settings to be."""

    node: int
    device: int
    version: int
    state: dict[str, float]
    schema: int = SCHEMA


class Command(msgspec.Struct, frozen=True):
    """An order to one device; worthless after ``expires``."""

    id: str
    node: int
    device: int
    name: str
    issued: int
    expires: int
    arguments: dict[str, float] = {}
    schema: int = SCHEMA


class Rebirth(msgspec.Struct, frozen=True):
    """The hub lacks a node's birth and asks for it."""

    node: int
    schema: int = SCHEMA


class Alarm(msgspec.Struct, frozen=True):
    """Northbound: an alarm was raised, or its cause is gone (``raised`` false), for whoever listens.

    ``fault`` alarms concern the owner of the device (``owner``, its department, empty if nobody knows), the others the
    city. ``value`` and ``limit`` are in the unit of
    the property's name; ``property`` is empty and ``value`` a time [s] where a whole node fell silent.
    """

    id: str
    kind: str
    device: int
    t: int
    raised: bool
    property: str = ""
    value: float = 0.0
    limit: float = 0.0
    fault: bool = False
    owner: str = ""
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, eq=False)
class Watermarks:
    """End-to-end acknowledgement: of each node's epoch, every sequence up to ``sequence`` is durable or rejected."""

    node: Ints
    epoch: Ints
    sequence: Ints

    def __len__(self) -> int:
        return len(self.node)


class Marker(msgspec.Struct, frozen=True):
    """End of one quantum of city time in a virtual run: all that was due up to ``t`` has been sent."""

    side: str
    run: str
    t: int
    sent: int
    schema: int = SCHEMA


Up: TypeAlias = ObservationBatch | BirthBatch | Death | Lost | Reported | Ack | Marker
Down: TypeAlias = Desired | Command | Rebirth | Watermarks | Marker
North: TypeAlias = Alarm


def no_watermarks() -> Watermarks:
    """Nothing to acknowledge."""
    empty = np.zeros(0, np.int64)
    return Watermarks(node=empty, epoch=empty, sequence=empty)
