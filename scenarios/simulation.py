"""A virtual run: both sides of the wire in lockstep by one quantum of city time, as fast as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from brain.model import Message
from datahub.bridges.desk import Bridges
from datahub.connector import Exchange
from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS, elapsed_s
from datahub.contract.errors import OutsideError
from datahub.contract.messages import Marker
from datahub.contract.topics import Topics
from scenarios import outside as field_side
from scenarios import platform as city_side
from scenarios.bridging import bridged, played
from scenarios.edges.judged import EdgeWatch
from scenarios.exchange import DirectExchange, Door
from scenarios.given import Given
from scenarios.outside import Outside
from scenarios.platform import Platform
from scenarios.scenario import Scenario
from scenarios.transcript import Transcript
from scenarios.truth import Truth
from scenarios.wires import wire
from sensors.chance import Seeds
from sensors.field import QUANTUM_MS

PATIENCE_S = 60.0
"""A side that says nothing for so long [s of wall time] is taken for dead."""

#: progress(part done 0-1, city time [ms])
Progress = Callable[[float, int], None]


@dataclass(slots=True)
class Story:
    """What a run leaves behind, before it is judged.

    Attributes:
        given: the orders that its operator gave.
        edges: what became of edge nodes.
        said: every message of the city since the scenario began, in order.
        warmup_s, wall_s: wall time of the warm-up and of the scenario itself [s].
    """

    outside: Outside
    platform: Platform
    transcript: Transcript
    truth: Truth
    given: Given
    edges: EdgeWatch
    said: list[Message] = field(default_factory=list)
    warmup_s: float = 0.0
    wall_s: float = 0.0


def simulate(
    scenario: Scenario,
    city: City,
    *,
    seed: int,
    bus: str,
    transcript: Transcript,
    directory: Path | None,
    judge: Callable[[Story], None],
    progress: Progress = lambda part, t: None,
) -> None:
    """Run a scenario from its warm-up to its end, and hand the story to ``judge`` while both sides still stand.

    Raises:
        OutsideError: if the broker, the disk or a database fails.
    """
    run = f"{seed}"
    with wire(bus, Topics(city.name, run)) as (field_end, city_end):
        outside = field_side.assemble(scenario, city, field_end, seed=seed, run=run)
        start, begins, ends = int(outside.env.now), outside.begins, outside.begins + scenario.length
        hosts = outside.clouds.hosts if outside.clouds is not None else {}
        exchange = DirectExchange({**outside.stubs, **hosts}, Seeds(seed))
        speak_by_cloud = bridged(city, played(city, seed)) if scenario.bridges else ()
        platform = city_side.assemble(
            city, city_end, exchange, directory=directory, run=run, start=start, bridged=speak_by_cloud
        )
        doors = doors_of(platform.bridges, hosts, Seeds(seed))
        given = Given(outside, scenario.order)
        edges = EdgeWatch(outside, platform, given)
        story = Story(outside, platform, transcript, Truth(outside), given, edges)
        try:
            outside.begin()
            since = elapsed_s()
            for t in range(start + QUANTUM_MS, ends + 1, QUANTUM_MS):
                given.give(platform.hub.commands, t)
                said = quantum(outside, platform, t, doors=doors)
                story.truth.look()
                edges.look()
                if t > begins:
                    _write(story, said, t)
                elif t == begins:
                    story.warmup_s, since = elapsed_s() - since, elapsed_s()
                progress((t - start) / (ends - start), t)
            story.wall_s = elapsed_s() - since
            judge(story)
        finally:
            platform.close()


def doors_of(bridges: Bridges | None, vendors: Iterable[str], seeds: Seeds) -> Exchange | None:
    """The lines by which vendors' clouds reach the platform; None where it has no bridges."""
    if bridges is None:
        return None
    return DirectExchange({vendor: Door(bridges, vendor) for vendor in vendors}, seeds, name="door")


def quantum(outside: Outside, platform: Platform, t: int, *, doors: Exchange | None = None) -> list[Message]:
    """One turn of each side, up to city time ``t`` [ms]; ``doors`` take what vendors' clouds post."""
    outside.field.run_to(t)
    if outside.clouds is not None and doors is not None:
        outside.clouds.post(doors, t=t)
    outside.field.end_quantum(t)
    _until(lambda wait_s: platform.hub.intake(wait_s=wait_s, now=t), t, who="the field")
    said = platform.quantum(t)
    _until(lambda wait_s: max(outside.field.receive(wait_s=wait_s), key=lambda m: m.t, default=None), t, who="the city")
    return said


def _until(receive: Callable[[float], Marker | None], t: int, *, who: str) -> None:
    """Receive until the other side's marker for ``t`` has come."""
    since = elapsed_s()
    marker = receive(0.0)
    while marker is None or marker.t < t:
        if elapsed_s() - since > PATIENCE_S:
            raise OutsideError(f"{who} has said nothing for {PATIENCE_S:.0f} s at city time {t} ms; run it again")
        marker = receive(1.0)


def _write(story: Story, said: list[Message], t: int) -> None:
    for message in said:
        story.transcript.message(message)
    story.said += said
    if t % HOUR_MS == 0:
        hub = story.platform.hub
        story.transcript.observations(t=t, stored=hub.queries.ledger().stored, digest=hub.digest())
