"""Actuator of a motorised valve: how far it is open, every quarter of an hour and whenever it has moved.

Rates and resolution unverified (an electric actuator with a 1 % position transmitter is common trade).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.actuators.valve_actuator import ACTUATOR
from sensors.kind import Accuracy, Kind, Sites

if TYPE_CHECKING:
    from sensors.world.world import World

PERIOD_S = 900
STEP = 0.01


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Opening of each valve now, 0 closed to 1 open, shape (n, 1)."""
    return np.asarray(world.water.opening[np.asarray(sites.columns["valve"], np.int64)], np.float64)[:, None]


def watch(values: Floats, last: Ints) -> Ints:
    """The position in whole percent."""
    return np.rint(values[:, 0] / STEP).astype(np.int64)


KIND = Kind(
    descriptor=KindDescriptor(
        name="valve_actuator",
        zh="电动阀门执行器",
        en="Motorised valve",
        properties=(
            PropertyDescriptor(
                name="position_ratio", resolution=STEP, low=0, high=1, period_s=PERIOD_S, zh="开度", en="Opening"
            ),
        ),
        commands=tuple(ACTUATOR.commands),
        report_s=PERIOD_S,
        arguments=ACTUATOR.arguments(),
    ),
    code="2207",
    mounts_on="motorised_valve",
    sample_s=PERIOD_S,
    report_s=PERIOD_S,
    measure=measure,
    accuracy=(Accuracy(sticks=False),),
    watch=watch,
)
