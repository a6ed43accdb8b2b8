"""What a kind of sensor is: a declaration, and one function that measures the world at many sites at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.messages import KindDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.world.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Where the devices of one fleet stand, in columns of length n.

    Attributes:
        device: unified code of each device, ascending.
        object: code of the managed object it watches.
        row: row of that object in its ``ObjectTable``.
        columns: the object's survey columns at those rows (such as ``node`` or ``feeder``).
    """

    device: Ints
    object: Ints
    row: Ints
    lon: Floats
    lat: Floats
    community: NDArray[np.int32]
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.device)


#: measure(world, sites, t) -> array (len(sites), number of properties) in the properties' SI units at city time t [ms];
#: NaN where there is nothing to say (such a reading never comes to be and takes no sequence).
Measure = Callable[[World, Sites, int], Floats]


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of sensor.

    Attributes:
        descriptor: what a birth message says of it.
        code: major and minor class, four digits (local extension from 21 on), see ``datahub.devices.coding``.
        mounts_on: class of managed object that carries it; one device per object.
        sample_s: time between measurements [s].
        report_s: time between packs [s]; a multiple of ``sample_s``.
        measure: what it would read, without noise.
        noise: standard deviation of the reading, per property [unit of the property].
        behind: survey column that names the gateway's object (devices with one value share one node);
            empty where each device is a node of its own.
        numerous: thinned out by ``scale``.
        battery_years: life of its battery [a]; 0 on mains.
        unpowered_silent: falls silent when its feeder has no power.
    """

    descriptor: KindDescriptor
    code: str
    mounts_on: str
    sample_s: int
    report_s: int
    measure: Measure
    noise: tuple[float, ...]
    behind: str = ""
    numerous: bool = False
    battery_years: float = 0.0
    unpowered_silent: bool = False
