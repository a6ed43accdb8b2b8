"""A real field and a real hub: the same story over every wire, and nothing lost when the hub is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import simpy
from wire_brokers import mosquitto

from datahub.contract.clock import MINUTE_MS, elapsed_s, from_datetime
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.bus import FieldBus
from datahub.transport.mqtt import MqttFieldBus
from scenarios.survey.city import load_city, sites
from scenarios.wires import wire
from sensors.chance import Seeds
from sensors.faults import Faults
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10, 18))  # noqa: DTZ001 - city-local
FAULTS = Faults(stuck_year=20, drift_year=20, silent_year=5, dropout=0.05, late=0.05, duplicate=0.05)
KINDS = ("flow_logger", "pressure_logger", "smart_pole", "valve_actuator")


def field_of(bus: FieldBus, *, faults: Faults = FAULTS) -> Field:
    city = load_city("harbour")
    env = simpy.Environment(initial_time=START)
    kinds = {name: kind for name, kind in load_kinds().items() if name in KINDS}
    places = {name: sites(city, kind) for name, kind in kinds.items()}
    world = World(city, (), Seeds(7), start=START)
    return Field(env, world, kinds, places, bus, Seeds(7), faults=faults)


@dataclass(frozen=True)
class Told:
    """What is left of a run."""

    digest: str
    stored: int
    rejected: int
    published: int
    in_flight: int
    ahead: int
    events: tuple[str, ...]

    @property
    def closes(self) -> bool:
        return self.published == self.stored + self.rejected + self.in_flight - self.ahead


def run(word: str, minutes: int) -> Told:
    topics = Topics("harbour", "same")
    events: list[str] = []
    with wire(word, topics) as (field_end, city_end):
        hub = Hub("harbour", "990100", None, city_end, run="same", start=START)
        field = field_of(field_end)
        field.begin()
        for minute in range(1, minutes + 1):
            t = START + minute * MINUTE_MS
            field.run_to(t)
            field.end_quantum(t)
            marker = hub.intake(now=t)
            while marker is None:
                marker = hub.intake(wait_s=5.0, now=t)
            events += [repr(event) for event in hub.tick(t)]
            if minute == 10:
                valve = int(field.fleets["valve_actuator"].sites.device[0])
                order = {"position_ratio": 0.5, "travel_s": 120.0}
                hub.commands.order(valve, "move", arguments=order, t=t, expires=t + 10 * MINUTE_MS, id="half")
            city_end.send(type(marker)(side="city", run="same", t=t, sent=0))
            while not field.receive(wait_s=5.0):
                pass
        published, in_flight = field.ledger()
        tally = hub.queries.ledger()
        assert tally.closes()
        told = Told(
            hub.digest(), tally.stored, tally.rejected, published, in_flight, hub.queries.ahead(), tuple(events)
        )
        hub.close()
    return told


@pytest.fixture(scope="module")
def locally() -> Told:
    return run("local", 25)


def test_in_the_process_the_ledger_closes_and_the_valve_answers(locally: Told) -> None:
    assert locally.closes
    assert locally.stored > 1_000
    assert any("CommandMoved" in event and "DONE" in event for event in locally.events)


def test_the_embedded_broker_tells_the_same_story(locally: Told) -> None:
    assert run("mqtt", 25) == locally


def test_mosquitto_tells_the_same_story(locally: Told, tmp_path: Path) -> None:
    with mosquitto(tmp_path) as url:
        assert run(url, 25) == locally


HUB_PROCESS = """
import faulthandler, json, sys, threading
from pathlib import Path
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.mqtt import MqttCityBus
url, directory = sys.argv[1:3]
ending = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ending.set()), daemon=True).start()
hub = Hub("harbour", "990100", Path(directory), MqttCityBus(url, Topics("harbour")))
print("up", flush=True)
while not ending.is_set():
    marker = hub.intake(wait_s=0.1)
    if marker:
        hub.tick(marker.t)
faulthandler.dump_traceback_later(50, exit=True)
tally = hub.queries.ledger()
hub.tick(hub.now or 0)
hub.flush()
rows = hub.observations.ask(
    "SELECT count(*) AS n, count(DISTINCT (device, property, phenomenon_time, sequence)) AS d FROM observation", []
)
print(json.dumps({"stored": tally.stored, "rejected": tally.rejected, "closes": tally.closes(),
    "ahead": hub.queries.ahead(), "rows": int(rows["n"][0]), "distinct": int(rows["d"][0])}), flush=True)
hub.close()
"""


@contextmanager
def hub_process(url: str, directory: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HUB_PROCESS, url, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_hub_that_is_killed_and_started_again_loses_and_doubles_nothing(broker: str, tmp_path: Path) -> None:
    bus = MqttFieldBus(broker, Topics("harbour"))
    field = field_of(bus, faults=Faults(dropout=0.05, duplicate=0.05))
    field.begin()

    def minutes(low: int, high: int) -> None:
        for minute in range(low, high):
            t = START + minute * MINUTE_MS
            field.run_to(t)
            field.end_quantum(t)
            field.receive()

    with hub_process(broker, tmp_path) as first:
        minutes(1, 12)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    minutes(12, 16)
    with hub_process(broker, tmp_path) as second:
        minutes(16, 24)
        field.resend()
        end, left = elapsed_s() + 30, -1
        while left != 0 and elapsed_s() < end:
            field.receive(wait_s=0.5)
            left = field.ledger()[1]
        ledger = json.loads(second.communicate(input="", timeout=60)[0])
    published, in_flight = field.ledger()
    bus.close()
    assert in_flight == 0
    assert ledger["closes"]
    assert published == ledger["stored"] + ledger["rejected"] - ledger["ahead"]
    assert ledger["rows"] == ledger["distinct"] == ledger["stored"]
