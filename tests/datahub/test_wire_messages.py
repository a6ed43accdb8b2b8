"""Every message that is no observation travels as JSON and comes back as it was, or is refused with its reason."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest

from datahub.contract.codes import AckStatus, Reason
from datahub.contract.errors import Unreadable
from datahub.contract.messages import (
    Ack,
    BirthBatch,
    Command,
    Death,
    Desired,
    KindDescriptor,
    Lost,
    Marker,
    PropertyDescriptor,
    Rebirth,
    Reported,
    Watermarks,
)
from datahub.contract.senml import PAYLOAD_LIMIT
from datahub.contract.topics import Topics
from datahub.contract.wire import decode_down, decode_up, encode, join_births

TOPICS = Topics("harbour", "r1")
METER = KindDescriptor("water_meter", "水表", "Water meter", (PropertyDescriptor("volume_m3", 0.001, 0, 1e6, 3600),))

UPWARD = [
    Death(node=7, epoch=5),
    Death(node=7, epoch=5, carried=(8, 9)),
    Lost(node=7, epoch=5, first=3, last=9, t=4, why="memory full"),
    Reported(node=7, device=8, t=3, state={"level_ratio": 0.5}),
    Ack(node=7, device=8, command="c1", status=AckStatus.DONE, t=4, detail="门已关"),
    Marker(side="field", run="r1", t=60_000, sent=12),
]
DOWNWARD = [
    Desired(node=7, device=8, version=2, state={"level_ratio": 0.5}),
    Command(id="c1", node=7, device=8, name="move", issued=1, expires=9, arguments={"position_ratio": 0.0}),
    Rebirth(node=7),
    Marker(side="city", run="r1", t=60_000, sent=12),
]


def births(nodes: list[int], devices: list[int]) -> BirthBatch:
    n = len(nodes)
    column = np.array(devices, np.int64)
    return BirthBatch(
        kind=METER,
        node=np.array(nodes, np.int64),
        epoch=np.full(n, 5, np.int64),
        device=column,
        object=column + 1000,
        lon=column / 7,
        lat=column / 9,
    )


@pytest.mark.parametrize("message", UPWARD, ids=lambda m: type(m).__name__)
def test_what_a_node_says_comes_up_as_it_was(message: Death | Reported | Ack | Marker) -> None:
    (out,) = encode(message, TOPICS)
    assert decode_up(out.topic, out.payload, topics=TOPICS) == message


@pytest.mark.parametrize("message", DOWNWARD, ids=lambda m: type(m).__name__)
def test_what_the_platform_says_comes_down_as_it_was(message: Desired | Command | Rebirth | Marker) -> None:
    (out,) = encode(message, TOPICS)
    assert decode_down(out.topic, out.payload, topics=TOPICS) == message


def test_births_go_out_one_per_node_and_join_again() -> None:
    batch = births([7, 7, 9], [1, 2, 3])
    outs = encode(batch, TOPICS)
    assert [out.topic for out in outs] == ["city/harbour~r1/7/birth", "city/harbour~r1/9/birth"]
    read = [decode_up(out.topic, out.payload, topics=TOPICS) for out in outs]
    (joined,) = join_births([one for one in read if isinstance(one, BirthBatch)])
    assert joined.kind == METER
    for name in ("node", "epoch", "device", "object", "lon", "lat"):
        assert getattr(joined, name).tolist() == getattr(batch, name).tolist()


def test_watermarks_of_many_nodes_go_out_in_a_few_messages() -> None:
    rows = np.arange(2500, dtype=np.int64)
    outs = encode(Watermarks(node=rows, epoch=rows + 1, sequence=rows - 1), TOPICS)
    assert len(outs) == 3
    assert max(len(out.payload) for out in outs) < PAYLOAD_LIMIT
    parts = [decode_down(out.topic, out.payload, topics=TOPICS) for out in outs]
    assert [s for part in parts if isinstance(part, Watermarks) for s in part.sequence.tolist()] == (rows - 1).tolist()
    assert encode(Watermarks(node=rows[:0], epoch=rows[:0], sequence=rows[:0]), TOPICS) == []


def test_a_field_that_is_not_known_is_passed_over() -> None:
    (out,) = encode(UPWARD[0], TOPICS)
    longer = json.dumps({**json.loads(out.payload), "colour": "red"}).encode()
    assert decode_up(out.topic, longer, topics=TOPICS) == UPWARD[0]


@pytest.mark.parametrize("message", [*UPWARD, births([7], [1])], ids=lambda m: type(m).__name__)
def test_a_newer_schema_is_refused_whole(message: Death | Reported | Ack | Marker | BirthBatch) -> None:
    (out,) = encode(message, TOPICS)
    newer = {**json.loads(out.payload), "schema": 2}
    for payload in (newer, {"schema": 2, "changed": True}):
        with pytest.raises(Unreadable, match="newer") as refusal:
            decode_up(out.topic, json.dumps(payload).encode(), topics=TOPICS)
        assert refusal.value.reason is Reason.SCHEMA


def reason(topic: str, payload: bytes) -> Reason:
    with pytest.raises(Unreadable) as refusal:
        decode_up(topic, payload, topics=TOPICS)
    return refusal.value.reason


@pytest.mark.parametrize(
    "topic",
    [
        "city/harbour/7/obs",
        "city/harbour~r1/tap/obs",
        "city/harbour~r1/7/cmd",
        "city/harbour~r1/7/x",
        "x",
        "city/harbour~r1",
    ],
)
def test_a_wrong_topic_is_named_as_such(topic: str) -> None:
    assert reason(topic, b"{}") is Reason.WRONG_TOPIC


@pytest.mark.parametrize(
    ("word", "payload", "why"),
    [
        ("death", b'{"node":8,"epoch":5}', Reason.WRONG_SENDER),
        ("death", b'{"node":7,"epoch":"now"}', Reason.MALFORMED),
        ("death", b'{"node":7,"epoch":99999999999999999999}', Reason.MALFORMED),
        ("death", b'{"node":7,"epoch":5,"carried":[99999999999999999999]}', Reason.MALFORMED),
        ("death", b"", Reason.MALFORMED),
        ("death", b"\xff", Reason.NOT_TEXT),
        ("death", b'{"node":7,"epoch":5,"x":"' + b"x" * PAYLOAD_LIMIT + b'"}', Reason.OVERSIZED),
        ("ack", b'{"node":7,"device":8,"command":"c","status":"perhaps","t":1}', Reason.MALFORMED),
        ("birth", b'{"node":7,"epoch":5,"kind":{"name":1},"devices":[]}', Reason.MALFORMED),
        ("birth", b'{"node":7,"epoch":5,"kind":' + b"[" * 50_000, Reason.MALFORMED),
        ("obs", b"[]", Reason.MALFORMED),
    ],
)
def test_what_cannot_be_read_has_a_reason(word: str, payload: bytes, why: Reason) -> None:
    assert reason(f"city/harbour~r1/7/{word}", payload) is why


def test_a_watermark_message_with_uneven_columns_is_refused() -> None:
    payload = msgspec.json.encode({"node": [1], "epoch": [], "sequence": [3]})
    with pytest.raises(Unreadable, match="one length"):
        decode_down(TOPICS.watermark, payload, topics=TOPICS)
