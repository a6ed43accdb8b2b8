"""Watching the supply network: do the mains lose water, and where would the loss fit?

Every window the brain lays what the loggers say beside its own picture of the mains, fed with what the zones draw
at that moment; so a hot day or a football final shows nowhere, and a loss outside the zones shows everywhere in its
own pattern. A cumulative sum (Page 1954) over the best pattern's strength decides; several sensors must agree, each
with bounded influence, so that sensors alone cannot raise an alarm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.location import Ranking, Signatures, rank
from brain.awareness.bands import BandRules, Bands
from brain.awareness.habit import Habit
from brain.awareness.loggers import INLET, PLANT, Loggers, Windows
from brain.awareness.memory import carried
from brain.awareness.picture import Picture
from brain.model import AnomalyFound
from datahub.contract.city import WaterNetwork
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.observations import Floats, Ints


@dataclass(frozen=True, slots=True)
class SupplyRules:
    """Thresholds of the watch (``parameters/supply.toml``)."""

    window_s: float
    grace_s: float
    calibrate_s: float
    learn_s: float
    memory_s: float
    follow_s: float
    bound_sigma: float
    least_pressure_pa: float
    least_flow_m3_s: float
    allowance_sigma: float
    cap_sigma: float
    limit_sigma: float
    expected_sigma: float
    agree_count: int
    agree_ratio: float
    least_loss_m3_s: float
    model_error_ratio: float
    fault_s: float
    still_s: float
    recovered_s: float
    recovered_ratio: float
    candidate_count: int


@dataclass(frozen=True, slots=True, eq=False)
class SupplyAnomaly:
    """Found: the message, and which pipes would explain it."""

    message: AnomalyFound
    ranking: Ranking


@dataclass(slots=True, eq=False)
class SupplyWatch:
    """The brain's attention on one city's mains. Deterministic; learns from ``take`` and judges in ``tick``."""

    water: WaterNetwork
    loggers: Loggers
    rules: SupplyRules
    band_rules: BandRules
    bands: Bands = field(init=False)
    habit: Habit = field(init=False)
    score: float = 0.0
    active: bool = False
    since: int = -1
    z: Floats = field(init=False)
    ranking: Ranking | None = None
    picture: Picture = field(init=False)
    _windows: Windows = field(init=False)
    _quarter: list[Floats] = field(default_factory=list)
    _quarter_start: int = -1
    _last: Floats = field(init=False)
    _still: Ints = field(init=False)
    _alone: Ints = field(init=False)
    _peak: Floats = field(init=False)
    _recent: deque[Floats] = field(init=False)
    _deviations: deque[Floats] = field(init=False)
    _windows_seen: int = 0
    _plant_values: list[Floats] = field(default_factory=list)
    _weighed: tuple[Signatures, Floats, NDArray[np.float32], NDArray[np.float32]] | None = None

    def __post_init__(self) -> None:
        n, rules = len(self.loggers), self.rules
        self.picture = Picture(self.water, self.loggers)
        self._windows = Windows(n, round(rules.window_s * SECOND_MS), round(rules.grace_s * SECOND_MS))
        self.bands = Bands(n, self.band_rules)
        self.habit = Habit(
            least=np.where(self.loggers.flow, rules.least_flow_m3_s, rules.least_pressure_pa),
            memory=round(rules.memory_s / rules.window_s),
            pace=rules.window_s / rules.follow_s,
            bound_sigma=rules.expected_sigma,
        )
        self._last, self._peak = np.full(n, np.nan), np.zeros(n)
        self._still, self._alone = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._recent = deque(maxlen=round(rules.recovered_s / rules.window_s))
        self._deviations = deque(maxlen=6)
        self.z = np.full(n, np.nan)

    def take(self, device: Ints, t: Ints, value: Floats) -> None:
        """Readings that came in since the last tick (columns of one length); of other devices they are ignored."""
        signal = self.loggers.find(device)
        mine = signal >= 0
        self._windows.add(signal[mine], t[mine], value[mine])

    def tick(self, t: int) -> SupplyAnomaly | None:
        """Judge the windows that are over at city time ``t`` [ms]; an anomaly is found once until it is over."""
        found = None
        for start, value in self._windows.close(t):
            found = self._look(start, value, t) or found
        return found

    def close_valves(self, valves: Sequence[int]) -> None:
        """Tell the model which valves (rows) are closed now; all others are open."""
        self.picture.shut(valves)

    def over(self) -> None:
        """The incident is closed or was dismissed: judge and learn afresh from here."""
        self.active, self.score, self.since, self.ranking = False, 0.0, -1, None
        self._peak[:] = 0.0
        self._deviations.clear()

    def recovered(self, devices: Sequence[int]) -> bool:
        """Whether the deviations of these devices have been gone for long enough (silent ones are not asked)."""
        signal = self.loggers.find(np.asarray(devices, np.int64))
        signal = signal[signal >= 0]
        if len(self._recent) < (self._recent.maxlen or 0) or not len(signal):
            return False
        recent = np.abs(np.stack(self._recent)[:, signal])
        known = np.isfinite(recent).any(axis=0)
        limit = np.maximum(self.rules.expected_sigma + 1.0, self.rules.recovered_ratio * self._peak[signal])
        return bool(known.any()) and bool((np.nan_to_num(recent[:, known]) <= limit[known]).all())

    def faulty(self) -> Ints:
        """Devices that stay out of line alone, or do not move at all: a matter for their owner, not for the city."""
        return self.loggers.device[~self._healthy()]

    def _look(self, start: int, value: Floats, t: int) -> SupplyAnomaly | None:
        self._learn_band(start, value)
        self._watch_stillness(value)
        normal = self.picture.normal(self._drawn(start, value), t=start, hold=self.active)
        deviation = self.habit.deviation(value - normal)
        self.z = deviation / self.habit.scale
        self._recent.append(self.z.copy())
        self._windows_seen += 1
        self._learn_pumps(value)
        found = None
        if self._windows_seen * self.rules.window_s > self.rules.learn_s:
            found = self._judge(deviation, t)
        if self.active:
            self._peak = np.fmax(self._peak, np.abs(self.z))
        elif self.score == 0.0:
            every = round(HOUR_MS / SECOND_MS / self.rules.window_s)
            self.habit.learn(value - normal, of=np.ones(len(value), np.bool_), refresh_every=every)
            self._watch_loners()
        return found

    def _judge(self, deviation: Floats, t: int) -> SupplyAnomaly | None:
        strength, agreeing = self._strength(deviation)
        rules = self.rules
        self.score = max(0.0, self.score + min(strength, rules.cap_sigma) - rules.allowance_sigma)
        if strength > rules.allowance_sigma or self.active:
            self._deviations.append(deviation)
            self.ranking = self._rank_mean()
        elif self.score == 0.0:
            self._deviations.clear()
        if self.active or self.score < rules.limit_sigma or self.ranking is None or not agreeing.any():
            return None
        self.active, self.since = True, t
        message = AnomalyFound(t=t, id=f"anomaly-supply-{t}", kind="supply", evidence=self._evidence(agreeing))
        return SupplyAnomaly(message, self.ranking)

    def _strength(self, deviation: Floats) -> tuple[float, NDArray[np.bool_]]:
        """Strength of the best pattern in standard deviations (0 if the sensors do not bear it out), and who agrees."""
        nobody = np.zeros(len(deviation), np.bool_)
        patterns = self.picture.patterns
        if patterns is None:
            return 0.0, nobody
        z = np.where(self._healthy(), deviation / self.habit.scale, np.nan)
        heard = np.isfinite(z)
        z = np.clip(np.where(heard, z, 0.0), -self.rules.bound_sigma, self.rules.bound_sigma)
        weight, square = self._weights(patterns)
        length = np.sqrt(heard.astype(np.float32) @ square)
        strength = (z.astype(np.float32) @ weight) / np.maximum(length, 1e-6)
        best = np.argsort(-strength, kind="stable")[:12]
        if strength[best[0]] <= self.rules.allowance_sigma:
            return 0.0, nobody
        agreeing = self._agreement(np.where(heard, deviation, np.nan), best)
        return (float(strength[best[0]]) if agreeing.any() else 0.0), agreeing

    def _weights(self, patterns: Signatures) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Patterns in standard deviations per m3/s, and their squares; computed anew when either has changed."""
        if self._weighed is None or self._weighed[0] is not patterns or self._weighed[1] is not self.habit.scale:
            weight = (patterns.change / self.habit.scale[:, None]).astype(np.float32)
            self._weighed = (patterns, self.habit.scale, weight, weight**2)
        return self._weighed[2], self._weighed[3]

    def _agreement(self, deviation: Floats, best: Ints) -> NDArray[np.bool_]:
        """Signals that move as the best of these candidates demands; none if too few of those that should do."""
        rules, patterns = self.rules, self.picture.patterns
        assert patterns is not None
        few = Signatures(patterns.pipe[np.sort(best)], patterns.change[:, np.sort(best)])
        ranking = rank(
            deviation,
            self.habit.scale,
            few,
            model_error_ratio=rules.model_error_ratio,
            bound_sigma=rules.bound_sigma,
        )
        column_of = int(np.flatnonzero(few.pipe == ranking.pipe[0])[0])
        expected = ranking.loss_m3_s[0] * few.change[:, column_of] / self.habit.scale
        z = deviation / self.habit.scale
        should = np.isfinite(z) & (np.abs(expected) >= rules.expected_sigma)
        near = np.abs(z - expected) <= np.maximum(rules.expected_sigma, 0.5 * np.abs(expected))
        agreeing: NDArray[np.bool_] = should & near & (z * expected > 0)
        enough = agreeing.sum() >= max(rules.agree_count, rules.agree_ratio * should.sum())
        if not enough or ranking.loss_m3_s[0] < rules.least_loss_m3_s:
            return np.zeros(len(z), np.bool_)
        return agreeing

    def _rank_mean(self) -> Ranking:
        """Ranking by the mean deviation since the first doubt."""
        held = np.stack(self._deviations)
        known = np.isfinite(held)
        total = np.where(known, held, 0.0).sum(axis=0)
        mean = np.where(known.any(axis=0) & self._healthy(), total / np.maximum(known.sum(axis=0), 1), np.nan)
        error, bound = self.rules.model_error_ratio, self.rules.bound_sigma
        ranking = self.picture.rank(mean, self.habit.scale, error_ratio=error, bound_sigma=bound)
        return ranking.first(self.rules.candidate_count)

    def _evidence(self, agreeing: NDArray[np.bool_]) -> dict[str, float]:
        signal = np.flatnonzero(agreeing)
        order = np.lexsort((self.loggers.device[signal], -np.abs(self.z[signal])))[:12]
        return {str(int(self.loggers.device[s])): round(float(self.z[s]), 1) for s in signal[order]}

    def _drawn(self, start: int, value: Floats) -> Floats:
        """What each zone draws [m3/s].

        Its inlet meter says so; where that is silent or not to be believed, the habit of the hour, scaled as the zones
        that are.
        """
        rows = np.flatnonzero(self.loggers.flow & (self.loggers.place == INLET))
        zone, inward = self.loggers.zone[rows], self.loggers.inward[rows]
        said = np.where(self._healthy()[rows], value[rows] * inward, np.nan)
        usual = self.bands.level(start)[rows] * inward
        both = np.isfinite(said) & np.isfinite(usual)
        ratio = float(said[both].sum() / max(float(usual[both].sum()), 1e-9)) if both.any() else 1.0
        drawn = np.where(np.isfinite(said), said, np.nan_to_num(usual) * ratio)
        result: Floats = np.zeros(len(self.water.zones))
        result[zone] = drawn
        return result

    def _learn_pumps(self, value: Floats) -> None:
        """Remember plant readings until the calibration is due, then learn the pumps and begin the habits anew."""
        due = round(self.rules.calibrate_s / self.rules.window_s)
        if self._windows_seen < due:
            self._plant_values.append(value[self.loggers.place == PLANT])
        elif self._windows_seen == due and self._plant_values:
            held = np.full((len(self._plant_values), len(self.loggers)), np.nan)
            held[:, self.loggers.place == PLANT] = np.stack(self._plant_values)
            self.picture.calibrate(held)
            self._plant_values.clear()
            self.habit.forget()

    def _learn_band(self, start: int, value: Floats) -> None:
        slot_ms = round(self.band_rules.slot_s * SECOND_MS)
        quarter = start // slot_ms * slot_ms
        if quarter != self._quarter_start and self._quarter:
            held = np.stack(self._quarter)
            known = np.isfinite(held)
            mean = np.where(known.any(axis=0), np.where(known, held, 0.0).sum(axis=0), np.nan)
            self.bands.learn(self._quarter_start, mean / np.maximum(known.sum(axis=0), 1))
            self._quarter.clear()
        self._quarter_start = quarter
        if not self.active and self.score == 0.0:
            self._quarter.append(value)

    def _watch_stillness(self, value: Floats) -> None:
        same = value == self._last
        self._still = np.where(np.isnan(value), self._still, np.where(same, self._still + 1, 0))
        self._last = np.where(np.isnan(value), self._last, value)

    def _watch_loners(self) -> None:
        out = np.abs(self.z) > self.rules.bound_sigma
        limit = 2 * round(self.rules.fault_s / self.rules.window_s)
        self._alone = np.clip(np.where(np.isnan(self.z), self._alone, self._alone + np.where(out, 1, -1)), 0, limit)

    def _healthy(self) -> NDArray[np.bool_]:
        alone = self._alone * self.rules.window_s >= self.rules.fault_s
        still = self._still * self.rules.window_s >= self.rules.still_s
        healthy: NDArray[np.bool_] = ~(alone | still)
        return healthy

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays by name."""
        own = np.array([self.score, float(self.active), self.since, self._windows_seen, self._windows.done], np.float64)
        whole = {"device": self.loggers.device, "own": own, "pump": self.picture.solver.pump}
        return whole | self.bands.state() | {"turn": np.array([self.habit.turn])} | self._by_device()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave, be it of fewer or more loggers; nothing saved, nothing done."""
        if "device" not in state:
            return
        was = np.asarray(state["device"], np.int64)
        fresh = self._by_device() | {"history": np.full((*state["history"].shape[:2], len(self.loggers)), np.nan)}
        kept = carried(state, fresh, was=was, now=self.loggers.device)
        self.bands.restore({"history": kept["history"], "days": state["days"]})
        self.habit.restore({name: kept[name] for name in ("bias", "scale", "seen", "recent")} | {"turn": state["turn"]})
        own = np.asarray(state["own"], np.float64)
        self.score, self.active = float(own[0]), bool(own[1])
        self.since, self._windows_seen, self._windows.done = int(own[2]), int(own[3]), int(own[4])
        self.picture.solver.pump = np.asarray(state["pump"], np.float64).copy()
        self._still, self._alone = kept["still"].astype(np.int64), kept["alone"].astype(np.int64)
        self._last, self._peak = kept["last"].astype(np.float64), kept["peak"].astype(np.float64)

    def _by_device(self) -> dict[str, NDArray[np.generic]]:
        habit = {name: held for name, held in self.habit.state().items() if name != "turn"}
        own = {"still": self._still, "alone": self._alone, "last": self._last, "peak": self._peak}
        return habit | own
