"""Whatever comes up the wire, on whatever topic: it is taken or refused by name, counted, and stops nothing."""

from __future__ import annotations

import json
import os
from typing import Any

from hub_town import METER, MINUTE, T0, Town, births, pack
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from datahub.contract.codes import AckStatus
from datahub.contract.messages import Ack, Death, Marker, Reported
from datahub.contract.topics import Topics, Word
from datahub.contract.wire import encode
from datahub.ingest.decode import sort
from datahub.transport.bus import Arrived

EXAMPLES = int(os.environ.get("CITYBRAIN_EXAMPLES", "80"))
"""How many are tried; more for a night."""

METER_1 = 101
TOPICS = Topics("harbour", "test")

TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
"""Any text, lone surrogates among it."""

NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**63, 2**64, 10**18, 5e-324, 1.8e308])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

SOUND: dict[str, Any] = {
    out.topic: json.loads(out.payload)
    for said in (
        births(METER, devices=[METER_1]),
        pack(METER_1, [(METER_1, "volume_m3", T0, 1.0)]),
        Ack(node=METER_1, device=METER_1, command="c", status=AckStatus.DONE, t=T0),
        Reported(node=METER_1, device=METER_1, t=T0, state={"x_ratio": 1.0}),
        Death(node=METER_1, epoch=T0, carried=(7,)),
        Marker(side="field", run="test", t=T0, sent=1),
    )
    for out in encode(said, TOPICS)
}
WAYS = st.sampled_from([TOPICS.of(METER_1, word) for word in Word] + [TOPICS.marker("field"), TOPICS.watermark, ""])
ANYWHERE = WAYS | st.builds(lambda node, word: f"{TOPICS.root}/{node}/{word}", TEXTS, st.sampled_from(Word)) | TEXTS


@st.composite
def bent(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sound message, with anything in one place of it."""
    topic = draw(st.sampled_from(sorted(SOUND)))
    body = json.loads(json.dumps(SOUND[topic]))
    holder = draw(st.sampled_from(body)) if isinstance(body, list) else body
    key = draw(st.sampled_from(sorted(holder)) | TEXTS)
    holder[key] = draw(JSON)
    return topic, json.dumps(body).encode()


ANYTHING = st.tuples(ANYWHERE, st.binary(max_size=200) | JSON.map(lambda it: json.dumps(it).encode())) | bent()


@settings(
    deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.lists(ANYTHING, min_size=1, max_size=4))
@example([(TOPICS.of(METER_1, Word.OBS), b"[" * 100_000), (TOPICS.of(METER_1, Word.BIRTH), b'{"a":' * 100_000)])
@example([("\ud800", b"")])
def test_anything_is_taken_or_refused_by_name_and_counted(messages: list[tuple[str, bytes]]) -> None:
    town = Town(run="test")
    town.send(births(METER, devices=[METER_1]))
    town.hub.tick(T0)
    arrived = [Arrived(topic, payload, 1, i) for i, (topic, payload) in enumerate(messages)]
    read = sort(arrived, topics=town.hub.topics, now=T0)
    taken = sum(batch.packs for batch in read.batches) + len(read.births) + len(read.notes) + len(read.markers)
    assert taken + len(read.refused) == len(messages)
    town.bus.upward.extend(arrived)  # type: ignore[arg-type]
    town.hub.intake()
    town.hub.tick(T0 + MINUTE)
    ledger = town.hub.queries.ledger()
    assert ledger.closes()
    assert ledger.unattributed >= len(read.refused)
    town.send(births(METER, devices=[102]), pack(102, [(102, "volume_m3", T0, 1.0)]))
    town.hub.tick(T0 + 2 * MINUTE)
    assert town.hub.queries.latest_of(102)["volume_m3"][1] == 1.0, "and the next device is heard as ever"
    town.vanish()
