"""The sun over the city: where it stands, and how much light it gives.

Position after Spencer (1971), as used by NOAA's solar calculator ("General Solar Position Calculations"): declination
within 0.03 deg, equation of time within 40 s, so sunrise within about a minute. Light after the IES clear-sky formula
by day and the twilight table of the Explanatory Supplement to the Astronomical Almanac (both unverified).
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import acos, asin, cos, degrees, exp, log10, pi, radians, sin, sqrt

import numpy as np

from datahub.contract.clock import DAY_MS, HOUR_MS, SECOND_MS

#: Elevation of the sun's centre at sunrise and sunset: refraction 34' and half its disc 16' [deg].
HORIZON_DEG = -0.833
#: End of civil twilight [deg].
CIVIL_DEG = -6.0
#: Elevation below which street lamps burn: natural light falls under 30 lx, the switching level of main roads
#: (CJJ 45-2015, unverified) [deg].
LAMPS_DEG = -3.6

#: Horizontal illuminance in twilight under a clear sky: elevation [deg], light [lx] (unverified).
_TWILIGHT_DEG = (-18.0, -12.0, -6.0, 0.0, 5.0)
_TWILIGHT_LX = (0.00065, 0.0083, 3.4, 732.0, 6_500.0)


def declination_and_equation(t: int) -> tuple[float, float]:
    """Declination [rad] and equation of time [min] at ``t`` [ms] (Spencer 1971)."""
    moment = datetime.fromtimestamp(t / SECOND_MS, UTC)
    hours = (t % DAY_MS) / HOUR_MS
    year_days = 366 if moment.year % 4 == 0 and (moment.year % 100 != 0 or moment.year % 400 == 0) else 365
    g = 2 * pi / year_days * (moment.timetuple().tm_yday - 1 + (hours - 12) / 24)
    equation = 229.18 * (
        0.000075 + 0.001868 * cos(g) - 0.032077 * sin(g) - 0.014615 * cos(2 * g) - 0.040849 * sin(2 * g)
    )
    declination = (
        0.006918
        - 0.399912 * cos(g)
        + 0.070257 * sin(g)
        - 0.006758 * cos(2 * g)
        + 0.000907 * sin(2 * g)
        - 0.002697 * cos(3 * g)
        + 0.00148 * sin(3 * g)
    )
    return declination, equation


def elevation_deg(t: int, *, lon: float, lat: float) -> float:
    """Height of the sun's centre above the horizon, without refraction [deg], at ``t`` [ms]."""
    declination, equation = declination_and_equation(t)
    solar_minutes = (t % DAY_MS) / 60_000 + equation + 4 * lon
    hour_angle = radians(solar_minutes / 4 - 180)
    sine = sin(radians(lat)) * sin(declination) + cos(radians(lat)) * cos(declination) * cos(hour_angle)
    return degrees(asin(min(1.0, max(-1.0, sine))))


def crossing(t: int, *, lon: float, lat: float, elevation: float, rising: bool) -> int:
    """When the sun passes an elevation [deg] on the local day of ``t`` [ms]; for places away from the poles."""
    noon = t - (t + round(lon / 15 * HOUR_MS)) % DAY_MS + DAY_MS // 2
    moment = noon
    for _ in range(4):
        declination, equation = declination_and_equation(moment)
        cosine = (sin(radians(elevation)) - sin(radians(lat)) * sin(declination)) / (
            cos(radians(lat)) * cos(declination)
        )
        half_day_min = 4 * degrees(acos(min(1.0, max(-1.0, cosine))))
        moment = round(noon + (-equation + (-half_day_min if rising else half_day_min)) * 60_000)
    return moment


def clear_sky_lx(elevation: float) -> float:
    """Horizontal illuminance under a clear sky [lx] with the sun at ``elevation`` [deg].

    By day the IES formula: 127.5 klx exp(-0.21 / sin h) sin h from the sun, 0.8 + 15.5 sqrt(sin h) klx from the sky.
    """
    if elevation < _TWILIGHT_DEG[-1]:
        logs = [log10(light) for light in _TWILIGHT_LX]
        return float(10 ** np.interp(elevation, _TWILIGHT_DEG, logs))
    height = sin(radians(elevation))
    return 127_500 * exp(-0.21 / height) * height + 800 + 15_500 * sqrt(height)


class Sun:
    """The sun over one city, at the world's time."""

    def __init__(self, *, lon: float, lat: float, start: int) -> None:
        self.lon, self.lat, self.now = lon, lat, start

    def advance(self, t: int) -> None:
        """Go to city time ``t`` [ms]."""
        self.now = t

    def elevation_deg(self) -> float:
        """Height of the sun above the horizon now [deg]."""
        return elevation_deg(self.now, lon=self.lon, lat=self.lat)

    def illuminance_lx(self, *, cloud_ratio: float = 0.0) -> float:
        """Natural light on level ground now [lx]; full cloud leaves a quarter (Kasten and Czeplak 1980)."""
        return clear_sky_lx(self.elevation_deg()) * (1 - 0.75 * float(cloud_ratio**3.4))

    def lamps_burn(self) -> bool:
        """Whether the city's street lighting is switched on now."""
        return self.elevation_deg() < LAMPS_DEG
