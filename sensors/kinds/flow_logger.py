"""Flow logger of the water company: plant outlets, trunk mains and the metered inlets of district-metered areas.

+-0.5 % of the flow, samples every minute, reports every minute at plants and trunk mains, every 5 min at inlets
(domain.md 5, G); an accuracy "+-x" is taken as two standard deviations. Positive from the pipe's end a to b.
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
#: Survey's word for where a point lies: 0 plant, 1 trunk main, 2 inlet of a zone.
INLET = 2


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Flow through each pipe now [m3/s], shape (n, 1)."""
    return np.asarray(world.water.flow_m3_s(np.asarray(sites.columns["pipe"], np.int64)), np.float64)[:, None]


def pace(sites: Sites) -> Ints:
    """Time between packs [s]: at once where it matters most."""
    return np.where(np.asarray(sites.columns["place"]) == INLET, REPORT_S, SAMPLE_S).astype(np.int64)


KIND = Kind(
    descriptor=KindDescriptor(
        name="flow_logger",
        zh="流量监测仪",
        en="Flow logger",
        properties=(
            PropertyDescriptor(
                name="flow_m3_s",
                resolution=0.00001,
                low=-10,
                high=10,
                period_s=SAMPLE_S,
                zh="流量",
                en="Flow",
            ),
            battery_property(period_s=3_600),
        ),
        report_s=REPORT_S,
    ),
    code="2204",
    mounts_on="flow_point",
    sample_s=SAMPLE_S,
    report_s=REPORT_S,
    measure=measure,
    accuracy=(Accuracy(noise=0.00005, scatter=0.003, gain=0.0025, drift_day=0.002),),
    pace=pace,
    battery_years=5.0,
)
