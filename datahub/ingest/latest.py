"""The latest value of everything, and what can only be seen by comparing with it: late, stuck, too fast.

Evaluated once per tick over all readings since the last one, in the order (slot, phenomenon_time, sequence), so that
the order in which they arrived never shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import Quality
from datahub.contract.observations import Floats, Ints
from datahub.devices.registry import Kinds
from datahub.ingest.entry import Places, Readings
from datahub.ingest.event_time import in_force

NEVER: Final = -(2**62)
"""Time of the latest reading of a slot that has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """Readings in the order of evaluation, in columns of length n, with all that is known of them.

    ``held_s``: how long the value had stood still when it was read [s]. ``rule``: number of the property of the kind.
    """

    readings: Readings
    slot: Ints
    rule: Ints
    held_s: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.slot)


class Latest:
    """Latest reading of every slot: time [ms], value, quality, and since when the value stands [ms].

    Attributes:
        late, belated: readings that came late, and of these below the watermark of event time.
    """

    def __init__(self) -> None:
        self.late = self.belated = 0
        self.t: Ints = np.zeros(0, np.int64)
        self.since: Ints = np.zeros(0, np.int64)
        self.value: Floats = np.zeros(0)
        self.quality: NDArray[np.uint8] = np.zeros(0, np.uint8)

    def move(self, slots: int, *, former: Ints, now: Ints) -> None:
        """Make room for ``slots`` slots; what was at ``former`` is from now on at ``now``."""
        for name, empty in (("t", NEVER), ("since", NEVER), ("value", np.nan), ("quality", 0)):
            column = getattr(self, name)
            grown = np.full(slots, empty, column.dtype)
            grown[now] = column[former]
            setattr(self, name, grown)

    def evaluate(self, readings: Readings, *, places: Places, kinds: Kinds, t: int) -> Evaluated:
        """Put readings in order, judge them by what was before, and remember the last of each slot.

        Args:
            readings: those since the last evaluation, in any order.
            places: where they belong.
            kinds: what can stand still how long and change how fast.
            t: city time of this evaluation [ms].
        """
        order = _order(places.slot, readings)
        r = _take(readings, order)
        s, rule = places.slot[order], places.rule[order]
        quality, policy = r.quality, in_force()
        late = r.phenomenon_time < self.t[s]
        future = r.phenomenon_time > t + policy.skew_ms
        if late.any():
            quality[late] |= np.uint8(Quality.LATE)
            self.late += int(late.sum())
            self.belated += int((r.phenomenon_time[late] < policy.watermark(t)).sum())
        if future.any():
            quality[future] |= np.uint8(Quality.FUTURE)
        held = np.zeros(len(s), np.int32)
        aside = late | future  # one reading from the time to come must not make all that follow late
        on = slice(None) if not aside.any() else np.flatnonzero(~aside)
        held[on] = self._follow(r, quality, s=s, rule=rule, kinds=kinds, on=on)
        return Evaluated(r, s, rule, held)

    def _follow(
        self, r: Readings, quality: NDArray[np.uint8], *, s: Ints, rule: Ints, kinds: Kinds, on: slice | Ints
    ) -> NDArray[np.int32]:
        """Judge readings in time order against their predecessors and keep the last of each slot."""
        slot, time, value, rule = s[on], r.phenomenon_time[on], r.value[on], rule[on]
        if not len(slot):
            return np.zeros(0, np.int32)
        begins = np.ones(len(slot), np.bool_)
        begins[1:] = slot[1:] != slot[:-1]
        heads = slot[begins]
        first = np.flatnonzero(begins)
        before_t, before = np.empty_like(time), np.empty_like(value)
        before_t[1:], before[1:] = time[:-1], value[:-1]
        before_t[first], before[first] = self.t[heads], self.value[heads]
        moved = value != before  # true for the very first too: NaN differs from everything
        since = np.where(moved, time, 0)
        since[first] = np.where(moved[first], time[first], self.since[heads])
        moved[first] = True
        since = since[np.maximum.accumulate(np.where(moved, np.arange(len(slot)), 0))]
        held = (time - since) // SECOND_MS
        mine = quality[on]
        resting = np.flatnonzero(held > kinds.rest_s[rule])
        resting = resting[kinds.rest_s[rule[resting]] > 0]
        mine[resting] |= np.uint8(Quality.STUCK)
        mine[_leaps(value - before, time - before_t, rule, kinds=kinds)] |= np.uint8(Quality.RATE)
        quality[on] = mine
        ends = np.append(first[1:], len(slot)) - 1
        self.t[heads], self.value[heads] = time[ends], value[ends]
        self.since[heads], self.quality[heads] = since[ends], mine[ends]
        return np.minimum(held, 2**31 - 1).astype(np.int32)

    def restore(self, *, slot: Ints, time: Ints, value: Floats, quality: NDArray[np.uint8], held_s: Ints) -> None:
        """Remember readings again that lie in the store, given in the order of evaluation."""
        keep = (slot >= 0) & ((quality & np.uint8(Quality.LATE | Quality.FUTURE)) == 0)
        slot, time, value, quality, held_s = slot[keep], time[keep], value[keep], quality[keep], held_s[keep]
        self.t[slot], self.value[slot], self.quality[slot] = time, value, quality
        self.since[slot] = time - held_s.astype(np.int64) * SECOND_MS


def _leaps(change: Floats, span_ms: Ints, rule: Ints, *, kinds: Kinds) -> NDArray[np.bool_]:
    """Which readings changed faster than their thing can, or fell although it only counts upward."""
    leaps: NDArray[np.bool_] = (change < 0) & kinds.cumulative[rule]
    if kinds.rate_s.any():
        rate = kinds.rate_s[rule]
        leaps |= (rate > 0) & (np.abs(change) > rate * span_ms / SECOND_MS + kinds.step[rule])
    return leaps


def _take(r: Readings, order: Ints) -> Readings:
    return Readings(
        r.device[order],
        r.property[order],
        r.phenomenon_time[order],
        r.value[order],
        r.quality[order],
        r.sequence[order],
    )


def _order(slot: Ints, r: Readings) -> Ints:
    """Rows by (slot, phenomenon_time, sequence, value); one sort of one key wherever nothing ties."""
    time = r.phenomenon_time
    if not len(slot):
        return np.zeros(0, np.int64)
    start = int(time.min())
    bits = (int(time.max()) - start).bit_length()
    if int(slot.max()).bit_length() + bits < 63:
        key = (slot << bits) | (time - start)
        order: Ints = np.argsort(key)
        ordered = key[order]
        if not (ordered[1:] == ordered[:-1]).any():
            return order
    return np.lexsort((r.value, r.sequence, time, slot))
