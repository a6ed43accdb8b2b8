"""Traffic at signalled junctions: how many vehicles pass, which phase is green, which roads are closed.

Day profile after VEIN's hour classes (domain.md 7.6, V [S178]: peak 07-10 and 17-20, mean 06-07, 10-17 and 20-22, free
flow at night); a peak hour carries 8 % of the day (8-10 %, G). Daily volumes by road class are unverified. Counts are
whole vehicles that scatter as Poisson counts do, the same whoever asks how often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable
from datahub.contract.clock import HOUR_MS, SECOND_MS, of_day, weekday
from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds
from sensors.world import trait

#: Share of the day's vehicles in each hour; sums to 1 (shape V [S178], heights G).
HOUR_SHARE = np.array(
    [0.0125] * 6 + [0.042] + [0.08] * 3 + [0.042] * 7 + [0.08] * 3 + [0.042] * 2 + [0.0125] * 2, np.float64
)
#: Vehicles a day over all approaches, by road class (0 none, 1 branch, 2 secondary, 3 arterial); unverified.
DAILY = np.array([4_000.0, 9_000.0, 20_000.0, 42_000.0])
#: Saturdays and Sundays carry less (unverified).
WEEKEND = 0.88
#: GB 25280-2016 and practice (domain.md 5, G): cycle 40-180 s, yellow 3 s, all red 2 s.
YELLOW_S, ALL_RED_S = 3, 2
#: A pre-emption is green after the running phase ended and all have been red (domain.md 5, V2 [S127]: within 2 s).
PREEMPT_S = YELLOW_S + ALL_RED_S

ALL_RED = 0
"""``phase_state`` 0: all red; k: phase k green; 10 + k: phase k yellow."""

METRE_PER_DEG = 111_320.0


def hour_share(t: int) -> float:
    """Vehicles per hour at ``t`` as a share of the day's, linear between the middles of the hours."""
    place = of_day(t) / HOUR_MS - 0.5
    low = int(np.floor(place))
    part = place - low
    return float(HOUR_SHARE[low % 24] * (1 - part) + HOUR_SHARE[(low + 1) % 24] * part)


def distance_m(lon: Floats, lat: Floats, *, to_lon: float, to_lat: float) -> Floats:
    """Distance of places from one place [m], on a plane (exact to 0.1 % within a city)."""
    east = (np.asarray(lon) - to_lon) * np.cos(np.radians(to_lat)) * METRE_PER_DEG
    return np.asarray(np.hypot(east, (np.asarray(lat) - to_lat) * METRE_PER_DEG), np.float64)


@dataclass(frozen=True, slots=True)
class Closure:
    """A road closed around a place [deg, m]."""

    lon: float
    lat: float
    radius_m: float


class Traffic:
    """Signalled junctions by their row in the register, at the world's time."""

    def __init__(self, junctions: ObjectTable | None, seeds: Seeds, *, start: int) -> None:
        self.now = start
        empty = np.zeros(0)
        self._code: Ints = junctions.code if junctions is not None else np.zeros(0, np.int64)
        self._lon = junctions.lon if junctions is not None else empty
        self._lat = junctions.lat if junctions is not None else empty
        columns = junctions.columns if junctions is not None else {}
        n = len(self._code)
        classes = np.asarray(columns.get("road_class", np.full(n, 2)), np.int64)
        self._phases = np.clip(np.asarray(columns.get("approaches", np.full(n, 4)), np.int64), 2, 4)
        self._salt = trait.salt(seeds, "traffic", "count")
        busy = np.exp(0.25 * trait.normal(self._code, trait.salt(seeds, "traffic", "volume")))
        self._daily = DAILY[np.clip(classes, 0, 3)] * self._phases / 4 * busy
        length = trait.uniform(self._code, trait.salt(seeds, "traffic", "cycle"))
        self._cycle_s = np.round((60 + 15 * self._phases + 40 * length) / 5).astype(np.int64) * 5
        self._offset_s = (trait.uniform(self._code, trait.salt(seeds, "traffic", "offset")) * self._cycle_s).astype(
            np.int64
        )
        self._closures: list[Closure] = []
        self._preempt_from = np.full(n, np.iinfo(np.int64).max)
        self._preempt_until = np.zeros(n, np.int64)
        self._preempt_phase = np.zeros(n, np.int64)
        self._preempt_before = np.zeros(n, np.int64)

    def advance(self, t: int) -> None:
        """Go to city time ``t`` [ms]."""
        self.now = t

    def flow_veh_h(self, rows: Ints) -> Floats:
        """Vehicles per hour to expect now at junctions; none where the road is closed."""
        week = WEEKEND if weekday(self.now) >= 5 else 1.0
        return np.asarray(np.where(self.closed(rows), 0.0, self._daily[rows] * hour_share(self.now) * week), np.float64)

    def volume_count(self, rows: Ints, period_s: float) -> Floats:
        """Vehicles that passed each junction in the ``period_s`` that ends now (whole numbers)."""
        expected = self.flow_veh_h(rows) * period_s / 3_600
        scatter = trait.normal(self._code[rows], self._salt ^ (self.now // SECOND_MS))
        return np.asarray(np.where(expected > 0, np.maximum(0, np.rint(expected + np.sqrt(expected) * scatter)), 0.0))

    def load_ratio(self) -> float:
        """How busy the roads are now, 1 in the peak hour."""
        return hour_share(self.now) / float(HOUR_SHARE.max())

    def close_road(self, lon: float, lat: float, radius_m: float) -> None:
        """Police close the road around a place; nothing passes the junctions within ``radius_m``."""
        closure = Closure(lon, lat, radius_m)
        if closure not in self._closures:
            self._closures.append(closure)

    def open_road(self, lon: float, lat: float, radius_m: float | None = None) -> None:
        """Closures around this place end (all whose middle lies within their radius of it)."""
        self._closures = [
            it
            for it in self._closures
            if distance_m(np.array([it.lon]), np.array([it.lat]), to_lon=lon, to_lat=lat)[0]
            > max(it.radius_m, radius_m or 0.0)
        ]

    def closed(self, rows: Ints) -> NDArray[np.bool_]:
        """Whether the road is closed at each junction."""
        shut = np.zeros(len(rows), np.bool_)
        for it in self._closures:
            shut |= distance_m(self._lon[rows], self._lat[rows], to_lon=it.lon, to_lat=it.lat) <= it.radius_m
        return shut

    def closures(self) -> tuple[Closure, ...]:
        """Roads closed now, in the order in which they were closed."""
        return tuple(self._closures)

    def cycle_s(self, rows: Ints) -> Floats:
        """Length of the signal cycle at junctions [s]."""
        return self._cycle_s[rows].astype(np.float64)

    def phases(self, rows: Ints) -> Ints:
        """Number of phases of each junction."""
        return self._phases[rows]

    def preempt(self, row: int, *, phase_state: int, hold_s: float) -> None:
        """Give one phase green for ``hold_s``, after the running phase has ended and all have been red."""
        if self.phase_state(np.array([row]))[0] == phase_state:
            self._preempt_from[row] = self.now
        else:
            self._preempt_before[row] = self._phase_at(np.array([row]))[0]
            self._preempt_from[row] = self.now + PREEMPT_S * SECOND_MS
        self._preempt_phase[row] = min(max(1, phase_state), int(self._phases[row]))
        self._preempt_until[row] = self._preempt_from[row] + round(hold_s * SECOND_MS)

    def release(self, row: int) -> None:
        """Back to the ordinary cycle."""
        self._preempt_from[row] = np.iinfo(np.int64).max
        self._preempt_until[row] = 0

    def preempted(self, rows: Ints) -> NDArray[np.bool_]:
        """Whether a pre-emption is in force or under way at junctions."""
        return self.now < self._preempt_until[rows]

    def phase_state(self, rows: Ints) -> Ints:
        """Signal state now: 0 all red, k phase k green, 10 + k phase k yellow."""
        state = self._phase_at(rows)
        taken = self.preempted(rows)
        holding = taken & (self.now >= self._preempt_from[rows])
        to_red = taken & ~holding
        yellow = self.now < self._preempt_from[rows] - ALL_RED_S * SECOND_MS
        ending = np.where(yellow & (self._preempt_before[rows] % 10 > 0), 10 + self._preempt_before[rows] % 10, ALL_RED)
        return np.where(holding, self._preempt_phase[rows], np.where(to_red, ending, state))

    def _phase_at(self, rows: Ints) -> Ints:
        second = (self.now // SECOND_MS + self._offset_s[rows]) % self._cycle_s[rows]
        split = self._cycle_s[rows] / self._phases[rows]
        phase = np.minimum((second / split).astype(np.int64), self._phases[rows] - 1)
        left = (phase + 1) * split - second
        return np.where(left <= ALL_RED_S, ALL_RED, np.where(left <= ALL_RED_S + YELLOW_S, 11 + phase, 1 + phase))
