"""Gaps in what nodes have numbered, by name: which sequences are missing since when, and which are lost for ever."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlmodel import Session, col, select

from datahub.contract.messages import Lost
from datahub.ingest.windows import Windows
from datahub.store.paging import last_numbers
from datahub.store.tables import GapRow

_KEY = tuple[int, int]
_INSERT = "INSERT INTO hub_gap (node, epoch, first, last, since, declared, why) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Gap(msgspec.Struct, frozen=True):
    """A run of sequences of one node and birth epoch, both ends included.

    Attributes:
        since: city time at which the hub first saw something beyond it, or the node gave it up [ms].
        declared: the node said that it will never come.
        why: in the node's words.
        id: number by which the database knows what was declared, greater for a later one; else 0.
    """

    node: int
    epoch: int
    first: int
    last: int
    since: int
    declared: bool = False
    why: str = ""
    id: int = 0

    @property
    def count(self) -> int:
        """How many readings."""
        return self.last - self.first + 1


class Gaps:
    """All gaps that are open, in memory and as rows; declared ones as rows only."""

    def __init__(self, windows: Windows) -> None:
        self._windows = windows
        self._open: dict[_KEY, list[Gap]] = {}

    def restore(self, session: Session) -> None:
        """Take up those that a former process had found."""
        for row in session.exec(select(GapRow).where(~col(GapRow.declared)).order_by(col(GapRow.first))):
            self._open.setdefault((row.node, row.epoch), []).append(_gap(row))

    def look(self, session: Session, declared: Sequence[Lost], *, t: int) -> None:
        """Name what is missing as of city time ``t`` [ms], what is no more, and what was declared lost since."""
        touched, self._windows.touched = self._windows.touched, set()
        new = [Gap(one.node, one.epoch, one.first, one.last, one.t, True, one.why[:200]) for one in declared]
        closed: list[_KEY] = []
        for key in sorted(touched):
            known = self._open.get(key, [])
            now = [_named(key, run, known, t=t) for run in self._windows.missing(*key)]
            if now == known:
                continue
            closed += [key] if known else []
            new += now
            self._open[key] = now
            if not now:
                del self._open[key]
        connection = session.connection()  # a broker's end may open and close gaps of thousands of nodes in one tick
        if closed:
            connection.exec_driver_sql("DELETE FROM hub_gap WHERE node = ? AND epoch = ? AND NOT declared", closed)
        if new:
            connection.exec_driver_sql(_INSERT, [msgspec.structs.astuple(one)[:-1] for one in new])

    def open(self, *, node: int | None = None) -> list[Gap]:
        """What is missing, by node, epoch and sequence."""
        keys = sorted(key for key in self._open if node is None or key[0] == node)
        return [gap for key in keys for gap in self._open[key]]


def _named(key: _KEY, run: tuple[int, int], known: Sequence[Gap], *, t: int) -> Gap:
    """A gap, and since when: what is left of one keeps its age."""
    first, last = run
    since = min((one.since for one in known if one.first <= last and first <= one.last), default=t)
    return Gap(*key, first, last, since)


def declared(session: Session, *, node: int | None = None, limit: int = 100, before: int | None = None) -> list[Gap]:
    """What nodes declared lost, newest first."""
    chosen = select(GapRow).where(col(GapRow.declared))
    chosen = chosen if node is None else chosen.where(GapRow.node == node)
    rows = session.exec(last_numbers(chosen, GapRow.id, before=before, limit=limit))
    return [msgspec.structs.replace(_gap(row), id=row.id or 0) for row in rows]


def _gap(row: GapRow) -> Gap:
    return Gap(row.node, row.epoch, row.first, row.last, row.since, row.declared, row.why)
