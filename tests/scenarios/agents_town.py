"""The tiny city of harbour with its crews, stubs and citizens at work, without devices and without a platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx
import numpy as np
import simpy

from datahub.connector import CrewStatus, WorkOrder, WorkUpdate
from datahub.connectors.loading import load
from datahub.contract.city import City
from datahub.contract.clock import CITY_ZONE, HOUR_MS, MINUTE_MS, from_datetime
from datahub.contract.codes import TaskStage
from scenarios.agents.citizen import Citizens
from scenarios.agents.crew import Crews
from scenarios.agents.practice import practice
from scenarios.exchange import stubs_of
from scenarios.survey.city import load_city
from sensors.chance import Seeds
from sensors.world.layout import lay_out
from sensors.world.world import World

EVENING = from_datetime(datetime(2025, 6, 10, 18, 0, tzinfo=CITY_ZONE))
HARBOUR = load_city("harbour")


def segment(city: City, pipe: int) -> tuple[bool, list[int]]:
    """Whether valves can cut a main (row) off from every source, and the rows of those that do."""
    layout = lay_out(city.water, (pipe,))
    open_link = np.ones(len(layout.a), np.bool_)
    open_link[layout.valve_link] = False
    piece = layout.component(open_link)
    inside = piece == piece[layout.break_point(pipe)]
    ours = np.flatnonzero(inside[layout.a[layout.valve_link]] | inside[layout.b[layout.valve_link]])
    return not inside[layout.sources].any(), ours.tolist()


def widest_main(city: City) -> int:
    """Row of the widest trunk main that valves can cut off and on which not the whole town depends."""
    pipes, sources = city.water.pipes.columns, np.flatnonzero(city.water.nodes.columns["source"])
    inner = ~(np.isin(pipes["a"], sources) | np.isin(pipes["b"], sources))
    rows = [row for row in np.flatnonzero(pipes["trunk"] & inner).tolist() if segment(city, row)[0]]
    return max(rows, key=lambda row: (pipes["diameter_m"][row], pipes["road_class"][row], -row))


MAIN = widest_main(HARBOUR)
VALVES = segment(HARBOUR, MAIN)[1]


@dataclass
class Town:
    """Harbour from ``start`` on; ``amounts`` overlays numbers of ``practice.toml``."""

    start: int = EVENING
    seed: int = 7
    silent_share: float = 0.0
    amounts: Mapping[str, float] = field(default_factory=dict)
    city: City = HARBOUR
    main: int = MAIN
    valves: Sequence[int] = tuple(VALVES)

    def __post_init__(self) -> None:
        seeds = Seeds(self.seed)
        self.practice = practice({"amount": {name: {"value": value} for name, value in self.amounts.items()}})
        self.world = World(self.city, (), seeds, start=self.start)
        self.env = simpy.Environment(self.start)
        self.stubs = stubs_of(self.city)
        self.citizens = Citizens(self.env, self.world, seeds, self.practice)
        self.crews = Crews(
            self.env,
            self.world,
            self.stubs,
            seeds,
            citizens=self.citizens,
            practice=self.practice,
            silent_share=self.silent_share,
        )
        self.tracks: dict[str, list[CrewStatus]] = {}
        self.updates: list[WorkUpdate] = []
        self._asked: set[str] = set()
        self._cursor = dict.fromkeys(self.stubs, 0)
        self._connectors = {code: load(self.city.departments[code].speaks)[0] for code in self.stubs}
        self._overhear()
        self.crews.begin()

    @property
    def now(self) -> int:
        return int(self.env.now)

    def _overhear(self) -> None:
        for stub in self.stubs.values():
            said = stub.locate

            def heard(status: CrewStatus, *, said: object = said) -> None:
                self.tracks.setdefault(status.crew, []).append(status)
                said(status)  # type: ignore[operator]

            stub.locate = heard  # type: ignore[method-assign]

    def order(self, department: str, duty: str, objects: Sequence[int] = (), **more: object) -> WorkOrder:
        """Hand an order in at a department's desk."""
        fields: dict[str, object] = {"id": f"{duty}-{self.now}", "zh": "", "en": "", "lon": 0.0, "lat": 0.0}
        fields |= {"lon": self.place[0], "lat": self.place[1], "deadline": self.now + 12 * HOUR_MS, **more}
        order = WorkOrder(duty=duty, objects=tuple(objects), **fields)  # type: ignore[arg-type]
        self._ask(department, self._connectors[department].submit(order))
        return order

    def withdraw(self, department: str, order: WorkOrder) -> None:
        self._ask(department, self._connectors[department].withdraw(order.id))

    def _ask(self, department: str, request: httpx.Request) -> None:
        self._asked.add(department)
        assert self.stubs[department].handle(request, t=self.now).is_success

    def run(self, minutes: float) -> None:
        """Let time pass, and hear then what the departments say that have orders."""
        self.env.run(until=self.now + round(minutes * MINUTE_MS))
        for code in sorted(self._asked):
            connector = self._connectors[code]
            response = self.stubs[code].handle(connector.poll(self._cursor[code]), t=self.now)
            updates, _ = connector.read(response)
            self.updates.extend(updates)
            self._cursor[code] += len(updates)

    def finish(self, order: WorkOrder, *, within_h: float = 60) -> WorkUpdate:
        """Wait for the last word on an order."""
        end = self.now + round(within_h * 60 * MINUTE_MS)
        while self.now < end:
            self.run(5)
            for said in self.said(order):
                if said.stage in (TaskStage.DONE, TaskStage.FAILED, TaskStage.WITHDRAWN):
                    return said
        raise AssertionError(f"no last word on {order.id} within {within_h} h; so far: {self.said(order)}")

    def said(self, order: WorkOrder) -> list[WorkUpdate]:
        return [update for update in self.updates if update.order == order.id]

    def stages(self, order: WorkOrder) -> list[TaskStage]:
        return [update.stage for update in self.said(order)]

    @property
    def main_code(self) -> int:
        return int(self.city.water.pipes.code[self.main])

    @property
    def place(self) -> tuple[float, float]:
        pipes = self.city.water.pipes
        return float(pipes.lon[self.main]), float(pipes.lat[self.main])

    def burst(self, hole_m2: float = 0.02) -> None:
        self.world.advance(self.now)
        self.world.water.burst(self.main, hole_m2)

    def isolate(self) -> None:
        self.world.advance(self.now)
        for row in self.valves:
            self.world.water.set_valve(row, 0.0)
