"""The life of an alarm, after ANSI/ISA-18.2 and IEC 62682: a person takes note of it, and it clears by itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec
from sqlmodel import Session, and_, col, or_, select

from datahub.contract.errors import IllegalMove, UsageError
from datahub.store.tables import AcknowledgedRow, AlarmRow, AuditRow

FAR: Final = 2**62
"""A time after all others [ms]."""

_PART: Final = 1_000


class AlarmState(StrEnum):
    """How far an alarm has come. Its cause alone clears it: what was acknowledged stays until then."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"


MOVES: Mapping[AlarmState, tuple[AlarmState, ...]] = {
    AlarmState.OPENED: (AlarmState.ACKNOWLEDGED, AlarmState.CLEARED),
    AlarmState.ACKNOWLEDGED: (AlarmState.CLEARED,),
    AlarmState.CLEARED: (),
}


class AlarmStory(msgspec.Struct, frozen=True):
    """An alarm with its life. Times in ms; 0 where it has not come so far. ``owner`` is empty where nobody knows.

    ``value`` and ``limit`` are in the unit of the property's name; where a whole node or device is meant, in seconds
    or as a share.
    """

    id: str
    kind: str
    device: int
    property: str
    value: float
    limit: float
    fault: bool
    raised: int
    cleared: int
    state: AlarmState
    acknowledged: int = 0
    by: str = ""
    note: str = ""
    owner: str = ""


def check(alarm: str, state: AlarmState, to: AlarmState) -> None:
    """Let a move pass or refuse it.

    Raises:
        IllegalMove: if that state cannot follow.
    """
    if to not in MOVES[state]:
        raise IllegalMove(f"alarm {alarm}", stage=state, move=to, allowed=MOVES[state])


def acknowledge(session: Session, alarm: str, *, t: int, by: str, note: str) -> None:
    """Somebody takes note of an alarm at city time ``t`` [ms]; it stays open until its cause is gone.

    Raises:
        IllegalMove: if that was done before, or the cause is gone.
        UsageError: if there is no such alarm.
    """
    row = session.get(AlarmRow, alarm)
    if row is None:
        raise UsageError(f"there is no alarm '{alarm}'; see /alarms for those there are")
    check(alarm, _state(row, session.get(AcknowledgedRow, alarm)), AlarmState.ACKNOWLEDGED)
    session.add(AcknowledgedRow(alarm=alarm, t=t, by=by, note=note))
    session.add(AuditRow(t=t, who=by, action="acknowledge", subject=str(row.device), detail=f"{alarm}: {note}"[:500]))


def stories(
    session: Session,
    *,
    states: Collection[AlarmState] = tuple(AlarmState),
    kind: str = "",
    device: int = 0,
    fault: bool | None = None,
    start: int = 0,
    end: int = FAR,
) -> Iterator[AlarmStory]:
    """Alarms in some states, newest first; of a kind, device, time (start <= raised < end [ms]), if they are given."""
    noted = col(AcknowledgedRow.alarm)
    life = {
        AlarmState.OPENED: and_(col(AlarmRow.cleared) == 0, noted.is_(None)),
        AlarmState.ACKNOWLEDGED: and_(col(AlarmRow.cleared) == 0, noted.is_not(None)),
        AlarmState.CLEARED: col(AlarmRow.cleared) != 0,
    }
    chosen = (
        select(AlarmRow, AcknowledgedRow)
        .join(AcknowledgedRow, noted == col(AlarmRow.id), isouter=True)
        .where(or_(*(life[state] for state in states)), AlarmRow.raised >= start, AlarmRow.raised < end)
        .order_by(col(AlarmRow.raised).desc(), col(AlarmRow.id).desc())
    )
    if kind:
        chosen = chosen.where(AlarmRow.kind == kind)
    if device:
        chosen = chosen.where(AlarmRow.device == device)
    if fault is not None:
        chosen = chosen.where(AlarmRow.fault == fault)
    for part in session.exec(chosen).partitions(_PART):
        yield from (_story(row, note) for row, note in part)


def _state(row: AlarmRow, note: AcknowledgedRow | None) -> AlarmState:
    if row.cleared:
        return AlarmState.CLEARED
    return AlarmState.OPENED if note is None else AlarmState.ACKNOWLEDGED


def _story(row: AlarmRow, note: AcknowledgedRow | None) -> AlarmStory:
    return AlarmStory(
        id=row.id,
        kind=row.kind,
        device=row.device,
        property=row.property,
        value=row.value,
        limit=row.limit,
        fault=row.fault,
        raised=row.raised,
        cleared=row.cleared,
        state=_state(row, note),
        acknowledged=note.t if note else 0,
        by=note.by if note else "",
        note=note.note if note else "",
    )
