"""A hub whose store failed is opened again from what is durable, and takes in what it had not acknowledged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import pytest
from fastapi.testclient import TestClient
from hub_town import METER, MINUTE, T0, births, pack

from datahub.api.app import app
from datahub.api.front import Front
from datahub.contract.messages import Down, North
from datahub.contract.topics import Topics
from datahub.contract.wire import encode
from datahub.hub import Hub
from datahub.keeper import Keeper
from datahub.store.failure import StoreFailed
from datahub.store.session import FILE
from datahub.transport.bus import Arrived, Delivery, Handed
from datahub.transport.held import MOST, HeldBus
from datahub.trouble import Cause, Troubles

TOPICS = Topics("harbour")


@dataclass(slots=True)
class Line:
    """A city's end of a wire: what is laid on it is received once; what is acknowledged is noted."""

    up: list[Delivery] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    down: list[Down] = field(default_factory=list)
    serial: int = 0
    fetched: Event = field(default_factory=Event)

    def lay(self, *messages: object, qos: int = 1) -> None:
        for message in messages:
            for one in encode(message, TOPICS):  # type: ignore[arg-type]
                self.serial += 1
                self.up.append(Arrived(one.topic, one.payload, qos, self.serial))

    def receive(self, *, wait_s: float = 0.0) -> list[Delivery]:
        found, self.up = self.up, []
        if found:
            self.fetched.set()
        return found

    def acknowledge(self, deliveries: list[Delivery]) -> None:
        self.acknowledged += [one.token for one in deliveries if isinstance(one, Arrived)]

    def send(self, message: Down) -> None:
        self.down.append(message)

    def report(self, message: North) -> None:
        """Nobody listens."""

    def close(self) -> None:
        """Nothing is held."""


def reading(n: int) -> object:
    return pack(101, [(101, "volume_m3", T0 + n, n / 8)], first=n)


def kept(line: Line, folder: Path) -> Keeper[Hub]:
    keeper = Keeper(line, lambda wire: Hub("harbour", "440499", folder, wire, start=T0), hub=lambda hub: hub)
    line.lay(births(METER, devices=[101]), reading(0))
    with keeper.care():
        keeper.hub.intake()
        keeper.hub.tick(T0 + MINUTE)
    return keeper


@pytest.mark.parametrize("many", [1, 60], ids=["taken in at once", "kept as they came"])
def test_what_was_received_while_the_database_was_held_is_taken_in_after_it_once(tmp_path: Path, many: int) -> None:
    line = Line()
    keeper = kept(line, tmp_path)
    line.acknowledged.clear()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        line.lay(*(reading(1 + n) for n in range(many)))
        with keeper.care():
            keeper.hub.intake()
        assert not keeper.up
        line.lay(reading(many + 1))
        assert not keeper.mend()
        (trouble,) = keeper.troubles.standing
        assert (trouble.cause, trouble.times) == (Cause.DATABASE_LOCKED, 2)
        assert FILE in trouble.detail
        assert line.acknowledged == []
        other.execute("ROLLBACK")
    assert keeper.mend()
    assert (keeper.troubles.standing, keeper.troubles.met[Cause.DATABASE_LOCKED]) == ((), 1)
    for _ in range(3):
        with keeper.care():
            keeper.hub.intake()
    assert len(line.acknowledged) == many + 1
    with keeper.care():
        keeper.hub.tick(T0 + 2 * MINUTE)
    assert keeper.hub.queries.raw(101, "volume_m3", start=T0, end=T0 + 99).value.tolist() == [
        n / 8 for n in range(many + 2)
    ]
    assert keeper.hub.queries.ledger().duplicate == 0
    keeper.hub.close()


def test_what_a_door_hands_in_lets_go_of_nothing_that_the_intake_has_in_its_hands(tmp_path: Path) -> None:
    line = Line()
    keeper = kept(line, tmp_path)
    line.acknowledged.clear()
    line.fetched.clear()
    line.lay(reading(1))

    def turn() -> None:
        with keeper.care():
            keeper.hub.intake()

    intake = Thread(target=turn)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        with keeper.hub.store.lock:
            intake.start()
            assert line.fetched.wait(60)  # it has the reading, and waits for the lock
            keeper.hub.take_in([births(METER, devices=[102])])
            other.execute("BEGIN EXCLUSIVE")
        intake.join()
        other.execute("ROLLBACK")
    assert (keeper.up, line.acknowledged) == (False, [])
    assert keeper.mend()
    for _ in range(2):
        turn()
    keeper.hub.tick(T0 + 2 * MINUTE)
    assert keeper.hub.queries.new("volume_m3").value.tolist() == [1 / 8]
    assert len(line.acknowledged) == 1
    assert keeper.hub.registry.kind_of(102) == METER
    keeper.hub.close()


def test_what_waits_survives_a_door_whose_commit_failed(tmp_path: Path) -> None:
    line = Line()
    keeper = kept(line, tmp_path)
    line.lay(*(reading(1 + n) for n in range(60)))
    with keeper.care():
        keeper.hub.intake()
    assert len(keeper.hub.arrivals.waiting) == 60, "kept as they came, and acknowledged"
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFailed):
            keeper.hub.take_in([births(METER, devices=[102])])
        other.execute("ROLLBACK")
    line.lay(reading(61))
    with keeper.care():
        keeper.hub.intake()  # before anybody has looked whether all is well
    assert not keeper.up
    assert keeper.mend()
    with keeper.care():
        keeper.hub.intake()
        keeper.hub.tick(T0 + 2 * MINUTE)
    ledger = keeper.hub.queries.ledger()
    assert (ledger.stored, ledger.duplicate) == (62, 0)
    keeper.hub.close()


def test_a_tick_that_cannot_be_committed_is_made_again(tmp_path: Path) -> None:
    line = Line()
    keeper = kept(line, tmp_path)
    line.lay(reading(1))
    with keeper.care():
        keeper.hub.intake()
    digest = keeper.hub.digest()
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with keeper.care():
            keeper.hub.tick(T0 + 2 * MINUTE)
        other.execute("ROLLBACK")
    assert keeper.mend()
    assert (keeper.hub.now, keeper.hub.digest()) == (T0 + MINUTE, digest), "as if there had been none"
    keeper.hub.tick(T0 + 2 * MINUTE)
    assert keeper.hub.queries.new("volume_m3").value.tolist() == [1 / 8]
    keeper.hub.close()


def test_a_failure_that_somebody_else_met_ends_the_hubs_work_too(tmp_path: Path) -> None:
    keeper = kept(Line(), tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFailed, match="the hub then goes on by itself"):
            keeper.hub.store.probe()
        other.execute("ROLLBACK")
    with keeper.care():
        pass
    assert not keeper.up
    assert keeper.mend()
    keeper.hub.close()


def test_the_front_answers_for_a_hub_that_is_closed_and_for_the_next_one(tmp_path: Path) -> None:
    line = Line()
    keeper = kept(line, tmp_path)
    front = Front(lambda hub: app(hub, troubles=keeper.troubles), keeper.troubles)
    client = TestClient(front)
    assert client.get("/devices").json()["detail"] == "the hub is being opened; ask for /devices again"
    front.show(keeper.kept)
    keeper.changed = front.show
    assert client.get("/ready").json() == {"state": "ok", "troubles": [], "reopened": 0}
    assert client.get("/devices").status_code == 200
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        line.lay(reading(1))
        with keeper.care():
            keeper.hub.intake()
        health = client.get("/health").json()
        assert (health["state"], [one["cause"] for one in health["troubles"]]) == ("trouble", ["database_locked"])
        for method, path in (("GET", "/devices"), ("POST", "/commands"), ("GET", "/ready")):
            refused = client.request(method, path)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert "database_locked since" in refused.json()["detail"]
        assert 'citybrain_trouble{cause="database_locked"} 1.0' in client.get("/metrics").text
        assert "citybrain_readings_received" not in client.get("/metrics").text, "what is not known is not told"
        other.execute("ROLLBACK")
    assert keeper.mend()
    assert client.get("/health").json()["reopened"] == 1
    assert 'citybrain_troubles_total{cause="database_locked"} 1.0' in client.get("/metrics").text
    keeper.hub.close()


def test_no_trouble_is_called_over_before_the_doors_are_open(tmp_path: Path) -> None:
    keeper, seen = kept(Line(), tmp_path), []
    keeper.changed = lambda hub: seen.append((hub is not None, [one.cause for one in keeper.troubles.standing]))
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with keeper.care():
            keeper.hub.tick(T0 + 2 * MINUTE)
        other.execute("ROLLBACK")
    assert keeper.mend()
    assert seen == [(False, [Cause.DATABASE_LOCKED]), (True, [Cause.DATABASE_LOCKED])]
    assert keeper.troubles.standing == ()
    keeper.hub.close()


def test_a_wire_holds_what_is_sure_and_lets_go_of_too_much_at_qos_0() -> None:
    line = Line()
    held = HeldBus(line)
    line.lay(reading(0))
    first = held.receive()
    held.acknowledge(first)
    held.again()
    assert list(held.receive()) == [], "what was acknowledged does not come again"
    line.lay(reading(1))
    held.receive()
    held.again()
    line.up = [Arrived("t", b"", 0, 0) for _ in range(MOST + 5)]
    line.lay(reading(2))
    assert held.gather() == 6
    again = held.receive()
    assert [one.token for one in again if isinstance(one, Arrived) and one.qos] == [2, 3]
    assert len(again) == 2 + MOST - 1


def test_a_wire_hands_over_again_all_but_what_was_acknowledged() -> None:
    line = Line()
    held = HeldBus(line)
    line.lay(reading(0), reading(1))
    first, second = held.receive()
    held.acknowledge([Handed(reading(0))])  # type: ignore[arg-type]
    held.acknowledge([])
    line.lay(reading(2))
    (third,) = held.receive()
    held.acknowledge([second])
    held.again()
    assert [id(one) for one in held.receive()] == [id(first), id(third)]


def test_trouble_is_counted_from_its_beginning() -> None:
    troubles = Troubles()
    troubles.meet(Cause.DISK_FULL, "full")
    troubles.meet(Cause.DISK_FULL, "still full")
    troubles.meet(Cause.BROKER_GONE, "gone")
    assert [(one.cause, one.times, one.detail) for one in troubles.standing] == [
        (Cause.DISK_FULL, 2, "still full"),
        (Cause.BROKER_GONE, 1, "gone"),
    ]
    troubles.over(Cause.DISK_FULL)
    assert [one.cause for one in troubles.standing] == [Cause.BROKER_GONE]
    assert troubles.met == {
        Cause.DISK_FULL: 1, Cause.DATABASE_LOCKED: 0, Cause.DATABASE_FAILED: 0, Cause.BROKER_GONE: 1
    }  # fmt: skip
