"""Incidents: the list of what needs a person, and everything about the selected one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from brain.console.actions import actions, reassignments
from brain.console.look import Look
from brain.console.picture import DESK
from brain.console.shown import Json, Panel, fact
from brain.terms import SEATS
from brain.views import CrewView, IncidentView, Situation, StepView, TaskView, WarningView
from datahub.contract.city import City
from datahub.contract.duties import duties

ENDED: Final = 3
"""Ended incidents that stay on the list."""

_HIDDEN: Final = frozenset({"pipe", "communities", "lon", "lat", "failed"})
"""Facts that are codes for machines."""


def matters(situation: Situation, look: Look) -> Panel:
    """The list: open ones as they come (worst first), then the last that ended."""
    opened = [each for each in situation.incidents if not _ended(each)]
    ended = [each for each in situation.incidents if _ended(each)]
    ended = sorted(ended, key=lambda each: (-max(each.closed, each.raised), each.id))[:ENDED]
    return {
        "open": [each.id for each in opened],
        "ended": [each.id for each in ended],
        "by": {each.id: _line(each, look) for each in (*opened, *ended)},
    }


def _ended(incident: IncidentView) -> bool:
    return bool(incident.closed) or incident.stage in ("closed", "dismissed")


def _line(each: IncidentView, look: Look) -> Panel:
    return {
        "name": look.words.of(each.name),
        "where": look.words.of(each.where),
        "level": each.level,
        "stage": each.stage,
        "raised": each.raised,
        "closed": each.closed,
        "deadline": each.next_deadline,
        "people": each.people if each.confirmed else 0,
    }


def matter(situation: Situation, look: Look, city: City) -> Panel:
    """The selected incident: head, evidence, plan, crews, orders, record. Empty if none is selected."""
    chosen = look.selected(situation)
    if chosen is None:
        return {}
    tasks = {task.id: task for task in situation.tasks if task.event == chosen.id}
    crews = {crew.code: crew for crew in situation.crews}
    return {
        **_line(chosen, look),
        "id": chosen.id,
        "confirmed": chosen.confirmed,
        "activated": chosen.activated,
        "communities": len(chosen.area) if chosen.confirmed else 0,
        "candidates": 0 if chosen.confirmed else len(chosen.candidates),
        "facts": _facts(chosen.facts, "fact", look),
        "reasons": [reason_of(reason, look) for reason in chosen.reasons],
        "steps": [_step(step, look) for step in chosen.steps],
        "tasks": {each.id: _task(each, look, crews, t=situation.t) for each in tasks.values()},
        "warnings": [_warning(each, look) for each in situation.warnings if each.event == chosen.id],
        "actions": actions(chosen, look),
        "assign": reassignments(tuple(tasks.values()), situation.crews, city, look),
        "record": _facts(chosen.record, "record", look, unknown=False),
    }


def _facts(facts: tuple[tuple[str, float | str], ...], section: str, look: Look, *, unknown: bool = True) -> Json:
    """Facts in the order of the words; what a person wrote and no word is known for comes last, as it is."""
    given = dict(facts)
    keys = [key.partition(".")[2] for key in look.words.said if key.startswith(f"{section}.")]
    shown: list[Json] = [
        [look.words(f"{section}.{key}"), fact(f"{section}.{key}", given[key], look.words)]
        for key in keys
        if key in given
    ]
    if unknown:
        shown += [[key, value] for key, value in facts if isinstance(value, str) and key not in {*keys, *_HIDDEN}]
    return shown


def reason_of(reason: str, look: Look) -> str:
    """A criterion in words: 'people_without_water at least 5000 (6120)' with the fact's own name."""
    reason = reason.removeprefix("set by ")
    if reason in SEATS:
        return look.words("incident.set_by", seat=look.words.of(SEATS[reason]))
    if look.lang == "zh":
        reason = reason.replace("no graver criterion is met", "未达更高级别标准").replace(" at least ", " ≥ ")
    reason = re.sub(r"\d{4,}", lambda found: f"{int(found[0]):,}", reason.replace(">=", "≥").replace("<=", "≤"))
    return re.sub(r"\b[a-z]+(?:_[a-z0-9]+)+\b", lambda found: look.words(f"fact.{found[0]}"), reason)


def _step(step: StepView, look: Look) -> Panel:
    return {
        "id": step.id,
        "name": look.words.of(step.name),
        "owner": look.words.of(step.owner),
        "phase": step.phase,
        "stage": step.stage,
        "round": step.round,
        "opened": step.opened,
        "deadline": step.deadline,
        "done": step.done,
        "overdue": step.overdue and step.stage == "open",
        "tasks": list(step.tasks),
        "outcome": _outcome(step, look),
    }


def _outcome(step: StepView, look: Look) -> str:
    """What a step that is done has shown, where that is not plain from its being done: calls may fit or not."""
    keys = (f"outcome.{key}{value:.0f}" for key, value in step.outcome if not isinstance(value, str))
    return ", ".join(look.words(key) for key in keys if look.words.knows(key))


def _stage(task: TaskView, crew: CrewView | None, look: Look) -> str:
    """A task's stage in words; a desk goes nowhere, so it is never on site."""
    known = duties().get(task.duty)
    desk = (known is not None and known.desk) or (crew is not None and crew.vehicle == DESK)
    return look.words("crew.at_desk" if desk and task.stage in ("en_route", "on_site") else f"crew.{task.stage}")


def _task(task: TaskView, look: Look, crews: Mapping[str, CrewView], *, t: int) -> Panel:
    crew = crews.get(task.crew)
    eta = crew.eta if crew and crew.task == task.id and crew.eta else task.eta
    return {
        "name": look.words.of(task.name),
        "crew": look.words.of(crew.name) if crew else task.crew,
        "code": task.crew,
        "department": look.words.of(task.department),
        "stage": task.stage,
        "word": _stage(task, crew, look),
        "attempt": task.attempt,
        "eta": eta if eta > t else 0,
        "arrived": task.arrived,
        "finished": task.finished,
        "deadline": task.deadline,
    }


def _warning(each: WarningView, look: Look) -> Panel:
    return {
        "channel": look.words(f"warning.{each.channel}"),
        "text": look.words.of(each.text),
        "people": each.people,
        "sent": each.sent,
        "delivered": each.delivered,
        "issued": each.issued,
    }
