"""Seats of the operations centre: who may order what, and what an order makes happen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec

from brain.model import (
    EventClosed,
    EventConfirmed,
    EventDismissed,
    LevelChanged,
    Message,
    OrderGiven,
    OrderRefused,
    PlanActivated,
    TaskUpdated,
)
from brain.office import Office
from brain.plans.grading import level_of, match
from brain.plans.record import after_action
from brain.sending import again
from brain.state import IncidentStage
from datahub.contract.codes import TaskStage
from datahub.contract.errors import UsageError


class SeatOrder(StrEnum):
    """What a person may order."""

    CONFIRM = "confirm"  # this event is real
    DISMISS = "dismiss"  # it is not
    ACTIVATE = "activate"  # start the plan now
    SET_LEVEL = "set_level"  # arguments: level
    CLOSE = "close"  # end the incident although the plan is not through; arguments: why
    ASSIGN = "assign"  # subject: task; arguments: crew


_OPERATOR: Final = (SeatOrder.CONFIRM, SeatOrder.DISMISS, SeatOrder.ASSIGN)

#: Role -> what it may order. Who declares and closes is not in the plans (workflow W1); this is our choice.
ROLES: Final[Mapping[str, tuple[SeatOrder, ...]]] = {
    "viewer": (),
    "operator": _OPERATOR,
    "commander": tuple(SeatOrder),
}


class OrderForbiddenError(UsageError):
    """A seat ordered what its role may not, or what does not exist."""


def check(order: OrderGiven) -> None:
    """Refuse an order that the seat's role may not give.

    Raises:
        OrderForbiddenError: naming the order, the role and who may.
    """
    if order.order not in tuple(SeatOrder):
        known = ", ".join(SeatOrder)
        raise OrderForbiddenError(f"'{order.order}' is no order; a seat may give: {known}")
    if order.order not in ROLES.get(order.role, ()):
        may = ", ".join(role for role, orders in ROLES.items() if order.order in orders)
        raise OrderForbiddenError(f"role '{order.role}' of seat '{order.seat}' may not '{order.order}'; may: {may}")


def obey(office: Office, said: OrderGiven) -> Iterator[Message]:
    """Carry out an order, or say why not: the matter may have moved on since the person looked."""
    try:
        check(said)
        yield from _ORDERS[SeatOrder(said.order)](office, said)
    except OrderForbiddenError as error:
        yield OrderRefused(t=office.t, seat=said.seat, order=said.order, subject=said.subject, why=str(error))


def _incident(office: Office, said: OrderGiven, *stages: IncidentStage) -> Any:
    incident = office.memory.incidents.get(said.subject)
    if incident is None:
        raise OrderForbiddenError(f"there is no incident '{said.subject}'")
    if incident.stage not in stages:
        allowed = ", ".join(stages)
        raise OrderForbiddenError(f"incident '{said.subject}' is {incident.stage}; '{said.order}' needs: {allowed}")
    return incident


def _confirm(office: Office, said: OrderGiven) -> Iterator[Message]:
    incident = _incident(office, said, IncidentStage.RAISED)
    yield EventConfirmed(t=office.t, id=incident.id, place=incident.place, by=said.seat)


def _dismiss(office: Office, said: OrderGiven) -> Iterator[Message]:
    incident = _incident(office, said, IncidentStage.RAISED)
    why = str(said.arguments.get("why", "")) or "dismissed by a person"
    yield EventDismissed(t=office.t, id=incident.id, why=f"{why} ({said.seat})")


def _activate(office: Office, said: OrderGiven) -> Iterator[Message]:
    incident = _incident(office, said, IncidentStage.RAISED)
    plan = match(office.plans, incident.type, incident.facts)
    if plan is None:
        raise OrderForbiddenError(f"no plan answers '{incident.type}'")
    level, reasons = level_of(plan, incident.facts)
    yield EventConfirmed(t=office.t, id=incident.id, place=incident.place, by=said.seat)
    yield PlanActivated(t=office.t, event=incident.id, plan=plan.name, level=level, reasons=(*reasons, said.seat))


def _set_level(office: Office, said: OrderGiven) -> Iterator[Message]:
    incident = _incident(office, said, IncidentStage.CONFIRMED)
    level = said.arguments.get("level")
    if level not in (1, 2, 3, 4):
        raise OrderForbiddenError(f"level '{level}' does not exist; give 1 (gravest) to 4")
    incident.level_fixed = True
    office.memory.keep(incident)
    yield LevelChanged(t=office.t, event=incident.id, level=int(level), reasons=(f"set by {said.seat}",))


def _close(office: Office, said: OrderGiven) -> Iterator[Message]:
    incident = _incident(office, said, IncidentStage.CONFIRMED)
    if incident.closed_valves:
        raise OrderForbiddenError(
            f"{len(incident.closed_valves)} valves are still closed for '{incident.id}'; open them first"
        )
    tasks, commands = office.memory.tasks_of(incident.id), office.memory.commands_of(incident.id)
    warnings = [each for each in office.memory.warnings.values() if each.event == incident.id]
    record = after_action(incident, tasks=tasks, commands=commands, warnings=warnings, t=office.t)
    why = str(said.arguments.get("why", ""))
    yield EventClosed(t=office.t, id=incident.id, record={**record, "closed_by": said.seat, "why": why})


def _assign(office: Office, said: OrderGiven) -> Iterator[Message]:
    task, crew = office.memory.tasks.get(said.subject), office.memory.crews.get(str(said.arguments.get("crew", "")))
    if task is None or not task.open:
        raise OrderForbiddenError(f"there is no open task '{said.subject}'")
    if crew is None or crew.department != task.department or task.duty not in crew.skills:
        name = said.arguments.get("crew", "")
        raise OrderForbiddenError(f"'{name}' is no crew of {task.department} that can {task.duty}")
    if task.stage is TaskStage.ORDERED:
        yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.ORDERED, crew=crew.code)
        return
    yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.WITHDRAWN, findings={"by": said.seat})
    yield msgspec.structs.replace(again(office, task, crew=crew.code), t=office.t)


_ORDERS: Final[Mapping[SeatOrder, Callable[[Office, OrderGiven], Iterator[Message]]]] = {
    SeatOrder.CONFIRM: _confirm,
    SeatOrder.DISMISS: _dismiss,
    SeatOrder.ACTIVATE: _activate,
    SeatOrder.SET_LEVEL: _set_level,
    SeatOrder.CLOSE: _close,
    SeatOrder.ASSIGN: _assign,
}
