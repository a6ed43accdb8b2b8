"""Following an incident through its plan: what its messages mean for it, and what comes next when all is quiet."""

from __future__ import annotations

from collections.abc import Iterator

from brain.apply import open_incident
from brain.model import (
    CommandUpdated,
    EventClosed,
    EventConfirmed,
    EventDismissed,
    EventRaised,
    EventUpdated,
    LevelChanged,
    Message,
    Place,
    PlanActivated,
    StepDone,
    StepOpened,
    TaskUpdated,
)
from brain.office import Office
from brain.plans.course import Work, advance, complete, outage_ms
from brain.plans.declared import Action, Plan, Step
from brain.plans.findings import facts_of, failed_valves, seen_at, water_is_good
from brain.plans.grading import confirmed_by, level_of, match
from brain.plans.life import move
from brain.plans.orders import Site, manual, motorised, wanted
from brain.plans.record import after_action
from brain.state import CommandState, Fact, Incident, IncidentStage, Shutdown, StepStage, Task
from datahub.contract.clock import DAY_MS
from datahub.contract.codes import AckStatus, TaskStage


def take_in_hand(office: Office, said: EventRaised) -> Iterator[Message]:
    """An event that a plan answers becomes an incident; its verification begins at once."""
    plan = match(office.plans, said.type, said.facts)
    if plan is not None and said.id not in office.memory.incidents:
        open_incident(office.memory, said)
        office.memory.incidents[said.id].plan = plan.name
    yield from ()


def learn_from_task(office: Office, said: TaskUpdated) -> Iterator[Message]:
    """What a crew found becomes facts of the incident, and moves its valves in our picture."""
    task = office.memory.tasks[said.id]
    incident = office.memory.incidents.get(task.event)
    if incident is None or said.stage not in (TaskStage.DONE, TaskStage.FAILED) or not incident.open:
        return
    if "refused" in said.findings:
        return
    if task.duty == "patrol_main" and task.findings.get("burst_seen") == 1:
        yield from _located(office, incident, task)
    elif task.duty in ("close_valve", "open_valve"):
        yield from _turned(office, incident, task)
    facts = facts_of(task.duty, task.findings, done=said.stage is TaskStage.DONE)
    if task.duty == "water_quality_test" and said.stage is TaskStage.DONE:
        facts["water_quality_good"] = float(water_is_good(task.findings, office.policy.water))
    if facts:
        yield EventUpdated(t=office.t, id=incident.id, facts=facts)


def _located(office: Office, incident: Incident, task: Task) -> Iterator[Message]:
    """A patrol stands before it: the pipe is known, and with it what must be closed and whom that leaves dry."""
    pipe, place = seen_at(task, incident.place)
    known = office.ground.pipe(pipe)
    if known is None:
        pipe = task.objects[0] if task.objects else incident.place.object
        known = office.ground.pipe(pipe) or task.place
    incident.pipe = pipe
    incident.place = Place(
        lon=place.lon,
        lat=place.lat,
        object=pipe,
        community=known.community,
        grid=office.ground.grid(place.lon, place.lat),
    )
    office.memory.keep(incident)
    yield from plan_shutdown(office, incident, extra=office.ground.pipe_facts(pipe))


def plan_shutdown(office: Office, incident: Incident, *, extra: dict[str, Fact] | None = None) -> Iterator[Message]:
    """Work out anew what must be closed, and whom that cuts off."""
    failed, by_hand = incident.failed_valves, incident.hand_operated
    shutdown = office.ground.shutdown(incident.pipe, failed=failed, by_hand=by_hand)
    incident.shutdown = shutdown
    office.memory.keep(incident)
    facts = {**shutdown.facts, **(extra or {}), **_valve_facts(office, incident)}
    yield EventUpdated(t=office.t, id=incident.id, facts=facts)


def _turned(office: Office, incident: Incident, task: Task) -> Iterator[Message]:
    """A crew has turned valves; those that would not move stay as they are."""
    failed = failed_valves(task)
    turned = [valve for valve in task.objects if valve not in failed] if task.stage is TaskStage.DONE else []
    if task.duty == "close_valve":
        incident.closed_valves = sorted({*incident.closed_valves, *turned})
        incident.failed_valves = sorted({*incident.failed_valves, *failed})
    else:
        incident.closed_valves = [valve for valve in incident.closed_valves if valve not in turned]
        for valve in failed:
            incident.stuck_closed[str(valve)] = incident.stuck_closed.get(str(valve), 0) + 1
    office.memory.keep(incident)
    if failed and task.duty == "close_valve":
        yield from plan_shutdown(office, incident)
    else:
        yield EventUpdated(t=office.t, id=incident.id, facts=_valve_facts(office, incident))


def learn_from_command(office: Office, said: CommandUpdated) -> Iterator[Message]:
    """A motorised valve has moved, or does not obey and is left to a crew."""
    command = office.memory.commands[said.id]
    incident = office.memory.incidents.get(command.event)
    if incident is None or not incident.open:
        return
    if command.name == "move":
        yield from _moved(office, incident, command.object, position=command.arguments["position_ratio"], said=said)
    elif command.name == "preempt" and said.status is AckStatus.DONE:
        yield EventUpdated(t=office.t, id=incident.id, facts={"signals_cleared": 1.0})
    elif command.name == "release" and said.status is AckStatus.DONE:
        yield EventUpdated(t=office.t, id=incident.id, facts={"signals_cleared": 0.0})


def _moved(
    office: Office, incident: Incident, valve: int, *, position: float, said: CommandUpdated
) -> Iterator[Message]:
    if said.status is AckStatus.DONE:
        shut = {*incident.closed_valves, valve} if position == 0 else {*incident.closed_valves} - {valve}
        incident.closed_valves = sorted(shut)
    elif said.status in (AckStatus.REJECTED, AckStatus.EXPIRED):
        incident.hand_operated = sorted({*incident.hand_operated, valve})
        office.memory.keep(incident)
        if position == 0:
            yield from plan_shutdown(office, incident)
    else:
        return
    office.memory.keep(incident)
    yield EventUpdated(t=office.t, id=incident.id, facts=_valve_facts(office, incident))


def _valve_facts(office: Office, incident: Incident) -> dict[str, Fact]:
    """Which valves of the segment are closed, and whether all are open again."""
    closed, shutdown = set(incident.closed_valves), incident.shutdown
    left_shut = [v for v in manual(incident, office.ground) if incident.stuck_closed.get(str(v), 0) < 2]
    by_motor = set(shutdown.motorised) <= closed
    by_hand = set(shutdown.manual) <= closed
    facts: dict[str, Fact] = {
        "motorised_closed": float(by_motor),
        "manual_closed": float(by_hand),
        "isolated": float(by_motor and by_hand and shutdown.possible),
        "motorised_open": float(not motorised(incident, office.ground)),
        "manual_open": float(not left_shut),
    }
    facts["reopened"] = float(facts["motorised_open"] == 1 and facts["manual_open"] == 1)
    if facts["reopened"] == 1 and incident.facts.get("repaired") == 1:
        facts |= Shutdown().facts  # nothing is shut any more
    return facts


def stop_work(office: Office, said: EventDismissed | EventClosed) -> Iterator[Message]:
    """Nothing is left to do: what is still under way for it is taken back, and the senses begin afresh."""
    memory = office.memory
    case, incident = memory.cases.get(f"case.{said.id}"), memory.incidents.get(said.id)
    if case is not None:
        office.senses.over(case.type, case.place.object)
    elif incident is not None:
        office.senses.over(incident.type, incident.place.object)
    for task in office.memory.tasks_of(said.id):
        if task.open:
            yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.WITHDRAWN)


def recall_tankers(office: Office, said: EventUpdated) -> Iterator[Message]:
    """Water is back in the pipes: lorries that still drive or wait are taken back."""
    incident = office.memory.incidents.get(said.id)
    if incident is None or said.facts.get("reopened") != 1 or incident.facts.get("repaired") != 1:
        return
    plan = office.plan_of(incident)
    steps = [step.id for step in plan.step if step.action is Action.TANKERS] if plan else []
    for task in office.memory.tasks_of(incident.id):
        if task.step in steps and task.open and task.stage is not TaskStage.ON_SITE:
            yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.WITHDRAWN)


# What comes next when all is quiet, in this order.


def confirm(office: Office) -> Iterator[Message]:
    """An event is confirmed when the facts that the plan asks for are there."""
    for incident in _open(office):
        plan = office.plan_of(incident)
        if plan is None or incident.stage is not IncidentStage.RAISED:
            continue
        reasons = confirmed_by(plan, incident.facts)
        if reasons:
            by = "; ".join(reasons)
            yield EventConfirmed(t=office.t, id=incident.id, place=incident.place, by=by)


def activate(office: Office) -> Iterator[Message]:
    """A confirmed event starts the plan that grades it gravest; later facts raise or lower its level."""
    for incident in _open(office):
        if incident.stage is not IncidentStage.CONFIRMED:
            continue
        plan = office.plan_of(incident) if incident.activated else match(office.plans, incident.type, incident.facts)
        if plan is None:
            continue
        level, reasons = level_of(plan, incident.facts)
        if not incident.activated:
            yield PlanActivated(t=office.t, event=incident.id, plan=plan.name, level=level, reasons=reasons)
        elif level != incident.level and not incident.level_fixed:
            yield LevelChanged(t=office.t, event=incident.id, level=level, reasons=reasons)


def order_work(office: Office) -> Iterator[Message]:
    """Each open step orders what it still lacks; a step that was done opens again if the area has grown."""
    for incident in _open(office):
        plan = office.plan_of(incident)
        for step in plan.step if plan else ():
            state = incident.steps.get(step.id)
            if state is None or state.stage not in (StepStage.OPEN, StepStage.DONE):
                continue
            site = _site(office, incident, step)
            if state.stage is StepStage.OPEN:
                yield from wanted(site)
            elif plan and _grows(step, incident) and wanted(site):
                deadline = office.t + round(step.deadline_s.value * 1_000)
                yield StepOpened(t=office.t, event=incident.id, step=step.id, deadline=deadline)


_GROWING = (Action.CLOSE_MOTORISED, Action.CLOSE_MANUAL, Action.HYDRANTS_OUT)


def _grows(step: Step, incident: Incident) -> bool:
    """Whether a step that is done must begin again when the segment has grown: until the pipe is tight."""
    return step.action in _GROWING and incident.facts.get("repaired") != 1


def _site(office: Office, incident: Incident, step: Step) -> Site:
    memory = office.memory
    tasks, commands = memory.tasks_of(incident.id), memory.commands_of(incident.id)
    plan = office.plan_of(incident)
    days = max(1, -(-outage_ms(plan, incident, t=office.t) // DAY_MS)) if plan else 1
    return Site(t=office.t, incident=incident, step=step, tasks=tasks, commands=commands, land=office.ground, days=days)


def search_on(office: Office) -> Iterator[Message]:
    """Every likely pipe was looked at in vain: give up, or look at their neighbours if citizens have seen water."""
    for incident in _open(office):
        if incident.stage is IncidentStage.RAISED and office.senses.normal(incident):
            why = "readings are normal again and nobody has seen water"
            yield EventDismissed(t=office.t, id=incident.id, why=why)
            continue
        plan = office.plan_of(incident)
        step = next((each for each in plan.step if each.action is Action.SEARCH), None) if plan else None
        if step is None or incident.steps.get(step.id) is None or incident.steps[step.id].stage is not StepStage.OPEN:
            continue
        looked = office.memory.tasks_of(incident.id, step.id)
        calls = office.memory.tasks_of(incident.id, "confirm_call")
        seen = incident.facts.get("burst_seen") == 1
        if seen or any(task.open for task in (*looked, *calls)) or wanted(_site(office, incident, step)):
            continue
        if not all(task.stage is TaskStage.DONE for task in looked if not _taken_over(task, looked)):
            continue  # somewhere nobody has looked, whoever was sent: a person must decide
        if incident.stage is IncidentStage.RAISED and incident.facts.get("plausible") != 1:
            why = f"patrols looked at {len(looked)} places and found nothing, and no calls fit"
            yield EventDismissed(t=office.t, id=incident.id, why=why)
            continue
        around = office.ground.neighbours([int(code) for code in incident.candidates])
        if around:
            least = min(incident.candidates.values(), default=1.0) / 2
            wider = incident.candidates | {str(code): least for code in around}
            yield EventUpdated(t=office.t, id=incident.id, candidates=wider)


def _taken_over(task: Task, others: list[Task]) -> bool:
    """Whether another attempt at the same task was made after this one."""
    root = task.id.partition("~")[0]
    return any(other.attempt > task.attempt and other.id.partition("~")[0] == root for other in others)


def walk_plan(office: Office) -> Iterator[Message]:
    """Steps open, end, are skipped, or begin anew."""
    for incident in _open(office):
        plan = office.plan_of(incident)
        if plan is None:
            continue
        yield from advance(plan, incident, work=_work(office, plan, incident), t=office.t)


def begin_anew(office: Office, said: StepDone) -> Iterator[Message]:
    """A step whose result was bad begins anew in a further round, with those that lead to it."""
    incident = office.memory.incidents[said.event]
    plan = office.plan_of(incident)
    if plan is not None and said.outcome == "failed":
        for step in (plan.find(name) for name in plan.find(said.step).repeat):
            move(incident, step.id, StepStage.WAITING)
            for condition in (*step.fails_when, *step.done_when):
                incident.facts.pop(condition.fact, None)
        office.memory.keep(incident)
    yield from ()


def _work(office: Office, plan: Plan, incident: Incident) -> Work:
    busy, begun = set(), set()
    under_way: list[Task | CommandState] = [
        *office.memory.tasks_of(incident.id),
        *office.memory.commands_of(incident.id),
    ]
    for each in under_way:
        state = incident.steps.get(each.step)
        if state is not None and each.ordered >= state.opened:
            begun.add(each.step)
            if each.open:
                busy.add(each.step)
    return Work(busy=busy, begun=begun)


def feel_pressure(office: Office) -> Iterator[Message]:
    """Pressure is back when the loggers that gave it away are in their band again, with every valve open."""
    for incident in _open(office):
        facts = incident.facts
        if facts.get("repaired") != 1 or facts.get("reopened") != 1 or facts.get("pressure_normal") == 1:
            continue
        if office.senses.normal(incident):
            yield EventUpdated(t=office.t, id=incident.id, facts={"pressure_normal": 1.0})


def close(office: Office) -> Iterator[Message]:
    """Pressure back and a good test, and every step over: the loop is closed, with its record."""
    for incident in _open(office):
        plan = office.plan_of(incident)
        if plan is not None and incident.activated and complete(plan, incident):
            tasks, commands = office.memory.tasks_of(incident.id), office.memory.commands_of(incident.id)
            warnings = [each for each in office.memory.warnings.values() if each.event == incident.id]
            record = after_action(incident, tasks=tasks, commands=commands, warnings=warnings, t=office.t)
            yield EventClosed(t=office.t, id=incident.id, record=record)


def _open(office: Office) -> list[Incident]:
    return office.memory.open_incidents()
