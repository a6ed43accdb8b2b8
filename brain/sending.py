"""Sending people: who gets a task, what happens when nobody answers, and what is asked of devices."""

from __future__ import annotations

from collections.abc import Iterator

from brain.dispatch.choice import choose, eta_ms
from brain.dispatch.silence import rest_ms, silent_why
from brain.model import Message, StepDone, TaskOrdered, TaskUpdated
from brain.office import Office
from brain.state import CrewState, Task
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import TaskStage
from datahub.contract.duties import duties


def crews_of(office: Office, department: str) -> list[CrewState]:
    """The crews of a department, by code."""
    crews = office.memory.crews
    return [crews[code] for code in sorted(crews) if crews[code].department == department]


def busy_crews(office: Office) -> set[str]:
    """Crews that have a task of ours, or an order that is not ours at all."""
    memory = office.memory
    busy = {task.crew for task in memory.open_tasks() if task.crew}
    return busy | {crew.code for crew in memory.crews.values() if crew.order and crew.order not in memory.tasks}


def assign(office: Office) -> Iterator[Message]:
    """Tasks without a crew go to the nearest able crew that is free, oldest and most urgent first."""
    waiting = [task for task in office.memory.open_tasks() if task.stage is TaskStage.ORDERED and not task.assigned]
    waiting = [task for task in waiting if task.earliest <= office.t]
    busy = busy_crews(office)
    for task in sorted(waiting, key=lambda each: (each.deadline, each.ordered, each.id)):
        crews = crews_of(office, task.department)
        choice = choose(
            task.duty,
            task.place,
            crews,
            busy=busy,
            tried=task.tried,
            practice=office.policy.practice,
            system=office.ground.system(task.place.lon, task.place.lat),
        )
        if choice is None:
            continue
        busy.add(choice.crew)
        yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.ORDERED, crew=choice.crew)


def estimate(office: Office, said: TaskUpdated) -> Iterator[Message]:
    """When a chosen crew should be there; a crew that speaks is silent no more."""
    task, crew = office.memory.tasks[said.id], office.memory.crews.get(said.crew)
    if said.stage is TaskStage.ORDERED:
        task.eta = eta_ms(task.place, crew, t=office.t, practice=office.policy.practice)
        office.memory.keep(task)
    elif crew is not None and crew.silent and said.stage is not TaskStage.WITHDRAWN:
        crew.silent = 0
        office.memory.keep(crew)
    yield from ()


def follow_up(office: Office) -> Iterator[Message]:
    """A task on which nothing moves is withdrawn; another crew gets it in a further attempt."""
    _forgive(office)
    for task in office.memory.open_tasks():
        why = silent_why(task, t=office.t, practice=office.policy.practice)
        if why:
            yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.WITHDRAWN, findings={"why": why})


def _forgive(office: Office) -> None:
    """Who owes an answer is asked again after a while: a crew on the road after hours, a desk after minutes."""
    practice = office.policy.practice
    for crew in office.memory.crews.values():
        at_desk = crew.system < 0  # it does not drive (``CrewState``)
        if (
            crew.silent
            and office.t - crew.silent > (practice.desk_silent_s if at_desk else practice.silent_s) * SECOND_MS
        ):
            crew.silent = 0
            office.memory.keep(crew)


#: Reasons by which trying another crew would change nothing.
_HOPELESS = ("invalid", "unknown_duty", "conflict")


def try_again(office: Office, said: TaskUpdated) -> Iterator[Message]:
    """What was withdrawn for silence, refused or not achieved is ordered anew from somebody else."""
    task = office.memory.tasks[said.id]
    silent = said.stage is TaskStage.WITHDRAWN and "why" in said.findings
    failed = said.stage is TaskStage.FAILED and said.findings.get("refused") not in _HOPELESS
    crew = office.memory.crews.get(task.crew)
    if silent and crew is not None:
        crew.silent = office.t
        office.memory.keep(crew)
    if (silent or failed) and _wanted(office, task):
        yield again(office, task)


def again(office: Office, task: Task, *, crew: str = "") -> TaskOrdered:
    """The next attempt at a task: as much time for the next crew, while the step's own deadline stays.

    There is always one more as long as the matter is open; the overdue step calls for a person meanwhile.
    """
    root, _, _ = task.id.partition("~")
    return TaskOrdered(
        t=office.t,
        id=f"{root}~{task.attempt + 1}",
        event=task.event,
        step=task.step,
        department=task.department,
        duty=task.duty,
        crew=crew,
        deadline=office.t + task.deadline - (task.assigned or task.ordered),
        place=task.place,
        objects=task.objects,
        attempt=task.attempt + 1,
        details=task.details,
    )


def remember_tried(office: Office, said: TaskOrdered) -> Iterator[Message]:
    """A further attempt knows who had the task before, and waits a while if others before it came to nothing."""
    task = office.memory.tasks[said.id]
    if task.attempt > 1:
        root, _, _ = task.id.partition("~")
        before = [each for key, each in office.memory.tasks.items() if key.partition("~")[0] == root and key != task.id]
        task.tried = tuple(dict.fromkeys(each.crew for each in before if each.crew))
        task.earliest = said.t + rest_ms(task.attempt, office.policy.practice, desk=duties()[task.duty].desk)
        office.memory.keep(task)
    yield from ()


def call_off(office: Office, said: StepDone) -> Iterator[Message]:
    """Crews still busy with a step that is over, such as the other patrol once one has seen the burst, are free."""
    for task in office.memory.tasks_of(said.event, said.step):
        if task.open:
            yield TaskUpdated(t=office.t, id=task.id, stage=TaskStage.WITHDRAWN)


def _wanted(office: Office, task: Task) -> bool:
    """Whether anybody still needs the task: its incident or case is open."""
    incident, case = office.memory.incidents.get(task.event), office.memory.cases.get(task.event)
    return (incident is not None and incident.open) or (case is not None and case.open)
