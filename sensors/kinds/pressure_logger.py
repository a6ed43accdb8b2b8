"""Pressure logger of the water company: at plants, on trunk mains and at the inlets of district-metered areas.

0-1.6 MPa, +-0.5 % of full scale, samples every minute, reports every minute at plants and trunk mains, every 5 min at
inlets (domain.md 5, G); an accuracy "+-x" is taken as two standard deviations. Repeatability and cell life unverified.
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

SAMPLE_S, REPORT_S = 60, 300
FULL_SCALE_PA = 1.6e6
#: Survey's word for where a point lies: 0 plant, 1 trunk main, 2 inlet of a zone.
INLET = 2


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Pressure over the ground at each point now [Pa], shape (n, 1)."""
    return np.asarray(world.water.pressure_pa(np.asarray(sites.columns["node"], np.int64)), np.float64)[:, None]


def pace(sites: Sites) -> Ints:
    """Time between packs [s]: at once where it matters most."""
    return np.where(np.asarray(sites.columns["place"]) == INLET, REPORT_S, SAMPLE_S).astype(np.int64)


KIND = Kind(
    descriptor=KindDescriptor(
        name="pressure_logger",
        zh="压力监测仪",
        en="Pressure logger",
        properties=(
            PropertyDescriptor(
                name="pressure_pa",
                resolution=100,
                low=0,
                high=FULL_SCALE_PA,
                period_s=SAMPLE_S,
                zh="压力",
                en="Pressure",
                may_rest_s=1_800,
            ),
            battery_property(period_s=3_600),
        ),
        report_s=REPORT_S,
    ),
    code="2203",
    mounts_on="pressure_point",
    sample_s=SAMPLE_S,
    report_s=REPORT_S,
    measure=measure,
    accuracy=(Accuracy(noise=500.0, bias=0.0025 * FULL_SCALE_PA, drift_day=2_000.0),),
    pace=pace,
    battery_years=5.0,
)
