"""The closed loop of an incident in five parts (003 4.3): trigger, linkage, dispatch, feedback, closure."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from brain.console.look import Look
from brain.console.picture import DESK
from brain.console.shown import Json, Panel
from brain.views import IncidentView, Situation, TaskView

_SETTLED = ("done", "skipped")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the loop: when it was reached [ms; 0: not yet], and what there is to say of it."""

    key: str
    t: int
    note: str


def loop(situation: Situation, look: Look) -> Panel:
    """The loop of the selected incident, else of the gravest open one."""
    opened = (each for each in situation.incidents if not each.closed and each.stage != "dismissed")
    incident = look.selected(situation) or next(opened, None)
    if incident is None:
        return {}
    desks = {crew.code for crew in situation.crews if crew.vehicle == DESK}
    parts = parts_of(incident, [task for task in situation.tasks if task.event == incident.id], look, desks=desks)
    now = next((index for index, part in enumerate(parts) if not part.t), len(parts))
    ended = bool(incident.closed) or incident.stage == "dismissed"
    shown: list[Json] = [
        {
            "key": part.key,
            "name": look.words(f"loop.{part.key}"),
            "t": part.t,
            "state": "done" if part.t else "none" if ended else "now" if index == now else "waiting",
            "note": part.note,
        }
        for index, part in enumerate(parts)
    ]
    return {"id": incident.id, "name": look.words.of(incident.name), "level": incident.level, "parts": shown}


def _trigger(incident: IncidentView, look: Look) -> str:
    """What gave it away: loggers, else citizens' calls."""
    if incident.devices:
        return look.words("loop.trigger_note", n=len(incident.devices))
    calls = dict(incident.facts).get("calls_count", 0)
    return look.words("loop.trigger_calls", n=int(calls)) if isinstance(calls, int | float) and calls else ""


def parts_of(
    incident: IncidentView, tasks: Sequence[TaskView], look: Look, *, desks: Container[str] = ()
) -> tuple[Part, ...]:
    """When each part was reached. Crews of ``desks`` never drive, so they are on site at once and do not count."""
    words = look.words
    respond = [step for step in incident.steps if step.phase == "respond"]
    names = {step.id: step.phase for step in incident.steps}
    sent = [task for task in tasks if names.get(task.step) == "respond" and incident.activated]
    arrived = min((task.arrived for task in sent if task.arrived and task.crew not in desks), default=0)
    back = sum(step.stage in _SETTLED for step in respond)
    answered = max((step.done for step in respond), default=0) if respond and back == len(respond) else 0
    through = sum(step.stage in _SETTLED for step in incident.steps)
    departments = len({task.department for task in tasks})
    out = incident.stage == "dismissed"
    return (
        Part("trigger", incident.raised, _trigger(incident, look)),
        Part(
            "linkage",
            incident.activated,
            words("loop.linkage_note", n=departments) if incident.activated else words("loop.linkage_wait"),
        ),
        Part(
            "dispatch",
            arrived,
            words("loop.dispatch_note") if arrived else words("loop.dispatch_wait", n=len(sent)),
        ),
        Part(
            "feedback",
            answered,
            words("loop.feedback_note") if answered else words("loop.feedback_wait", done=back, all=len(respond)),
        ),
        Part(
            "closure",
            incident.closed,
            words("loop.dismissed_note")
            if out
            else words("loop.closure_note")
            if incident.closed
            else words("loop.closure_wait", done=through, all=len(incident.steps)),
        ),
    )
