"""What is normal for this hour: a band per signal and time of day, learned from what devices said before.

Level is the median of the same time on earlier days; scatter the median absolute difference from one day to the next,
pooled over the hours around (1.4826 times the median of absolute deviations estimates a standard deviation; Rousseeuw &
Croux 1993, J. Am. Stat. Assoc. 88:1273; a difference scatters by the square root of two). A band from few days is
honestly wider.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import DAY_MS, day, of_day, weekday
from datahub.contract.observations import Floats, Ints

MAD_TO_SIGMA = 1.4826
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class BandRules:
    """How habits are learned (``parameters/bands.toml``)."""

    slot_s: float
    keep_days: int
    type_days: int
    pool_slots_count: int
    first_day_ratio: float
    least_ratio: float
    band_sigma: float


@dataclass(slots=True, eq=False)
class Bands:
    """Normal bands of s signals.

    ``history`` holds the value of each slot of each remembered day, shape (days, slots, s), NaN where unknown;
    ``days`` the ordinals of those days, -1 for an empty place.
    """

    signals: int
    rules: BandRules
    history: Floats = field(init=False)
    days: Ints = field(init=False)
    _key: tuple[int, int] = (-1, -1)
    _level: Floats = field(init=False)
    _scale: Floats = field(init=False)

    def __post_init__(self) -> None:
        slots = round(DAY_MS / 1000 / self.rules.slot_s)
        self.history = np.full((self.rules.keep_days, slots, self.signals), np.nan, np.float64)
        self.days = np.full(self.rules.keep_days, -1, np.int64)

    def learn(self, t: int, value: Floats) -> None:
        """What the slot that contains ``t`` [ms] was like (NaN: unknown or not to be learned from)."""
        place = day(t) % self.rules.keep_days
        if self.days[place] != day(t):
            self.days[place] = day(t)
            self.history[place] = np.nan
        self.history[place, self.slot(t)] = value

    def slot(self, t: int) -> int:
        """Number of the slot of the day."""
        return int(of_day(t) // round(self.rules.slot_s * 1000))

    def level(self, t: int) -> Floats:
        """Expected value of each signal at ``t``; NaN where nothing is known of that hour."""
        self._prepare(t)
        return self._level

    def scale(self, t: int) -> Floats:
        """Standard deviation of each signal about its level at ``t``; NaN where nothing is known."""
        self._prepare(t)
        return self._scale

    def z(self, t: int, value: Floats) -> Floats:
        """Deviation of ``value`` (s,) from normal, in standard deviations."""
        result: Floats = (value - self.level(t)) / self.scale(t)
        return result

    def normal(self, t: int) -> tuple[Floats, Floats]:
        """Lower and upper edge of the normal band of each signal at ``t``."""
        width = self.rules.band_sigma * self.scale(t)
        return self.level(t) - width, self.level(t) + width

    def curve(self, signal: int, start: int, end: int) -> tuple[Ints, Floats, Floats]:
        """Edges of one signal's band over time, for a picture: slot starts [ms], low, high."""
        step = round(self.rules.slot_s * 1000)
        times = np.arange(start // step * step, end, step, dtype=np.int64)
        edges = [self._band_of(int(t), np.array([signal])) for t in times]
        level = np.array([float(e[0][0]) for e in edges])
        width = self.rules.band_sigma * np.array([float(e[1][0]) for e in edges])
        return times, level - width, level + width

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays: of the days that are remembered only."""
        held = self.days >= 0
        return {"history": self.history[held].astype(np.float32), "days": self.days[held]}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave."""
        self.__post_init__()
        for number, values in zip(np.asarray(state["days"]).tolist(), np.asarray(state["history"]), strict=True):
            place = int(number) % self.rules.keep_days
            self.days[place], self.history[place] = number, values
        self._key = (-1, -1)

    def _prepare(self, t: int) -> None:
        key = (day(t), self.slot(t))
        if key != self._key:
            self._level, self._scale = self._band_of(t, np.arange(self.signals))
            self._key = key

    def _band_of(self, t: int, signal: Ints) -> tuple[Floats, Floats]:
        use = self._days_like(t)
        slots = self.history.shape[1]
        reach = self.rules.pool_slots_count
        near = (self.slot(t) + np.arange(-reach, reach + 1)) % slots
        known = self.history[np.ix_(use, near, signal)]
        if not len(use):
            return np.full(len(signal), np.nan), np.full(len(signal), np.nan)
        level = _nan_median(known[:, reach])
        count = np.isfinite(known[:, reach]).sum(axis=0)
        steps = np.abs(np.diff(known, axis=0)).reshape(-1, len(signal))
        nothing = np.full(len(signal), np.nan)
        spread = _nan_median(steps) * MAD_TO_SIGMA / math.sqrt(2) if len(steps) else nothing
        fewer = np.array([_widening(n) for n in range(len(use) + 1)])[count]
        least = self.rules.least_ratio * np.abs(level)
        scattered = (count > 0) & np.isfinite(spread)  # of an hour of one day the hours around say how it scatters
        scale = np.where(
            scattered, np.maximum(np.nan_to_num(spread) * fewer, least), self.rules.first_day_ratio * np.abs(level)
        )
        return level, np.maximum(scale, 1e-9)

    def _days_like(self, t: int) -> Ints:
        """Places of remembered days before ``t``'s, oldest first; of its own type alone if there are enough."""
        held = np.flatnonzero((self.days >= 0) & (self.days != day(t)))
        held = held[np.argsort(self.days[held])]
        weekend = np.array([(int(d) + 3) % 7 >= _SATURDAY for d in self.days[held]], np.bool_)
        same = held[weekend == (weekday(t) >= _SATURDAY)]
        return same if len(same) >= self.rules.type_days else held


def _widening(days: int) -> float:
    """How much wider a band from few days must be.

    The median itself is uncertain (1 + pi / (2 n), its variance for normal scatter), and so is the scatter (1 + 1 / n,
    close to the ratio of Student's to the normal distribution at three sigma).
    """
    return math.sqrt(1 + math.pi / (2 * days)) * (1 + 1 / days) if days else 1.0


def _nan_median(values: Floats) -> Floats:
    """Median over the first axis, leaving NaN out; NaN where nothing is known."""
    ordered = np.sort(values, axis=0)
    count = np.isfinite(values).sum(axis=0)
    low = np.maximum((count - 1) // 2, 0)[None]
    high = np.minimum(count // 2, len(values) - 1)[None]
    result: Floats = 0.5 * (np.take_along_axis(ordered, low, 0) + np.take_along_axis(ordered, high, 0))[0]
    return result
