"""Applications of departments to call data: applied for, granted or refused, revoked or expired (workflow W5).

Deciding is people's work; here is what may follow what, and that every step stands in the audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlmodel import Session, col, select

from datahub.contract.clock import DAY_MS
from datahub.contract.codes import ApplicationStage as Stage
from datahub.contract.errors import IllegalMove, UsageError
from datahub.resources.calling import Limits
from datahub.resources.scope import Scope, to_text
from datahub.store.paging import last_numbers
from datahub.store.session import Store
from datahub.store.tables import ApplicationRow, AuditRow, CodeRow

MOVES: Final[Mapping[Stage, tuple[Stage, ...]]] = {
    Stage.APPLIED: (Stage.GRANTED, Stage.REFUSED, Stage.EXPIRED),
    Stage.GRANTED: (Stage.REVOKED, Stage.EXPIRED),
    Stage.REFUSED: (),
    Stage.REVOKED: (),
    Stage.EXPIRED: (),
}

_NEVER: Final = 2**62


def subject(number: int) -> str:
    """What the audit trail calls an application."""
    return f"application {number}"


class Applications:
    """All applications of one hub. Times are city time [ms]."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store, self.limits = store, limits
        self._next = 0  # not before then does anything expire

    def apply(self, department: str, scope: Scope, *, purpose: str, starts: int, ends: int, t: int) -> int:
        """A department applies to call data from ``starts`` to ``ends``; the application's number.

        Raises:
            UsageError: if the period is over, empty or too long.
        """
        most = round(self.limits.grant_days.value * DAY_MS)
        if not max(starts, t) < ends <= starts + most:
            raise UsageError(f"the period ends before it begins, is over, or is longer than {most // DAY_MS} days")
        row = ApplicationRow(
            department=department,
            purpose=purpose,
            scope=to_text(scope),
            starts=starts,
            ends=ends,
            calls_per_hour=round(self.limits.calls_per_hour.value),
            stage=Stage.APPLIED,
            applied=t,
            moved=t,
            by=department,
        )
        with self._store.session() as session:
            session.add(row)
            session.flush()
            number = row.id or 0
            session.add(AuditRow(t=t, who=department, action="apply", subject=subject(number), detail=purpose))
            self._next = min(self._next, ends)
        return number

    def grant(
        self,
        number: int,
        scope: Scope,
        *,
        t: int,
        by: str,
        conditions: str = "",
        ends: int = 0,
        calls_per_hour: int = 0,
    ) -> None:
        """Grant an application: ``scope`` (within what was applied for), until ``ends`` (0: as applied for).

        Raises:
            IllegalMove: if it was decided already.
            UsageError: if there is none, or it would last longer than applied for.
        """
        with self._store.session() as session:
            row = self._move(session, number, Stage.GRANTED, t=t, by=by, words=conditions)
            if ends > row.ends or (ends and ends <= max(t, row.starts)):
                raise UsageError(f"the grant would end at {ends}, after it begins and until {row.ends} was applied for")
            row.granted, row.ends = to_text(scope), ends or row.ends
            row.calls_per_hour = calls_per_hour or row.calls_per_hour
            self._next = min(self._next, row.ends)

    def refuse(self, number: int, *, t: int, by: str, why: str) -> None:
        """Refuse an application.

        Raises:
            IllegalMove: if it was decided already.
            UsageError: if there is none.
        """
        with self._store.session() as session:
            self._move(session, number, Stage.REFUSED, t=t, by=by, words=why)

    def revoke(self, number: int, *, t: int, by: str, why: str) -> None:
        """End a grant before its time; its code is worth nothing from this moment on.

        Raises:
            IllegalMove: if it is not granted.
            UsageError: if there is none.
        """
        with self._store.session() as session:
            self._move(session, number, Stage.REVOKED, t=t, by=by, words=why)
            for code in session.exec(select(CodeRow).where(CodeRow.application == number, CodeRow.revoked == 0)):
                code.revoked = t
                session.add(code)

    def expire(self, session: Session, *, t: int) -> None:
        """End what has lasted its time, and what nobody decided in time."""
        if t < self._next:
            return
        open_ones = select(ApplicationRow).where(col(ApplicationRow.stage).in_([Stage.APPLIED, Stage.GRANTED]))
        self._next = _NEVER
        for row in session.exec(open_ones.order_by(col(ApplicationRow.id))).all():
            if row.ends <= t:
                self._move(session, row.id or 0, Stage.EXPIRED, t=t, by="hub", words=row.words)
            else:
                self._next = min(self._next, row.ends)

    def find(self, number: int) -> ApplicationRow:
        """One application.

        Raises:
            UsageError: if there is none of this number.
        """
        with self._store.session() as session:
            return _of(session, number)

    def every(self, *, limit: int = 100, before: int | None = None) -> list[ApplicationRow]:
        """Applications, newest first."""
        with self._store.session() as session:
            page = last_numbers(select(ApplicationRow), ApplicationRow.id, before=before, limit=limit)
            return list(session.exec(page))

    @staticmethod
    def _move(session: Session, number: int, to: Stage, *, t: int, by: str, words: str) -> ApplicationRow:
        row = _of(session, number)
        stage = Stage(row.stage)
        if to not in MOVES[stage]:
            raise IllegalMove(subject(number), stage=stage, move=to, allowed=MOVES[stage])
        row.stage, row.moved, row.by, row.words = to, t, by, words
        session.add(row)
        session.add(AuditRow(t=t, who=by, action=to, subject=subject(number), detail=words))
        return row


def _of(session: Session, number: int) -> ApplicationRow:
    row = session.get(ApplicationRow, number)
    if row is None:
        raise UsageError(f"there is no application {number}; see /applications for those there are")
    return row
