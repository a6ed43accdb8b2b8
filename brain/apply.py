"""What each message says of stages, facts, orders and warnings, written into the brain's memory.

Every stage of a matter changes here or in the life that it calls, so that a transcript tells how matters stood. What
no message carries is written by the reaction that works it out (see ``brain.state``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from brain.cases import course as cases
from brain.dispatch import life as tasks
from brain.events import life as events
from brain.memory import Memory
from brain.model import (
    CaseFiled,
    CaseMoved,
    CommandOrdered,
    CommandUpdated,
    EventClosed,
    EventConfirmed,
    EventDismissed,
    EventRaised,
    EventUpdated,
    LevelChanged,
    Message,
    PlanActivated,
    StepDone,
    StepOpened,
    StepOverdue,
    TaskOrdered,
    TaskUpdated,
    WarningFedBack,
    WarningIssued,
)
from brain.plans import life as steps
from brain.state import (
    CommandState,
    Incident,
    IncidentStage,
    StepStage,
    StepState,
    Task,
    WarningState,
)
from datahub.contract.clock import HOUR_MS
from datahub.contract.codes import AckStatus, CaseStep, TaskStage


def open_incident(memory: Memory, said: EventRaised) -> None:
    """An event that a plan answers is taken in hand."""
    memory.keep(
        Incident(
            id=said.id,
            type=said.type,
            place=said.place,
            certainty=said.certainty,
            raised=said.t,
            facts=dict(said.facts),
            candidates=dict(said.candidates),
            devices=said.devices,
        )
    )


def _updated(memory: Memory, said: EventUpdated) -> None:
    incident = memory.incidents.get(said.id)
    if incident is None:
        return
    before = _dry(incident)
    incident.facts |= said.facts
    if said.candidates:
        incident.candidates = dict(said.candidates)
    _count_person_hours(incident, people=before, t=said.t)
    memory.keep(incident)


def _dry(incident: Incident) -> float:
    """People who really have no water now: cut off by valves that are closed."""
    people = incident.facts.get("people_without_water", 0)
    return float(people) if incident.closed_valves and isinstance(people, int | float) else 0.0


def _count_person_hours(incident: Incident, *, people: float, t: int) -> None:
    if incident.dry_since:
        incident.person_hours += people * (t - incident.dry_since) / HOUR_MS
    now = _dry(incident)
    incident.dry_since = t if now else 0
    incident.peak_people = max(incident.peak_people, round(now))


def _confirmed(memory: Memory, said: EventConfirmed) -> None:
    incident = memory.incidents.get(said.id)
    if incident is None:
        return
    events.move(incident, IncidentStage.CONFIRMED, t=said.t)
    incident.place = said.place
    incident.facts |= said.facts
    memory.keep(incident)


def _dismissed(memory: Memory, said: EventDismissed) -> None:
    incident = memory.incidents.get(said.id)
    if incident is None:
        return
    events.move(incident, IncidentStage.DISMISSED, t=said.t)
    incident.reasons = (said.why,)
    memory.keep(incident)


def _activated(memory: Memory, said: PlanActivated) -> None:
    incident = memory.incidents[said.event]
    incident.activated = said.t
    incident.plan, incident.level, incident.reasons = said.plan, said.level, said.reasons
    memory.keep(incident)


def _level(memory: Memory, said: LevelChanged) -> None:
    incident = memory.incidents[said.event]
    incident.level, incident.reasons = said.level, said.reasons
    memory.keep(incident)


def _step(memory: Memory, event: str, step: str, stage: StepStage) -> StepState:
    incident = memory.incidents[event]
    state = steps.move(incident, step, stage)
    memory.keep(incident)
    return state


def _step_opened(memory: Memory, said: StepOpened) -> None:
    state = _step(memory, said.event, said.step, StepStage.OPEN)
    state.opened, state.deadline = said.t, said.deadline
    state.done, state.overdue = 0, False


def _step_done(memory: Memory, said: StepDone) -> None:
    stage = StepStage.SKIPPED if said.outcome == "skipped" else StepStage.DONE
    _step(memory, said.event, said.step, stage).done = said.t


def _step_overdue(memory: Memory, said: StepOverdue) -> None:
    incident = memory.incidents[said.event]
    incident.steps[said.step].overdue = True
    memory.keep(incident)


def _ordered(memory: Memory, said: TaskOrdered) -> None:
    memory.keep(
        Task(
            id=said.id,
            event=said.event,
            step=said.step,
            department=said.department,
            duty=said.duty,
            place=said.place,
            deadline=said.deadline,
            ordered=said.t,
            moved=said.t,
            assigned=said.t if said.crew else 0,
            crew=said.crew,
            objects=said.objects,
            details=dict(said.details),
            attempt=said.attempt,
        )
    )


def _task(memory: Memory, said: TaskUpdated) -> None:
    task = tasks.move(memory.tasks[said.id], said)
    task.recall = task.recall or said.stage is TaskStage.WITHDRAWN
    memory.keep(task)


def _commanded(memory: Memory, said: CommandOrdered) -> None:
    memory.keep(
        CommandState(
            id=said.id,
            event=said.event,
            step=said.step,
            device=said.device,
            object=said.object,
            name=said.name,
            arguments=dict(said.arguments),
            ordered=said.t,
            expires=said.expires,
        )
    )


def _command(memory: Memory, said: CommandUpdated) -> None:
    command = memory.commands[said.id]
    command.status = said.status
    if said.status in (AckStatus.DONE, AckStatus.REJECTED, AckStatus.EXPIRED):
        command.finished = said.t
    memory.keep(command)


def _issued(memory: Memory, said: WarningIssued) -> None:
    fields = {name: getattr(said, name) for name in WarningState.__struct_fields__ if hasattr(said, name)}
    memory.keep(WarningState(**fields, issued=said.t))


def _fed_back(memory: Memory, said: WarningFedBack) -> None:
    warning = memory.warnings[said.id]
    warning.sent, warning.delivered = said.sent, said.delivered
    memory.keep(warning)


def _closed(memory: Memory, said: EventClosed) -> None:
    incident = memory.incidents.get(said.id)
    if incident is None:
        return
    events.move(incident, IncidentStage.CLOSED, t=said.t)
    incident.record = dict(said.record)
    memory.keep(incident)


def _filed(memory: Memory, said: CaseFiled) -> None:
    case = memory.cases[said.id]
    case.deadline, case.filed = said.deadline, said.t
    memory.keep(case)


def _case_moved(memory: Memory, said: CaseMoved) -> None:
    case = memory.cases[said.id]
    cases.check(case, said.step)
    case.step = said.step
    match said.step:
        case CaseStep.DISPATCHED if "rework" in said.facts:
            case.round += 1
            case.reworks += 1
        case CaseStep.FED_BACK:
            case.handled = said.t
        case CaseStep.CLOSED:
            case.closed = said.t
        case CaseStep.EVALUATED:
            case.evaluated, case.on_time = said.t, bool(said.facts.get("on_time", 0))
        case _:
            pass
    memory.keep(case)


#: Message type -> what it changes. What is not here changes nothing.
CHANGES: Final[Mapping[type[Message], Callable[[Memory, Any], None]]] = {
    EventUpdated: _updated,
    EventConfirmed: _confirmed,
    EventDismissed: _dismissed,
    PlanActivated: _activated,
    LevelChanged: _level,
    StepOpened: _step_opened,
    StepDone: _step_done,
    StepOverdue: _step_overdue,
    TaskOrdered: _ordered,
    TaskUpdated: _task,
    CommandOrdered: _commanded,
    CommandUpdated: _command,
    WarningIssued: _issued,
    WarningFedBack: _fed_back,
    EventClosed: _closed,
    CaseFiled: _filed,
    CaseMoved: _case_moved,
}


def apply(memory: Memory, said: Message) -> None:
    """Change the memory as a message says.

    Raises:
        IllegalMove: if the message asks for a move that a life cycle does not know.
    """
    change = CHANGES.get(type(said))
    if change is not None:
        change(memory, said)
