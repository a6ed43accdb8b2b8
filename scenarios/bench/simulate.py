"""How fast the city runs: city seconds per second of one core, with everything on, and where the time goes."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import msgspec

from datahub.contract.clock import elapsed_s
from datahub.contract.topics import Topics
from scenarios import outside as field_side
from scenarios import platform as city_side
from scenarios import scenario as declared
from scenarios.bench.reference import reference_loop_s
from scenarios.exchange import DirectExchange
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript
from scenarios.wires import wire
from sensors.chance import Seeds
from sensors.field import QUANTUM_MS, Field

R = TypeVar("R")


class Figures(msgspec.Struct):
    """What a simulated day cost.

    Attributes:
        city_seconds_per_second: of wall time, over the scenario itself (its warm-up is not counted).
        share: part of that time in each room (1 together with what is left over).
        reference_loop_s: median time of a fixed loop of pure Python and numpy on this machine [s].
    """

    scale: float
    devices: int
    readings: int
    city_seconds_per_second: float
    readings_per_second: float
    peak_rss_mb: float
    share: dict[str, float]
    wall_s: float
    reference_loop_s: float


class _Stopwatch:
    """Adds up where the time goes."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def of(self, part: str, work: Callable[[], R]) -> R:
        """Do some work and count its time to a part."""
        since = elapsed_s()
        done = work()
        self.spent[part] = self.spent.get(part, 0.0) + elapsed_s() - since
        return done


def _measure_and_send(field: Field, t: int) -> None:
    field.run_to(t)
    field.end_quantum(t)


def measure(*, scale: float, city: str | None, name: str = "calm_day", seed: int = 1, hours: float = 24.0) -> Figures:
    """Simulate a scenario at a scale with the local bus and the databases on disk, and measure it."""
    overlay: dict[str, object] = {"scale": scale} | ({"city": city} if city else {})
    scenario = declared.load(name, overlay=overlay)
    town = load_city(scenario.city, scale=scale)
    with TemporaryDirectory(prefix="citybrain-bench-") as folder, wire("local", Topics(town.name, "bench")) as ends:
        outside = field_side.assemble(scenario, town, ends[0], seed=seed, run="bench")
        exchange = DirectExchange(outside.stubs, Seeds(seed))
        start = int(outside.env.now)
        platform = city_side.assemble(town, ends[1], exchange, directory=Path(folder), run="bench", start=start)
        transcript, watch = Transcript(), _Stopwatch()
        outside.begin()
        last = outside.begins + round(hours * 3_600_000)
        before, since = 0, elapsed_s()
        for t in range(start + QUANTUM_MS, last + 1, QUANTUM_MS):
            watch.of("field", partial(_measure_and_send, outside.field, t))
            watch.of("intake", partial(platform.hub.intake, now=t))
            events = watch.of("hub", partial(platform.hub.tick, t))
            said = watch.of("brain", partial(platform.brain.tick, t, events))
            watch.of("acknowledge", outside.field.receive)
            for message in said:
                transcript.message(message)
            if t == outside.begins:
                watch.spent.clear()
                before, since = platform.hub.queries.ledger().stored, elapsed_s()
        wall_s = elapsed_s() - since
        readings = platform.hub.queries.ledger().stored - before
        platform.close()
    return Figures(
        scale=scale,
        devices=outside.devices,
        readings=readings,
        city_seconds_per_second=round(hours * 3600 / wall_s, 1),
        readings_per_second=round(readings / wall_s),
        peak_rss_mb=round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)
        ),
        share={part: round(spent / wall_s, 3) for part, spent in watch.spent.items()},
        wall_s=round(wall_s, 1),
        reference_loop_s=round(reference_loop_s(), 4),
    )
