"""What a kind of sensor is: a declaration, and one function that measures the world at many sites at once."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.firmware import UPDATE, UPDATE_FIRMWARE
from datahub.contract.messages import KindDescriptor
from datahub.contract.observations import Floats, Ints

if TYPE_CHECKING:
    from sensors.world.world import World

BATTERY = "battery_v"
"""The one property that no ``measure`` gives: a device knows its own battery (``sensors.battery``)."""


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Where the devices of one fleet stand, in columns of length n.

    Attributes:
        device: unified code of each device, ascending.
        object: code of the managed object it watches.
        row: row of that object in its ``ObjectTable``.
        columns: the object's survey columns at those rows (such as ``node`` or ``feeder``).
        node: unified code of the sender through which each device speaks; None where each speaks for itself.
            Of a kind with ``behind`` it is the gateway's own device code: class ``Kind.gateway_code`` at the
            district and ordinal of the object named in the column ``behind``.
    """

    device: Ints
    object: Ints
    row: Ints
    lon: Floats
    lat: Floats
    community: NDArray[np.int32]
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    node: Ints | None = None

    def __len__(self) -> int:
        return len(self.device)

    def take(self, rows: Ints) -> Self:
        """Some of the sites, in the order of ``rows``."""
        return type(self)(
            device=self.device[rows],
            object=self.object[rows],
            row=self.row[rows],
            lon=self.lon[rows],
            lat=self.lat[rows],
            community=self.community[rows],
            columns={name: column[rows] for name, column in self.columns.items()},
            node=None if self.node is None else self.node[rows],
        )

    def repeat(self, times: int) -> Self:
        """Every site so many times in a row."""
        return type(self)(
            device=self.device.repeat(times),
            object=self.object.repeat(times),
            row=self.row.repeat(times),
            lon=self.lon.repeat(times),
            lat=self.lat.repeat(times),
            community=self.community.repeat(times),
            columns={name: column.repeat(times) for name, column in self.columns.items()},
            node=None if self.node is None else self.node.repeat(times),
        )


class Measure(Protocol):
    """What the devices of a kind would read if they were perfect."""

    def __call__(self, world: World, sites: Sites, t: int | Ints) -> Floats:
        """Array (len(sites), properties of the kind but ``battery_v``) in SI units, at city time ``t`` [ms].

        NaN where there is nothing to say: such a reading never comes to be and takes no sequence. ``t`` is
        ``world.now``; of a ``frozen`` kind one time for each site, up to a reporting period before that.
        """


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How far readings of one property lie from the truth, in the unit of the property.

    Attributes:
        noise: standard deviation from reading to reading.
        bias: standard deviation of what is off for ever, from device to device.
        scatter: the same as ``noise``, as a ratio of the value [1].
        gain: the same as ``bias``, as a ratio of the value [1].
        drift_day: how fast it creeps away when the sensor drifts [unit/day]; 0: this property cannot drift.
        sticks: whether it can stand still while the world moves.
    """

    noise: float = 0.0
    scatter: float = 0.0
    bias: float = 0.0
    gain: float = 0.0
    drift_day: float = 0.0
    sticks: bool = True


#: pace(sites) -> time between packs of each device [s]; each a multiple of ``Kind.sample_s``.
Pace = Callable[[Sites], Ints]

#: watch(values (n, p), last (n,)) -> state (n,) of each device; where it differs from ``last`` the device speaks at
#: once. ``last`` is ``UNSEEN`` at first.
Watch = Callable[[Floats, Ints], Ints]

UNSEEN = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of sensor.

    Attributes:
        descriptor: what a birth message says of it; ``battery_v``, if it has one, is its last property.
        code: class of its devices in their unified codes: four digits, of the major class for devices (22), no
            other kind's, gateway's or object's. It is written here and nowhere else.
        mounts_on: class of managed object that carries it; one device per object.
        sample_s: time between measurements [s].
        report_s: time between packs [s]; a multiple of ``sample_s``.
        measure: what it would read, without error.
        accuracy: of each property that ``measure`` gives.
        frozen: readings are kept at whole ``sample_s`` of the clock for all alike (a meter's hourly freeze) and
            handed over at the device's own time of report; else each device measures at its own phase.
        pace: time between packs where it differs from site to site; ``report_s`` is then the longest.
        watch: what makes a device speak at once, looked at every minute.
        behind: survey column that names the gateway's object (devices with one value share one node);
            empty where each device is a node of its own.
        gateway_code: class of that gateway, likewise; kinds behind the same gateways name the same.
        numerous: thinned out by ``scale``.
        battery_years: life of its battery [a]; 0 on mains.
        unpowered_silent: its node falls silent when the feeder in the column ``behind`` has no power.
    """

    descriptor: KindDescriptor
    code: str
    mounts_on: str
    sample_s: int
    report_s: int
    measure: Measure
    accuracy: tuple[Accuracy, ...]
    frozen: bool = False
    pace: Pace | None = None
    watch: Watch | None = None
    behind: str = ""
    gateway_code: str = ""
    numerous: bool = False
    battery_years: float = 0.0
    unpowered_silent: bool = False

    @property
    def name(self) -> str:
        """Name of the kind, as in its file and on the wire."""
        return self.descriptor.name


def load_kinds() -> dict[str, Kind]:
    """Every kind there is, by name: the files of ``sensors/kinds/`` and what each calls ``KIND``.

    A kind that takes commands takes one more, the update of its firmware.
    """
    package = importlib.import_module("sensors.kinds")
    found: dict[str, Kind] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda it: it.name):
        kind = importlib.import_module(f"sensors.kinds.{module.name}").KIND
        if not isinstance(kind, Kind) or kind.name != module.name:
            raise TypeError(f"sensors/kinds/{module.name}.py: KIND must be a Kind named '{module.name}'")
        found[kind.name] = _updatable(kind)
    return found


def _updatable(kind: Kind) -> Kind:
    if not kind.descriptor.commands:
        return kind
    commands, arguments = (*kind.descriptor.commands, UPDATE_FIRMWARE), (*(kind.descriptor.arguments or ()), UPDATE)
    descriptor = msgspec.structs.replace(kind.descriptor, commands=commands, arguments=arguments)
    return replace(kind, descriptor=descriptor)
