"""The cell in a device on battery: how full it is, and the voltage it shows.

Lithium thionyl chloride, 3.6 V: almost flat until the last tenth, then quickly down (maker's data sheets, unverified).
"""

from __future__ import annotations

import numpy as np

from datahub.contract.clock import DAY_MS
from datahub.contract.messages import PropertyDescriptor
from datahub.contract.observations import Floats
from sensors.kind import BATTERY

YEAR_MS = round(365.25 * DAY_MS)
#: Voltage of a full cell, at the knee, and where the device gives up [V]; charge at the knee [1]. Unverified.
FULL_V, KNEE_V, EMPTY_V, KNEE = 3.65, 3.55, 2.8, 0.1
NOISE_V = 0.004


def battery_property(*, period_s: float) -> PropertyDescriptor:
    """Descriptor of the voltage that a device on battery reports."""
    return PropertyDescriptor(
        name=BATTERY, resolution=0.01, low=0, high=4, period_s=period_s, zh="电池电压", en="Battery"
    )


def charge(full: Floats, *, age_ms: float, years: float) -> Floats:
    """What is left of cells that held ``full`` (0 to 1) when ``age_ms`` ago; at or below 0 the device is silent."""
    return full - age_ms / (years * YEAR_MS)


def voltage_v(charge: Floats) -> Floats:
    """Voltage under load of cells with ``charge`` left (0 to 1) [V]."""
    return np.asarray(np.interp(charge, (0.0, KNEE, 1.0), (EMPTY_V, KNEE_V, FULL_V)), np.float64)
