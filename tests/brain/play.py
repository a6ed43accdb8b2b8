"""A play for the brain: harbour's real register, real connectors and stubs, and people who act by a script.

Only what lies beyond the brain's doors is scripted: what the senses say, how devices acknowledge, and what crews find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray

from brain.app import Brain
from brain.model import EventRaised, Message, Place
from brain.policy import Policy, in_force
from brain.state import Case, Incident
from datahub.connector import CrewStatus, Stub, Unanswered, WorkOrder, WorkUpdate
from datahub.connectors.loading import load
from datahub.contract.city import City
from datahub.contract.clock import CITY_ZONE, MINUTE_MS, from_datetime
from datahub.contract.codes import AckStatus, Certainty, TaskStage
from datahub.contract.observations import Ints
from datahub.events import CommandMoved, HubEvent
from datahub.store.session import Store
from scenarios.survey.city import load_city

START = from_datetime(datetime(2025, 6, 10, 19, 0, tzinfo=CITY_ZONE))
HARBOUR = load_city("harbour")

#: (order, minutes since the order came) -> findings; None: the crew fails.
Script = Callable[[WorkOrder], "dict[str, float | str] | None"]


@dataclass
class ScriptedSenses:
    """Says what the script says."""

    city: City
    says: list[Message] = field(default_factory=list)
    is_normal: bool = False
    is_well: bool | None = True
    closed: list[tuple[str, int]] = field(default_factory=list)

    def look(self, t: int, open_incidents: Sequence[Incident]) -> list[Message]:
        now = [message for message in self.says if message.t <= t]
        self.says = [message for message in self.says if message.t > t]
        return now

    def normal(self, incident: Incident) -> bool:
        return self.is_normal

    def well(self, case: Case) -> bool | None:
        return self.is_well

    def over(self, type: str, object: int) -> None:  # noqa: A002
        self.closed.append((type, object))

    def movers(self, kind: str) -> tuple[Ints, Ints]:
        name = {"valve_actuator": "motorised_valve", "signal_controller": "signal_junction"}[kind]
        code = self.city.objects[name].code
        return code + 10**16, code

    def state(self) -> Mapping[str, NDArray[np.generic]]:
        return {"learned": np.arange(3)}


@dataclass
class ScriptedDevices:
    """Devices that do what they are told within a minute, or refuse."""

    refusing: set[str] = field(default_factory=set)
    orders: dict[str, tuple[int, str, dict[str, float]]] = field(default_factory=dict)
    due: list[tuple[str, int]] = field(default_factory=list)

    def order(
        self,
        device: int,
        name: str,
        *,
        arguments: Mapping[str, float],
        t: int,
        expires: int,
        id: str,  # noqa: A002
    ) -> object:
        if id not in self.orders:
            self.orders[id] = (device, name, dict(arguments))
            self.due.append((id, device))
        return None

    def acknowledge(self, t: int) -> list[HubEvent]:
        due, self.due = self.due, []
        status = {True: AckStatus.REJECTED, False: AckStatus.DONE}
        return [CommandMoved(t, name, device, status[self.orders[name][1] in self.refusing]) for name, device in due]


@dataclass
class Line:
    """Carries requests to the stubs in the process; departments in ``down`` do not answer."""

    stubs: Mapping[str, Stub]
    down: set[str] = field(default_factory=set)
    calls: int = 0

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        self.calls += 1
        if department in self.down:
            raise Unanswered(f"the line to {department} is down")
        return self.stubs[department].handle(request, t=t)


@dataclass
class Crews:
    """Crews by the book: accept after one minute, leave after two, arrive after ten, done after twenty.

    ``silent`` crews never say a word; ``finds`` is what a crew reports when it is done.
    """

    stubs: Mapping[str, Stub]
    finds: Script
    silent: set[str] = field(default_factory=set)
    held: list[tuple[int, str, WorkOrder, int]] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    seen: list[WorkOrder] = field(default_factory=list)

    _COURSE = (
        (1, TaskStage.ACCEPTED),
        (2, TaskStage.EN_ROUTE),
        (10, TaskStage.ON_SITE),
        (20, TaskStage.DONE),
    )

    def act(self, t: int) -> None:
        for department, stub in self.stubs.items():
            back = set(stub.withdrawn())
            self.withdrawn.extend(sorted(back))
            self.held = [each for each in self.held if each[2].id not in back]
            for order in stub.orders():
                self.seen.append(order)
                if order.crew not in self.silent:
                    self.held.append((t, department, order, 0))
        for index, (since, department, order, done) in enumerate(self.held):
            done = self._go_on(department, order, since=since, done=done, t=t)
            self.held[index] = (since, department, order, done)
        self.held = [each for each in self.held if each[3] < len(self._COURSE)]

    def _go_on(self, department: str, order: WorkOrder, *, since: int, done: int, t: int) -> int:
        for minutes, stage in self._COURSE[done:]:
            if t < since + minutes * MINUTE_MS:
                break
            findings = self.finds(order) if stage is TaskStage.DONE else {}
            stage = TaskStage.FAILED if findings is None else stage
            at = since + minutes * MINUTE_MS
            self.stubs[department].report(WorkUpdate(0, order.id, stage, at, crew=order.crew, findings=findings or {}))
            if order.crew:
                held = "" if stage in (TaskStage.DONE, TaskStage.FAILED) else order.id
                self.stubs[department].locate(CrewStatus(order.crew, at, order.lon, order.lat, order=held))
            done += 1
        return done


def burst_pipe(city: City = HARBOUR) -> int:
    """Harbour's widest main."""
    pipes = city.water.pipes
    widest = np.lexsort((pipes.code, -np.asarray(pipes.columns["diameter_m"], np.float64)))[0]
    return int(pipes.code[widest])


def burst(t: int = START + MINUTE_MS, *, pipe: int = 0, candidates: Mapping[str, float] | None = None) -> EventRaised:
    """The brain believes that a main has burst."""
    pipe = pipe or burst_pipe()
    row = int(np.searchsorted(HARBOUR.water.pipes.code, pipe))
    pipes = HARBOUR.water.pipes
    place = Place(lon=float(pipes.lon[row]), lat=float(pipes.lat[row]), object=pipe)
    return EventRaised(
        t=t,
        id=f"water_main_burst-{pipe}-{t}",
        type="water_main_burst",
        place=place,
        certainty=Certainty.LIKELY,
        candidates=dict(candidates or {str(pipe): 0.8}),
        facts={"loss_m3_s": 0.2},
        devices=(1, 2, 3),
    )


def finding_well(order: WorkOrder) -> dict[str, float | str]:
    """Every crew succeeds, and the patrol finds the burst at the first place."""
    pipe = str(order.objects[0]) if order.objects else ""
    return {
        "confirm_call": {"calls_count": 12.0, "plausible": 1.0},
        "patrol_main": {"burst_seen": 1.0, "pipe": pipe, "lon": order.lon, "lat": order.lat, "road_blocked": 1.0},
        "close_valve": {"valves_count": float(len(order.objects)), "failed": ""},
        "open_valve": {"valves_count": float(len(order.objects)), "failed": ""},
        "repair_main": {"repaired": 1.0},
        "flush_main": {"volume_m3": 900.0},
        "disinfect_main": {"free_chlorine_mg_l": 25.0},
        "water_quality_test": {"turbidity_ntu": 0.3, "free_chlorine_mg_l": 0.4, "coliform_per_100ml": 0.0},
        "water_tanker": {"volume_m3": order.details.get("volume_m3", 10.0)},
        "close_road": {"road_closed": 1.0},
        "open_road": {"road_closed": 0.0},
        "hydrants_out": {"acknowledged": 1.0},
        "hydrants_back": {"acknowledged": 1.0},
        "notify_residents": {"people_count": order.details.get("people_count", 0.0)},
        "send_sms": {"sent_count": order.details.get("people_count", 0.0), "delivered_count": 7.0},
        "repair_lamp": {"lamp_lit": 1.0, "cause": "driver"},
        "inspect_feeder": {"energised": 1.0},
        "verify_case": {"solved": 1.0},
    }[order.duty]


@dataclass
class Play:
    """A brain and the people around it. ``said`` is everything it has said."""

    finds: Script = finding_well
    directory: Path | None = None
    city: City = HARBOUR
    watched: bool = False
    policy: Callable[[date], Policy] = in_force
    t: int = START
    said: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stubs = {code: load(each.speaks)[1](each) for code, each in self.city.departments.items()}
        self.line = Line(self.stubs)
        self.crews = Crews(self.stubs, lambda order: self.finds(order))
        self.senses = ScriptedSenses(self.city)
        self.devices = ScriptedDevices()
        self.open()

    def open(self) -> None:
        """Begin, or begin again from what is on the books."""
        self.store = Store(self.directory, city=self.city.name)
        self.brain = Brain(
            city=self.city,
            queries=None,
            commands=self.devices,
            connectors={code: load(each.speaks)[0] for code, each in self.city.departments.items()},
            exchange=self.line,
            store=self.store,
            senses=self.senses,
            watched=self.watched,
            policy=self.policy,
        )

    def step(self) -> list[Message]:
        """One minute."""
        self.t += MINUTE_MS
        self.crews.act(self.t)
        said = self.brain.tick(self.t, self.devices.acknowledge(self.t))
        self.said.extend(said)
        return said

    def run(self, minutes: int, *, until: Callable[[], bool] = lambda: False) -> None:
        """So many minutes, or until something is so."""
        for _ in range(minutes):
            self.step()
            if until():
                return

    def heard(self, kind: type[Message]) -> list[Message]:
        """All messages of one type so far."""
        return [message for message in self.said if isinstance(message, kind)]

    @property
    def incident(self) -> Incident:
        """The only incident."""
        (incident,) = self.brain.memory.incidents.values()
        return incident
