"""Nodes that flood the hub or send rubbish go into quarantine: nothing of them is taken until they are let out.

Each node has an allowance of readings (a token bucket): it grows with what the kinds behind the node promise, times a
margin, up to what a node may have gathered while it had no link. Who overdraws it is mad. Allowances and rubbish are
looked at once a tick, so that the order of arrival within it never shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np
from sqlmodel import Session, col, select

from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.declared import Number, own_text, read, refuse_below
from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints
from datahub.devices.nodes import Nodes
from datahub.events import AlarmClosed, AlarmOpened
from datahub.store.tables import AlarmRow, AuditRow, QuarantineRow

FILE = "limits.toml"
FLOOD, RUBBISH = "node_flood", "node_rubbish"
"""Kinds of alarm, and why a node is in quarantine."""


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the hub bears of one node (``limits.toml``)."""

    margin_ratio: Number
    backlog_s: Number
    least_count: Number
    rubbish_count: Number
    declared_s: Number


def load(text: str | None = None, *, file: str = FILE) -> Limits:
    """The declared limits.

    Raises:
        DeclarationError: if the file breaks a rule.
    """
    body = own_text(__package__, FILE) if text is None else text
    found = read(body, Limits, file=file)
    refuse_below(found, 0, beyond=True, file=file, text=body, rule="lets nothing in")
    return found


@dataclass(slots=True)
class Guard:
    """Allowances, rubbish and quarantine of all nodes. ``held``: alarm id by the code of each node in quarantine."""

    nodes: Nodes
    limits: Limits
    held: dict[int, str] = field(default_factory=dict)
    _spent: list[tuple[Ints, Ints]] = field(default_factory=list)
    _rubbish: dict[int, int] = field(default_factory=dict)
    _hour: int = -1
    _released: list[AlarmClosed] = field(default_factory=list)

    def restore(self, session: Session) -> None:
        """Take up who is in quarantine, and whose release was not told any more."""
        for row in session.exec(select(QuarantineRow).where(QuarantineRow.released == 0)):
            self.held[row.node] = row.alarm
        let_out = select(QuarantineRow).join(AlarmRow, col(AlarmRow.id) == col(QuarantineRow.alarm))
        for row in session.exec(let_out.where(QuarantineRow.released != 0, AlarmRow.cleared == 0)):
            self._released.append(AlarmClosed(row.released, row.alarm, row.why, row.node))
        self.mark()

    def mark(self) -> None:
        """Show the quarantine in the nodes' columns (again, once nodes were born)."""
        self.nodes.quarantined[:] = False
        rows = self.nodes.rows(np.fromiter(self.held, np.int64, len(self.held)))
        self.nodes.quarantined[rows[rows >= 0]] = True

    def spend(self, node: Ints, count: Ints) -> None:
        """These nodes (codes) sent so many readings or messages."""
        self._spent.append((node, count))

    def most_lost(self, node: int) -> int:
        """How many readings a node (code) may declare lost at once."""
        row = self.nodes.row(node)
        rate = float(self.nodes.rate[row]) if row >= 0 else 0.0
        most = rate * self.limits.margin_ratio.value * self.limits.declared_s.value
        return int(max(most, self.limits.least_count.value))

    def blame(self, node: int) -> None:
        """A message on this node's topic could not be read."""
        self._rubbish[node] = self._rubbish.get(node, 0) + 1

    def look(self, session: Session, *, t: int) -> list[AlarmOpened | AlarmClosed]:
        """Judge all since the last tick, as of city time ``t`` [ms]; who is over a limit goes into quarantine."""
        said: list[AlarmOpened | AlarmClosed] = list(self._released)
        self._released.clear()
        if t // HOUR_MS != self._hour:
            fresh, self._hour = self._rubbish if self._hour < 0 else {}, t // HOUR_MS
            said += self._confine(session, self._littered(), t=t)
            self._rubbish = fresh
        else:
            said += self._confine(session, self._littered(), t=t)
        return said + self._confine(session, self._overdrawn(t), t=t)

    def _littered(self) -> list[tuple[int, str, float, float]]:
        most = self.limits.rubbish_count.value
        return [(node, RUBBISH, float(n), most) for node, n in sorted(self._rubbish.items()) if n > most]

    def _overdrawn(self, t: int) -> list[tuple[int, str, float, float]]:
        """Nodes whose allowance is gone: code, why, what they sent since the last tick, what they might have."""
        if not self._spent:
            return []
        code = np.concatenate([node for node, _ in self._spent])
        count = np.concatenate([number for _, number in self._spent])
        self._spent.clear()
        nodes, limits = self.nodes, self.limits
        code, place = np.unique(code, return_inverse=True)
        spent = np.bincount(place, count, len(code))
        row = nodes.rows(code)
        known = row >= 0
        row, spent = row[known], spent[known]
        pace = nodes.rate[row] * limits.margin_ratio.value
        most = np.maximum(pace * limits.backlog_s.value, limits.least_count.value)
        since = (t - nodes.allowed_at[row]) / SECOND_MS
        had = np.where(nodes.allowed_at[row] == 0, most, nodes.allowance[row] + pace * np.maximum(since, 0.0))
        had = np.minimum(had, most)
        nodes.allowance[row], nodes.allowed_at[row] = had - spent, t
        over = np.flatnonzero((spent > had) & ~nodes.quarantined[row])
        return [(int(nodes.node[row[i]]), FLOOD, float(spent[i]), float(had[i])) for i in over.tolist()]

    def _confine(
        self, session: Session, found: Sequence[tuple[int, str, float, float]], *, t: int
    ) -> list[AlarmOpened]:
        said = []
        for node, why, value, limit in found:
            row = self.nodes.row(node)
            if row < 0 or node in self.held:
                continue
            self.nodes.quarantined[row] = True
            alarm = self.held[node] = f"{why}:{node}:{t}"
            detail = f"{value:.0f} against {limit:.0f}"
            session.add(QuarantineRow(node=node, alarm=alarm, why=why, detail=detail, since=t))
            session.add(AuditRow(t=t, who="hub", action="quarantine", subject=str(node), detail=f"{why}: {detail}"))
            said.append(AlarmOpened(t, alarm, why, node, "", value, limit, True))
        return said

    def release(self, session: Session, node: int, *, t: int, by: str) -> None:
        """Let a node out, with a full allowance.

        Raises:
            UsageError: if it is not in quarantine.
        """
        alarm = self.held.pop(node, None)
        if alarm is None:
            raise UsageError(f"node {node} is not in quarantine; nothing to release")
        row = self.nodes.row(node)
        if row >= 0:
            self.nodes.quarantined[row] = False
            self.nodes.allowed_at[row] = 0
        self._rubbish.pop(node, None)
        kept = session.exec(
            select(QuarantineRow).where(col(QuarantineRow.node) == node, col(QuarantineRow.released) == 0)
        ).one()
        kept.released, kept.by = t, by
        session.add(kept)
        session.add(AuditRow(t=t, who=by, action="release", subject=str(node), detail=alarm))
        self._released.append(AlarmClosed(t, alarm, alarm.partition(":")[0], node))

    def room(self, node: int, t: int) -> float:
        """How many readings a node (code) may still send at ``t`` [ms] before it is taken for mad."""
        nodes, limits, row = self.nodes, self.limits, self.nodes.row(node)
        if row < 0:
            return limits.least_count.value
        pace = float(nodes.rate[row]) * limits.margin_ratio.value
        most = max(pace * limits.backlog_s.value, limits.least_count.value)
        since_s = max(0.0, (t - int(nodes.allowed_at[row])) / SECOND_MS)
        had = most if nodes.allowed_at[row] == 0 else min(most, float(nodes.allowance[row]) + pace * since_s)
        return had - sum(int(count[of == node].sum()) for of, count in self._spent)
