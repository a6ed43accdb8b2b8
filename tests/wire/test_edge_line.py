"""An edge node whose TCP line to a real broker is really cut: it acts and keeps all, and the ledger closes at last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import simpy
from tcp_line import Line

from datahub.contract.clock import MINUTE_MS, elapsed_s, from_datetime
from datahub.contract.codes import AckStatus
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.mqtt import MqttCityBus, MqttFieldBus
from scenarios.edges import declared
from scenarios.survey.city import load_city, sites
from sensors.actuator import load_actuators
from sensors.chance import Seeds
from sensors.faults import NO_FAULTS
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10, 22))  # noqa: DTZ001 - city-local
AFTER_MIDNIGHT = from_datetime(datetime(2025, 6, 11, 0, 30))  # noqa: DTZ001 - city-local
POLE, LEAKAGE, PATIENCE_S = "smart_pole", "leakage_current_a", 40.0


@dataclass
class Both:
    """A field behind a line, and a hub that the broker serves whatever becomes of that line."""

    field: Field
    field_bus: MqttFieldBus
    hub: Hub
    line: Line

    def minutes(self, count: int) -> None:
        """Let the field live on; the hub takes in what comes."""
        for _ in range(count):
            t = int(self.field.env.now) + MINUTE_MS
            self.field.run_to(t)
            self.field.end_quantum(t)
            self.exchange()

    def exchange(self, wait_s: float = 0.0) -> None:
        self.hub.intake(wait_s=wait_s, now=int(self.field.env.now))
        self.hub.tick(int(self.field.env.now))
        self.field.receive(wait_s=wait_s)

    def until(self, done: Callable[[], bool]) -> None:
        end = elapsed_s() + PATIENCE_S
        while not done():
            assert elapsed_s() < end, f"in flight {self.field.ledger()[1]}, {self.hub.queries.ledger()}"
            self.exchange(wait_s=0.05)

    def settle(self) -> None:
        self.until(lambda: self.field.ledger()[1] == 0)


@contextmanager
def both(broker: str, directory: Path, *, start: int = START) -> Iterator[Both]:
    line = Line(int(broker.rpartition(":")[2]))
    line.mend()
    kinds, city = load_kinds(), load_city("harbour")
    edge = declared.load(declared.path_of("street_lighting"), kinds=kinds, actuators=load_actuators())
    hub = Hub("harbour", "990100", directory, MqttCityBus(broker, Topics("harbour")), start=start)
    bus = MqttFieldBus(f"mqtt://127.0.0.1:{line.port}", Topics("harbour"))
    env, world = simpy.Environment(initial_time=start), World(city, (), Seeds(7), start=start)
    places = {POLE: sites(city, kinds[POLE])}
    field = Field(env, world, kinds, places, bus, Seeds(7), faults=NO_FAULTS, edges=(edge,))
    try:
        field.begin()
        yield Both(field, bus, hub, line)
    finally:
        bus.close()
        hub.close()
        line.cut()


def test_a_node_whose_line_is_really_cut_acts_and_loses_nothing(broker: str, tmp_path: Path) -> None:
    with both(broker, tmp_path) as it:
        it.minutes(6)
        it.settle()
        street, fleet = it.field.world.street, it.field.fleets[POLE]
        row, device = int(fleet.sites.row[0]), int(fleet.sites.device[0])
        before = it.hub.queries.ledger()
        it.line.cut()
        street.leak(row, current_a=0.08)
        it.minutes(1)
        assert street.fault_current_a(np.array([row]))[0] == 0.0, "it acts without anybody's help"
        it.minutes(19)
        silent = it.hub.queries.ledger()
        assert silent.received == before.received, "nothing comes through a line that is cut"
        t = int(it.field.env.now)
        order = {"lamp_on": 1.0}
        it.hub.commands.order(device, "switch", arguments=order, t=t, expires=t + 5 * MINUTE_MS, id="unheard")
        it.minutes(6)
        expired = it.hub.commands.status("unheard")
        assert expired is not None
        assert expired.status is AckStatus.EXPIRED
        it.line.mend()
        it.settle()
        it.minutes(1)
        it.until(lambda: it.hub.queries.shadow(device).reported.get("lamp_on") == 0.0)
        t = int(it.field.env.now)
        it.hub.commands.order(device, "switch", arguments=order, t=t, expires=t + 60 * MINUTE_MS, id="heard")
        it.until(lambda: answered(it, "heard"))
        refused = it.hub.commands.status("heard")
        assert refused is not None
        assert refused.status is AckStatus.REJECTED
        assert "held at 0 by rule 'residual_current'" in refused.detail
        closing(it, device)


def test_a_line_that_is_really_cut_is_what_a_rule_for_that_case_waits_for(broker: str, tmp_path: Path) -> None:
    with both(broker, tmp_path, start=AFTER_MIDNIGHT) as it:
        it.minutes(6)
        it.settle()
        device = int(it.field.fleets[POLE].sites.device[0])
        edge = it.field.edges[POLE]
        t = int(it.field.env.now)
        it.hub.commands.order(
            device, "dim", arguments={"level_ratio": 0.4}, t=t, expires=t + 9 * MINUTE_MS, id="dimmed"
        )
        it.until(lambda: answered(it, "dimmed"))
        it.minutes(15)
        assert (edge.acted, edge.state(0)["level_ratio"]) == (0, 0.4), "the line is there"
        it.line.cut()
        it.until(lambda: bool(it.field_bus.cut_off(it.field.fleets[POLE].nodes.code).all()))
        it.minutes(9)
        assert edge.acted == 0, "not for ten minutes yet"
        it.minutes(6)
        assert (edge.acted, edge.state(0)["level_ratio"]) == (1, 1.0)
        assert it.hub.queries.shadow(device).reported.get("level_ratio") != 1.0, "nobody has heard of it"
        (report,) = edge._waiting
        assert "without uplink" in report.reason
        it.line.mend()
        it.until(lambda: not it.field_bus.cut_off(it.field.fleets[POLE].nodes.code).any())
        it.minutes(1)
        it.settle()
        it.until(lambda: told(it, device) == ["acted_locally"] * 2)
        (light, dark) = it.hub.queries.audit(subject=str(device))
        assert "without uplink" in dark.detail
        assert "lets go" in light.detail
        assert it.hub.queries.ledger().closes()


def told(it: Both, device: int) -> list[str]:
    """What the hub has noted of a device."""
    return [row.action for row in it.hub.queries.audit(subject=str(device))]


def answered(it: Both, id_: str) -> bool:
    """Whether the device has answered an order; a minute goes by."""
    it.minutes(1)
    status = it.hub.commands.status(id_)
    return status is not None and status.status is not AckStatus.SENT


def closing(it: Both, device: int) -> None:
    """Both equations hold, every sample of every pole is there once, and the hub knows what the node did, and when."""
    it.settle()
    tally, (published, in_flight) = it.hub.queries.ledger(), it.field.ledger()
    assert tally.closes()
    assert in_flight == 0
    assert published == tally.stored + tally.rejected - it.hub.queries.ahead()
    it.hub.tick(int(it.field.env.now))
    it.hub.flush()
    now = int(it.field.env.now)
    rows = it.hub.queries.window(LEAKAGE, start=START, end=now + 1)
    for one in it.field.fleets[POLE].sites.device.tolist():
        gaps = np.diff(np.concatenate(([START], rows.phenomenon_time[rows.device == one], [now])))
        assert gaps[1:-1].min(initial=MINUTE_MS) > 0
        assert gaps.max() <= 5 * MINUTE_MS
    (row,) = [row for row in it.hub.queries.audit(subject=str(device)) if row.action == "acted_locally"]
    assert row.t == START + 7 * MINUTE_MS
    assert "leakage_current_a = 0.08" in row.detail
