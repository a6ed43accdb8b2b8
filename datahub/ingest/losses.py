"""Gaps that a node declares: what it lost for ever is settled like what came, so that its watermark goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from datahub.contract.codes import Reason
from datahub.contract.messages import Lost, Watermarks
from datahub.devices.registry import Registry
from datahub.ingest import accounts
from datahub.ingest.accounts import Accounts, Fate
from datahub.ingest.entry import Entry, Packs, accounts_of, join_packs
from datahub.ingest.ledger import Tally
from datahub.ingest.pipeline import Taken

_RUN = ("node", "epoch", "first")


def declare(registry: Registry, taken: Taken, declared: Sequence[Lost]) -> tuple[Taken, list[Lost]]:
    """Settle what nodes declare lost, after the readings that came with it: those came, and are not lost.

    Returns:
        What was taken in together with it, and the runs that are lost: neither settled before nor declared.
    """
    if not declared:
        return taken, []
    registry.settle()
    windows, nodes = registry.windows, registry.nodes
    lost: list[Lost] = []
    marks: list[tuple[int, int, int]] = []
    unborn: list[int] = []
    for one in declared:
        if not windows.knows(one.node, one.epoch):
            unborn.append(one.node)
            continue
        row = nodes.row(one.node)
        fresh = windows.add(row, epoch=one.epoch, first=one.first, end=one.last + 1)
        lost += [msgspec.structs.replace(one, first=first, last=end - 1) for first, end in fresh]
        mark = windows.watermark(np.array([row]), np.array([one.epoch], np.int64))
        marks.append((one.node, one.epoch, int(mark[0])))
    table = np.array([mark for mark in marks if mark[2] >= 0], np.int64).reshape(-1, 3)
    told = Watermarks(
        node=np.concatenate((taken.marks.node, table[:, 0])),
        epoch=np.concatenate((taken.marks.epoch, table[:, 1])),
        sequence=np.concatenate((taken.marks.sequence, table[:, 2])),
    )
    more = tuple(sorted({*taken.unborn, *unborn}))
    return replace(taken, entry=_with(taken.entry, lost, strange=len(unborn)), marks=told, unborn=more), lost


def _with(entry: Entry, lost: Sequence[Lost], *, strange: int) -> Entry:
    """The entry with lost runs settled and counted, and with the words of so many nodes that are not known."""
    node, epoch, first = (np.array([getattr(one, name) for one in lost], np.int64) for name in _RUN)
    count = np.array([one.last - one.first + 1 for one in lost], np.int64)
    gone = Accounts(node, np.zeros(len(lost), np.int64), np.full(len(lost), Fate.LOST, np.uint8), count)
    return Entry(
        entry.arrived,
        entry.readings,
        join_packs([entry.packs, Packs(node, epoch, first, count, np.zeros_like(count))]),
        _counted(entry.tally, lost=int(count.sum()), strange=strange),
        accounts.join([accounts_of(entry), gone]),
    )


def _counted(tally: Tally, *, lost: int, strange: int) -> Tally:
    by_reason = dict(tally.by_reason)
    if strange:
        by_reason[Reason.UNKNOWN_DEVICE] = by_reason.get(Reason.UNKNOWN_DEVICE, 0) + strange
    return msgspec.structs.replace(
        tally,
        lost=lost,
        received=tally.received + strange,
        unattributed=tally.unattributed + strange,
        by_reason=by_reason,
    )
