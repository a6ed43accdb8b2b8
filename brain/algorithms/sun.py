"""Where the sun stands, by the clock alone: the brain judges darkness without asking anybody."""

from __future__ import annotations

import math

from datahub.contract.clock import DAY_MS


def elevation_deg(t: int, *, lon: float, lat: float) -> float:
    """Height of the sun's centre above the horizon [deg] at ``t`` [ms], without refraction.

    Low-precision solar coordinates of the Astronomical Almanac (good to about 0.01 deg, 1950-2050).
    """
    d = t / DAY_MS + 2440587.5 - 2451545.0
    anomaly = math.radians((357.528 + 0.9856003 * d) % 360)
    longitude = math.radians(
        (280.460 + 0.9856474 * d + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly)) % 360
    )
    tilt = math.radians(23.439 - 0.0000004 * d)
    declination = math.asin(math.sin(tilt) * math.sin(longitude))
    ascension = math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude))
    sidereal = math.radians((280.46061837 + 360.98564736629 * d + lon) % 360)
    hour, phi = sidereal - ascension, math.radians(lat)
    height = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour)
    return math.degrees(math.asin(height))
