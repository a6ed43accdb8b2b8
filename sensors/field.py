"""The field at work: every fleet a process in city time, what comes down the wire, and the end of each quantum.

The SimPy environment counts **milliseconds of city time** (``env.now`` is the epoch time), so crews and devices share
one clock. Whoever drives it calls ``run_to(t)`` as fast as it can (a virtual run) or as the wall clock allows (live);
the field itself waits for nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from datahub.contract.clock import MINUTE_MS
from datahub.contract.errors import UsageError
from datahub.contract.messages import Ack, BirthBatch, Command, Desired, Marker, Rebirth, Reported, Up, Watermarks
from datahub.contract.observations import Ints, ObservationBatch
from datahub.transport.bus import FieldBus
from sensors.actuator import load_actuators
from sensors.chance import Seeds
from sensors.edge import Edge, EdgeSpec
from sensors.faults import Faults
from sensors.fleet import Fleet
from sensors.kind import Kind, Sites
from sensors.orders import Orders
from sensors.world.world import World

QUANTUM_MS = MINUTE_MS


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a device, for the judge alone: fault, property ("" for the whole device), since when [ms]."""

    device: int
    kind: str
    fault: str
    property: str
    since: int


class Field:
    """All devices of a city.

    Args:
        env: environment in milliseconds of city time; its ``now`` is the start.
        world: what the devices measure and change.
        kinds: kinds of device by name.
        sites: where the devices of each kind stand.
        bus: the field's end of the wire.
        seeds: streams of chance.
        faults: what goes wrong; by kind where it is a mapping with such a key, else the key "".
        run: run id in the markers.
        switch_on: when a kind is switched on, if later than the start [ms] (a warm-up of loggers alone).
        resend_s: a pack that the hub has not acknowledged for so long goes up again [s of city time].
        edges: what the gateways of some kinds do by themselves, at most one for each kind.

    Raises:
        UsageError: if two are for one kind.
    """

    def __init__(
        self,
        env: simpy.Environment,
        world: World,
        kinds: Mapping[str, Kind],
        sites: Mapping[str, Sites],
        bus: FieldBus,
        seeds: Seeds,
        *,
        faults: Faults | Mapping[str, Faults] | None = None,
        run: str = "",
        switch_on: Mapping[str, int] | None = None,
        resend_s: float = 600.0,
        edges: Sequence[EdgeSpec] = (),
    ) -> None:
        self.env, self.world, self.run = env, world, run
        self.sent = 0
        self.messages_down = 0
        self._bus, self._start = bus, int(env.now)
        self._on = dict(switch_on or {})
        self.fleets: dict[str, Fleet] = {}
        for name in sorted(sites):
            own = faults if isinstance(faults, Faults) else (faults or {}).get(name, (faults or {}).get("", Faults()))
            start = max(self._start, self._on.get(name, self._start))
            self.fleets[name] = Fleet(kinds[name], sites[name], seeds=seeds, faults=own, start=start, resend_s=resend_s)
        self.edges: dict[str, Edge] = {}
        self._orders = Orders(env, world, self.fleets, self._say, self.edges, seeds=seeds)
        actuators = load_actuators()
        for spec in edges:
            if spec.kind in self.edges:
                raise UsageError(f"two rule sets are for a {spec.kind}; a gateway follows one, so put them together")
            if (fleet := self.fleets.get(spec.kind)) is not None:
                self.edges[spec.kind] = Edge(
                    spec,
                    fleet,
                    world=world,
                    actuator=actuators[spec.kind],
                    hand=self._orders,
                    seeds=seeds,
                    cut_off=bus.cut_off,
                )

    def begin(self) -> None:
        """Switch the devices on: their births, now or at the time their kind begins."""
        for fleet in self.fleets.values():
            if len(fleet):
                if fleet.start <= self._start:
                    self._be_born(fleet)
                self.env.process(self._live(fleet))

    def run_to(self, t: int) -> None:
        """Let everything happen that is due up to and at city time ``t`` [ms]; then it is ``t``."""
        if t > self.env.now:
            self.env.timeout(t - int(self.env.now))
        while self.env.peek() <= t:
            self.env.step()
        self.world.advance(t)

    def end_quantum(self, t: int) -> Marker:
        """Say that all that was due up to ``t`` has been sent; the marker counts the messages since the beginning."""
        marker = Marker(side="field", run=self.run, t=t, sent=self.sent)
        self._bus.send(marker)
        return marker

    def receive(self, *, wait_s: float = 0.0) -> list[Marker]:
        """Take in what has come down; orders begin when time goes on. Returns the city's markers among it."""
        markers: list[Marker] = []
        orders: list[Command | Desired] = []
        unborn: list[int] = []
        for message in self._bus.receive(wait_s=wait_s):
            self.messages_down += 1
            match message:
                case Watermarks():
                    for fleet in self.fleets.values():
                        fleet.outbox.acknowledge(message)
                case Rebirth():
                    unborn.append(message.node)
                case Command() | Desired():
                    orders.append(message)
                case Marker():
                    markers.append(message)
        if unborn:
            self._bear_again(np.unique(np.array(unborn, np.int64)))
        self._orders.take(orders)
        return markers

    def resend(self) -> None:
        """Send again all that the hub has not acknowledged (after the line was lost)."""
        for fleet in self.fleets.values():
            for batch in fleet.outbox.resend(int(self.env.now)):
                self._send(batch)

    def ledger(self) -> tuple[int, int]:
        """Readings published so far, and those of them still in flight."""
        boxes = [fleet.outbox for fleet in self.fleets.values()]
        return sum(box.published for box in boxes), sum(box.in_flight for box in boxes)

    def truth(self) -> list[Wrong]:
        """Every device that is stuck, drifting, silent or out of battery now; for the judge, never for the brain."""
        t = int(self.env.now)
        return [
            Wrong(device=device, kind=name, fault=fault, property=prop, since=since)
            for name, fleet in self.fleets.items()
            for device, fault, prop, since in fleet.hardware.truth(fleet.sites.device, t)
        ]

    def _live(self, fleet: Fleet) -> Generator[simpy.Event, Any, None]:
        """One fleet's life: look at the clock each minute, measure what is due, send it."""
        yield self.env.timeout(fleet.start - int(self.env.now))
        if fleet.start > self._start:
            self._be_born(fleet)
        while True:
            now = int(self.env.now)
            yield self.env.timeout(MINUTE_MS - now % MINUTE_MS)
            t = int(self.env.now)
            self.world.advance(t)
            for message in fleet.tick(self.world, t):
                self._send(message)
            if (edge := self.edges.get(fleet.kind.name)) is not None:
                for up in edge.step(t):
                    self._send(up)

    def _be_born(self, fleet: Fleet) -> None:
        self._send(fleet.nodes.births())
        if not fleet.kind.numerous:
            for row in range(len(fleet)):
                self._orders.report(fleet, row)

    def _bear_again(self, codes: Ints) -> None:
        """Nodes that the hub does not know say again who they are, and what it may have refused meanwhile."""
        for fleet in self.fleets.values():
            rows, ours = fleet.nodes.rows(codes)
            rows = rows[ours]
            rows = rows[fleet.nodes.powered[rows] & fleet.outbox.linked(rows, int(self.env.now))]
            if len(rows):
                self._send(fleet.nodes.births(rows))
                for batch in fleet.outbox.resend(int(self.env.now), nodes=fleet.nodes.code[rows]):
                    self._send(batch)
                if (edge := self.edges.get(fleet.kind.name)) is not None:
                    for report in edge.again(fleet.nodes.code[rows]):
                        self._send(report)

    def _say(self, message: Reported | Ack) -> None:
        """Send what a device says of its settings, unless its edge node must keep it until the uplink is back."""
        if not any(edge.keep(message) for edge in self.edges.values()):
            self._send(message)

    def _send(self, message: Up) -> None:
        """Hand a message to the wire; a batch counts as many as it has senders."""
        match message:
            case ObservationBatch():
                self.sent += message.packs
            case BirthBatch():
                self.sent += len(np.unique(message.node))
            case _:
                self.sent += 1
        self._bus.send(message)
