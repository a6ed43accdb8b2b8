"""What may be ordered of an incident now: by whom, what it will do, and what has to be given with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from brain.console.look import Look
from brain.console.shown import Json
from brain.model import OrderGiven
from brain.seats import ROLES, SeatOrder
from brain.views import CrewView, IncidentView, TaskView
from datahub.contract.city import City
from datahub.contract.errors import UsageError

#: Order -> what a person has to give with it.
NEEDS: Final[Mapping[SeatOrder, str]] = {
    SeatOrder.DISMISS: "why",
    SeatOrder.CLOSE: "why",
    SeatOrder.SET_LEVEL: "level",
    SeatOrder.ASSIGN: "crew",
}

LONGEST: Final = 200
"""Letters of a reason."""


class OrderInvalidError(UsageError):
    """What came from the page is no order."""


def may(role: str, order: str) -> bool:
    """Whether a role may give an order."""
    return order in ROLES.get(role, ())


def roles_of(order: str, look: Look) -> str:
    """Who may give an order, in words."""
    return " / ".join(look.words(f"seat.{role}") for role, orders in ROLES.items() if order in orders)


def actions(incident: IncidentView, look: Look) -> Json:
    """The orders that the incident's stage allows, with what they do in words."""
    return [_action(order, incident, look) for order in incident.orders]


def _action(order: str, incident: IncidentView, look: Look) -> Json:
    words = look.words
    name, where = words.of(incident.name), words.of(incident.where)
    return {
        "order": order,
        "subject": incident.id,
        "label": words(f"order.{order}"),
        "sign_in": words("order.sign_in_to", order=words(f"order.{order}_first")),
        "words": words(f"order.{order}_words", name=name, where=where),
        "needs": NEEDS.get(SeatOrder(order), ""),
        "may": may(look.role, order),
        "who": words("order.who", roles=roles_of(order, look)),
        "level": incident.level,
    }


def reassignments(tasks: Sequence[TaskView], crews: Sequence[CrewView], city: City, look: Look) -> Json:
    """For each open task the crews that could take it instead; empty for who may not re-assign."""
    if not may(look.role, SeatOrder.ASSIGN):
        return {}
    skilled = {crew.code: crew.skills for office in city.departments.values() for crew in office.crews}
    choices: dict[str, Json] = {}
    for task in tasks:
        able: list[Json] = [
            [crew.code, look.words.of(crew.name)]
            for crew in crews
            if not crew.task
            and not crew.silent
            and crew.department == task.department
            and task.duty in skilled.get(crew.code, ())
        ]
        if task.open and task.duty and able:
            words = look.words("order.assign_words", task=look.words.of(task.name))
            choices[task.id] = {"crews": able, "words": words}
    return choices


def order_given(said: Mapping[str, object], look: Look, *, t: int) -> OrderGiven:
    """The order that a page sent, as a message; seat and role are those of the server, never those of the page.

    Raises:
        OrderInvalidError: if it is no order that a person could have put together on the page.
    """
    order, subject = str(said.get("order", "")), str(said.get("subject", ""))
    if order not in tuple(SeatOrder) or not subject:
        raise OrderInvalidError(f"'{order:.40}' is no order")
    return OrderGiven(
        t=t,
        seat=look.seat,
        role=look.role,
        order=order,
        subject=subject,
        arguments=_arguments(SeatOrder(order), said.get("arguments")),
    )


def _arguments(order: SeatOrder, given: object) -> dict[str, float | str]:
    held = given if isinstance(given, Mapping) else {}
    match NEEDS.get(order, ""):
        case "level":
            level = held.get("level")
            if level not in (1, 2, 3, 4):
                raise OrderInvalidError(f"level '{level}' does not exist; give 1 (gravest) to 4")
            return {"level": int(level)}
        case "why":
            why = str(held.get("why", "")).strip()[:LONGEST]
            if not why:
                raise OrderInvalidError("a reason is wanted")
            return {"why": why}
        case "crew":
            return {"crew": str(held.get("crew", ""))}
        case _:
            return {}
