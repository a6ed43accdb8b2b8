"""The board: makes the immutable situation out of the brain's memory at the end of a tick, for whoever looks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from brain.curves import Curves
from brain.model import Message
from brain.office import Office
from brain.plans.declared import FACTS, Step
from brain.seats import SeatOrder
from brain.state import Case, CrewState, Fact, Incident, IncidentStage, Line, StepStage, StepState, Task
from brain.terms import EVENTS, command_name, duty_name
from brain.views import (
    Air,
    CaseView,
    Cell,
    CrewView,
    Freshness,
    IncidentView,
    Layer,
    LineView,
    Name,
    Situation,
    Spot,
    StepView,
    TaskView,
    TickerLine,
    Vital,
    WarningView,
)
from brain.wording import ticker_line
from datahub.contract.city import City
from datahub.contract.clock import MINUTE_MS
from datahub.contract.codes import TaskStage
from datahub.queries import Queries

TICKER: Final = 200
"""Lines that the ticker keeps."""

FINISHED: Final = 200
"""Finished tasks and cases that stay on the board."""

_LAYERS_MS: Final = 5 * MINUTE_MS
"""How often devices are counted by cell, which takes a look at every one of them."""

_CELL_DEG: Final = 0.01
"""Edge of a cell of the heat map [deg], about 1 km."""

_AIR: Final = ("air_temperature_c", "humidity_percent", "pm2_5_ug_m3")
"""Properties of poles that say what it is like outside."""

_NO_NAME: Final = Name("", "")


@dataclass(slots=True)
class Board:
    """Publishes the situation. ``situation`` may be read from any thread: it is replaced whole, never changed."""

    city: City
    office: Office
    queries: Queries | None = None
    curves: Curves | None = None
    situation: Situation = field(init=False)
    _vitals: tuple[Vital, ...] = ()
    _ticker: deque[TickerLine] = field(default_factory=lambda: deque(maxlen=TICKER))
    _layers: tuple[Layer, ...] = ()
    _layers_at: int = -1
    _newest: dict[str, int] = field(default_factory=dict)
    _crews: dict[str, tuple[Name, str]] = field(default_factory=dict)
    _air: Air | None = None

    def __post_init__(self) -> None:
        self.situation = Situation(0, Name(self.city.zh, self.city.en))
        for department in self.city.departments.values():
            self._crews |= {crew.code: (Name(crew.zh, crew.en), crew.vehicle) for crew in department.crews}

    def note(self, messages: Iterable[Message]) -> None:
        """Put messages on the ticker."""
        lines = (ticker_line(message, self.name) for message in messages)
        self._ticker.extend(line for line in lines if line is not None)

    def follow(self, t: int) -> None:
        """Note what was measured in the tick at city time ``t`` [ms]; it can be asked for only then."""
        if self.curves is not None:
            incidents = self.office.memory.open_incidents()
            self.curves.follow((device for each in incidents for device in each.devices[:6]), t)
            self._vitals = self.curves.vitals(self.office.memory, t)
        if self.queries is not None:
            self._hear(self.queries)

    def publish(self, t: int) -> None:
        """Make the situation of city time ``t`` [ms]."""
        memory, queries, curves = self.office.memory, self.queries, self.curves
        if queries is not None and (self._layers_at < 0 or t - self._layers_at >= _LAYERS_MS):
            self._layers, self._layers_at = layers(queries), t
        self.situation = Situation(
            t=t,
            city=Name(self.city.zh, self.city.en),
            incidents=tuple(self._incident(each) for each in _worst_first(memory.incidents.values())),
            tasks=tuple(self._task(each) for each in _open_first(list(memory.tasks.values()))),
            crews=tuple(self._crew(memory.crews[code]) for code in sorted(memory.crews)),
            warnings=tuple(
                WarningView(
                    each.id,
                    each.event,
                    each.channel,
                    each.severity,
                    each.communities,
                    each.people,
                    each.issued,
                    each.sent,
                    each.delivered,
                    Name(each.zh, each.en),
                )
                for each in memory.warnings.values()
            ),
            cases=tuple(self._case(each) for each in list(memory.cases.values())[-FINISHED:]),
            vitals=self._vitals,
            curves=curves.shown(t) if curves else (),
            layers=self._layers,
            lines=tuple(self._line(memory.lines[code]) for code in sorted(memory.lines)),
            ticker=tuple(self._ticker),
            fresh=Freshness(t, tuple(sorted(self._newest.items()))),
            air=self._air,
        )

    def _hear(self, queries: Queries) -> None:
        """Note the newest reading of each property."""
        for name in queries.properties():
            rows = queries.new(name)
            if len(rows):
                self._newest[name] = max(self._newest.get(name, 0), int(rows.phenomenon_time.max()))
        outside = [queries.new(name).good().value for name in _AIR]
        if all(len(values) for values in outside):
            temperature, humidity, dust = (float(np.median(values)) for values in outside)
            self._air = Air(len(outside[0]), temperature, humidity, dust)

    def _line(self, line: Line) -> LineView:
        name = self.name("department", line.department)
        return LineView(line.department, name, line.failures, line.since, line.retry)

    def name(self, kind: str, key: str) -> Name:
        """Name of a step, plan, department, crew or task, as the declarations have it; else its code."""
        if kind == "department" and key in self.city.departments:
            department = self.city.departments[key]
            return Name(department.zh, department.en)
        if kind == "crew":
            return self._crews[key][0] if key in self._crews else Name(key, key)
        if kind in ("task", "task_crew", "duty") and key in self.office.memory.tasks:
            return self._of_task(kind, self.office.memory.tasks[key])
        if kind == "command" and key in self.office.memory.commands:
            told = self.office.memory.commands[key]
            return command_name(told.name, told.object, told.arguments.get("position_ratio"))
        for plan in self.office.plans:
            if kind == "plan" and plan.name == key:
                return Name(plan.plan.zh, plan.plan.en)
            for step in plan.step if kind == "step" else ():
                if step.id == key:
                    return Name(step.zh, step.en)
        return Name(key, key)

    def _of_task(self, kind: str, task: Task) -> Name:
        """What a task is called, who has it (empty: nobody), or the word of its duty."""
        if kind == "duty":
            return Name(task.duty, task.duty)
        return duty_name(task.duty) if kind == "task" else self.name("crew", task.crew)

    def _incident(self, it: Incident) -> IncidentView:
        steps = self._steps(it)
        due = [step.deadline for step in steps if step.stage == StepStage.OPEN]
        shut = it.shutdown
        return IncidentView(
            id=it.id,
            type=it.type,
            name=EVENTS.get(it.type, Name(it.type, it.type)),
            stage=it.stage,
            level=it.level,
            lon=it.place.lon,
            lat=it.place.lat,
            object=it.place.object,
            where=self._where(it.place.community),
            raised=it.raised,
            confirmed=it.confirmed,
            activated=it.activated,
            closed=it.closed,
            next_deadline=min(due, default=0) if it.open else 0,
            people=shut.people,
            area=tuple(shut.communities.items()),
            candidates=self._spots([int(c) for c in it.candidates], weights=list(it.candidates.values()), pipes=True),
            to_close=self._spots([v for v in (*shut.motorised, *shut.manual) if v not in it.closed_valves]),
            closed_valves=self._spots(it.closed_valves),
            devices=it.devices,
            facts=tuple(sorted(it.facts.items())),
            reasons=it.reasons,
            steps=steps,
            orders=_orders(it),
            record=tuple(it.record.items()),
        )

    def _steps(self, it: Incident) -> tuple[StepView, ...]:
        plan = self.office.plan_of(it)
        tasks = self.office.memory.tasks_of(it.id)
        found = []
        for step in plan.step if plan else ():
            state = it.steps.get(step.id, StepState())
            owner = self.name("department", step.department) if step.department else Name("指挥中心", "Command centre")
            found.append(
                StepView(
                    id=step.id,
                    name=Name(step.zh, step.en),
                    phase=step.phase,
                    owner=owner,
                    stage=state.stage,
                    round=state.round,
                    opened=state.opened,
                    deadline=state.deadline,
                    done=state.done,
                    overdue=state.overdue,
                    tasks=tuple(task.id for task in tasks if task.step == step.id),
                    outcome=_outcome(it, step, [task for task in tasks if task.step == step.id], state.stage),
                )
            )
        return tuple(found)

    def _spots(
        self, codes: Sequence[int], *, weights: Sequence[float] | None = None, pipes: bool = False
    ) -> tuple[Spot, ...]:
        find = self.office.ground.pipe if pipes else self.office.ground.valve
        given = weights or [0.0] * len(codes)
        places = [(code, find(code), weight) for code, weight in zip(codes, given, strict=True)]
        return tuple(Spot(code, place.lon, place.lat, weight) for code, place, weight in places if place is not None)

    def _where(self, community: str) -> Name:
        """Community within its street and district."""
        names: list[Name] = []
        division = self.city.divisions.get(community)
        while division is not None and len(names) < 3:
            names.append(Name(division.zh, division.en))
            division = self.city.divisions.get(division.parent)
        return Name("".join(each.zh for each in reversed(names)), ", ".join(each.en for each in names))

    def _task(self, task: Task) -> TaskView:
        return TaskView(
            id=task.id,
            event=task.event,
            step=task.step,
            name=duty_name(task.duty),
            department=self.name("department", task.department),
            crew=task.crew,
            stage=task.stage,
            attempt=task.attempt,
            ordered=task.ordered,
            arrived=task.arrived,
            finished=task.finished,
            deadline=task.deadline,
            eta=task.eta,
            lon=task.place.lon,
            lat=task.place.lat,
            duty=task.duty,
        )

    def _crew(self, crew: CrewState) -> CrewView:
        mine = [task for task in self.office.memory.open_tasks() if task.crew == crew.code]
        name, vehicle = self._crews.get(crew.code, (Name(crew.code, crew.code), ""))
        return CrewView(
            code=crew.code,
            name=name,
            department=self.name("department", crew.department),
            vehicle=vehicle,
            lon=crew.lon,
            lat=crew.lat,
            heard=crew.t,
            task=mine[0].id if mine else "",
            stage=mine[0].stage if mine else "",
            eta=crew.eta or (mine[0].eta if mine else 0),
            silent=crew.silent > 0,
        )

    def _case(self, case: Case) -> CaseView:
        kind = self.office.cases.get(case.type)
        return CaseView(
            id=case.id,
            type=case.type,
            name=Name(kind.zh, kind.en) if kind else _NO_NAME,
            step=case.step,
            lon=case.place.lon,
            lat=case.place.lat,
            object=case.place.object,
            community=case.place.community,
            filed=case.filed,
            deadline=case.deadline,
            handled=case.handled,
            closed=case.closed,
            reworks=case.reworks,
            on_time=case.on_time,
        )


def _outcome(it: Incident, step: Step, tasks: Sequence[Task], stage: StepStage) -> tuple[tuple[str, Fact], ...]:
    """What a step that is done has brought to light: findings of its last task, and the facts that it waited for."""
    if stage is not StepStage.DONE:
        return ()
    last = next((task.findings for task in reversed(tasks) if task.stage is TaskStage.DONE), {})
    found = {key: value for key, value in last.items() if key in FACTS}
    found |= {each.fact: it.facts[each.fact] for each in step.done_when if each.fact in it.facts}
    return tuple(sorted(found.items()))


def _worst_first(incidents: Iterable[Incident]) -> list[Incident]:
    """Open ones before closed ones, gravest first, then newest."""
    return sorted(incidents, key=lambda each: (not each.open, each.level or 5, -each.raised, each.id))


def _open_first(tasks: list[Task]) -> list[Task]:
    """All open tasks, and the last of the finished ones."""
    opened = [task for task in tasks if task.open]
    return opened + [task for task in tasks if not task.open][-FINISHED:]


def _orders(it: Incident) -> tuple[str, ...]:
    """What a seat may order of an incident as it stands."""
    if it.stage is IncidentStage.RAISED:
        return (SeatOrder.CONFIRM, SeatOrder.DISMISS, SeatOrder.ACTIVATE)
    if it.stage is IncidentStage.CONFIRMED:
        return (SeatOrder.SET_LEVEL,) if it.closed_valves else (SeatOrder.SET_LEVEL, SeatOrder.CLOSE)
    return ()


def layers(queries: Queries) -> tuple[Layer, ...]:
    """Every kind of device by state, and by cell of the map; how each is, the hub says."""
    found, counts = queries.devices(), queries.counts()
    unheard = found.unheard()
    names = {kind.name: Name(kind.zh, kind.en) for kind in queries.kinds()}
    east, north = np.floor(found.lon / _CELL_DEG).astype(np.int64), np.floor(found.lat / _CELL_DEG).astype(np.int64)
    result = []
    for number, kind in enumerate(found.kinds):
        mine = found.kind == number
        key, place = np.unique(east[mine] * 100_000 + north[mine], return_inverse=True)
        total = np.bincount(place, minlength=len(key))
        abnormal = np.bincount(place, unheard[mine], minlength=len(key))
        cells = tuple(
            Cell((k // 100_000 + 0.5) * _CELL_DEG, (k % 100_000 + 0.5) * _CELL_DEG, int(n), int(bad))
            for k, n, bad in zip(key.tolist(), total.tolist(), abnormal.tolist(), strict=True)
        )
        count = counts[kind]
        result.append(Layer(kind, names[kind], count["online"], count["silent"], count["dead"], cells))
    return tuple(result)
