"""Smart pole: the lamp and its controller, the pole's own state, the air and the light around it, a call button.

Poles speak through the gateway in their lighting cabinet. Ranges, rates and accuracies: domain.md 5 (controller V2
[S110], metering every 5 min G, temperature +-0.5 C, energy class 1, PM2.5 +-20 %, noise class 2); an accuracy "+-x" is
taken as two standard deviations. Resolutions and creep of drifting sensors are unverified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from datahub.contract.clock import DAY_MS
from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from sensors.actuators.smart_pole import ACTUATOR
from sensors.kind import Accuracy, Kind, Sites
from sensors.world import trait

if TYPE_CHECKING:
    from sensors.world.world import World

PERIOD_S = 300
#: Calls at one pole's button [1/day] (unverified), and the moment from which its counter runs [ms]: 2025-01-01 UTC.
CALLS_PER_DAY, COUNTING_SINCE = 0.01, 1_735_689_600_000
_PLACE, _MOMENT = 0xCA11, 0xCA12


def measure(world: World, sites: Sites, t: int | Ints) -> Floats:
    """Lamp, pole and surroundings of each site now, shape (n, 11)."""
    rows, street = sites.row, world.street
    burning = world.sun.lamps_burn()
    return np.column_stack(
        (
            street.lamp_power_w(rows),
            np.where(street.closed[rows], street.dimming_ratio[rows], 0.0) if burning else np.zeros(len(rows)),
            street.cabinet_temperature_c(rows),
            street.leakage_current_a(rows),
            street.tilt_deg(rows),
            world.weather.air_temperature_c(sites.lon, sites.lat),
            world.weather.humidity_percent(sites.lon, sites.lat),
            street.pm2_5_ug_m3(rows),
            street.noise_dba(rows),
            street.illuminance_lx(rows),
            call_count(sites, t),
        )
    )


def call_count(sites: Sites, t: int | Ints) -> Floats:
    """How often each pole's button has been pressed until ``t``: one press somewhere in each of its mean intervals."""
    intervals = (t - COUNTING_SINCE) / DAY_MS * CALLS_PER_DAY + trait.uniform(sites.device, _PLACE)
    whole = np.floor(intervals)
    pressed = trait.uniform(sites.device + whole.astype(np.int64) * 7919, _MOMENT) <= intervals - whole
    return np.asarray(np.maximum(0.0, whole + pressed), np.float64)


def _property(
    name: str, zh: str, en: str, *, step: float, low: float, high: float, rest_h: float = 0.0
) -> PropertyDescriptor:
    return PropertyDescriptor(
        name=name, resolution=step, low=low, high=high, period_s=PERIOD_S, zh=zh, en=en, may_rest_s=rest_h * 3_600
    )


KIND = Kind(
    descriptor=KindDescriptor(
        name="smart_pole",
        zh="智慧灯杆",
        en="Smart pole",
        properties=(
            _property("lamp_power_w", "灯具功率", "Lamp power", step=0.1, low=0, high=300),
            _property("dimming_ratio", "调光比例", "Dimming level", step=0.01, low=0, high=1),
            _property("cabinet_temperature_c", "机箱温度", "Cabinet temperature", step=0.1, low=-40, high=85, rest_h=3),
            _property("leakage_current_a", "漏电电流", "Leakage current", step=0.0001, low=0, high=0.3, rest_h=6),
            _property("tilt_deg", "倾斜角", "Tilt", step=0.01, low=0, high=90, rest_h=6),
            _property("air_temperature_c", "气温", "Air temperature", step=0.1, low=-40, high=60, rest_h=3),
            _property("humidity_percent", "相对湿度", "Relative humidity", step=0.1, low=0, high=100, rest_h=6),
            _property("pm2_5_ug_m3", "细颗粒物", "PM2.5", step=0.1, low=0, high=1_000, rest_h=3),
            _property("noise_dba", "噪声", "Noise", step=0.1, low=30, high=130, rest_h=3),
            _property("illuminance_lx", "照度", "Illuminance", step=0.1, low=0, high=200_000),
            PropertyDescriptor(
                name="call_button_count",
                resolution=1,
                low=0,
                high=1e6,
                period_s=PERIOD_S,
                zh="一键呼叫次数",
                en="Calls by button",
                cumulative=True,
            ),
        ),
        commands=tuple(ACTUATOR.commands),
        report_s=PERIOD_S,
        arguments=ACTUATOR.arguments(),
    ),
    code="2201",
    mounts_on="pole",
    sample_s=PERIOD_S,
    report_s=PERIOD_S,
    measure=measure,
    accuracy=(
        Accuracy(scatter=0.003, gain=0.005),
        Accuracy(sticks=False),
        Accuracy(noise=0.1, bias=0.25, drift_day=0.5),
        Accuracy(noise=0.0002, gain=0.02, drift_day=0.001),
        Accuracy(noise=0.02, bias=0.05),
        Accuracy(noise=0.1, bias=0.25, drift_day=0.5),
        Accuracy(noise=0.5, bias=1.5, drift_day=2.0),
        Accuracy(noise=0.5, scatter=0.04, gain=0.1, drift_day=3.0),
        Accuracy(noise=0.8, bias=0.7, drift_day=1.0),
        Accuracy(noise=0.2, scatter=0.02, gain=0.05),
        Accuracy(sticks=False),
    ),
    behind="feeder",
    gateway_code="2208",
    numerous=True,
    unpowered_silent=True,
)
