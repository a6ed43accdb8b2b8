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
    """One part of the loop: when it was reached [ms; 0: not yet], and what there is to say of it.

    ``goes_on``: reached, but what it stands for still goes on, so that the next part has not begun.
    """

    key: str
    t: int
    note: str
    goes_on: bool = False


def loop(situation: Situation, look: Look) -> Panel:
    """The loop of the selected incident, else of the gravest open one."""
    opened = (each for each in situation.incidents if not each.closed and each.stage != "dismissed")
    incident = look.selected(situation) or next(opened, None)
    if incident is None:
        return {}
    desks = {crew.code for crew in situation.crews if crew.vehicle == DESK}
    parts = parts_of(incident, [task for task in situation.tasks if task.event == incident.id], look, desks=desks)
    now = next((index for index, part in enumerate(parts) if part.goes_on or not part.t), len(parts))
    ended = bool(incident.closed) or incident.stage == "dismissed"
    shown: list[Json] = [
        {
            "key": part.key,
            "name": look.words(f"loop.{part.key}"),
            "t": part.t,
            "state": _state(part, ended=ended, now=index == now),
            "note": part.note,
        }
        for index, part in enumerate(parts)
    ]
    return {"id": incident.id, "name": look.words.of(incident.name), "level": incident.level, "parts": shown}


def _state(part: Part, *, ended: bool, now: bool) -> str:
    if part.t and not (part.goes_on and now):
        return "done"
    return "none" if ended else "now" if now else "waiting"


def _trigger(incident: IncidentView, look: Look) -> str:
    """What gave it away: loggers, else citizens' calls."""
    if incident.devices:
        return look.words("loop.trigger_note", n=len(incident.devices))
    calls = dict(incident.facts).get("calls_count", 0)
    return look.words("loop.trigger_calls", n=int(calls)) if isinstance(calls, int | float) and calls else ""


def parts_of(
    incident: IncidentView, tasks: Sequence[TaskView], look: Look, *, desks: Container[str] = ()
) -> tuple[Part, ...]:
    """When each part was reached. Crews of ``desks`` never drive, so they are never on site and do not count.

    The patrol that looked before the plan began is a crew on site like any other. Closure begins when everything but
    standing down, the plan's last step, is done; until then repair and recovery feed back.
    """
    words = look.words
    sent = [task for task in tasks if task.crew not in desks and task.stage != "ordered"]
    arrived = min((task.arrived for task in sent if task.arrived), default=0)
    departments = len({task.department for task in tasks})
    out = incident.stage == "dismissed"
    linked = words("loop.linkage_note", n=departments) if incident.activated else words("loop.linkage_wait")
    on_way = words("loop.dispatch_note") if arrived else words("loop.dispatch_wait", n=len(sent))
    feedback = _feedback(incident, look)
    closing = words("loop.closure_later") if feedback.goes_on or not feedback.t else words("loop.closure_wait")
    closed = words("loop.dismissed_note") if out else words("loop.closure_note") if incident.closed else closing
    return (
        Part("trigger", incident.raised, _trigger(incident, look)),
        Part("linkage", incident.activated, linked),
        Part("dispatch", arrived, on_way),
        feedback,
        Part("closure", incident.closed, closed),
    )


def _feedback(incident: IncidentView, look: Look) -> Part:
    """The response fed back, then repair and recovery up to standing down."""
    words = look.words
    respond = [step for step in incident.steps if step.phase == "respond"]
    recover = [step for step in incident.steps if step.phase == "recover"][:-1]
    back, mended = (sum(step.stage in _SETTLED for step in steps) for steps in (respond, recover))
    if not respond or back < len(respond):
        return Part("feedback", 0, words("loop.feedback_wait", done=back, all=len(respond)))
    answered = max(step.done for step in respond)
    if mended < len(recover) and not incident.closed:
        note = words("loop.recovery_wait", done=mended, all=len(recover))
        return Part("feedback", answered, note, goes_on=True)
    return Part("feedback", answered, words("loop.feedback_note"))
