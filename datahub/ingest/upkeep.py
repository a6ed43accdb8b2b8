"""Keeps history as long and as finely as the policy says: rolls up, lays by device, lets go. A little at each tick.

Event time alone decides what is due, so a virtual run and a live one keep the same. Nothing is let go of that does not
lie in coarser steps already.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.devices.registry import Registry
from datahub.ingest.latest import NEVER
from datahub.ingest.memory import Memory
from datahub.store import rollups
from datahub.store.observations import Observations
from datahub.store.retention import Retention
from datahub.store.rollups import ALL, HOURLY, LAST_DEVICE, RAW, ROLLED, TIDIED, Line, Mark, Marks

ROLL_ROWS: Final = 150_000
DROP_ROWS: Final = 2_000_000
TIDY_ROWS: Final = 120_000
"""Rows of one piece of work: so much fits beside DuckDB's other buffers and takes less than half a second."""

PIECES: Final = 4
"""After so many the column store puts its file in order: left to itself it does so rarely, and then for seconds."""

NOTHING: Final = Mark(0, LAST_DEVICE)
"""The mark where nothing was let go of yet."""


class Upkeep:
    """Follows the policy, one bounded piece at a time."""

    def __init__(self, observations: Observations, registry: Registry, memory: Memory, policy: Retention) -> None:
        self._observations, self._registry, self._memory = observations, registry, memory
        self.policy = policy
        self._slices: dict[tuple[str, int], int] = {}
        self._rests_until = 0
        self._unsettled = 0

    def step(self, t: int) -> bool:
        """Do what is due next at city time ``t`` [ms]; False if nothing is, which is looked into once an hour."""
        rolled = self._observations.marks.get(ROLLED)
        if rolled is None or t < self._rests_until:
            return False
        if self._unsettled >= PIECES and self._observations.settle():
            self._unsettled = 0
            return True
        if rolled.t + DAY_MS + self.policy.settled_ms <= t:
            self._roll(rolled, until=rollups.floor_day(t - self.policy.settled_ms))
            return True
        if self._let_go_of_raw(t, rolled) or self._tidy(rolled) or self._let_go_of_hourly(t):
            return True
        self._rests_until = (t // HOUR_MS + 1) * HOUR_MS
        return False

    def _roll(self, mark: Mark, *, until: int) -> None:
        """Roll up a piece of the next day before ``until`` [ms] that has readings."""
        if not mark.device:
            first = self._observations.ask(
                "SELECT coalesce(min(phenomenon_time), ?) AS t FROM observation "
                "WHERE phenomenon_time >= ? AND phenomenon_time < ?",
                [until, mark.t, until],
            )
            mark = Mark(rollups.floor_day(int(first["t"][0])))
        if mark.t >= until:
            self._observations.work(partial(_put, name=ROLLED, mark=mark))
            return
        where = "phenomenon_time >= ? AND phenomenon_time < ?"
        below = self._below(mark, "observation", where, [mark.t, mark.t + DAY_MS], most=ROLL_ROWS)
        self._observations.work(partial(rollups.roll, mark=mark, below=below))
        self._unsettled += 1

    def _tidy(self, rolled: Mark) -> bool:
        for table, name in TIDIED.items():
            mark = self._observations.marks.get(name)
            if mark is None:
                self._observations.work(partial(_put, name=name, mark=Mark(rollups.begin(table, rolled.t))))
                continue
            until = rollups.following(table, mark.t)
            if until <= rolled.t:
                below = self._below(mark, table, "t >= ? AND t < ?", [mark.t, until], most=TIDY_ROWS)
                self._observations.work(partial(rollups.tidy, table=table, below=below))
                self._unsettled += 1
                return True
        return False

    def _below(self, mark: Mark, table: str, where: str, values: list[int | float | str], *, most: int) -> int:
        """Where the next piece ends, so that each has about ``most`` rows: a device code."""
        slices = self._slices.get((table, mark.t))
        if slices is None:
            found = self._observations.ask(f"SELECT count(*) AS n FROM {table} WHERE {where}", values)
            slices = 1 + int(found["n"][0]) // most
            self._slices = {(table, mark.t): slices}
        device = self._registry.device
        at = int(np.searchsorted(device, mark.device)) + max(1, -(-len(device) // slices))
        return int(device[at]) if at < len(device) else LAST_DEVICE

    def _classes(self, name: str) -> tuple[tuple[tuple[int, str], ...], list[int]]:
        """Properties kept otherwise, by number, after all the others; and the numbers that those others leave out.

        A property that the policy used to keep otherwise counts as one until the rest has caught up with it.
        """
        marks, kinds, work = self._observations.marks, self._registry.kinds, self._observations.work
        own = {kinds.number(one): one for one in self.policy.property if kinds.number(one) >= 0}
        rest, known = marks.get(name) or NOTHING, set(marks.own(name))
        for number in sorted(own.keys() - known):
            work(partial(_put, name=name, mark=rest, number=number))
        for number in sorted(known - own.keys()):
            if (marks.get(name, number) or NOTHING).t <= rest.t:
                work(partial(_put, name=name, mark=None, number=number))
            else:
                own[number] = kinds.properties[number]
        return ((ALL, ""), *sorted(own.items())), sorted(own)

    def _let_go_of_raw(self, t: int, rolled: Mark) -> bool:
        classes, others = self._classes(RAW)
        worked = False
        for number, name in classes:
            target = min((t - self.policy.raw_ms(name)) // HOUR_MS * HOUR_MS, rolled.t)
            since = (self._observations.marks.get(RAW, number) or NOTHING).t
            until = self._reach(since, target)
            if until > since:
                words = self._last_words(until)
                drop = partial(rollups.drop_raw, until=until, number=number, others=others, last_words=words)
                self._observations.work(drop)
                self._unsettled += PIECES
                worked = True
        return worked

    def _reach(self, since: int, target: int) -> int:
        """How far to let go of readings in one piece [ms]: at least an hour, at most ``target``."""
        if since >= target:
            return since
        found = self._observations.ask(
            "SELECT count(*) AS n, min(phenomenon_time) AS t FROM observation WHERE phenomenon_time < ?", [target]
        )
        if not found["n"][0]:
            return target if since else since
        since = max(since, int(found["t"][0]) // HOUR_MS * HOUR_MS, target - 366 * DAY_MS)
        pieces = 1 + int(found["n"][0]) // DROP_ROWS
        return min(since + max(-(-(target - since) // pieces // HOUR_MS), 1) * HOUR_MS, target)

    def _last_words(self, until: int) -> Mapping[str, NDArray[np.generic]]:
        """Device, property and time of what devices last said that have been quiet since before ``until`` [ms]."""
        self._memory.fit()
        registry, latest = self._registry, self._memory.latest
        slot = np.flatnonzero((latest.t > NEVER) & (latest.t < until))
        row = np.searchsorted(registry.slot, slot, side="right") - 1
        kinds = registry.kinds
        number = np.zeros(0, np.int16)
        if len(slot):
            number = kinds.property_of_rule[kinds.first_rule[registry.kind[row]] + slot - registry.slot[row]]
        return {"device": registry.device[row], "property": number, "t": latest.t[slot]}

    def _let_go_of_hourly(self, t: int) -> bool:
        """Whole months at a time, so that what was laid by device goes as a block."""
        tidied = (self._observations.marks.get(TIDIED["hourly"]) or NOTHING).t
        classes, others = self._classes(HOURLY)
        for number, name in classes:
            until = min(rollups.begin("hourly", t - self.policy.hourly_ms(name)), tidied)
            mark = self._observations.marks.get(HOURLY, number) or NOTHING
            if mark.device == LAST_DEVICE and mark.t >= until:
                continue
            goal = until if mark.device == LAST_DEVICE else mark.t
            at = Mark(goal, 0 if mark.device == LAST_DEVICE else mark.device)
            below = self._below(at, "hourly", "t < ?", [goal], most=8 * TIDY_ROWS)
            piece = partial(rollups.drop_hourly, until=goal, below=below, number=number, others=others)
            self._observations.work(piece)
            return True
        return False


def _put(_line: Line, marks: Marks, *, name: str, mark: Mark | None, number: int = ALL) -> None:
    marks.put(name, mark, number)
