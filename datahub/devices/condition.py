"""The health of every device, told by its own readings: how much of what was due came, when, and what it was worth.

Kept apart from phenomena: nothing here is the city's matter. Counted at each tick in columns; judged once in an hour
of city time. After a crash the counters are counted again from the column store, and the drift goes on from where its
last day ended (``hub_condition``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session

from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.codes import DeviceState, Quality
from datahub.contract.observations import Floats, Ints
from datahub.devices.drift import Drift
from datahub.devices.health_policy import HealthPolicy, weights_of
from datahub.devices.levels import BATTERY
from datahub.devices.registry import STAGES, Registry, promised
from datahub.devices.tallies import BLOCK_MS, DAY_BLOCKS, Tallies
from datahub.ingest.memory import Memory
from datahub.store.observations import Observations
from datahub.store.tables import ConditionRow

_DRIFT = "drift"


class Word(StrEnum):
    """How a device is, in one word (ours; workflow W4 names no list).

    Not its stage of working life (``codes.DeviceState``): a device whose stage is ``active`` is online, silent or dead.
    """

    ONLINE = "online"
    SILENT = "silent"
    DEAD = "dead"
    MAINTENANCE = "maintenance"
    RETIRED = "retired"


WORDS: tuple[Word, ...] = tuple(Word)

_OUT_OF_SERVICE = tuple(
    (STAGES.index(stage), WORDS.index(word))
    for stage, word in ((DeviceState.RETIRED, Word.RETIRED), (DeviceState.MAINTENANCE, Word.MAINTENANCE))
)


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Quality of all devices over their last whole day, in registry order; shares from 0 to 1, NaN where unknown.

    Attributes:
        score: 0 (worthless) to 100; NaN where nothing was due and nothing came.
        completeness: readings that came of those due.
        timeliness: packs of its node that came while they were fresh.
        validity: readings that were possible.
        plausibility: readings that neither stood still nor leapt.
        due: readings that were due.
        whole: the device was there all day.
    """

    score: Floats
    completeness: Floats
    timeliness: Floats
    validity: Floats
    plausibility: Floats
    due: Floats
    whole: NDArray[np.bool_]


class Condition:
    """Keeps and judges the health of all devices of one hub."""

    def __init__(self, registry: Registry, memory: Memory, policy: HealthPolicy) -> None:
        self.policy = policy
        self._registry, self._memory = registry, memory
        self.tallies = Tallies(registry, tardy_s=policy.tardy_s.value)
        self.drift = Drift(registry, policy)
        self._version = -1
        self._seated = -1
        self._seat, self._behind = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._hour = -1

    def restore(self, session: Session, observations: Observations, *, t: int | None) -> None:
        """Count again what the column store holds, and take up the drift where its last day ended."""
        if t is None or not len(self._registry):
            return
        self.fit()
        self.tallies.restore(observations, t=t)
        kept = session.get(ConditionRow, _DRIFT)
        self.drift.restore(kept.body if kept else None, observations, t=t)
        self._hour = t // HOUR_MS

    def see(self, t: int) -> None:
        """Count what the tick at city time ``t`` [ms] evaluated."""
        self.fit()
        self.tallies.advance(t)
        found = self._memory.fresh
        self.tallies.count(found.readings)
        for packs, arrived in self._memory.fresh_packs:
            self.tallies.hear(packs, arrived=arrived)
        r = found.readings
        self.drift.levels.add(
            slot=found.slot, rule=found.rule, time=r.phenomenon_time, value=r.value, quality=r.quality, t=t
        )

    def hourly(self, session: Session, *, t: int, keep: bool) -> bool:
        """True once in an hour of city time, when all is to be judged; ``keep``: make the drift durable."""
        if t // HOUR_MS == self._hour:
            return False
        self._hour = t // HOUR_MS
        if self.drift.close(t):
            self.drift.forgive(self._registry.stage != STAGES.index(DeviceState.ACTIVE))
            if keep:
                session.merge(ConditionRow(name=_DRIFT, t=t, body=self.drift.save()))
        return True

    def fit(self) -> None:
        """Follow the registry."""
        if self._version != self._registry.version:
            self.tallies.fit()
            self.drift.fit()
            self._version = self._registry.version

    def words(self, t: int, rows: Ints | None = None) -> NDArray[np.uint8]:
        """Number of each device's word (``WORDS``) at city time ``t`` [ms], in registry order; of some rows, if given.

        The only place where it is decided how a device is; every page, list and count takes it from here. A device is
        as the line of its node is, unless a person took it out of service. Whoever needs what a node itself said,
        whatever a person or the clock makes of it, asks ``Queries.dead``.
        """
        seat, _ = self._seats()
        stages = self._registry.stage
        if rows is not None:
            seat, stages = seat[rows], stages[rows]
        result = self._lines(seat, t=t)
        for stage, word in _OUT_OF_SERVICE:
            result[stages == stage] = word
        return result

    def words_of_nodes(self, t: int) -> NDArray[np.uint8]:
        """The same of the nodes, in their order: out of service where nothing behind them is in service.

        In maintenance, not retired, where any of it is to come back.
        """
        seat, behind = self._seats()
        result = self._lines(np.arange(len(behind)), t=t)
        out = np.zeros(len(result), np.int64)
        for stage, word in _OUT_OF_SERVICE:
            node, count = np.unique(seat[self._registry.stage == stage], return_counts=True)
            out[node] += count
            gone = node[out[node] == behind[node]]
            result[gone] = word
        return result

    def _lines(self, at: Ints, *, t: int) -> NDArray[np.uint8]:
        """How the lines of nodes (rows) are: online, silent, or dead by their own word or by a long silence."""
        nodes = self._registry.nodes
        result = np.full(len(at), WORDS.index(Word.ONLINE), np.uint8)
        silent = np.flatnonzero(nodes.silent[at])
        result[silent] = WORDS.index(Word.SILENT)
        quiet_ms = (t - nodes.heard[at[silent]]) / self.policy.dead_ratio.value
        result[silent[quiet_ms > nodes.tolerated_ms[at[silent]]]] = WORDS.index(Word.DEAD)
        result[nodes.dead[at]] = WORDS.index(Word.DEAD)
        return result

    def _seats(self) -> tuple[Ints, Ints]:
        """Row of the node that speaks for each device, and for how many each node speaks."""
        registry = self._registry
        if self._seated != registry.version:
            self._seat = registry.nodes.rows(registry.node)
            self._behind = np.bincount(self._seat, minlength=len(registry.nodes))
            self._seated = registry.version
        return self._seat, self._behind

    def scores(self, t: int) -> Scores:
        """Quality of all devices as of city time ``t`` [ms]."""
        registry, tallies = self._registry, self.tallies
        grace_ms = round(self.policy.grace_s.value * SECOND_MS)
        report_ms = np.array([round(kind.report_s * SECOND_MS) for kind in registry.kinds.kinds], np.int64)
        wait = (report_ms + grace_ms)[registry.kind] if len(report_ms) else np.zeros(0, np.int64)
        got = tallies.day(tallies.got, wait, t=t).astype(np.float64)
        bad = tallies.day(tallies.invalid, wait, t=t), tallies.day(tallies.implausible, wait, t=t)
        end = (t - wait) // BLOCK_MS * BLOCK_MS
        since = np.maximum(tallies.since, end - DAY_BLOCKS * BLOCK_MS)
        span_s = np.maximum(end - since, 0) / SECOND_MS
        rate = np.array([promised(kind) for kind in registry.kinds.kinds])
        due = np.floor(rate[registry.kind] * span_s) if len(rate) else np.zeros(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            completeness = np.where(due > 0, np.minimum(got / due, 1.0), np.nan)
            validity, plausibility = (np.where(got > 0, 1 - some / got, np.nan) for some in bad)
        timeliness = self._timeliness(wait, t=t)
        score = self._score((completeness, timeliness, validity, plausibility), due=due, got=got)
        whole = tallies.since <= end - DAY_BLOCKS * BLOCK_MS
        return Scores(score, completeness, timeliness, validity, plausibility, due, whole)

    def _timeliness(self, wait: Ints, *, t: int) -> Floats:
        registry, tallies = self._registry, self.tallies
        at = registry.nodes.rows(registry.node)
        of_node = np.zeros(len(registry.nodes), np.int64)
        np.maximum.at(of_node, at, wait)
        said = tallies.day(tallies.said, of_node, t=t)
        tardy = tallies.day(tallies.tardy, of_node, t=t)
        with np.errstate(invalid="ignore", divide="ignore"):
            fresh: Floats = np.where(said > 0, 1 - tardy / said, np.nan)
        return fresh[at]

    def _score(self, parts: tuple[Floats, ...], *, due: Floats, got: Floats) -> Floats:
        """Weighted mean of what is known; what said nothing though it should is worth nothing."""
        weights = np.array(weights_of(self.policy))[:, None]
        table = np.stack(parts)
        known = np.isfinite(table)
        total = (weights * known).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            score: Floats = 100 * (weights * np.where(known, table, 0.0)).sum(axis=0) / total
        score[got == 0] = np.where(due[got == 0] > 0, 0.0, np.nan)
        return score

    def stuck(self) -> Ints:
        """Slots that have stood still for far longer than they may, and not at an end of their range."""
        registry, latest = self._registry, self._memory.latest
        marked = np.flatnonzero((latest.quality & np.uint8(Quality.STUCK)) != 0)
        if not len(marked):
            return marked
        rule = self.rules(marked)
        kinds = registry.kinds
        held_s = (latest.t[marked] - latest.since[marked]) / SECOND_MS
        long = held_s > self.policy.stuck_ratio.value * kinds.rest_s[rule]
        within = (latest.value[marked] > kinds.low[rule]) & (latest.value[marked] < kinds.high[rule])
        return marked[long & within]

    def rows_of(self, slot: Ints) -> Ints:
        """Registry rows of slots."""
        return np.searchsorted(self._registry.slot, slot, side="right") - 1

    def rules(self, slot: Ints) -> Ints:
        """Numbers of the properties of slots."""
        row = self.rows_of(slot)
        rule: Ints = self._registry.kinds.first_rule[self._registry.kind[row]] + slot - self._registry.slot[row]
        return rule

    def battery_v(self) -> Floats:
        """Battery voltage that each device last said [V], in registry order; NaN where it has none or said none."""
        result = np.full(len(self._registry), np.nan)
        rows, slot = self._registry.observers(BATTERY)
        result[rows] = self._memory.latest.value[slot]
        return result
