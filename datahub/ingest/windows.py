"""Which sequences of which node the hub has already: the end of duplicates, and the watermark sent back.

For almost every node this is one number: everything below ``next`` has come. Only where a pack is missing does the
hub keep intervals, until the gap is closed. All arithmetic is exact; nothing is forgotten by age.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Ints
from datahub.devices.nodes import Nodes


@dataclass(slots=True)
class Intervals:
    """A set of whole numbers as disjoint, non-touching half-open intervals [low, high), ascending."""

    low: list[int] = field(default_factory=list)
    high: list[int] = field(default_factory=list)

    def add(self, first: int, end: int) -> list[tuple[int, int]]:
        """Take in [first, end); returns the parts that were not there before, ascending."""
        if first >= end:
            return []
        i = bisect_left(self.high, first)  # first interval that ends at or after ``first``
        j = bisect_right(self.low, end)  # one past the last interval that begins at or before ``end``
        fresh: list[tuple[int, int]] = []
        at = first
        for low, high in zip(self.low[i:j], self.high[i:j], strict=True):
            if at < low:
                fresh.append((at, low))
            at = max(at, high)
        if at < end:
            fresh.append((at, end))
        if i < j:
            first, end = min(first, self.low[i]), max(end, self.high[j - 1])
        self.low[i:j], self.high[i:j] = [first], [end]
        return fresh

    def prefix(self) -> int:
        """Everything below this number is in the set."""
        return self.high[0] if self.low and self.low[0] == 0 else 0

    def total(self) -> int:
        """How many numbers are in the set."""
        return sum(self.high) - sum(self.low)


@dataclass(frozen=True, slots=True, eq=False)
class Fresh:
    """What of some packs is new: ranges [low, high) of sequences, each of one pack; ``whole``: all of all packs."""

    pack: Ints
    low: Ints
    high: Ints
    whole: bool


class Windows:
    """The delivered sequences of all nodes. Rows refer to ``Nodes``; old epochs and gaps are kept by code.

    Attributes:
        touched: (node, epoch) of which something may be missing, or is no more, since this was last emptied.
    """

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._gaps: dict[tuple[int, int], Intervals] = {}
        self._past: dict[tuple[int, int], Intervals] = {}
        self.touched: set[tuple[int, int]] = set()

    def turn(self, row: int, *, node: int, epoch: int) -> None:
        """A node was born again: put its old epoch aside and begin a new window."""
        old = (node, int(self.nodes.epoch[row]))
        intervals = self._gaps.pop(old, None)
        if intervals is None:
            end = int(self.nodes.next[row])
            intervals = Intervals([0], [end]) if end else None
        self._past[old] = intervals or Intervals()
        self.nodes.epoch[row] = epoch
        self.nodes.next[row] = 0
        self.nodes.gap[row] = False
        back = self._past.pop((node, epoch), None)
        if back is not None:
            self._settle(row, (node, epoch), back)

    def know(self, node: int, epoch: int) -> None:
        """A node was born in this epoch once, which is no longer its own: what it said then may still come."""
        self._past.setdefault((node, epoch), Intervals())

    def knows(self, node: int, epoch: int) -> bool:
        """Whether a node was ever born in this epoch."""
        row = self.nodes.row(node)
        return (row >= 0 and self.nodes.epoch[row] == epoch) or (node, epoch) in self._past

    def accept(self, row: Ints, *, epoch: Ints, first: Ints, count: Ints) -> Fresh:
        """Take in packs (columns of length k, rows of known nodes); says what of them is new.

        Packs of one call may repeat, overlap and come in any order; the result covers each sequence once.
        """
        nodes = self.nodes
        if not len(row):
            return Fresh(row, first, first + count, whole=True)
        order = np.lexsort((first, epoch, row)) if len(row) > 1 else np.zeros(len(row), np.int64)
        r, e, f, c = row[order], epoch[order], first[order], count[order]
        begins = np.ones(len(r), np.bool_)
        begins[1:] = r[1:] != r[:-1]
        expected = np.empty(len(r), np.int64)
        expected[1:] = f[:-1] + c[:-1]
        expected[begins] = nodes.next[r[begins]]
        good = (f == expected) & (e == nodes.epoch[r]) & ~nodes.gap[r]
        starts = np.flatnonzero(begins)
        if good.all():
            last = np.append(starts[1:], len(r)) - 1
            nodes.next[r[last]] = f[last] + c[last]
            return Fresh(np.arange(len(row)), first, first + count, whole=True)
        whole = np.logical_and.reduceat(good, starts)
        last = (np.append(starts[1:], len(r)) - 1)[whole]
        nodes.next[r[last]] = f[last] + c[last]
        sizes = np.diff(np.append(starts, len(r)))
        return self._mixed(order, np.repeat(whole, sizes), columns=(r, e, f, c))

    def _mixed(self, order: Ints, easy: NDArray[np.bool_], *, columns: tuple[Ints, ...]) -> Fresh:
        """Packs of which some need exact arithmetic."""
        r, e, f, c = columns
        pack, low, high = [order[easy]], [f[easy]], [f[easy] + c[easy]]
        hard: list[tuple[int, int, int]] = []
        for i in np.flatnonzero(~easy).tolist():
            parts = self.add(int(r[i]), epoch=int(e[i]), first=int(f[i]), end=int(f[i] + c[i]))
            hard += [(int(order[i]), a, b) for a, b in parts]
        table = np.array(hard, np.int64).reshape(-1, 3)
        pack.append(table[:, 0])
        low.append(table[:, 1])
        high.append(table[:, 2])
        return Fresh(np.concatenate(pack), np.concatenate(low), np.concatenate(high), whole=False)

    def add(self, row: int, *, epoch: int, first: int, end: int) -> list[tuple[int, int]]:
        """Take in one run of one node exactly; returns what of it is new."""
        key = (int(self.nodes.node[row]), epoch)
        if epoch != self.nodes.epoch[row]:
            self.touched.add(key)
            return self._past.setdefault(key, Intervals()).add(first, end)
        intervals = self._gaps.get(key)
        if intervals is None:
            reached = int(self.nodes.next[row])
            if first <= reached:  # touches or overlaps what is there: one number still says it all
                self.nodes.next[row] = max(reached, end)
                return [(reached, end)] if end > reached else []
            intervals = Intervals([0], [reached]) if reached else Intervals()
        fresh = intervals.add(first, end)
        self._settle(row, key, intervals)
        return fresh

    def _settle(self, row: int, key: tuple[int, int], intervals: Intervals) -> None:
        """Keep intervals only as long as there is a gap."""
        self.touched.add(key)
        self.nodes.next[row] = intervals.prefix()
        gap = len(intervals.low) > 1 or intervals.prefix() == 0
        self.nodes.gap[row] = gap
        if gap:
            self._gaps[key] = intervals
        else:
            self._gaps.pop(key, None)

    def watermark(self, row: Ints, epoch: Ints) -> Ints:
        """Last sequence of each (node, epoch) below which nothing is missing; -1 if there is none."""
        mark = self.nodes.next[row] - 1
        for i in np.flatnonzero(epoch != self.nodes.epoch[row]).tolist():
            past = self._past.get((int(self.nodes.node[row[i]]), int(epoch[i])))
            mark[i] = past.prefix() - 1 if past else -1
        return mark

    def missing(self, node: int, epoch: int) -> list[tuple[int, int]]:
        """Runs of sequences (both ends included) that are missing before something that came, ascending."""
        kept = self._gaps.get((node, epoch)) or self._past.get((node, epoch))
        if kept is None or not kept.low:
            return []
        edges = zip([0, *kept.high], kept.low, strict=False)
        return [(end, low - 1) for end, low in edges if end < low]

    def ahead(self) -> int:
        """Readings the hub has beyond a gap: durable here, still in the outbox of their node."""
        return sum(one.total() - one.prefix() for kept in (self._gaps, self._past) for one in kept.values())

    def runs(self) -> tuple[Ints, Ints, Ints, Ints]:
        """All windows as runs (node, epoch, first, count), by node, epoch and first: the pack journal made short."""
        nodes = self.nodes
        plain = (nodes.next > 0) & ~nodes.gap
        zero = np.zeros(int(plain.sum()), np.int64)
        table = [np.stack((nodes.node[plain], nodes.epoch[plain], zero, nodes.next[plain]), axis=1)]
        for (node, epoch), kept in sorted((self._gaps | self._past).items()):
            table += [np.array([[node, epoch, a, b - a]], np.int64) for a, b in zip(kept.low, kept.high, strict=True)]
        runs = np.concatenate(table)
        runs = runs[np.lexsort((runs[:, 2], runs[:, 1], runs[:, 0]))]
        return runs[:, 0].copy(), runs[:, 1].copy(), runs[:, 2].copy(), runs[:, 3].copy()
