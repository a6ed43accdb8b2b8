"""Traffic-signal controller (GB 25280-2016): the running phase, the cycle, and how many vehicles passed.

State and five-minute volume every 5 min (domain.md 5; state 1 Hz inside the junction, detector volume >= 95 %, G).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.actuators.signal_controller import ACTUATOR
from sensors.kind import Accuracy, Kind, Sites

if TYPE_CHECKING:
    from sensors.world.world import World

PERIOD_S = 300


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Phase, cycle [s] and vehicles of the last period at each junction now, shape (n, 3)."""
    rows, traffic = sites.row, world.traffic
    return np.column_stack((traffic.phase_state(rows), traffic.cycle_s(rows), traffic.volume_count(rows, PERIOD_S)))


KIND = Kind(
    descriptor=KindDescriptor(
        name="signal_controller",
        zh="交通信号控制机",
        en="Traffic-signal controller",
        properties=(
            PropertyDescriptor(
                name="phase_state", resolution=1, low=0, high=32, period_s=PERIOD_S, zh="相位状态", en="Phase"
            ),
            PropertyDescriptor(
                name="cycle_s", resolution=1, low=0, high=300, period_s=PERIOD_S, zh="信号周期", en="Cycle"
            ),
            PropertyDescriptor(
                name="volume_count", resolution=1, low=0, high=5_000, period_s=PERIOD_S, zh="流量", en="Vehicles"
            ),
        ),
        commands=tuple(ACTUATOR.commands),
        report_s=PERIOD_S,
        arguments=ACTUATOR.arguments(),
    ),
    code="2206",
    mounts_on="signal_junction",
    sample_s=PERIOD_S,
    report_s=PERIOD_S,
    measure=measure,
    accuracy=(Accuracy(sticks=False), Accuracy(sticks=False), Accuracy(scatter=0.02)),
)
