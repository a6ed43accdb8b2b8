"""One crew in the field: where it is, what it has to do, and what it says by radio."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import simpy

from datahub.connector import CrewStatus, Stub, WorkOrder, WorkUpdate
from datahub.contract.city import Crew
from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS, of_day
from datahub.contract.codes import TaskStage
from scenarios.agents.practice import Practice
from scenarios.agents.way import Way, distance_m, drive
from sensors.chance import Seeds
from sensors.world.world import World

Findings: TypeAlias = dict[str, float | str]
Steps: TypeAlias = Generator[simpy.Event, object, None]
Work: TypeAlias = Generator[simpy.Event, object, "Outcome"]

RADIO_MS = MINUTE_MS
"""A crew on the move says once a minute where it is."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a piece of work ended, and what was found, done or measured."""

    findings: Findings
    stage: TaskStage = TaskStage.DONE


@dataclass(slots=True)
class Team:
    """A crew of a department. ``env`` counts milliseconds of city time.

    Attributes:
        order: what it is working on.
        queue: orders that wait.
        rng: the chance of the order at hand, by crew and order, so that no other order changes it.
        silent: nobody can reach it, and it says nothing.
        recalled: its order was taken back while it could not be reached.
        waker: what it waits for while there is no order; life: the process that it lives in.

    A crew without a code is the department's duty desk: its radio is not heard.
    """

    env: simpy.Environment
    world: World
    crew: Crew
    stub: Stub
    practice: Practice
    seeds: Seeds
    order: WorkOrder | None = None
    queue: list[WorkOrder] = field(default_factory=list)
    lon: float = 0.0
    lat: float = 0.0
    way: Way | None = None
    rng: np.random.Generator = field(init=False)
    silent: bool = False
    recalled: bool = False
    waker: simpy.Event | None = None
    life: simpy.Process | None = None

    def __post_init__(self) -> None:
        self.lon, self.lat = self.crew.lon, self.crew.lat
        self.rng = self.seeds.rng("crew", self.crew.code)

    @property
    def now(self) -> int:
        """City time [ms]."""
        return int(self.env.now)

    def there(self) -> World:
        """The world as it is just now, around the crew."""
        self.world.advance(self.now)
        return self.world

    def place(self) -> tuple[float, float]:
        """Where the crew is (lon, lat [deg])."""
        return (self.lon, self.lat) if self.way is None else self.way.place(self.now)

    def at_home(self) -> bool:
        """Whether the crew is at its station."""
        return self.way is None and (self.lon, self.lat) == (self.crew.lon, self.crew.lat)

    def begin(self, order: WorkOrder) -> None:
        """Take an order in hand."""
        self.order, self.rng = order, self.seeds.rng("crew", self.crew.code, order.id)
        self.silent = self.recalled = False

    def say(self, stage: TaskStage, findings: Findings | None = None) -> None:
        """Report how far the order at hand is."""
        if self.order is None or self.silent:
            return
        update = WorkUpdate(0, self.order.id, stage, self.now, crew=self.crew.code, findings=findings or {})
        self.stub.report(update)

    def locate(self) -> None:
        """Tell by radio where the crew is, what it works on and when it will be there."""
        if self.silent or not self.crew.code:
            return
        lon, lat = self.place()
        eta_s = 0.0 if self.way is None else self.way.eta_s(self.now)
        order = "" if self.order is None else self.order.id
        self.stub.locate(CrewStatus(self.crew.code, self.now, round(lon, 6), round(lat, 6), order=order, eta_s=eta_s))

    def wait_s(self, seconds: float) -> simpy.Event:
        """Let time pass [s]."""
        return self.env.timeout(round(seconds * SECOND_MS))

    def draw_s(self, name: str) -> float:
        """One declared time for the order at hand [s]."""
        return self.practice.draw_s(name, self.rng)

    def take(self, name: str) -> simpy.Event:
        """Let one declared time pass."""
        return self.wait_s(self.draw_s(name))

    def turn_out(self) -> simpy.Event:
        """Get ready and go: longer at night, when the crew is on call; special vehicles stand ready.

        A crew that is out already only turns round.
        """
        if not self.at_home():
            return self.take("on_the_road")
        if self.practice.vehicle[self.crew.vehicle].value > 1:
            return self.take("turn_out_alarm")
        hour = of_day(self.now) / HOUR_MS
        night = hour >= self.practice.of("night_from_h") or hour < self.practice.of("night_to_h")
        return self.take("turn_out_night" if night else "turn_out_day")

    def set_off(self, lon: float, lat: float, *, vehicle: str = "") -> Way:
        """Leave for a place; one is on the way from now on."""
        self.halt()
        self.way = drive(
            (self.lon, self.lat),
            (lon, lat),
            t=self.now,
            vehicle=vehicle or self.crew.vehicle,
            practice=self.practice,
            closed=self.there().traffic.closures(),
            rng=self.rng,
        )
        return self.way

    def go(self, lon: float, lat: float, *, vehicle: str = "") -> Steps:
        """Travel to a place, saying where one is on the way."""
        yield from self._travel(self.set_off(lon, lat, vehicle=vehicle))

    def walk(self, lon: float, lat: float, *, pace_m_s: float) -> Steps:
        """Go straight to a place at a pace [m/s], looking around."""
        self.halt()
        took = round(distance_m(self.lon, self.lat, lon, lat) / pace_m_s * SECOND_MS)
        self.way = Way(self.lon, self.lat, self.now, lon, lat, self.now + took)
        yield from self._travel(self.way)

    def _travel(self, way: Way) -> Steps:
        while self.now < way.end:
            self.locate()
            yield self.env.timeout(min(RADIO_MS, way.end - self.now))
        self.halt()
        self.locate()

    def halt(self) -> None:
        """Stop where one is."""
        self.lon, self.lat = self.place()
        self.way = None
