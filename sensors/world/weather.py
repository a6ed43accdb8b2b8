"""The air over the city on ordinary days: temperature, humidity, wind and cloud from the normals of the month.

Normals are those of the Pearl River estuary, scaled to Zhuhai's annual mean of 22.4 C (domain.md 6.1, V [S142]);
the monthly split, the daily range and the sea breeze are unverified. Days differ by a first-order autoregressive
anomaly; humidity follows from a dew point that hardly changes within a day (Magnus formula, WMO-No. 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, log, pi, sin

import numpy as np

from datahub.contract.clock import DAY_MS, HOUR_MS, day, of_day, to_local
from datahub.contract.observations import Floats
from sensors.chance import Seeds

#: Mean temperature of each month [C] (unverified split of a verified annual mean).
MEAN_C = (14.5, 15.5, 18.2, 22.1, 25.6, 27.5, 28.2, 28.0, 27.1, 24.8, 20.7, 16.3)
#: Mean relative humidity of each month [%] (unverified).
HUMIDITY_PERCENT = (73.0, 79.0, 83.0, 85.0, 85.0, 85.0, 82.0, 82.0, 78.0, 71.0, 70.0, 68.0)
#: Half of the usual difference between afternoon and dawn [K] (unverified).
HALF_RANGE_K = 3.2
#: Phase of the day's curve [h]: warmest shortly before 14, coldest about 4:30 (unverified).
PHASE_H = 15.0
#: Standard deviation and persistence from day to day of the daily mean's anomaly (unverified).
ANOMALY_K, PERSISTENCE = 1.4, 0.65
#: Mean wind [m/s] and the sea breeze of a summer afternoon on top of it [m/s] (unverified).
WIND_M_S, BREEZE_M_S = 2.6, 1.6


@dataclass(frozen=True, slots=True)
class DayWeather:
    """What makes one day differ from the normal of its month."""

    anomaly_k: float
    cloud_ratio: float
    wind_factor: float


def saturation_hpa(temperature_c: float) -> float:
    """Saturation vapour pressure over water [hPa] (Magnus, WMO-No. 8 annex 4.B: 6.112, 17.62, 243.12)."""
    return 6.112 * exp(17.62 * temperature_c / (243.12 + temperature_c))


def dew_point_c(temperature_c: float, humidity_percent: float) -> float:
    """Dew point [C] of air at a temperature [C] and relative humidity [%] (inverse of Magnus)."""
    gamma = log(humidity_percent / 100) + 17.62 * temperature_c / (243.12 + temperature_c)
    return 243.12 * gamma / (17.62 - gamma)


def of_month(values: tuple[float, ...], t: int) -> float:
    """A monthly normal at ``t``, linear between the middles of the months."""
    local = to_local(t)
    place = int(local[5:7]) - 1 + (int(local[8:10]) - 15) / 30.4
    low = int(np.floor(place))
    share = place - low
    return values[low % 12] * (1 - share) + values[(low + 1) % 12] * share


def diurnal(t: int) -> float:
    """Shape of the day's temperature, -1 before dawn to 1 in the afternoon, with a quicker rise than fall."""
    phase = 2 * pi * (of_day(t) / HOUR_MS - PHASE_H) / 24
    return (cos(phase) - 0.18 * sin(2 * phase)) / 1.06


class Weather:
    """Weather of one city at the world's time."""

    def __init__(self, seeds: Seeds, *, lon: float, lat: float, start: int) -> None:
        self.now = start
        self._origin = (lon, lat)
        self._first = day(start) - 2
        self._rng = seeds.rng("weather", "days")
        self._days: list[DayWeather] = []
        self._slope = seeds.rng("weather", "field").normal(0, 0.25, 2)

    def advance(self, t: int) -> None:
        """Go to city time ``t`` [ms]."""
        self.now = t

    def day(self, t: int) -> DayWeather:
        """The weather's character on the local day of ``t``; days are drawn in their order."""
        index = max(0, day(t) - self._first)
        while len(self._days) <= index:
            before = self._days[-1].anomaly_k if self._days else 0.0
            innovation = float(self._rng.normal(0, ANOMALY_K * (1 - PERSISTENCE**2) ** 0.5))
            self._days.append(
                DayWeather(
                    anomaly_k=PERSISTENCE * before + innovation,
                    cloud_ratio=float(self._rng.beta(2.2, 1.6)),
                    wind_factor=float(self._rng.lognormal(0, 0.3)),
                )
            )
        return self._days[index]

    def mean_temperature_c(self, t: int) -> float:
        """Temperature in the middle of the city at ``t`` [C]; midnights join without a jump."""
        at = self.at(t)
        swing = HALF_RANGE_K * (1.15 - 0.4 * at.cloud_ratio)
        return of_month(MEAN_C, t) + at.anomaly_k + swing * diurnal(t)

    def at(self, t: int) -> DayWeather:
        """The weather's character at ``t``: the day's own at noon, half-way to its neighbour's at midnight."""
        share = of_day(t) / DAY_MS
        today, near = self.day(t), self.day(t - DAY_MS) if share < 0.5 else self.day(t + DAY_MS)
        weight = abs(share - 0.5)
        return DayWeather(
            anomaly_k=today.anomaly_k * (1 - weight) + near.anomaly_k * weight,
            cloud_ratio=today.cloud_ratio * (1 - weight) + near.cloud_ratio * weight,
            wind_factor=today.wind_factor * (1 - weight) + near.wind_factor * weight,
        )

    def cloud_ratio(self) -> float:
        """Share of the sky under cloud now, 0 to 1."""
        return self.at(self.now).cloud_ratio

    def air_temperature_c(self, lon: Floats, lat: Floats) -> Floats:
        """Air temperature now at places [deg], in degrees Celsius; differs by a few tenths across the city."""
        east, north = (np.asarray(lon) - self._origin[0]) * 10, (np.asarray(lat) - self._origin[1]) * 10
        local = np.tanh(self._slope[0] * east + self._slope[1] * north) * 0.6
        return np.asarray(self.mean_temperature_c(self.now) + local, np.float64)

    def humidity_percent(self, lon: Floats, lat: Floats) -> Floats:
        """Relative humidity now at places [deg], in percent."""
        normal, at = of_month(MEAN_C, self.now), self.at(self.now)
        dew = dew_point_c(normal, of_month(HUMIDITY_PERCENT, self.now)) + 0.9 * at.anomaly_k
        temperature = self.air_temperature_c(lon, lat)
        ratio = saturation_hpa(dew) / (6.112 * np.exp(17.62 * temperature / (243.12 + temperature)))
        # dew falls before the air is quite saturated: the last tenth is approached, never reached
        return np.asarray(100 * ratio / (1 + ratio**12) ** (1 / 12), np.float64)

    def wind_m_s(self) -> float:
        """Mean wind over the city now [m/s]: the day's own, and the sea breeze after noon."""
        hour = of_day(self.now) / HOUR_MS
        breeze = BREEZE_M_S * max(0.0, sin(pi * (hour - 9) / 11)) if 9 <= hour <= 20 else 0.0
        return self.at(self.now).wind_factor * WIND_M_S + breeze
