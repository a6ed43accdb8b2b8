"""A hub with devices of the harbour city behind it, served on a free port, for clients of open standards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

import simpy
from fastapi import FastAPI

from datahub.api.app import attach
from datahub.api.sensorthings.service import SensorThings
from datahub.contract.city import City
from datahub.contract.clock import MINUTE_MS, from_datetime
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from scenarios.live.serving import Server
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.faults import NO_FAULTS
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10))  # noqa: DTZ001 - city-local, as from_datetime has it
TOKEN = "a seat at the desk"
KINDS = ("pressure_logger", "valve_actuator")

__all__ = ["KINDS", "START", "TOKEN", "Town", "served"]


@cache
def harbour() -> City:
    return load_city("harbour", scale=0.05)


@dataclass
class Town:
    """Field and hub in step, and where the API answers."""

    field: Field
    hub: Hub
    things: SensorThings
    url: str = ""

    def run(self, minutes: int = 1) -> None:
        for _ in range(minutes):
            t = int(self.field.env.now) // MINUTE_MS * MINUTE_MS + MINUTE_MS
            self.field.run_to(t)
            self.field.end_quantum(t)
            self.hub.intake()
            self.hub.tick(t)
            self.field.receive()

    def device(self, kind: str) -> int:
        """The first device of a kind."""
        return int(self.field.fleets[kind].sites.device[0])


@contextmanager
def served(directory: Path) -> Iterator[Town]:
    """A town after a quarter of an hour."""
    known, seeds, bus = load_kinds(), Seeds(7), LocalBus()
    field = Field(
        simpy.Environment(START),
        World(harbour(), (), seeds, start=START),
        known,
        {name: sites(harbour(), known[name]) for name in KINDS},
        bus.field_end,
        seeds,
        faults=NO_FAULTS,
    )
    hub = Hub("harbour", harbour().adcode, directory, bus.city_end, start=START, strict=True)
    town = Town(field, hub, SensorThings(hub))
    field.begin()
    town.run(15)
    site = FastAPI()
    attach(site, hub, token=TOKEN, prefix="/api", things=town.things)
    with Server(site, host="127.0.0.1", port=0) as server:
        town.url = f"{server.url}/api/v1.1"
        yield town
    hub.close()
