"""What the nodes of one fleet have published and the hub has not yet acknowledged.

A pack stays here until the hub's watermark has passed its last reading, whatever happens on the way. While a node has
no link (a late pack), all that it says waits here in its order, so a watermark never jumps over a gap. In flight is
what lies here; published is what has ever been laid here; each reading counts once, however often it is sent.

A node whose memory is full forgets its oldest packs and declares their sequences lost (``messages.Lost``). What it
declared is in flight like a pack, until the watermark has passed it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.contract.messages import Lost, Watermarks
from datahub.contract.observations import Ints, ObservationBatch, concatenate
from sensors.gateway import Nodes, Rows

#: How long a pack waits on when its node has a link again but no power [ms].
WITHOUT_POWER_MS = 10 * MINUTE_MS
#: Longest time between two attempts [ms].
LONGEST_MS = 6 * HOUR_MS


@dataclass(slots=True, eq=False)
class Sent:
    """Packs that went up together.

    Attributes:
        of: row of each pack's node.
        last: each pack's last sequence.
        waits: whether each still waits for its acknowledgement.
        again: when they go up once more [ms].
        patience: how long they wait then [ms].
    """

    batch: ObservationBatch
    of: Rows
    last: Ints
    waits: NDArray[np.bool_]
    again: int
    patience: int


@dataclass(slots=True)
class Forgotten:
    """A run of sequences that a node (row) has no more, both ends included; declared (again) at ``again`` [ms]."""

    of: int
    lost: Lost
    again: int
    patience: int


class Outbox:
    """Packs of one fleet on their way, in columns.

    Attributes:
        published: readings laid in so far.
        acknowledged: readings that the hub's watermarks have passed.
        resend_ms: a pack not acknowledged for so long goes up again [ms of city time], then after twice as long
            and so on, at most ``LONGEST_MS``.
        memory: readings that a node can keep; infinite, if nothing is known of it.
        forgotten: readings that did not fit any more, and were declared lost.
    """

    def __init__(self, nodes: Nodes, *, resend_s: float = 600.0, memory: float = math.inf) -> None:
        self.published = self.acknowledged = self.forgotten = 0
        self.memory = memory
        self._lost: list[Forgotten] = []
        self.resend_ms = round(resend_s * SECOND_MS)
        self._nodes = nodes
        self._sent: list[Sent] = []
        self._held: dict[int, list[ObservationBatch]] = {}
        self._no_link_until: Ints = np.zeros(len(nodes), np.int64)
        self._passed: Ints = np.full(len(nodes), -1, np.int64)
        self._earlier: dict[tuple[int, int], int] = {}

    def lay(self, batch: ObservationBatch, of: Rows, t: int) -> ObservationBatch:
        """Keep new packs; returns those that go up now (of nodes that have a link)."""
        self.published += len(batch)
        if self.memory < math.inf:
            self._make_room(batch, of, t)
        until = self._no_link_until[of]
        held = until > t
        if not held.any():
            self._keep(batch, of, t)
            return batch
        for release in np.unique(until[held]).tolist():
            self._held.setdefault(release, []).append(batch.select(until == release))
        now = batch.select(~held)
        self._keep(now, of[~held], t)
        return now

    def lose_link(self, of: Rows, until: Ints) -> None:
        """These nodes (rows) have no link until then [ms, rounded up to the minute]; who has none already waits on."""
        whole = -(-until // MINUTE_MS) * MINUTE_MS
        self._no_link_until[of] = np.maximum(self._no_link_until[of], whole)

    def linked(self, of: Rows, t: int) -> NDArray[np.bool_]:
        """Which nodes have a link at ``t``."""
        return self._no_link_until[of] <= t

    def take(self, t: int) -> list[ObservationBatch]:
        """What goes up at ``t`` besides new packs: what waited for its node's link, then what nobody acknowledged."""
        batches = [batch for release in sorted(self._held) if release <= t for batch in self._held.pop(release)]
        again = self.resend(t, overdue=True)
        if not batches:
            return again
        batch = concatenate(batches)
        of, _ = self._nodes.rows(batch.node)
        cut = self._no_link_until[of] > t
        for release in np.unique(self._no_link_until[of[cut]]).tolist():
            self._held.setdefault(release, []).insert(0, batch.select(cut & (self._no_link_until[of] == release)))
        batch, of = batch.select(~cut), of[~cut]
        dark = ~self._nodes.powered[of]
        if dark.any():
            self._held.setdefault(t + WITHOUT_POWER_MS, []).append(batch.select(dark))
            batch, of = batch.select(~dark), of[~dark]
        self._keep(batch, of, t)
        return [*again, batch] if batch.packs else again

    def declare(self, t: int) -> list[Lost]:
        """What nodes that can speak at ``t`` have to declare lost, for the first time or once more."""
        up: list[Lost] = []
        for one in self._lost:
            if one.again <= t and self._nodes.powered[one.of] and self._no_link_until[one.of] <= t:
                up.append(one.lost)
                one.again, one.patience = t + one.patience, min(LONGEST_MS, 2 * one.patience)
        return up

    def _make_room(self, batch: ObservationBatch, of: Rows, t: int) -> None:
        """Nodes that would keep more than their memory holds forget their oldest packs."""
        kept = np.zeros(len(self._nodes), np.int64)
        np.add.at(kept, of, batch.counts)
        for it in self._sent:
            np.add.at(kept, it.of, it.batch.counts * it.waits)
        for batches in self._held.values():
            for one in batches:
                np.add.at(kept, self._nodes.rows(one.node)[0], one.counts)
        for node in np.flatnonzero(kept > self.memory).tolist():
            self._forget(node, int(kept[node] - self.memory), t)

    def _forget(self, node: int, excess: int, t: int) -> None:
        """One node (row) forgets its oldest packs, until at least so many readings are gone or none is left."""
        places = [(it.batch, it.waits & (it.of == node)) for it in self._sent]
        code = self._nodes.code[node]
        held = [(release, i) for release, batches in self._held.items() for i in range(len(batches))]
        places += [(self._held[release][i], self._held[release][i].node == code) for release, i in held]
        packs = sorted(
            (int(one.epoch[p]), int(one.first[p]), int(one.counts[p]), number, p)
            for number, (one, mine) in enumerate(places)
            for p in np.flatnonzero(mine).tolist()
        )
        gone = [np.zeros(one.packs, np.bool_) for one, _ in places]
        for epoch, first, count, number, pack in packs:
            if excess <= 0:
                break
            excess -= count
            gone[number][pack] = True
            self._note(node, epoch, first, first + count - 1, t)
        for it, lost in zip(self._sent, gone[: len(self._sent)], strict=True):
            it.waits &= ~lost
        for (release, i), lost in zip(held, gone[len(self._sent) :], strict=True):
            self._held[release][i] = self._held[release][i].select(~lost)
        self._sent = [it for it in self._sent if it.waits.any()]

    def _note(self, node: int, epoch: int, first: int, last: int, t: int) -> None:
        """Remember that a run is lost; one that follows on another not declared yet makes it longer."""
        self.forgotten += last - first + 1
        before = self._lost[-1] if self._lost else None
        if before is not None and before.of == node and before.patience == self.resend_ms and before.again <= t:
            one = before.lost
            if one.epoch == epoch and one.last + 1 == first:
                before.lost = msgspec.structs.replace(one, last=last, t=t)
                return
        lost = Lost(node=int(self._nodes.code[node]), epoch=epoch, first=first, last=last, t=t, why="memory full")
        self._lost.append(Forgotten(node, lost, t, self.resend_ms))

    def resend(self, t: int, *, overdue: bool = False, nodes: Ints | None = None) -> list[ObservationBatch]:
        """Packs (of ``nodes``, codes; None: all) that wait, or have waited too long; they go up once more."""
        up: list[ObservationBatch] = []
        kept: list[Sent] = []
        for it in self._sent:
            if overdue and it.again > t:
                kept.append(it)
                continue
            chosen = it.waits & self._nodes.powered[it.of] & self.linked(it.of, t)
            if nodes is not None:
                chosen &= np.isin(it.batch.node, nodes)
            rest = it.waits & ~chosen
            patience = min(LONGEST_MS, 2 * it.patience)
            for part, again, wait in ((rest, it.again, it.patience), (chosen, t + patience, patience)):
                if part.any():
                    batch, waits = it.batch.select(part), np.ones(int(part.sum()), np.bool_)
                    kept.append(Sent(batch, it.of[part], it.last[part], waits, again, wait))
            if chosen.any():
                up.append(it.batch.select(chosen))
        self._sent = kept
        return up

    def acknowledge(self, marks: Watermarks) -> None:
        """The hub has everything up to these; marks of other fleets' nodes are not ours."""
        of, ours = self._nodes.rows(marks.node)
        if not ours.any():
            return
        of, epoch, sequence = of[ours], marks.epoch[ours], marks.sequence[ours]
        current = epoch == self._nodes.epoch[of]
        np.maximum.at(self._passed, of[current], sequence[current])
        for node, when, mark in zip(of[~current], epoch[~current], sequence[~current], strict=True):
            key = (int(node), int(when))
            self._earlier[key] = max(int(mark), self._earlier.get(key, -1))
        self._sent = [it for it in self._sent if self._still_waits(it)]
        self._lost = [one for one in self._lost if self._not_passed(one)]

    def _not_passed(self, one: Forgotten) -> bool:
        lost = one.lost
        current = lost.epoch == self._nodes.epoch[one.of]
        mark = int(self._passed[one.of]) if current else self._earlier.get((one.of, lost.epoch), -1)
        if lost.last > mark:
            return True
        self.acknowledged += lost.last - lost.first + 1
        return False

    def begin_epoch(self, of: Rows) -> None:
        """These nodes (rows) number anew; call it before their epoch changes."""
        for node in of.tolist():
            self._earlier[node, int(self._nodes.epoch[node])] = int(self._passed[node])
        self._passed[of] = -1

    @property
    def in_flight(self) -> int:
        """Readings published and not yet acknowledged."""
        waiting = sum(int(it.batch.counts[it.waits].sum()) for it in self._sent)
        held = sum(len(batch) for batches in self._held.values() for batch in batches)
        return waiting + held + sum(one.lost.last - one.lost.first + 1 for one in self._lost)

    def in_flight_of_each(self) -> Ints:
        """Readings of each node published and not yet acknowledged."""
        each = np.zeros(len(self._nodes), np.int64)
        for it in self._sent:
            np.add.at(each, it.of[it.waits], it.batch.counts[it.waits])
        for batches in self._held.values():
            for batch in batches:
                np.add.at(each, self._nodes.rows(batch.node)[0], batch.counts)
        return each

    def _keep(self, batch: ObservationBatch, of: Rows, t: int) -> None:
        if batch.packs:
            last = batch.first + batch.counts - 1
            self._sent.append(Sent(batch, of, last, np.ones(batch.packs, np.bool_), t + self.resend_ms, self.resend_ms))

    def _still_waits(self, it: Sent) -> bool:
        passed = it.last <= self._passed[it.of]
        now = it.batch.epoch == self._nodes.epoch[it.of]
        if not now.all():
            for place in np.flatnonzero(~now):
                key = (int(it.of[place]), int(it.batch.epoch[place]))
                passed[place] = it.last[place] <= self._earlier.get(key, -1)
        gone = it.waits & passed
        self.acknowledged += int(it.batch.counts[gone].sum())
        it.waits &= ~passed
        return bool(it.waits.any())
