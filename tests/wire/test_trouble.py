"""A full disk, a locked database, a broker that is gone: the hub says so, acknowledges nothing, and goes on later."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import numpy as np
from fastapi import FastAPI
from small_disk import SmallDisk, small_disk
from wire_tap import Tap, tap

from datahub.api.app import app
from datahub.api.front import Front
from datahub.books import Books, By
from datahub.contract.clock import SECOND_MS, elapsed_s
from datahub.contract.messages import Rebirth, Watermarks
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.keeper import Keeper
from datahub.store.session import FILE
from datahub.transport.mqtt import MqttCityBus, MqttFieldBus
from datahub.trouble import Cause
from scenarios.bench.crowd import T0, Crowd, value_of
from scenarios.bench.victims import Broker
from scenarios.live.serving import Server

TOPICS = Topics("trouble")
PATIENCE_S = 60.0


class Platform:
    """A kept hub on a tapped wire with its API on a server, and the nodes that speak to it."""

    def __init__(self, folder: Path, broker: Broker, tapped: Tap, stack: ExitStack, *, write_rows: int) -> None:
        self.crowd, self.tap, self.t, self._since = Crowd(), tapped, T0, elapsed_s()
        wire = MqttCityBus(f"mqtt://127.0.0.1:{tapped.port}", TOPICS)
        self.field = MqttFieldBus(broker.url, TOPICS)
        self.crowd.outbox.resend_ms = 3 * SECOND_MS
        self.keeper = Keeper(
            wire,
            lambda held: Hub("trouble", "990100", folder, held, start=T0, write_rows=write_rows),
            hub=lambda hub: hub,
            gone=lambda: wire.gone,
        )
        stack.callback(wire.close)
        stack.callback(self.field.close)
        front = Front(lambda hub: app(hub, troubles=self.keeper.troubles), self.keeper.troubles)
        front.show(self.keeper.kept)
        self.keeper.changed = front.show
        site = FastAPI()
        site.mount("/api", front)
        server = stack.enter_context(Server(site, host="127.0.0.1", port=0))
        self.client = stack.enter_context(httpx.Client(base_url=f"{server.url}/api", trust_env=False, timeout=30))
        self.field.send(self.crowd.births())

    def turn(self, *, speak: int = 100) -> None:
        """The nodes say something; the hub takes in and evaluates what has come, or tries to be at work again."""
        self.t = max(self.t + 1, T0 + round((elapsed_s() - self._since) * SECOND_MS))
        if speak:
            self.field.send(self.crowd.speak(speak, self.t))
        if self.keeper.up or self.keeper.mend():
            with self.keeper.care():
                self.keeper.hub.intake(wait_s=0.02, now=self.t)
                self.keeper.hub.tick(self.t)
        unborn = set()
        for message in self.field.receive(wait_s=0.01):
            if isinstance(message, Watermarks):
                self.crowd.outbox.acknowledge(message)
            elif isinstance(message, Rebirth):
                unborn.add(message.node)
        if unborn:
            self.field.send(self.crowd.births(np.array(sorted(unborn), np.int64)))
        for message in (*self.crowd.outbox.declare(self.t), *self.crowd.outbox.take(self.t)):
            self.field.send(message)

    def until(self, what: Callable[[], bool], *, speak: int = 100) -> None:
        end = elapsed_s() + PATIENCE_S
        while not what():
            self.turn(speak=speak)
            assert elapsed_s() < end, (self.keeper.troubles, self.crowd.outbox.in_flight)

    def says(self, causes: set[Cause], *, turns: int = 10) -> None:
        """What is the matter stands on /health, /ready and /metrics, and nothing is acknowledged meanwhile."""
        for _ in range(3):
            self.turn()  # what was committed before may still be on its way to the broker
        before, released = self.tap.acknowledged, self.crowd.outbox.acknowledged
        for _ in range(turns):
            self.turn()
        assert (self.tap.acknowledged, self.crowd.outbox.acknowledged) == (before, released)
        health = self.client.get("/health")
        assert (health.status_code, health.json()["state"]) == (200, "trouble")
        told = {Cause(one["cause"]) for one in health.json()["troubles"]}
        assert told
        assert told <= causes
        ready = self.client.get("/ready")
        assert ready.status_code == 503
        assert ready.headers["content-type"] == "application/problem+json"
        assert min(told) in ready.json()["detail"]
        lines = self.client.get("/metrics").text.splitlines()
        for cause in Cause:
            assert f'citybrain_trouble{{cause="{cause}"}} {float(cause in told)}' in lines

    def is_whole(self) -> None:
        """All that the nodes said is there once, with the value that was sent, and the ledger closes."""
        outbox, hub = self.crowd.outbox, self.keeper.hub
        self.until(lambda: not self.keeper.troubles.now and not outbox.in_flight, speak=0)
        hub = self.keeper.hub
        hub.tick(self.t + 1)
        hub.flush()
        rows = hub.observations.ask("SELECT device, sequence, value FROM observation")
        key = np.stack((self.crowd.row(rows["device"].astype(np.int64)), rows["sequence"].astype(np.int64)), axis=1)
        tally = hub.queries.ledger()
        assert len(np.unique(key, axis=0)) == len(key) == outbox.published - tally.lost
        assert (rows["value"] == value_of(key[:, 0], key[:, 1])).all()
        assert tally.closes()
        assert (tally.stored, tally.rejected) == (outbox.published - tally.lost, 0)
        assert self.client.get("/ready").json()["state"] == "ok"
        assert self.client.get("/health").json()["state"] == "ok"


@contextmanager
def platform(folder: Path, data: Path, *, write_rows: int = 2_000) -> Iterator[tuple[Platform, Broker]]:
    with ExitStack() as stack:
        broker = stack.enter_context(Broker("embedded", folder))
        tapped = stack.enter_context(tap(int(broker.url.rpartition(":")[2])))
        town = Platform(data, broker, tapped, stack, write_rows=write_rows)
        try:
            town.until(lambda: town.crowd.outbox.acknowledged >= 500)
            assert town.tap.acknowledged >= 500, "the tap hears what is acknowledged"
            yield town, broker
        finally:
            if town.keeper.up:
                town.keeper.hub.close()


def fills_for_good(disk: SmallDisk, town: Platform) -> bool:
    """Fill it, and again what a closing database gives back (its log), until the hub has tried in vain three times."""
    disk.fill()
    return any(trouble.times > 3 for trouble in town.keeper.troubles.standing)


def test_on_a_full_disk_the_hub_acknowledges_nothing_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with small_disk(data) as disk, platform(tmp_path, data) as (town, _):
        for _ in range(2):
            town.until(lambda: fills_for_good(disk, town))
            town.says({Cause.DISK_FULL} if disk.real else {Cause.DISK_FULL, Cause.DATABASE_FAILED})
            assert town.client.get("/devices").status_code == 503, "what is durable cannot be asked for meanwhile"
            disk.free()
            town.is_whole()
        assert town.keeper.troubles.reopened >= 2


def hold(file: Path, line: Connection) -> None:
    """Another process that keeps the database to itself until it is told to let go."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    line.send(True)
    line.recv()
    other.execute("ROLLBACK")
    line.send(True)


def test_while_another_process_holds_the_database_nothing_is_acknowledged(tmp_path: Path) -> None:
    with platform(tmp_path, tmp_path / "data") as (town, _):
        context = multiprocessing.get_context("spawn")
        line, theirs = context.Pipe()
        other = context.Process(target=hold, args=(tmp_path / "data" / FILE, theirs))
        other.start()
        theirs.close()  # if it ends early, its end of the line is gone
        try:
            assert line.recv()
            town.until(lambda: bool(town.keeper.troubles.now))
            town.says({Cause.DATABASE_LOCKED}, turns=3)
            line.send(True)
            assert line.recv()
        finally:
            line.close()
            other.join(PATIENCE_S)
        town.is_whole()


def test_a_database_that_reached_its_greatest_size_is_full(tmp_path: Path) -> None:
    with platform(tmp_path, tmp_path / "data", write_rows=1_000_000) as (town, _):
        store = town.keeper.hub.store
        with store.transaction() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        town.until(lambda: town.keeper.troubles.met[Cause.DISK_FULL] == 1)
        town.is_whole()  # the next connection may grow again


def test_a_broker_that_is_gone_is_told_and_what_it_forgot_comes_again(tmp_path: Path) -> None:
    with platform(tmp_path, tmp_path / "data") as (town, broker):
        broker.kill()
        town.until(lambda: bool(town.keeper.troubles.now), speak=0)
        town.says({Cause.BROKER_GONE})
        assert town.client.get("/devices").status_code == 200, "what was taken in can be read"
        broker.start()
        town.until(broker.is_up)
        broker.word()
        town.is_whole()
        assert town.keeper.troubles.reopened == 0, "the hub itself needed no mending"


def test_what_nodes_forgot_while_the_broker_was_gone_is_declared_and_the_ledger_closes(tmp_path: Path) -> None:
    with platform(tmp_path, tmp_path / "data") as (town, broker):
        outbox = town.crowd.outbox
        town.until(lambda: not outbox.in_flight, speak=0)
        outbox.memory = 3
        broker.kill()
        town.until(lambda: outbox.forgotten > 1_000, speak=400)
        broker.start()
        town.until(broker.is_up)
        broker.word()
        town.is_whole()
        books = Books(town.keeper.hub)
        lost = town.keeper.hub.queries.ledger().lost
        assert 0 < lost <= outbox.forgotten
        assert books.missing() == []
        assert sum(gap.count for gap in books.declared(limit=10_000)) == lost
        assert sum(part.lost for part in books.divide(By.NODE).parts) == lost
        shown = town.client.get("/gaps", params={"declared": True, "limit": 1}).json()
        assert (shown[0]["declared"], shown[0]["why"]) == (True, "memory full")
