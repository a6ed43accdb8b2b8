"""The audit trail is kept as long as the policy says (``retention.toml``), and let go of in small pieces."""

from __future__ import annotations

from typing import Final

from sqlmodel import Session, col, delete, func, select

from datahub.contract.clock import HOUR_MS
from datahub.store.tables import AuditRow, RefusalRow

PIECE: Final = 500
"""Rows of the trail that are looked at in one piece of work: a delete of so many takes some milliseconds."""

TOTAL_HOUR: Final = -1
"""The hour of the rows that count since the first day; they are never let go of."""


def trim(session: Session, *, before: int) -> bool:
    """Let go of what is older than ``before`` [ms] among the oldest rows; False if nothing was.

    What was done before the hub knew the time (``t`` 0) has no age and stays.
    """
    oldest = select(AuditRow.id, AuditRow.t).where(col(AuditRow.t) > 0).order_by(col(AuditRow.id)).limit(PIECE)
    old = [number for number, t in session.exec(oldest) if t < before]
    if old:
        session.exec(delete(AuditRow).where(col(AuditRow.id).in_(old)))
    hour = session.exec(select(func.min(RefusalRow.hour)).where(col(RefusalRow.hour) > TOTAL_HOUR)).one()
    over = hour is not None and (hour + 1) * HOUR_MS <= before
    if over:
        session.exec(delete(RefusalRow).where(col(RefusalRow.hour) == hour))
    return bool(old) or over
