"""What is acknowledged is durable: whoever looks into the store at that very moment finds it there."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hub_town import GATEWAY, METER, POST, T0, births, pack

from datahub.contract.codes import AckStatus, Reason
from datahub.contract.messages import Ack, Down, Marker, North, Up, Watermarks
from datahub.contract.topics import Topics
from datahub.contract.wire import encode
from datahub.hub import Hub
from datahub.ingest.arrivals import MANY
from datahub.store.session import FILE
from datahub.transport.bus import Arrived, Delivery
from datahub.transport.local import LocalBus


@dataclass(slots=True)
class Onlooker:
    """A city's end of the wire that carries bytes, and looks at the disk whenever the hub lets go of something.

    Attributes:
        told: when the hub acknowledged, rows in the journal, in the inbox and kept as they came, as another process
            would see them, and how many deliveries were let go.
        marked: the same rows, whenever a watermark went down.
    """

    file: Path
    topics: Topics
    qos: int = 1
    bus: LocalBus = field(default_factory=LocalBus)
    told: list[tuple[int, int, int, int]] = field(default_factory=list)
    marked: list[tuple[int, int]] = field(default_factory=list)

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        messages = [handed.message for handed in self.bus.upward]
        self.bus.upward.clear()
        outgoing = [one for message in messages for one in encode(message, self.topics)]
        return [Arrived(one.topic, one.payload, self.qos, token) for token, one in enumerate(outgoing, start=1)]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        self.told.append((*self.look(), self.kept(), len(deliveries)))

    def send(self, message: Down) -> None:
        if isinstance(message, Watermarks):
            self.marked.append(self.look())
        self.bus.city_end.send(message)

    def report(self, message: North) -> None:
        """Nobody listens northbound."""

    def close(self) -> None:
        """Nothing is held."""

    def kept(self) -> int:
        """Committed rows of messages as they came."""
        with closing(sqlite3.connect(self.file)) as other:
            (kept,) = other.execute("SELECT count(*) FROM hub_arrival").fetchone()
        return int(kept)

    def look(self) -> tuple[int, int]:
        """Committed rows of journal and inbox, through a connection that shares nothing with the hub's."""
        with closing(sqlite3.connect(self.file)) as other:
            (journal,) = other.execute("SELECT count(*) FROM hub_journal").fetchone()
            (inbox,) = other.execute("SELECT count(*) FROM hub_inbox").fetchone()
        return journal, inbox


@pytest.mark.parametrize("run", ["", "test"], ids=["live", "virtual"])
def test_nothing_is_acknowledged_before_the_store_has_committed_it(tmp_path: Path, run: str) -> None:
    wire = Onlooker(tmp_path / FILE, Topics("harbour", run))
    hub = Hub("harbour", "440499", tmp_path, wire, run=run, start=T0)
    send(hub, wire, births(METER, devices=[101]), births(POST, devices=[201], nodes=[GATEWAY]))
    assert wire.told.pop() == (0, 2, 0, 2), "a notice of each kind that was born"

    send(hub, wire, pack(101, [(101, "volume_m3", T0, 1.0)]))
    assert wire.told.pop() == (1, 2, 0, 1)
    assert wire.marked.pop() == (1, 2)

    send(hub, wire, Ack(node=GATEWAY, device=201, command="c1", status=AckStatus.DONE, t=T0))
    assert wire.told.pop() == (1, 3, 0, 1)

    send(
        hub, wire, pack(101, [(101, "volume_m3", T0 + 1, 2.0)], first=1), pack(GATEWAY, [(201, "noise_dba", T0, 60.0)])
    )
    assert wire.told.pop() == (2, 3, 0, 2), "one entry for all that was taken in together"
    assert wire.marked.pop() == (2, 3)
    assert wire.told == []
    hub.close()


def send(hub: Hub, wire: Onlooker, *messages: Up) -> None:
    """Messages go up and are taken in together."""
    for message in messages:
        wire.bus.field_end.send(message)
    hub.intake()


def test_under_load_what_came_is_kept_and_acknowledged_and_taken_in_together_later(tmp_path: Path) -> None:
    wire = Onlooker(tmp_path / FILE, Topics("harbour"))
    hub = Hub("harbour", "440499", tmp_path, wire, start=T0, many=3)
    send(hub, wire, births(METER, devices=[101, 102]))
    assert wire.told.pop() == (0, 1, 0, 2)
    send(hub, wire, *(pack(101, [(101, "volume_m3", T0 + i, float(i))], first=i) for i in range(3)))
    assert wire.told.pop() == (0, 1, 1, 3), "as they came"
    assert (wire.marked, hub.queries.ledger().received) == ([], 0), "not taken in"
    send(hub, wire, *(pack(102, [(102, "volume_m3", T0 + i, float(i))], first=i) for i in range(3)))
    assert wire.told.pop() == (0, 1, 2, 3)

    hub.intake(wait_s=60.0)  # nothing more came, so nothing is waited for
    assert wire.told.pop() == (1, 1, 0, 0), "one entry for all"
    assert wire.marked == [(1, 1)]
    assert hub.queries.ledger().stored == 6
    hub.close()


def test_a_marker_that_waited_is_told_though_somebody_else_has_taken_it_in(tmp_path: Path) -> None:
    wire = Onlooker(tmp_path / FILE, Topics("harbour"))
    hub = Hub("harbour", "440499", tmp_path, wire, start=T0, many=3)
    send(hub, wire, births(METER, devices=[101]))
    readings = [pack(101, [(101, "volume_m3", T0 + i, float(i))], first=i) for i in range(4)]
    send(hub, wire, *readings[:2], Marker("field", "", T0 + 500, sent=2))
    assert wire.told.pop() == (0, 1, 1, 3), "kept as they came"
    wire.told.clear()

    hub.take_in([births(METER, devices=[102])])
    assert (hub.queries.ledger().stored, wire.kept(), wire.told) == (2, 0, []), "taken in, and nothing acknowledged"
    wire.bus.field_end.send(readings[2])
    marker = hub.intake()
    assert (marker and marker.t) == T0 + 500
    wire.bus.field_end.send(readings[3])
    assert hub.intake() is None, "once"

    send(hub, wire, *readings[:2], Marker("field", "", T0 + 600, sent=2))
    hub.store.close()  # as a process that is killed
    hub.observations.close()
    again = Hub("harbour", "440499", tmp_path, wire, start=T0)
    marker = again.intake()
    assert (marker and marker.t) == T0 + 600
    again.close()


def test_what_was_kept_when_the_hub_ended_is_taken_in_by_the_next_one_and_only_once(tmp_path: Path) -> None:
    wire = Onlooker(tmp_path / FILE, Topics("harbour"))
    hub = Hub("harbour", "440499", tmp_path, wire, start=T0, many=3)
    send(hub, wire, births(METER, devices=[101]))
    readings = [pack(101, [(101, "volume_m3", T0 + i, float(i))], first=i) for i in range(3)]
    send(hub, wire, *readings)
    assert wire.kept() == 1
    hub.store.close()  # as a process that is killed: nothing is taken in or written any more
    hub.observations.close()

    again = Hub("harbour", "440499", tmp_path, wire, start=T0)
    assert (again.queries.ledger().stored, wire.kept()) == (3, 0)
    send(again, wire, *readings)
    assert (again.queries.ledger().stored, again.queries.ledger().duplicate) == (3, 3)
    again.tick(T0 + 1_000)
    assert again.queries.raw(101, "volume_m3", start=T0, end=T0 + 10).value.tolist() == [0.0, 1.0, 2.0]
    again.close()


@pytest.mark.parametrize(("readings", "qos"), [(100, 1), (1, 0)], ids=["long", "at QoS 0"])
def test_long_messages_and_those_of_which_nobody_waits_to_hear_are_taken_in_at_once(
    tmp_path: Path, readings: int, qos: int
) -> None:
    wire = Onlooker(tmp_path / FILE, Topics("harbour"), qos=qos)
    hub = Hub("harbour", "440499", tmp_path, wire, start=T0)
    send(hub, wire, births(METER, devices=[101]))
    wire.told.clear()
    send(
        hub,
        wire,
        *(
            pack(101, [(101, "volume_m3", T0 + i, float(i)) for i in range(readings)], first=readings * turn)
            for turn in range(MANY)
        ),
    )
    assert wire.told.pop() == (1, 1, 0, MANY)
    hub.close()


def test_an_orderly_end_takes_in_what_is_kept_by_the_rules_of_the_hub_that_kept_it(tmp_path: Path) -> None:
    wire = Onlooker(tmp_path / FILE, Topics("harbour"))
    hub = Hub("harbour", "440499", tmp_path, wire, start=T0, many=2, strict=True)
    send(hub, wire, births(METER, devices=[101, 102]))
    assert (wire.kept(), len(hub.registry)) == (1, 0)
    hub.settle()
    assert (wire.kept(), len(hub.registry), hub.queries.ledger().by_reason) == (0, 0, {Reason.BAD_CODE: 2})
    hub.close()
