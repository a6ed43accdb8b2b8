"""What people and firms want of water, hour by hour, and the leaks that never sleep.

Households: the Chinese residential day (domain.md 7.2, G), 2.43 persons each (domain.md 6.1, V [S144]) x 180 l/d (GB/T
50331, Guangdong 150-220; unverified). Firms, schools and offices together want as much again (unverified), by day and
on weekdays. Every metered area goes its own way by a slow and a quick autoregressive factor; the whole city by a factor
of the day. Background leakage is 12 % of the supply (target 10 %, national about 13 %: domain.md 7.2, G).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import WaterNetwork
from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS, day, of_day, weekday
from datahub.contract.observations import Floats
from sensors.chance import Seeds

#: Mean demand of one household [m3/s].
HOUSEHOLD_M3_S = 2.43 * 0.180 / 86_400
#: Mean demand of all other customers of a zone, relative to its households' (unverified), and its spread.
OTHERS, OTHERS_SPREAD = 1.0, 0.25
#: Share of the supply that leaks away, at the pressure head of a usual day [m], and the part of it that depends on the
#: length of mains rather than on the number of customers (unverified).
LEAKAGE, LEAKAGE_HEAD_M, LEAKAGE_BY_LENGTH = 0.12, 40.0, 0.4

#: Residential demand by hour, mean 1 (domain.md 7.2, G).
HOUSEHOLDS_BY_HOUR = np.ravel(
    (
        (0.42, 0.37, 0.35, 0.35, 0.37, 0.45, 0.9, 1.45, 1.45, 1.45, 1.2, 1.2),
        (1.25, 0.9, 0.9, 0.9, 0.9, 1.2, 1.2, 1.55, 1.55, 1.55, 1.2, 0.7),
    )
)
HOUSEHOLDS_BY_HOUR /= HOUSEHOLDS_BY_HOUR.mean()
#: Demand of all others by hour, mean 1 (unverified).
OTHERS_BY_HOUR = np.ravel(
    (
        (0.55, 0.55, 0.55, 0.55, 0.55, 0.55, 0.7, 1.0, 1.3, 1.45, 1.5, 1.45),
        (1.2, 1.3, 1.45, 1.45, 1.4, 1.3, 1.15, 1.0, 0.9, 0.8, 0.65, 0.55),
    )
)
OTHERS_BY_HOUR /= OTHERS_BY_HOUR.mean()
#: Saturdays and Sundays: households more and an hour later in the morning, others less (unverified).
WEEKEND_HOUSEHOLDS, WEEKEND_OTHERS, LIE_IN_H = 1.04, 0.8, 1.0

#: Steps of the zones' own ways, and their standard deviations and time constants: slow, quick (unverified).
STEP_MS = 15 * MINUTE_MS
ZONE_SPREAD = (0.05, 0.03)
ZONE_MEMORY_H = (6.0, 0.7)
DAY_SPREAD = 0.03


def at_hour(pattern: Floats, hour: float) -> float:
    """Value of an hourly pattern at an hour of the day, linear between the middles of the hours."""
    place = hour - 0.5
    low = int(np.floor(place))
    share = place - low
    return float(pattern[low % 24] * (1 - share) + pattern[(low + 1) % 24] * share)


def household_factor(t: int) -> float:
    """Households' demand at ``t`` relative to its mean."""
    hour = of_day(t) / HOUR_MS
    if weekday(t) >= 5:
        late = hour - LIE_IN_H * max(0.0, min(1.0, (12 - hour) / 3)) if hour > 4 else hour
        return WEEKEND_HOUSEHOLDS * at_hour(HOUSEHOLDS_BY_HOUR, late)
    return at_hour(HOUSEHOLDS_BY_HOUR, hour)


def others_factor(t: int) -> float:
    """All other customers' demand at ``t`` relative to its mean on weekdays."""
    return at_hour(OTHERS_BY_HOUR, of_day(t) / HOUR_MS) * (WEEKEND_OTHERS if weekday(t) >= 5 else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What is wanted at each node [m3/s]: by households, and by all others."""

    households: Floats
    others: Floats


class Demand:
    """Demand of every node of one city; its chance moves on in steps of a quarter of an hour."""

    def __init__(self, water: WaterNetwork, seeds: Seeds, *, start: int) -> None:
        households = np.asarray(water.nodes.columns["households"], np.float64)
        zone = np.asarray(water.nodes.columns["zone"], np.int64)
        self._zone = np.where(zone >= 0, zone, len(water.zones))
        self.households: Floats = households * HOUSEHOLD_M3_S
        spread = seeds.rng("water", "others").normal(0, OTHERS_SPREAD, len(water.zones) + 1)
        self.others: Floats = self.households * OTHERS * np.exp(spread - OTHERS_SPREAD**2 / 2)[self._zone]
        self._rng = seeds.rng("water", "zones")
        self._days_rng = seeds.rng("water", "days")
        self._days: list[float] = []
        self._first_day = day(start)
        spreads = np.array(ZONE_SPREAD)
        self._keep = np.exp(-STEP_MS / HOUR_MS / np.array(ZONE_MEMORY_H))
        self._shake = spreads * np.sqrt(1 - self._keep**2)
        self._state: NDArray[np.float64] = self._rng.normal(0, 1, (len(water.zones) + 1, 2)) * spreads

    def step(self) -> None:
        """A quarter of an hour goes by: every zone goes a little further on its own way."""
        self._state = self._state * self._keep + self._rng.normal(0, 1, self._state.shape) * self._shake

    def mean(self, t: int) -> Wanted:
        """What is to be expected at ``t``, without chance."""
        return Wanted(self.households * household_factor(t), self.others * others_factor(t))

    def expected_since(self, start: int, end: int) -> Floats:
        """What households of each node are expected to draw between two times of one hour [m3] (six midpoints)."""
        middles = [start + (end - start) * (2 * i + 1) // 12 for i in range(6)]
        factor = sum(household_factor(t) for t in middles) / len(middles)
        return self.households * factor * (end - start) / 1_000

    def wanted(self, t: int) -> Wanted:
        """What is wanted at ``t``."""
        factor = np.exp(self._state.sum(axis=1))[self._zone] * self._day_factor(t)
        mean = self.mean(t)
        return Wanted(mean.households * factor, mean.others * factor)

    def _day_factor(self, t: int) -> float:
        # midnights join without a jump: half-way between the days' own factors at midnight, a day's own at noon
        share = of_day(t) / DAY_MS
        today, near = self._of_day(day(t)), self._of_day(day(t) + (1 if share >= 0.5 else -1))
        weight = abs(share - 0.5)
        return float(np.exp(today * (1 - weight) + near * weight))

    def _of_day(self, number: int) -> float:
        index = max(0, number - self._first_day + 1)
        while len(self._days) <= index:
            self._days.append(float(self._days_rng.normal(0, DAY_SPREAD)))
        return self._days[index]


def leak_coefficient(water: WaterNetwork, mean_m3_s: Floats) -> Floats:
    """Emitter of the background leakage at each node [m3/s per square root of a metre], for a mean demand [m3/s]."""
    pipes = water.pipes.columns
    length = np.asarray(pipes["length_m"], np.float64)
    ends = np.concatenate((np.asarray(pipes["a"], np.int64), np.asarray(pipes["b"], np.int64)))
    mains = np.bincount(ends, weights=np.tile(length / 2, 2), minlength=len(water.nodes))
    mains[np.asarray(water.nodes.columns["source"], np.bool_)] = 0.0
    total = float(mean_m3_s.sum()) * LEAKAGE / (1 - LEAKAGE)
    by_length, by_customers = mains / max(1.0, mains.sum()), mean_m3_s / max(1e-9, mean_m3_s.sum())
    share = LEAKAGE_BY_LENGTH * by_length + (1 - LEAKAGE_BY_LENGTH) * by_customers
    return np.asarray(total * share / np.sqrt(LEAKAGE_HEAD_M))
