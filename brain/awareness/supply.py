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

from brain.algorithms.location import Ranking, Trust
from brain.awareness.balance import Balance
from brain.awareness.bands import BandRules, Bands
from brain.awareness.habit import Habit
from brain.awareness.health import Health
from brain.awareness.inlets import Inlets, Meters
from brain.awareness.loggers import INLET, PLANT, Loggers, Windows
from brain.awareness.memory import carried
from brain.awareness.picture import Picture
from brain.awareness.search import Search, SearchRules, denied, meter_to_blame
from brain.awareness.zones import ZoneRules, ZoneWatch, pipes_of_zone
from brain.model import AnomalyFound
from datahub.contract.city import WaterNetwork
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.observations import Floats, Ints

_EVIDENCE = 12
"""Loggers named as evidence, the most telling first."""


@dataclass(frozen=True, slots=True)
class SupplyRules:
    """Thresholds of the watch (``parameters/supply.toml``)."""

    window_s: float
    grace_s: float
    calibrate_s: float
    learn_s: float
    settle_s: float
    memory_s: float
    follow_s: float
    bound_sigma: float
    least_pressure_pa: float
    least_flow_m3_s: float
    allowance_sigma: float
    cap_sigma: float
    limit_sigma: float
    expected_sigma: float
    odd_sigma: float
    agree_count: int
    agree_ratio: float
    alike_ratio: float
    least_loss_m3_s: float
    model_error_ratio: float
    doubt_ratio: float
    misfit_ratio: float
    fault_s: float
    still_s: float
    alone_ratio: float
    recovered_s: float
    recovered_ratio: float
    recovered_agree_ratio: float
    candidate_count: int

    @property
    def trust(self) -> Trust:
        """How far patterns and readings are believed."""
        return Trust(self.model_error_ratio, self.bound_sigma, self.doubt_ratio)

    @property
    def search(self) -> SearchRules:
        """What it takes to believe a pattern."""
        return SearchRules(
            allowance_sigma=self.allowance_sigma,
            expected_sigma=self.expected_sigma,
            agree_count=self.agree_count,
            agree_ratio=self.agree_ratio,
            alike_ratio=self.alike_ratio,
            least_loss_m3_s=self.least_loss_m3_s,
            trust=self.trust,
        )

    def windows(self, seconds: float) -> int:
        """How many windows last so long [s]."""
        return round(seconds / self.window_s)


@dataclass(frozen=True, slots=True, eq=False)
class SupplyAnomaly:
    """Found: the message, and which pipes would explain it."""

    message: AnomalyFound
    ranking: Ranking


@dataclass(slots=True, eq=False)
class SupplyWatch:
    """The brain's attention on one city's mains. Deterministic; learns from ``take`` and judges in ``tick``.

    Attributes:
        score: cumulative sum of what speaks for a loss.
        active: an anomaly was found and is not over; meanwhile nothing is learned.
        judged: windows judged since this process began.
        z: last deviation of each logger in standard deviations: from the picture of the mains, of an inlet meter from
            what is usual at the hour; NaN where unknown.
    """

    water: WaterNetwork
    loggers: Loggers
    rules: SupplyRules
    band_rules: BandRules
    zone_rules: ZoneRules
    score: float = 0.0
    active: bool = False
    judged: int = 0
    bands: Bands = field(init=False)
    habit: Habit = field(init=False)
    health: Health = field(init=False)
    picture: Picture = field(init=False)
    inlets: Inlets = field(init=False)
    zones: ZoneWatch = field(init=False)
    z: Floats = field(init=False)
    _search: Search = field(init=False)
    _balance: Balance = field(init=False)
    _windows: Windows = field(init=False)
    _gauge: Ints = field(init=False)
    _quarter: list[Floats] = field(default_factory=list)
    _quarter_start: int = -1
    _plants: list[Floats] = field(default_factory=list)
    _peak: Floats = field(init=False)
    _recent: deque[Floats] = field(init=False)
    _deviations: deque[Floats] = field(default_factory=lambda: deque(maxlen=6))
    _seen: int = 0
    _judged_from: int = field(init=False)

    def __post_init__(self) -> None:
        n, rules, known = len(self.loggers), self.rules, self.loggers
        self.picture, self._search = Picture(self.water, known), Search(rules.search)
        self._balance = Balance(known, self.picture.solver.mains)
        self._windows = Windows(n, round(rules.window_s * SECOND_MS), round(rules.grace_s * SECOND_MS))
        self.bands = Bands(n, self.band_rules)
        self.habit = Habit(
            least=np.where(known.flow, rules.least_flow_m3_s, rules.least_pressure_pa),
            memory=rules.windows(rules.memory_s),
            pace=rules.window_s / rules.follow_s,
            bound_sigma=rules.expected_sigma,
            error_ratio=rules.model_error_ratio,
        )
        self.health = Health(
            n,
            rules.windows(rules.fault_s),
            rules.windows(rules.still_s),
            rules.bound_sigma,
            alone_count=max(rules.agree_count, round(rules.alone_ratio * n)),
        )
        self.inlets = Inlets(
            self.water,
            known,
            pace=rules.window_s / rules.memory_s,
            fading=float(np.exp(-rules.window_s / rules.follow_s)),
        )
        gauges = np.full(len(self.water.zones), -1)
        gauge = np.flatnonzero(~known.flow & (known.place == INLET))
        gauges[known.zone[gauge]] = gauge
        self._gauge = gauges[self.inlets.zone]
        self.zones = ZoneWatch(len(self.inlets.zone), self.zone_rules, rules.least_loss_m3_s)
        self._judged_from = rules.windows(rules.learn_s)
        self._peak, self.z = np.zeros(n), np.full(n, np.nan)
        self._recent = deque(maxlen=rules.windows(rules.recovered_s))

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
        """Tell the picture which valves (rows) are closed now; all others are open.

        Whenever that changes, the time for which deviations must be gone begins anew.
        """
        if self.picture.shut(valves):
            self._recent.clear()

    def over(self) -> None:
        """The incident is closed or was dismissed: learn afresh from here, then judge again.

        In the hours in which nothing was learned loggers have drifted and people changed their ways.
        """
        self.active, self.score = False, 0.0
        rest = self.rules.windows(self.rules.settle_s)
        self.habit.settle(rest)
        self._judged_from = self._seen + rest
        self._peak[:] = 0.0
        self.zones.score[:] = 0.0
        self._deviations.clear()

    def recovered(self, devices: Sequence[int]) -> bool:
        """Whether the deviations of these devices have been gone for long enough.

        Silent ones are not asked, and a few may contradict: in two days a logger can begin to lie.
        """
        signal = self.loggers.find(np.asarray(devices, np.int64))
        signal = signal[signal >= 0]
        if len(self._recent) < (self._recent.maxlen or 0) or not len(signal):
            return False
        recent = np.stack(self._recent)[:, signal]
        known = np.isfinite(recent).any(axis=0)
        if not known.any():
            return False
        limit = np.maximum(self.rules.expected_sigma + 1.0, self.rules.recovered_ratio * self._peak[signal[known]])
        gone = (np.abs(recent[:, known]) > limit).sum(axis=0) <= 1  # one odd window is noise
        return bool(gone.mean() >= self.rules.recovered_agree_ratio)

    def faulty(self) -> Ints:
        """Devices that stay out of line alone, or do not move at all: a matter for their owner, not for the city."""
        return self.loggers.device[~self.health.ok()]

    def _look(self, start: int, value: Floats, t: int) -> SupplyAnomaly | None:
        """One window, from ``start`` [ms], seen at ``t``."""
        self._learn_band(start, value)
        self.health.see(value)
        level, scale = self.bands.level(start), self.bands.scale(start)
        meters = self.inlets.read(value, level=level, scale=scale, ok=self.health.ok())
        drawn = np.zeros(len(self.water.zones))
        drawn[meters.zone] = meters.drawn
        normal = self.picture.normal(drawn, t=start, hold=self.active)
        deviation = self.habit.deviation(value, normal)
        self.z = deviation / self.habit.scale
        self.z[meters.signal] = (meters.said - meters.usual) / meters.scale
        self._compare()
        self._recent.append(self.z.copy())
        self._seen += 1
        self._learn_pumps(value)
        found = self._judge(deviation, meters, t) if self._seen > self._judged_from else None
        self.judged += self._seen > self._judged_from
        if self.active:
            self._peak = np.fmax(self._peak, np.abs(self.z))
        elif self.score == 0.0:
            self.habit.learn(value, normal, refresh_every=self.rules.windows(HOUR_MS / SECOND_MS))
        return found

    def _compare(self) -> None:
        """Let calm windows speak for or against each logger; inlet meters are only ever acquitted so."""
        if not self.active and self.score == 0.0:
            z = self.z.copy()
            inlet = self.inlets.signal
            z[inlet] = np.where(np.abs(z[inlet]) <= self.rules.expected_sigma, 0.0, np.nan)
            self.health.compare(z)

    def _judge(self, deviation: Floats, meters: Meters, t: int) -> SupplyAnomaly | None:
        if self.active or self.picture.patterns is None:
            return None
        believed = np.where(self.health.ok(), deviation, np.nan)
        seen = self._search.look(believed, self.habit.scale, patterns=self.picture.patterns)
        strength, ranking = seen.strength, None
        if strength > 0:
            self._deviations.append(believed)
            ranking = self._rank_mean(meters)
            if (place := meter_to_blame(ranking, meters)) >= 0:
                self.health.accuse(int(meters.signal[place]))
            if place >= 0 or float(ranking.of_mains().misfit[0]) > self.rules.misfit_ratio:
                strength = 0.0
        self.score = max(0.0, self.score + min(strength, self.rules.cap_sigma) - self.rules.allowance_sigma)
        if self.score == 0.0:
            self._deviations.clear()
        if ranking is not None and strength > 0 and self.score >= self.rules.limit_sigma:
            loss = self._balance.loss_m3_s(believed)
            mains = ranking.of_mains()
            return self._found(t, np.flatnonzero(seen.agreeing), mains.sized(loss) if loss > 0 else mains)
        return self._judge_zones(believed, meters, t)

    def _judge_zones(self, believed: Floats, meters: Meters, t: int) -> SupplyAnomaly | None:
        """A zone that draws far too much; a meter that says so against all others is accused instead."""
        excess, rules = meters.said - meters.usual, self.zone_rules
        patterns = self.picture.zone_patterns(meters.zone)
        less, power = np.zeros(len(excess)), np.zeros(len(excess))
        for place in np.flatnonzero(excess > rules.allowance_sigma * meters.scale):
            less[place], power[place] = denied(believed, self.habit.scale, zone=patterns[:, place])
            if power[place] * less[place] >= rules.denied_sigma and less[place] >= rules.denied_ratio * excess[place]:
                self.health.accuse(int(meters.signal[place]))
        said = np.where(self.health.ok()[meters.signal], meters.said, np.nan)
        zone = self.zones.look(said=said, usual=meters.usual, scale=meters.scale, denied=less, power=power)
        if zone < 0:
            return None
        ranking = pipes_of_zone(self.water, int(meters.zone[zone]), float(excess[zone]))
        shown = [meters.signal[zone], self._gauge[zone]]
        return self._found(t, np.array([signal for signal in shown if signal >= 0]), ranking)

    def _found(self, t: int, signal: Ints, ranking: Ranking) -> SupplyAnomaly:
        self.active = True
        self._recent.clear()
        order = np.lexsort((self.loggers.device[signal], -np.abs(self.z[signal])))[:_EVIDENCE]
        evidence = {str(int(self.loggers.device[s])): round(float(self.z[s]), 1) for s in signal[order]}
        message = AnomalyFound(t=t, id=f"anomaly-supply-{t}", kind="supply", evidence=evidence)
        return SupplyAnomaly(message, ranking.first(self.rules.candidate_count))

    def _rank_mean(self, meters: Meters) -> Ranking:
        """Mains, and meters that read oddly little (as -1 - place), by the mean deviation since the first doubt."""
        held = np.stack(self._deviations)
        known = np.isfinite(held)
        total = np.where(known, held, 0.0).sum(axis=0)
        mean = np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)
        lacking = meters.usual - meters.said
        places = np.flatnonzero((lacking > self.rules.odd_sigma * meters.scale) & self.health.ok()[meters.signal])
        odd = {-1 - int(place): (int(meters.zone[place]), float(lacking[place])) for place in places}
        return self.picture.rank(mean, self.habit.scale, self.rules.trust, odd=odd)

    def _learn_pumps(self, value: Floats) -> None:
        """Remember plant readings until the calibration is due, then learn the pumps and begin the habits anew."""
        due, plant = self.rules.windows(self.rules.calibrate_s), self.loggers.place == PLANT
        if self._seen < due:
            self._plants.append(value[plant])
        elif self._seen == due and self._plants:
            held = np.full((len(self._plants), len(self.loggers)), np.nan)
            held[:, plant] = np.stack(self._plants)
            self.picture.calibrate(held)
            self._plants.clear()
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
            self._quarter.append(np.where(self.health.ok(), value, np.nan))

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays by name."""
        turns = [self._seen, self._windows.done, self._judged_from, self.inlets.turn]
        own = np.array([self.score, self.active, *turns], np.float64)
        whole: dict[str, NDArray[np.generic]] = {"device": self.loggers.device, "own": own}
        whole["pump"] = self.picture.solver.pump
        signal, t, value = self._windows.held()
        whole |= {"held_device": self.loggers.device[signal], "held_t": t, "held_value": value}
        return whole | self.bands.state() | {"turn": np.array([self.habit.turn])} | self._by_device()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave, be it of fewer or more loggers; nothing saved, nothing done."""
        if "device" not in state:
            return
        was = np.asarray(state["device"], np.int64)
        fresh = self._by_device() | {"history": np.full((*state["history"].shape[:2], len(self.loggers)), np.nan)}
        kept = carried(state, fresh, was=was, now=self.loggers.device)
        self.bands.restore({"history": kept["history"], "days": state["days"]})
        self.habit.restore({name: kept[name] for name in fresh if name in self.habit.state()} | {"turn": state["turn"]})
        own = np.asarray(state["own"], np.float64)
        self.score, self.active = float(own[0]), bool(own[1])
        self._seen, self._windows.done, self._judged_from, self.inlets.turn = own[2:].astype(np.int64).tolist()
        inlet = self.inlets.signal
        self.inlets.share, self.inlets.excess = (
            kept[name][inlet].astype(np.float64) for name in ("share_of_zone", "excess")
        )
        self.take(*(np.asarray(state[name]) for name in ("held_device", "held_t", "held_value")))
        self.picture.solver.pump = np.asarray(state["pump"], np.float64).copy()
        self.health.still, self.health.alone = kept["still"].astype(np.int64), kept["alone"].astype(np.int64)
        self.health.last, self._peak = kept["last"].astype(np.float64), kept["peak"].astype(np.float64)

    def _by_device(self) -> dict[str, NDArray[np.generic]]:
        habit = {name: held for name, held in self.habit.state().items() if name != "turn"}
        own = {"still": self.health.still, "alone": self.health.alone, "last": self.health.last, "peak": self._peak}
        inlet = {"share_of_zone": np.ones(len(self.loggers)), "excess": np.zeros(len(self.loggers))}
        inlet["share_of_zone"][self.inlets.signal] = self.inlets.share
        inlet["excess"][self.inlets.signal] = self.inlets.excess
        return habit | own | inlet
