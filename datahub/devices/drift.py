"""Who creeps away from its peers: a robust CUSUM over days.

Each hour the level of a device is compared with the median of its peers (same kind and property, same neighbourhood),
so that weather and the hours of the day cancel out. What the mean of that moved since the day before, in robust
standard deviations of its kind on that day (1.4826 MAD), is the daily score. Two one-sided CUSUMs (Page 1954; for
allowance and limit see ``health.toml``) sum up what goes beyond the allowance. A day counts for a bounded amount, so a
leap that falls on two days is none; a drift of four deviations a day is found on the third.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import HOUR_MS, day
from datahub.contract.observations import Floats, Ints
from datahub.devices.health_policy import HealthPolicy
from datahub.devices.levels import HOURS, MUTE, Levels, Signal, places
from datahub.devices.registry import Registry
from datahub.store.observations import Observations

_MAD: float = 1.4826
"""Standard deviation of a normal distribution in median absolute deviations."""

REBUILT: Final = 40
"""Hours that are compared again when the hub opens: a day, and as long as an hour may stay open."""

_FLOATS = ("total", "before", "base", "bound", "upper", "lower")


class _Saved(msgspec.Struct, frozen=True):
    """State of all levels as it lies in the database: columns as bytes, and what was closed last by kind and name."""

    device: bytes
    number: bytes
    columns: dict[str, bytes]
    clocks: list[tuple[str, str, int, int]]
    form: int = 1


@dataclass(slots=True)
class _Clock:
    """The next hour of a signal to be closed, and the day under way."""

    hour: int
    day: int


class Drift:
    """Which devices drift, by level (``Levels``).

    Attributes:
        total, hours: sum of the hourly distances from the peers of the day under way, and of how many hours.
        before: mean distance of the day before; NaN if it did not count.
        base: mean distance when the level began to move; NaN while unknown.
        bound: how far it had to move on the last day to be found drifting [unit of the property].
        upper, lower: the CUSUMs.
        drifting: those that were found.
    """

    def __init__(self, registry: Registry, policy: HealthPolicy) -> None:
        self._registry, self._policy = registry, policy
        self.levels = Levels(registry, grace_s=policy.grace_s.value)
        self.total: Floats = np.zeros(0)
        self.hours: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.before: Floats = np.zeros(0)
        self.base: Floats = np.zeros(0)
        self.bound: Floats = np.zeros(0)
        self.upper: Floats = np.zeros(0)
        self.lower: Floats = np.zeros(0)
        self.drifting: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._clocks: dict[tuple[str, str], _Clock] = {}
        self._groups: dict[int, Ints] = {}

    def fit(self) -> None:
        """Follow the registry."""
        former = self.levels.fit()
        if former is None:
            return
        known = former >= 0
        for name in (*_FLOATS, "hours", "drifting"):
            column = getattr(self, name)
            empty = np.nan if name in ("before", "base") else 0
            grown = np.full(len(former), empty, column.dtype)
            grown[known] = column[former[known]]
            setattr(self, name, grown)
        self._groups = {signal.rule: self._neighbours(signal) for signal in self.levels.signals}

    def _neighbours(self, signal: Signal) -> Ints:
        """Number of the neighbourhood of each device; those with too few in theirs make one together (0)."""
        side = self._policy.drift_cell_deg.value
        x = np.floor(self._registry.lon[signal.row] / side).astype(np.int64)
        y = np.floor(self._registry.lat[signal.row] / side).astype(np.int64)
        _, group, size = np.unique(x * 2**32 + y, return_inverse=True, return_counts=True)
        return np.where(size[group] > self._policy.drift_peers_count.value, group + 1, 0)

    def close(self, t: int) -> bool:
        """Close all hours that are due at city time ``t`` [ms]; True if a day was judged."""
        judged = False
        for signal in self.levels.signals:
            clock = self._clock(signal, t)
            while (clock.hour + 1) * HOUR_MS + signal.wait_ms <= t:
                if day(clock.hour * HOUR_MS) != clock.day:
                    self._judge(signal)
                    judged, clock.day = True, day(clock.hour * HOUR_MS)
                self._compare(signal, clock.hour)
                clock.hour += 1
        return judged

    def _clock(self, signal: Signal, t: int) -> _Clock:
        key = self._key(signal)
        first = (t - signal.wait_ms) // HOUR_MS - 1
        clock = self._clocks.get(key)
        if clock is None:
            clock = self._clocks[key] = _Clock(first, day(first * HOUR_MS))
        clock.hour = max(clock.hour, t // HOUR_MS - HOURS + 1)
        return clock

    def _key(self, signal: Signal) -> tuple[str, str]:
        return self._registry.kinds.kinds[int(self._registry.kind[signal.row[0]])].name, signal.name

    def _compare(self, signal: Signal, hour: int) -> None:
        """Distance of every device from the median of its peers in one hour."""
        level = self.levels.means(signal, hour)
        came = np.flatnonzero(np.isfinite(level))
        if len(came) <= self._policy.drift_peers_count.value:
            return
        group, level = self._groups[signal.rule][came], level[came]
        distance = level - _medians(group, level)
        place = signal.place[came]
        self.total[place] += distance
        self.hours[place] += 1

    def _judge(self, signal: Signal) -> None:
        """End the day of a signal."""
        policy, place = self._policy, signal.place
        enough = self.hours[place] >= policy.drift_hours_count.value
        mean = np.where(enough, self.total[place] / np.maximum(self.hours[place], 1), np.nan)
        self.total[place], self.hours[place] = 0.0, 0
        moved = mean - self.before[place]
        some = np.flatnonzero(np.isfinite(moved))
        if len(some) > policy.drift_peers_count.value:
            self._sum_up(place[some], moved[some], mean[some], floor=signal.floor)
        self.before[place] = mean

    def _sum_up(self, place: Ints, moved: Floats, mean: Floats, *, floor: float) -> None:
        policy = self._policy
        middle = np.median(moved)
        sigma = max(_MAD * float(np.median(np.abs(moved - middle))), floor)
        most, allowance = policy.drift_most_sigma.value, policy.drift_allowance_sigma.value
        score = (moved - middle) / sigma
        self.bound[place] = policy.drift_limit_sigma.value * sigma
        bounded = np.clip(score, -most, most)
        calm = (self.upper[place] == 0) & (self.lower[place] == 0) & ~self.drifting[place]
        self.base[place[calm]] = self.before[place[calm]]
        upper = np.maximum(0.0, self.upper[place] + bounded - allowance)
        lower = np.maximum(0.0, self.lower[place] - bounded - allowance)
        self.upper[place], self.lower[place] = upper, lower
        found = np.maximum(upper, lower) > policy.drift_limit_sigma.value
        back = np.abs(mean - self.base[place]) <= policy.drift_clear_sigma.value * sigma
        over = self.drifting[place] & back
        self.drifting[place] = (self.drifting[place] | found) & ~over
        self.upper[place[over]] = self.lower[place[over]] = 0.0

    def forgive(self, rows: NDArray[np.bool_]) -> None:
        """Devices (by registry row) that are in maintenance start anew."""
        for signal in self.levels.signals:
            place = signal.place[rows[signal.row]]
            self.upper[place] = self.lower[place] = self.total[place] = 0.0
            self.hours[place], self.drifting[place] = 0, False
            self.before[place] = self.base[place] = np.nan

    def save(self) -> bytes:
        """The state, without the open hours and without what the hours of the day under way sum up to."""
        clocks = [(*key, clock.hour, clock.day) for key, clock in sorted(self._clocks.items())]
        columns = {name: getattr(self, name).tobytes() for name in (*_FLOATS, "hours", "drifting")}
        return msgspec.msgpack.encode(
            _Saved(self.levels.device.tobytes(), self.levels.number.tobytes(), columns, clocks)
        )

    def restore(self, body: bytes | None, observations: Observations, *, t: int) -> None:
        """Take up a saved state, if there is one, and go on from there over what lies in the column store."""
        self.fit()
        if body is not None:
            self._take_up(body)
        start = min((clock.hour for clock in self._clocks.values()), default=0)
        for hour in range(max(start, t // HOUR_MS - REBUILT), t // HOUR_MS + 1):
            found = observations.ask(
                "SELECT device, property, count(*) AS count, sum(value) AS total FROM observation WHERE "
                f"phenomenon_time >= ? AND phenomenon_time < ? AND quality & {int(MUTE)} = 0 GROUP BY device, property",
                [hour * HOUR_MS, (hour + 1) * HOUR_MS],
            )
            self.levels.put_back(
                hour,
                device=np.asarray(found["device"], np.int64),
                number=np.asarray(found["property"], np.int16),
                count=np.asarray(found["count"], np.int64),
                total=np.asarray(found["total"], np.float64),
            )
            self.close(min(hour + 1, t // HOUR_MS) * HOUR_MS)

    def _take_up(self, body: bytes) -> None:
        saved = msgspec.msgpack.decode(body, type=_Saved)
        device, number = np.frombuffer(saved.device, np.int64), np.frombuffer(saved.number, np.int16)
        former = places(device, number, self.levels.device, self.levels.number)
        known = former >= 0
        for name in (*_FLOATS, "hours", "drifting"):
            column = getattr(self, name)
            column[known] = np.frombuffer(saved.columns[name], column.dtype)[former[known]]
        self._clocks = {(kind, name): _Clock(hour, at) for kind, name, hour, at in saved.clocks}

    def off(self) -> tuple[Ints, Ints, Floats]:
        """Levels that drift: registry row, place, and distance from where they began [unit of the property]."""
        place = np.flatnonzero(self.drifting)
        off = self.before[place] - self.base[place]
        return self._registry.rows(self.levels.device[place]), place, np.nan_to_num(off)


def _medians(group: Ints, value: Floats) -> Floats:
    """Median of its group for each value."""
    order = np.lexsort((value, group))
    ordered = group[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    size = np.diff(starts, append=len(ordered))
    low, high = order[starts + (size - 1) // 2], order[starts + size // 2]
    middle = (value[low] + value[high]) / 2
    result = np.empty_like(value)
    result[order] = np.repeat(middle, size)
    return result
