"""Telling people: the warnings that a plan's steps call for, and how many they reached."""

from __future__ import annotations

from collections.abc import Iterator

from brain.model import EventUpdated, Message, TaskOrdered, TaskUpdated, WarningFedBack, WarningIssued
from brain.office import Office
from brain.plans.course import outage_ms
from brain.plans.declared import Action, Step
from brain.state import Fact, Incident, StepStage
from brain.warnings.compose import Audience, Cause, water_back, water_off
from datahub.contract.clock import HOUR_MS
from datahub.contract.codes import TaskStage
from datahub.contract.duties import duties


def warn(office: Office) -> Iterator[Message]:
    """Open steps that warn tell whom they have not told yet; a step that was done tells those who came to it later."""
    for incident in office.memory.open_incidents():
        plan = office.plan_of(incident)
        for step in plan.step if plan else ():
            state = incident.steps.get(step.id)
            if step.action not in (Action.WARN, Action.ALL_CLEAR) or state is None:
                continue
            late = state.stage is StepStage.DONE and step.action is Action.WARN and incident.facts.get("repaired") != 1
            if state.stage is StepStage.OPEN or late:
                yield from _tell(office, incident, step)


def _tell(office: Office, incident: Incident, step: Step) -> Iterator[Message]:
    issued = [each for each in office.memory.warnings.values() if each.event == incident.id and each.step == step.id]
    told = {code for each in issued for code in each.communities}
    people = _whom(office, incident, step)
    fresh = {code: held for code, held in people.items() if code not in told and held > 0}
    if not fresh:
        return
    name = f"{incident.id}.{step.id}.w{len(issued) + 1}"
    zh, en = office.ground.names(tuple(fresh))
    audience = Audience(communities=fresh, zh=zh, en=en)
    cause = Cause(event=incident.id, step=step.id, level=incident.level, hours=_hours(office, incident))
    compose = water_off if step.action is Action.WARN else water_back
    channel = duties()[step.duty].channel
    warning = compose(cause, audience, id=name, channel=channel, t=office.t)
    yield warning
    yield _order(office, incident, step, warning)
    if step.action is Action.WARN and channel == "sms":
        before = incident.facts.get("people_warned", 0.0)
        total = float(before) + warning.people
        yield EventUpdated(t=office.t, id=incident.id, facts={"people_warned": total})


def _whom(office: Office, incident: Incident, step: Step) -> dict[str, int]:
    """Who is cut off; when water is back, all who were told that it is off."""
    if step.action is Action.WARN:
        return dict(incident.shutdown.communities)
    told = [each for each in office.memory.warnings.values() if each.event == incident.id and each.step != step.id]
    known = {code for each in told if each.channel == "sms" for code in each.communities}
    return {code: incident.warned.get(code, 0) for code in sorted(known)}


def _hours(office: Office, incident: Incident) -> float:
    """How long it should take until water is back [h]."""
    plan = office.plan_of(incident)
    return outage_ms(plan, incident, t=office.t) / HOUR_MS if plan else 0.0


def _order(office: Office, incident: Incident, step: Step, warning: WarningIssued) -> TaskOrdered:
    details: dict[str, Fact] = {
        "warning": warning.id,
        "people_count": float(warning.people),
        "communities": ",".join(warning.communities),
    }
    largest = max(warning.communities, key=lambda code: (incident.shutdown.communities.get(code, 0), code))
    return TaskOrdered(
        t=office.t,
        id=f"{warning.id}-1",
        event=incident.id,
        step=step.id,
        department=step.department,
        duty=step.duty,
        crew="",
        deadline=incident.steps[step.id].deadline,
        place=office.ground.community(largest),
        details=details,
    )


def remember_warned(office: Office, said: WarningIssued) -> Iterator[Message]:
    """Who was told how many they are, so that the all-clear reaches the same people."""
    incident = office.memory.incidents.get(said.event)
    if incident is not None:
        incident.warned |= {code: n for code, n in incident.shutdown.communities.items() if code in said.communities}
        office.memory.keep(incident)
    yield from ()


def feed_back(office: Office, said: TaskUpdated) -> Iterator[Message]:
    """Delivery reports of a gateway, or the count of a walk from door to door (反馈统计)."""
    task = office.memory.tasks[said.id]
    warning = str(task.details.get("warning", ""))
    if said.stage is not TaskStage.DONE or warning not in office.memory.warnings:
        return
    sent = task.findings.get("sent_count", task.details.get("people_count", 0.0))
    delivered = task.findings.get("delivered_count", task.findings.get("people_count", 0.0))
    yield WarningFedBack(t=office.t, id=warning, sent=round(float(sent)), delivered=round(float(delivered)))
