"""The city side in one process: hub and brain, driven in turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brain.app import Brain
from brain.model import Message
from datahub.bridges.bridged import Bridged
from datahub.bridges.desk import Bridges
from datahub.bridges.errands import Couriers
from datahub.bridges.joined import JoinedBus
from datahub.connector import Connector, Exchange
from datahub.connectors.loading import load
from datahub.contract.city import City
from datahub.contract.messages import Marker
from datahub.hub import Hub
from datahub.transport.bus import CityBus


@dataclass(frozen=True, slots=True)
class Platform:
    """Hub and brain of one city, and its bridges to vendors' clouds (None where it has none)."""

    hub: Hub
    brain: Brain
    bus: CityBus
    run: str
    bridges: Bridges | None = None

    def quantum(self, t: int, *, show: bool = True) -> list[Message]:
        """Evaluate all that was taken in up to city time ``t`` [ms] and act on it; then say so down the wire.

        ``show``: make the situation for those who watch.

        Returns:
            What the city said, in order.
        """
        said = self.brain.tick(t, self.hub.tick(t), show=show)
        if self.bridges is not None:
            self.bridges.turn(t)
        self.bus.send(Marker(side="city", run=self.run, t=t, sent=0))
        return said

    def close(self) -> None:
        """Keep everything and let go."""
        self.brain.close()
        self.hub.close()


def connectors_of(city: City) -> Mapping[str, Connector]:
    """For each department the connector in whose dialect its system speaks."""
    loaded = {vendor: load(vendor)[0] for vendor in sorted({d.speaks for d in city.departments.values() if d.speaks})}
    return {code: loaded[department.speaks] for code, department in city.departments.items() if department.speaks}


def assemble(
    city: City,
    bus: CityBus,
    exchange: Exchange,
    *,
    directory: Path | None,
    run: str = "",
    start: int | None = None,
    watched: bool = False,
    bridged: Sequence[Bridged] = (),
    couriers: Couriers | None = None,
) -> Platform:
    """The platform of a city.

    Args:
        directory: where its databases lie; None keeps everything in memory.
        run: run id of a virtual run, empty live.
        start: city time at the beginning [ms], if known.
        watched: somebody looks at the brain's situation, so it is made after ticks.
        bridged: vendors' clouds that speak for devices; ``exchange`` reaches them by the vendor's name.
        couriers: go to these clouds live, so that nobody else waits; None in a virtual run.
    """
    wire = JoinedBus(bus) if bridged else bus
    hub = Hub(city.name, city.adcode, directory, wire, run=run, start=start, strict=True)
    hub.care.owners.survey(city)
    bridges = None
    if isinstance(wire, JoinedBus):
        hub.commands.ways = {one.node: one.way for one in bridged}
        bridges = Bridges(
            bridged,
            hub.store,
            exchange,
            hub.topics,
            room=hub.guard.room,
            refusals=hub.refusals,
            couriers=couriers,
        )
        wire.join(bridges)
    for device in hub.shadows.owed():  # what a former process may not have got out
        hub.commands.remind(device)
    brain = Brain(
        city=city,
        queries=hub.queries,
        commands=hub.commands,
        connectors=connectors_of(city),
        exchange=exchange,
        store=hub.store,
        watched=watched,
    )
    return Platform(hub=hub, brain=brain, bus=wire, run=run, bridges=bridges)
