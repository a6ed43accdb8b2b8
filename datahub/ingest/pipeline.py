"""Intake: from deliveries to one journal entry. Attribute, deduplicate, check, count; all in columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.codes import Reason
from datahub.contract.messages import Watermarks, no_watermarks
from datahub.contract.observations import Floats, Ints, ObservationBatch, concatenate
from datahub.devices.nodes import Nodes
from datahub.devices.registry import Registry
from datahub.ingest.accounts import Accounts, Fate, answering, join, runs
from datahub.ingest.check import REASONS, Checked, check
from datahub.ingest.decode import Refused
from datahub.ingest.entry import Entry, Packs, Places, Readings, no_packs, no_places, no_readings
from datahub.ingest.event_time import in_force
from datahub.ingest.ledger import Tally
from datahub.ingest.windows import Fresh
from datahub.store.tables import RejectedRow

DETAIL_ROWS = 20
"""Rejected readings of one commit that are kept with all their detail; the ledger counts every one."""

_SAFE = 2**53


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What came of some batches: the entry to make durable, watermarks to send, nodes to ask for their birth."""

    entry: Entry
    places: Places
    marks: Watermarks
    unborn: tuple[int, ...]
    rejected: list[RejectedRow] = field(default_factory=list)


def take(
    registry: Registry, batches: Sequence[ObservationBatch], *, refused: Sequence[Refused], now: int | None
) -> Taken:
    """Take in everything that came together; windows move at once, so the entry must become durable next.

    Args:
        registry: who may say what.
        batches: observations in the order of arrival.
        refused: messages that could not be read; each counts one, unattributed.
        now: city time [ms]; None while unknown (then nothing is too far in the future).
    """
    tally = Tally(received=len(refused), unattributed=len(refused))
    for one in refused:
        tally.by_reason[one.reason] = tally.by_reason.get(one.reason, 0) + 1
    details = [_detail(one.reason, now=now, node=one.node, detail=one.detail) for one in refused[:DETAIL_ROWS]]
    arrived = now or 0
    if not batches:
        return Taken(Entry(arrived, no_readings(), no_packs(), tally), no_places(), no_watermarks(), (), details)
    batch = concatenate(batches)
    tally.received += len(batch)
    row = registry.nodes.rows(batch.node)
    news = row < 0
    news[~news] = batch.epoch[~news] > registry.nodes.epoch[row[~news]]
    if news.any() and registry.settle():
        row = registry.nodes.rows(batch.node)
    batch, row, unborn = _attribute(registry, batch, row, tally=tally)
    fresh = registry.windows.accept(row, epoch=batch.epoch, first=batch.first, count=batch.counts)
    _hear(registry.nodes, row, batch, now=now)
    rows, again = _only_fresh(batch, _rows(registry, batch), fresh=fresh)
    tally.duplicate = len(batch) - len(rows.device)
    node, shut = batch.node[rows.pack], registry.nodes.quarantined[row]
    checked = check(
        registry,
        node=node,
        device=rows.device,
        number=rows.number,
        phenomenon_time=rows.phenomenon_time,
        value=rows.value,
        quarantined=shut[rows.pack] if shut.any() else None,
        now=now,
    )
    readings, places = _keep(registry, rows, checked, tally=tally)
    details += _refuse(registry, rows, node, fault=checked.fault, now=now, tally=tally)
    accounts = None
    if not fresh.whole or tally.rejected:
        accounts = _accounts(registry, batch, rows, node=node, fault=checked.fault, again=again)
    entry = Entry(arrived, readings, _delivered(batch, fresh), tally, accounts)
    return Taken(entry, places, _marks(registry, row, batch.epoch), unborn, details)


def _hear(nodes: Nodes, row: Ints, batch: ObservationBatch, *, now: int | None) -> None:
    """These nodes have said something; a mad clock must not excuse silence for ever."""
    latest = np.int64(_SAFE if now is None else now + in_force().far_future_ms)
    np.maximum.at(nodes.heard, row, np.minimum(batch.result_time, latest))
    _revive(nodes, row, batch)


def _revive(nodes: Nodes, row: Ints, batch: ObservationBatch) -> None:
    """Whoever measured after the news of its death is alive: a death can be told wrongly, or by another."""
    risen = nodes.dead[row]
    if risen.any():
        risen &= (batch.result_time > nodes.died[row]) & (batch.epoch == nodes.epoch[row])
        nodes.dead[row[risen]] = False


def _attribute(
    registry: Registry, batch: ObservationBatch, row: Ints, *, tally: Tally
) -> tuple[ObservationBatch, Ints, tuple[int, ...]]:
    """Leave out the packs of nodes that were not born (in that epoch) yet, and packs that number wrongly."""
    nodes = registry.nodes
    born = row >= 0
    if len(nodes):
        born &= batch.epoch <= nodes.epoch[row]
        former = np.flatnonzero(born & (batch.epoch != nodes.epoch[row]))
        for i in former.tolist():
            born[i] = registry.windows.knows(int(batch.node[i]), int(batch.epoch[i]))
    sound = (batch.first >= 0) & (batch.first + batch.counts < _SAFE) & (batch.epoch >= 0)
    keep = born & sound
    if keep.all():
        return batch, row, ()
    counts = batch.counts
    for reason, lost in ((Reason.UNKNOWN_DEVICE, sound & ~born), (Reason.MALFORMED, ~sound)):
        number = int(counts[lost].sum())
        if number:
            tally.unattributed += number
            tally.by_reason[reason] = tally.by_reason.get(reason, 0) + number
    unborn = tuple(np.unique(batch.node[sound & ~born]).tolist())
    return batch.select(keep), row[keep], unborn


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Readings with the pack each came in, in columns of length n."""

    pack: Ints
    device: Ints
    number: NDArray[np.int16]
    phenomenon_time: Ints
    value: Floats
    sequence: Ints

    def where(self, keep: NDArray[np.bool_]) -> _Rows:
        """Some of them."""
        return _Rows(
            self.pack[keep],
            self.device[keep],
            self.number[keep],
            self.phenomenon_time[keep],
            self.value[keep],
            self.sequence[keep],
        )


def _rows(registry: Registry, batch: ObservationBatch) -> _Rows:
    names = registry.kinds.numbers(batch.properties)
    number = names[batch.property] if len(batch) else np.zeros(0, np.int16)
    return _Rows(batch.pack, batch.device, number, batch.phenomenon_time, batch.value, batch.sequence)


def _only_fresh(batch: ObservationBatch, rows: _Rows, *, fresh: Fresh) -> tuple[_Rows, _Rows | None]:
    """The readings that had not come before, and those that had."""
    if fresh.whole:
        return rows, None
    start = batch.offset[fresh.pack] + fresh.low - batch.first[fresh.pack]
    edge = np.zeros(len(batch) + 1, np.int64)
    np.add.at(edge, start, 1)
    np.add.at(edge, start + fresh.high - fresh.low, -1)
    new = np.cumsum(edge[:-1]) > 0
    return rows.where(new), rows.where(~new)


def _accounts(
    registry: Registry,
    batch: ObservationBatch,
    rows: _Rows,
    *,
    node: Ints,
    fault: NDArray[np.uint8],
    again: _Rows | None,
) -> Accounts:
    """Who sent what where something did not go as it should."""
    good = fault == 0
    parts = [runs(node[good], rows.device[good], Fate.STORED)]
    if not good.all():
        sender, device = node[~good], rows.device[~good]
        parts.append(runs(sender, answering(registry, sender, device), Fate.REJECTED))
    if again is not None:
        sender = batch.node[again.pack]
        parts.append(runs(sender, answering(registry, sender, again.device), Fate.DUPLICATE))
    return join(parts)


def _delivered(batch: ObservationBatch, fresh: Fresh) -> Packs:
    """The new runs of sequences, for the journal."""
    p = fresh.pack
    return Packs(batch.node[p], batch.epoch[p], fresh.low, fresh.high - fresh.low, batch.result_time[p])


def _keep(registry: Registry, rows: _Rows, checked: Checked, *, tally: Tally) -> tuple[Readings, Places]:
    """The readings to store, counted by kind."""
    slot, rule, kind, quality = checked.slot, checked.rule, checked.kind, checked.quality
    if checked.fault.any():
        good = checked.fault == 0
        rows, slot, rule, kind, quality = rows.where(good), slot[good], rule[good], kind[good], quality[good]
    tally.stored = len(slot)
    for number, count in enumerate(np.bincount(kind, minlength=1).tolist()):
        if count:
            tally.by_kind[registry.kinds.kinds[number].name] = count
    readings = Readings(rows.device, rows.number, rows.phenomenon_time, rows.value, quality, rows.sequence)
    return readings, Places(slot, rule)


def _refuse(
    registry: Registry, rows: _Rows, node: Ints, *, fault: NDArray[np.uint8], now: int | None, tally: Tally
) -> list[RejectedRow]:
    """Count the readings that are not stored, and keep some of them for a person to look at."""
    if not fault.any():
        return []
    for number, count in enumerate(np.bincount(fault).tolist()):
        if number and count:
            tally.rejected += count
            reason = REASONS[number - 1]
            tally.by_reason[reason] = tally.by_reason.get(reason, 0) + count
    names = [*registry.kinds.properties, "?"]
    return [
        _detail(
            REASONS[int(fault[i]) - 1],
            now=now,
            node=int(node[i]),
            device=int(rows.device[i]),
            name=names[int(rows.number[i])],
            phenomenon_time=int(rows.phenomenon_time[i]),
            value=float(rows.value[i]),
        )
        for i in np.flatnonzero(fault)[:DETAIL_ROWS].tolist()
    ]


def _detail(
    reason: Reason,
    *,
    now: int | None,
    node: int,
    device: int = 0,
    name: str = "",
    phenomenon_time: int = 0,
    value: float = 0.0,
    detail: str = "",
) -> RejectedRow:
    return RejectedRow(
        reason=reason,
        t=now or 0,
        node=node,
        device=device,
        property=_writable(name),
        phenomenon_time=phenomenon_time,
        value=value,
        detail=_writable(detail)[:200],
    )


def _writable(said: str) -> str:
    """Text as a database takes it: halves of characters, which no UTF-8 can write, by their number."""
    return said.encode("utf-8", "backslashreplace").decode()


def _marks(registry: Registry, row: Ints, epoch: Ints) -> Watermarks:
    """How far the hub now has every node that spoke, each (node, epoch) once."""
    order = np.lexsort((epoch, row))
    row, epoch = row[order], epoch[order]
    first = np.ones(len(row), np.bool_)
    first[1:] = (row[1:] != row[:-1]) | (epoch[1:] != epoch[:-1])
    row, epoch = row[first], epoch[first]
    mark = registry.windows.watermark(row, epoch)
    some = mark >= 0
    return Watermarks(node=registry.nodes.node[row[some]], epoch=epoch[some], sequence=mark[some])
