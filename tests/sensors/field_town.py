"""A field on the harbour city, and a hub that acknowledges all it gets, for the tests of devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

import numpy as np
import simpy

from datahub.contract.city import City
from datahub.contract.clock import MINUTE_MS, from_datetime
from datahub.contract.messages import Ack, BirthBatch, Death, Down, Reported, Up, Watermarks
from datahub.contract.observations import ObservationBatch, concatenate
from datahub.transport.local import LocalBus
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.edge import EdgeSpec
from sensors.faults import NO_FAULTS, Faults
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10))  # noqa: DTZ001 - city-local, as from_datetime has it
HOUR = 60
DAY = 24 * HOUR


@cache
def harbour() -> City:
    return load_city("harbour")


@dataclass
class Town:
    """A field that is run minute by minute, and everything that came up."""

    field: Field
    bus: LocalBus
    acknowledges: bool = True
    up: list[Up] = field(default_factory=list)
    arrived: list[int] = field(default_factory=list)

    @property
    def now(self) -> int:
        return int(self.field.env.now)

    def run(self, minutes: int) -> None:
        for _ in range(minutes):
            t = self.now // MINUTE_MS * MINUTE_MS + MINUTE_MS
            self.field.run_to(t)
            self.field.end_quantum(t)
            self.take(t)
            self.field.receive()

    def take(self, t: int) -> None:
        for delivery in self.bus.city_end.receive():
            message = delivery.message
            self.up.append(message)
            self.arrived.append(t)
            if isinstance(message, ObservationBatch) and self.acknowledges:
                self.down(acknowledgement(message))

    def down(self, *messages: Down) -> None:
        for message in messages:
            self.bus.city_end.send(message)

    def order(self, *messages: Down) -> None:
        """Send down, and let the field take it in; it acts when time goes on."""
        self.down(*messages)
        self.field.receive()

    def batches(self, kind: str | None = None) -> list[ObservationBatch]:
        found = [it for it in self.up if isinstance(it, ObservationBatch)]
        return found if kind is None else [it for it in found if self._is(it, kind)]

    def whole(self, kind: str) -> ObservationBatch:
        """All packs of one kind, in the order in which they came up."""
        return concatenate(self.batches(kind))

    def _is(self, batch: ObservationBatch, kind: str) -> bool:
        return bool(np.isin(batch.node[0], self.field.fleets[kind].nodes.code))

    def births(self) -> list[BirthBatch]:
        return [it for it in self.up if isinstance(it, BirthBatch)]

    def deaths(self) -> list[Death]:
        return [it for it in self.up if isinstance(it, Death)]

    def acks(self, command: str) -> list[Ack]:
        return [it for it in self.up if isinstance(it, Ack) and it.command == command]

    def reported(self, device: int) -> list[Reported]:
        return [it for it in self.up if isinstance(it, Reported) and it.device == device]

    def device(self, kind: str, row: int = 0) -> tuple[int, int]:
        """Node and device of one row."""
        fleet = self.field.fleets[kind]
        return int(fleet.nodes.code[fleet.nodes.of[row]]), int(fleet.sites.device[row])


def acknowledgement(batch: ObservationBatch) -> Watermarks:
    """What the hub says when it has all of a batch."""
    return Watermarks(node=batch.node, epoch=batch.epoch, sequence=batch.first + batch.counts - 1)


def town(
    *kinds: str,
    faults: Faults | Mapping[str, Faults] = NO_FAULTS,
    seed: int = 7,
    switch_on: Mapping[str, int] | None = None,
    start: int = START,
    begun: bool = True,
    absent: Iterable[str] = (),
    edges: Sequence[EdgeSpec] = (),
) -> Town:
    """A field of some kinds (none named: all) on the harbour, switched on."""
    known = load_kinds()
    names = [name for name in (kinds or known) if name not in set(absent)]
    seeds = Seeds(seed)
    bus = LocalBus()
    made = Field(
        simpy.Environment(start),
        World(harbour(), (), seeds, start=start),
        known,
        {name: sites(harbour(), known[name]) for name in names},
        bus.field_end,
        seeds,
        faults=faults,
        switch_on=switch_on,
        edges=edges,
    )
    if begun:
        made.begin()
    return Town(made, bus)
