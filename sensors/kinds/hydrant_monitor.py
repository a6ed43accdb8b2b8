"""Pressure monitor in a fire hydrant: looks every minute, keeps one value an hour, reports twice a day.

When the pressure crosses what fire fighting needs, it reports at once: 0.14 MPa at ordinary times, 0.10 MPa in a fire
(GB 55036-2022 3.0.3, GB 50974 7.2.8, V [S27]). 0-1.6 MPa, +-1 % of full scale as two standard deviations, 5 a
(domain.md 5, G). Hysteresis unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.battery import battery_property
from sensors.kind import UNSEEN, Accuracy, Kind, Sites

if TYPE_CHECKING:
    from sensors.world.world import World

SAMPLE_S, REPORT_S = 3_600, 43_200
FULL_SCALE_PA = 1.6e6
FIRE_PA, ORDINARY_PA = 100_000.0, 140_000.0
#: A level counts as passed again only when the pressure is this far above it [Pa].
HYSTERESIS_PA = 15_000.0


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Pressure at each hydrant now [Pa], shape (n, 1)."""
    return np.asarray(world.water.pressure_pa(np.asarray(sites.columns["node"], np.int64)), np.float64)[:, None]


def watch(values: Floats, last: Ints) -> Ints:
    """How much of the needed pressure there is: 0 not even for a fire, 1 for a fire, 2 enough."""
    pressure = values[:, 0]
    falling = (pressure >= FIRE_PA).astype(np.int64) + (pressure >= ORDINARY_PA)
    rising = (pressure >= FIRE_PA + HYSTERESIS_PA).astype(np.int64) + (pressure >= ORDINARY_PA + HYSTERESIS_PA)
    return np.where(last == UNSEEN, falling, np.clip(last, rising, falling))


KIND = Kind(
    descriptor=KindDescriptor(
        name="hydrant_monitor",
        zh="消火栓监测终端",
        en="Hydrant monitor",
        properties=(
            PropertyDescriptor(
                name="pressure_pa",
                resolution=1_000,
                low=0,
                high=FULL_SCALE_PA,
                period_s=SAMPLE_S,
                zh="压力",
                en="Pressure",
                may_rest_s=86_400,
            ),
            battery_property(period_s=REPORT_S),
        ),
        report_s=REPORT_S,
    ),
    code="2205",
    mounts_on="hydrant",
    sample_s=SAMPLE_S,
    report_s=REPORT_S,
    measure=measure,
    accuracy=(Accuracy(noise=1_500.0, bias=0.005 * FULL_SCALE_PA, drift_day=3_000.0),),
    watch=watch,
    numerous=True,
    battery_years=5.0,
)
