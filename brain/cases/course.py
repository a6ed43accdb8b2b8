"""The seven steps of a grid case, as one table of allowed moves, and what moves it on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from brain.cases.kinds import CaseType
from brain.model import CaseFiled, CaseMoved, EventClosed, Message, TaskOrdered
from brain.state import Case, Task
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import CaseStep, TaskStage
from datahub.contract.errors import IllegalMove

_S = CaseStep

#: Forward by the seven steps; back from handling or feedback to dispatch is a rework (返工). Collected to collected:
#: the case says that it begins.
MOVES: Final[Mapping[CaseStep, tuple[CaseStep, ...]]] = {
    _S.COLLECTED: (_S.COLLECTED, _S.FILED),
    _S.FILED: (_S.DISPATCHED,),
    _S.DISPATCHED: (_S.HANDLING,),
    _S.HANDLING: (_S.FED_BACK, _S.DISPATCHED),
    _S.FED_BACK: (_S.CLOSED, _S.DISPATCHED),
    _S.CLOSED: (_S.EVALUATED,),
    _S.EVALUATED: (),
}


def check(case: Case, step: CaseStep) -> None:
    """Refuse a move that the seven steps do not know.

    Raises:
        IllegalMove: naming the case, its step and what was allowed.
    """
    if step not in MOVES[case.step]:
        raise IllegalMove(
            f"case {case.id}", stage=case.step, move=step, allowed=tuple(s.value for s in MOVES[case.step])
        )


def duplicate_of(cases: Iterable[Case], *, type: str, object: int) -> Case | None:  # noqa: A002
    """The open case of this type on this object: one open case per thing (关联比对)."""
    return next((case for case in cases if case.open and case.type == type and case.place.object == object), None)


def advance(case: Case, kind: CaseType, tasks: Sequence[Task], *, reading: bool | None, t: int) -> Sequence[Message]:
    """What follows for a case now.

    Args:
        case: as it stands.
        kind: its declared type.
        tasks: all tasks of the case, in order.
        reading: whether the thing's own readings since the repair say that it is well; None while they say nothing.
        t: city time [ms].
    """
    mine = [task for task in tasks if task.step == f"handle.{case.round}"]
    looks = [task for task in tasks if task.step == f"verify.{case.round}"]
    match case.step:
        case _S.COLLECTED:
            return _file(case, kind, t)
        case _S.FILED:
            return (_move(case, _S.DISPATCHED, t, by=kind.department), _order(case, kind, t))
        case _S.DISPATCHED if not mine:
            return (_order(case, kind, t),)
        case _S.DISPATCHED if mine[-1].stage not in (TaskStage.ORDERED, TaskStage.SUBMITTED, TaskStage.WITHDRAWN):
            return (_move(case, _S.HANDLING, t, by=mine[-1].crew),)
        case _S.HANDLING if mine and mine[-1].stage is TaskStage.DONE:
            return _handled(case, kind, mine[-1], t)
        case _S.FED_BACK if not looks:
            return (_verification(case, kind, t),)
        case _S.FED_BACK if looks[-1].stage is TaskStage.DONE:
            return _verified(case, kind, looks[-1], reading=reading, t=t)
        case _S.CLOSED:
            return _evaluate(case, t)
        case _:
            return ()


def _file(case: Case, kind: CaseType, t: int) -> Sequence[Message]:
    deadline = t + round(kind.limit_s.value * SECOND_MS)
    filed = CaseFiled(
        t=t,
        id=case.id,
        type=case.type,
        place=case.place,
        source="device",
        department=kind.department,
        deadline=deadline,
    )
    return (filed, _move(case, _S.FILED, t, by=kind.verifier, note=kind.filing))


def _handled(case: Case, kind: CaseType, task: Task, t: int) -> Sequence[Message]:
    if task.findings.get(kind.solved_by, 1) == 0:
        return (_rework(case, t, by=task.crew, note=f"{kind.solved_by} = 0"),)
    return (_move(case, _S.FED_BACK, t, by=task.crew, facts=dict(task.findings)),)


def _verified(case: Case, kind: CaseType, look: Task, *, reading: bool | None, t: int) -> Sequence[Message]:
    if look.findings.get("solved") != 1:
        return (_rework(case, t, by=kind.verifier, note="verification failed"),)
    if reading is True:
        return (_move(case, _S.CLOSED, t, by=kind.verifier, note=kind.closing),)
    if t - look.finished < kind.device_wait_s.value * SECOND_MS:
        return ()
    if reading is False:
        return (_rework(case, t, by="device", note="its own readings contradict"),)
    return (_move(case, _S.CLOSED, t, by=kind.verifier, note="seen to be solved; the device stayed silent"),)


def _evaluate(case: Case, t: int) -> Sequence[Message]:
    hours = round((case.handled - case.filed) / 3_600_000, 2)
    facts: dict[str, float | str] = {
        "on_time": float(case.handled <= case.deadline),
        "handling_h": hours,
        "reworks_count": float(case.reworks),
    }
    closed = EventClosed(t=t, id=case.event, record=facts)
    return (_move(case, _S.EVALUATED, t, facts=facts), closed)


def _move(
    case: Case, step: CaseStep, t: int, *, by: str = "", note: str = "", facts: dict[str, float | str] | None = None
) -> CaseMoved:
    check(case, step)
    return CaseMoved(t=t, id=case.id, step=step, by=by, note=note, facts=facts or {})


def _rework(case: Case, t: int, *, by: str, note: str) -> CaseMoved:
    return _move(case, _S.DISPATCHED, t, by=by, note=note, facts={"rework": float(case.reworks + 1)})


def _order(case: Case, kind: CaseType, t: int) -> TaskOrdered:
    return TaskOrdered(
        t=t,
        id=f"{case.id}.handle.{case.round}-1",
        event=case.id,
        step=f"handle.{case.round}",
        department=kind.department,
        duty=kind.handle,
        crew="",
        deadline=max(case.deadline, t + round(kind.limit_s.value * SECOND_MS) if case.round > 1 else case.deadline),
        place=case.place,
        objects=(case.place.object,),
        details={"class_code": kind.class_code},
    )


def _verification(case: Case, kind: CaseType, t: int) -> TaskOrdered:
    return TaskOrdered(
        t=t,
        id=f"{case.id}.verify.{case.round}-1",
        event=case.id,
        step=f"verify.{case.round}",
        department=kind.verifier,
        duty=kind.verify,
        crew="",
        deadline=t + round(kind.verify_s.value * SECOND_MS),
        place=case.place,
        objects=(case.place.object,),
        details={"type": case.type},
    )
