"""What the hub does not store: counted with its reason, and nothing stops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, joined, pack

from datahub.contract.clock import DAY_MS
from datahub.contract.codes import AckStatus, Reason
from datahub.contract.messages import Ack, Rebirth, Reported, Watermarks
from datahub.contract.topics import Topics, Word
from datahub.contract.wire import encode
from datahub.events import DevicesBorn
from datahub.transport.bus import Arrived

TOPICS = Topics("harbour", "test")


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    town.send(births(METER, devices=[101, 102]), births(POST, devices=[201], nodes=[GATEWAY]))
    town.field.receive()
    yield town
    town.hub.close()


def arrive(town: Town, *messages: tuple[str, bytes]) -> None:
    """Bytes come from a broker."""
    for token, (topic, payload) in enumerate(messages):
        town.bus.upward.append(Arrived(topic, payload, 1, token))  # type: ignore[arg-type]
    town.hub.intake()


def test_each_refused_reading_has_its_reason_and_moves_the_window(town: Town) -> None:
    town.send(
        pack(
            GATEWAY,
            [
                (201, "noise_dba", T0, 50.0),
                (999, "noise_dba", T0, 50.0),
                (101, "volume_m3", T0, 1.0),
                (201, "volume_m3", T0, 1.0),
                (201, "weight_kg", T0, 1.0),
                (201, "noise_dba", T0 + 2 * DAY_MS, 50.0),
            ],
        )
    )
    ledger = town.hub.queries.ledger()
    assert (ledger.received, ledger.stored, ledger.rejected) == (6, 1, 5)
    assert ledger.by_reason == {
        Reason.UNKNOWN_DEVICE: 1,
        Reason.WRONG_SENDER: 1,
        Reason.UNKNOWN_PROPERTY: 2,
        Reason.FAR_FUTURE: 1,
    }
    (mark,) = town.field.receive()
    assert isinstance(mark, Watermarks)
    assert (mark.node.tolist(), mark.sequence.tolist()) == ([GATEWAY], [5])
    assert sorted(one.reason for one in town.hub.queries.rejected()) == sorted(
        [reason for reason, count in ledger.by_reason.items() for _ in range(count)]
    )


def test_until_a_time_is_known_nothing_is_too_far_in_the_future() -> None:
    town = Town(start=None)
    town.send(births(METER, devices=[101]), pack(101, [(101, "volume_m3", T0 + 900 * DAY_MS, 1.0)]))
    assert town.hub.queries.ledger().stored == 1
    town.hub.close()


def test_a_node_not_born_yet_is_asked_for_its_birth_once_a_tick_and_sends_again_after_it(town: Town) -> None:
    first = pack(105, [(105, "volume_m3", T0, 1.0), (105, "volume_m3", T0 + 1, 2.0)])
    town.send(first)
    town.send(first)
    assert town.field.receive() == (Rebirth(node=105),)
    ledger = town.hub.queries.ledger()
    assert (ledger.received, ledger.unattributed, ledger.stored) == (4, 4, 0)
    town.hub.tick(T0 + MINUTE)
    town.send(first)
    assert town.field.receive() == (Rebirth(node=105),)
    town.send(births(METER, devices=[105]), first)
    ledger = town.hub.queries.ledger()
    assert (ledger.received, ledger.unattributed, ledger.stored, ledger.duplicate) == (8, 6, 2, 0)
    assert ledger.closes()


def test_a_pack_of_an_epoch_that_was_not_born_waits_for_the_birth(town: Town) -> None:
    town.send(pack(101, [(101, "volume_m3", T0, 1.0)], epoch=T0 + 1))
    assert town.field.receive() == (Rebirth(node=101),)
    assert town.hub.queries.ledger().unattributed == 1


def test_births_and_packs_may_come_in_one_breath_in_either_order(town: Town) -> None:
    town.field.send(pack(103, [(103, "volume_m3", T0, 1.0)]))
    town.field.send(births(METER, devices=[103]))
    town.hub.intake()
    assert town.hub.queries.ledger().stored == 1


def test_a_sequence_that_cannot_be_is_unattributed(town: Town) -> None:
    town.send(pack(101, [(101, "volume_m3", T0, 1.0)], first=-1), pack(102, [(102, "volume_m3", T0, 1.0)]))
    ledger = town.hub.queries.ledger()
    assert (ledger.unattributed, ledger.stored, ledger.by_reason) == (1, 1, {Reason.MALFORMED: 1})


def test_bytes_that_are_no_message_count_one_each_and_stop_nothing(town: Town) -> None:
    obs = TOPICS.of(101, Word.OBS)
    good = encode(pack(101, [(101, "volume_m3", T0, 1.25), (101, "volume_m3", T0 + 60_000, 1.5)]), TOPICS)
    arrive(
        town,
        (obs, b"{not json"),
        (obs, b"\xff\xfe"),
        ("elsewhere/101/obs", b"[]"),
        (TOPICS.of(101, Word.ACK), b"[]"),
        *((out.topic, out.payload) for out in good),
    )
    ledger = town.hub.queries.ledger()
    assert (ledger.received, ledger.unattributed, ledger.stored) == (6, 4, 2)
    assert ledger.by_reason == {Reason.MALFORMED: 2, Reason.NOT_TEXT: 1, Reason.WRONG_TOPIC: 1}
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.new("volume_m3").value.tolist() == [1.25, 1.5]


def test_nobody_may_speak_for_another_nodes_device(town: Town) -> None:
    town.send(
        Reported(node=102, device=101, t=T0, state={"valve_ratio": 1.0}),
        Ack(node=102, device=101, command="x", status=AckStatus.DONE, t=T0),
    )
    assert {type(event) for event in town.hub.tick(T0 + MINUTE)} == {DevicesBorn}
    assert town.hub.queries.ledger().by_reason == {Reason.WRONG_SENDER: 2}
    assert town.hub.queries.shadow(101).reported == {}


def test_empty_packs_and_batches_are_harmless(town: Town) -> None:
    town.send(pack(101, []), joined([pack(101, []), pack(102, [(102, "volume_m3", T0, 1.0)])]))
    assert town.hub.queries.ledger().stored == 1
    assert town.hub.tick(T0 + MINUTE)
    assert np.isnan(town.hub.queries.latest("volume_m3", np.array([101, 102])).value).tolist() == [True, False]
