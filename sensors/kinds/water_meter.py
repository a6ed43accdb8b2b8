"""Household water meter on NB-IoT: cumulative volume, frozen at each full hour, handed over once a day.

DN15, Q3 2.5 m3/h; +-2 % between Q2 and Q4 (domain.md 5, GB/T 778 G), here one lasting gain per meter; hourly freeze
and one report a day at the meter's own random minute (V [S114]: the standard spreads reports by 10-60 s, we by the
day, as the operator's schedule does); lithium cell 6-8 a.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.battery import battery_property
from sensors.kind import Accuracy, Kind, Sites

if TYPE_CHECKING:
    from sensors.world.world import World

FREEZE_S, REPORT_S = 3_600, 86_400


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """What each household's meter showed at ``t`` [m3], shape (n, 1); ``t`` may lie two days back."""
    return np.asarray(world.water.volume_m3(sites.row, t), np.float64)[:, None]


KIND = Kind(
    descriptor=KindDescriptor(
        name="water_meter",
        zh="NB-IoT 智能水表",
        en="NB-IoT water meter",
        properties=(
            PropertyDescriptor(
                name="volume_m3",
                resolution=0.001,
                low=0,
                high=99_999.999,
                period_s=FREEZE_S,
                zh="累计水量",
                en="Cumulative volume",
                cumulative=True,
            ),
            battery_property(period_s=REPORT_S),
        ),
        report_s=REPORT_S,
    ),
    code="2202",
    mounts_on="meter_point",
    sample_s=FREEZE_S,
    report_s=REPORT_S,
    measure=measure,
    accuracy=(Accuracy(gain=0.01),),
    frozen=True,
    numerous=True,
    battery_years=7.0,
)
