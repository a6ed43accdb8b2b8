"""From a story to an outcome: what the city said, held against what really was so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from brain.model import (
    AlarmRaised,
    CaseFiled,
    CaseMoved,
    EventClosed,
    EventConfirmed,
    EventDismissed,
    EventRaised,
    LevelChanged,
    Message,
    PlanActivated,
    StepDone,
    StepOpened,
    TaskOrdered,
    TaskUpdated,
    WarningFedBack,
    WarningIssued,
)
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import CaseStep, TaskStage
from scenarios.agents.way import distance_m
from scenarios.outcome import IncidentOutcome, TaskOutcome, WarningOutcome
from scenarios.truth import Truth
from sensors.world.disturbance import Disturbance


@dataclass(slots=True)
class Told:
    """An incident as the messages tell it. Times [ms]."""

    raised: EventRaised
    confirmed: EventConfirmed | None = None
    plan: PlanActivated | None = None
    gravest: int | None = None
    closed: EventClosed | None = None
    dismissed: EventDismissed | None = None
    opened: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)
    tasks: dict[str, list[Message]] = field(default_factory=dict)
    warnings: dict[str, list[Message]] = field(default_factory=dict)

    def grade(self, level: int) -> None:
        """The response is at this level from now on."""
        self.gravest = min(level, self.gravest or level)


def told(said: Iterable[Message]) -> dict[str, Told]:
    """Every incident in the messages, by id. An event that only became a grid case is not an incident."""
    incidents: dict[str, Told] = {}
    subject: dict[str, str] = {}
    for message in said:
        match message:
            case EventRaised(type="lamp_dark" | "feeder_dark" | "device_silent"):
                continue
            case EventRaised():
                incidents[message.id] = Told(message)
            case EventConfirmed() | EventDismissed() | EventClosed() if message.id in incidents:
                word = {EventConfirmed: "confirmed", EventDismissed: "dismissed", EventClosed: "closed"}[type(message)]
                setattr(incidents[message.id], word, message)
            case PlanActivated() if message.event in incidents:
                incidents[message.event].plan = message
                incidents[message.event].grade(message.level)
            case LevelChanged() if message.event in incidents:
                incidents[message.event].grade(message.level)
            case StepOpened() if message.event in incidents:
                incidents[message.event].opened.setdefault(message.step, message.t)
            case StepDone() if message.event in incidents:
                incidents[message.event].done[message.step] = message.t
            case TaskOrdered() if message.event in incidents:
                subject[message.id] = message.event
                incidents[message.event].tasks.setdefault(message.id, []).append(message)
            case TaskUpdated() if message.id in subject:
                incidents[subject[message.id]].tasks[message.id].append(message)
            case WarningIssued() if message.event in incidents:
                subject[message.id] = message.event
                incidents[message.event].warnings[message.id] = [message]
            case WarningFedBack() if message.id in subject:
                incidents[subject[message.id]].warnings[message.id].append(message)
            case _:
                pass
    return incidents


def incident_of(it: Told, *, begins: int) -> IncidentOutcome:
    """One incident in the outcome's form; times in seconds since ``begins`` [ms]."""

    def since(message: Message | None) -> float | None:
        return None if message is None else (message.t - begins) / SECOND_MS

    place = (it.confirmed or it.raised).place
    return IncidentOutcome(
        id=it.raised.id,
        type=it.raised.type,
        level=it.gravest,
        detected_s=(it.raised.t - begins) / SECOND_MS,
        confirmed_s=since(it.confirmed),
        activated_s=since(it.plan),
        closed_s=since(it.closed),
        plan=it.plan.plan if it.plan else "",
        lon=place.lon,
        lat=place.lat,
        object=str(place.object),
        steps={step: (t - begins) / SECOND_MS for step, t in it.done.items()},
        tasks=[_task(messages) for messages in it.tasks.values()],
        record=dict(it.closed.record) if it.closed else {},
    )


def _task(messages: list[Message]) -> TaskOutcome:
    ordered = [m for m in messages if isinstance(m, TaskOrdered)]
    updates = [m for m in messages if isinstance(m, TaskUpdated)]

    def at(stage: TaskStage) -> int | None:
        return next((m.t for m in updates if m.stage == stage), None)

    last = ordered[-1]
    stage = updates[-1].stage if updates else TaskStage.ORDERED
    return TaskOutcome(
        id=last.id,
        step=last.step,
        department=last.department,
        duty=last.duty,
        stage=stage,
        attempt=last.attempt,
        ordered=ordered[0].t,
        arrived=at(TaskStage.ON_SITE),
        done=at(TaskStage.DONE),
    )


def warnings_of(it: Told, *, begins: int) -> list[WarningOutcome]:
    """Every warning of an incident and whom it reached."""
    found = []
    for first, *fed_back in it.warnings.values():
        assert isinstance(first, WarningIssued)
        last = fed_back[-1] if fed_back else None
        found.append(
            WarningOutcome(
                id=first.id,
                event=first.event,
                issued_s=(first.t - begins) / SECOND_MS,
                channel=first.channel,
                people=first.people,
                communities=list(first.communities),
                sent=last.sent if isinstance(last, WarningFedBack) else 0,
                delivered=last.delivered if isinstance(last, WarningFedBack) else 0,
            )
        )
    return found


def cases_of(said: Iterable[Message], truth: Truth) -> dict[str, int]:
    """Grid cases by how far they came, and how many of them were true."""
    counts = dict.fromkeys(("filed", "dispatched", "handled", "closed", "on_time", "rework", "true", "false"), 0)
    deadlines: dict[str, int] = {}
    steps: dict[str, list[CaseStep]] = {}
    for message in said:
        if isinstance(message, CaseFiled):
            counts["filed"] += 1
            deadlines[message.id], steps[message.id] = message.deadline, []
            dark = truth.feeder_was_dark if message.type == "feeder_dark" else truth.lamp_was_dark
            counts["true" if dark(message.place.object, message.t) else "false"] += 1
        elif isinstance(message, CaseMoved) and message.id in steps:
            first_time = message.step not in steps[message.id]
            steps[message.id].append(message.step)
            counts["dispatched"] += message.step == CaseStep.DISPATCHED and first_time
            counts["rework"] += message.step == CaseStep.HANDLING and not first_time
            if message.step == CaseStep.FED_BACK and first_time:
                counts["handled"] += 1
                counts["on_time"] += message.t <= deadlines[message.id]
            counts["closed"] += message.step == CaseStep.CLOSED
    return counts


def alarms_of(said: Iterable[Message], *, devices: int, days: float) -> dict[str, float]:
    """How often the hub spoke up: about the city, and about its own devices per device and day."""
    raised = [message.fault for message in said if isinstance(message, AlarmRaised)]
    faults = sum(raised) / max(devices * days, 1e-9)
    return {"alarms_city": float(len(raised) - sum(raised)), "alarms_fault_per_device_day": round(faults, 5)}


def lamps_of(said: Iterable[Message], truth: Truth) -> dict[str, float]:
    """Lamps that were out for hours of the night and should have become a case, and did not."""
    filed = {message.place.object for message in said if isinstance(message, CaseFiled)}
    poles = truth.outside.world.city.objects["pole"]
    feeder = np.asarray(poles.columns["feeder"], np.int64)
    missed = [
        code
        for code in truth.overdue
        if code not in filed and int(feeder[np.searchsorted(poles.code, code)]) not in filed
    ]
    return {"lamps_overdue": float(len(truth.overdue)), "lamps_missed": float(len(missed))}


def kpis_of(incidents: dict[str, Told], truth: Truth) -> dict[str, float]:
    """Indicators of the run that need the truth: delays, places, false and missed incidents. Units in the names."""
    outside = truth.outside
    bursts = [it for it in outside.disturbances if it.kind == "main_burst"]
    kpis: dict[str, float] = {}
    matched = 0
    for burst, it in _pairs(bursts, incidents):
        matched += 1
        pipes = outside.world.city.water.pipes
        row = int(np.searchsorted(pipes.code, burst.object))
        kpis["detection_delay_s"] = (it.raised.t - burst.at) / SECOND_MS
        ranked = list(it.raised.candidates)
        if str(burst.object) in ranked:
            kpis["location_rank"] = 1.0 + ranked.index(str(burst.object))
        place = it.raised.place
        kpis["location_error_m"] = distance_m(place.lon, place.lat, float(pipes.lon[row]), float(pipes.lat[row]))
        if it.confirmed:
            kpis["confirmed_right"] = float(it.confirmed.place.object == burst.object)
            kpis["confirmation_delay_s"] = (it.confirmed.t - burst.at) / SECOND_MS
        if it.gravest is not None:
            kpis["level_gravest"] = float(it.gravest)
        kpis |= _warned(it) | _promised(it, truth)
        if it.closed:
            kpis["closure_delay_s"] = (it.closed.t - burst.at) / SECOND_MS
    kpis["incidents_missed"] = float(len(bursts) - matched)
    kpis["incidents_false"] = float(len(incidents) - matched)
    if bursts:
        kpis["water_lost_m3"] = truth.lost_m3
        if truth.stilled:
            kpis["isolation_delay_s"] = (truth.stilled - bursts[-1].at) / SECOND_MS
    kpis["engine_warnings"] = float(outside.world.water.engine_warnings)
    return kpis


def _warned(it: Told) -> dict[str, float]:
    """Share of the people cut off whom the first texts have reached, and how long after activation they were sent."""
    texts = [warning for warning in warnings_of(it, begins=0) if warning.channel == "sms"]
    first = [warning for warning in texts if warning.issued_s == texts[0].issued_s]
    people = sum(warning.people for warning in first)
    if not people:
        return {}
    kpis = {"warned_ratio": sum(warning.delivered for warning in first) / people}
    fed_back = [it.warnings[warning.id][-1] for warning in first]
    if it.plan and all(isinstance(message, WarningFedBack) for message in fed_back):
        kpis["warned_delay_s"] = (max(message.t for message in fed_back) - it.plan.t) / SECOND_MS
    return kpis


def _promised(it: Told, truth: Truth) -> dict[str, float]:
    """How long the first texts said that it would be, over how long from then on it really was."""
    issued = [first for first, *_ in it.warnings.values() if isinstance(first, WarningIssued) and first.promised_s]
    if not issued or truth.dry_until <= issued[0].t:
        return {}
    return {"promise_ratio": issued[0].promised_s * SECOND_MS / (truth.dry_until - issued[0].t)}


def _pairs(bursts: Iterable[Disturbance], incidents: dict[str, Told]) -> list[tuple[Disturbance, Told]]:
    """Each burst with the first incident raised after it, none twice."""
    left = sorted((it for it in incidents.values() if it.raised.type == "water_main_burst"), key=lambda it: it.raised.t)
    pairs = []
    for burst in bursts:
        after = [it for it in left if it.raised.t >= burst.at]
        if after:
            left.remove(after[0])
            pairs.append((burst, after[0]))
    return pairs
