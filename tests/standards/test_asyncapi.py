"""The wire as an AsyncAPI document: complete, fresh, and read by the parser of the AsyncAPI initiative."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from node_clients import judged

from datahub.api import asyncapi
from datahub.api.spoken import SAID, outgoing
from datahub.contract.senml import encode_packs
from datahub.contract.topics import DOWNWARD, UPWARD, Topics, Word
from datahub.contract.wire import decode_down, decode_up, encode
from scenarios.describe import describe

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from hub_town import GATEWAY, POST, T0, births, pack

ROOT = Path(__file__).parents[2]


def test_the_page_of_reference_is_what_the_command_prints() -> None:
    shown = (ROOT / "docs" / "reference" / "asyncapi.json").read_text(encoding="utf-8")
    assert shown == describe("wire") + "\n", "call: citybrain describe wire > docs/reference/asyncapi.json"


def test_every_topic_of_the_wire_is_there_with_its_direction_qos_and_no_retained_message() -> None:
    told = asyncapi.document(city="harbour")
    topics = Topics("{city}")
    rest = {topics.watermark, topics.marker("field"), topics.marker("city"), topics.alarm("{kind}")}
    addresses = {one["address"] for one in told["channels"].values()}
    assert addresses == {topics.every(word).replace("+", "{node}") for word in Word} | rest
    actions = {one["channel"]["$ref"].rpartition("/")[2]: one["action"] for one in told["operations"].values()}
    up, down = {*UPWARD, "markerField"}, {*DOWNWARD, "watermark", "alarm", "markerCity"}
    assert actions == dict.fromkeys(up, "receive") | dict.fromkeys(down, "send")
    bindings = [one["bindings"]["mqtt"] for one in told["operations"].values()]
    assert all((one["qos"], one["retain"]) == (1, False) for one in bindings)
    for channel in told["channels"].values():
        assert all(f"{{{name}}}" in channel["address"] for name in channel["parameters"])
        assert channel["parameters"]["city"]["default"] == "harbour"


@pytest.mark.parametrize("one", SAID, ids=lambda one: one.name)
def test_a_sample_is_read_on_the_other_side_as_it_was_said(one: Any) -> None:
    out, topics = outgoing(one), Topics("CITY")
    if one.name != "alarm":  # northbound: no side of the wire reads it
        read = (decode_up if one.up else decode_down)(out.topic, out.payload, topics=topics)
        (again,) = encode(read, topics)
        assert (again.topic, json.loads(again.payload)) == (out.topic, json.loads(out.payload))


def test_the_parser_finds_nothing_wrong() -> None:
    assert judged("asyncapi", [asyncapi.document(), asyncapi.document(city="harbour")]) == [[], []]


def _spoilt(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    told = copy.deepcopy(asyncapi.document())
    change(told)
    return told


def test_the_parser_refuses_what_is_broken() -> None:
    broken = [
        _spoilt(lambda it: it["info"].pop("version")),
        _spoilt(lambda it: it["channels"]["obs"].update(stray=1)),
        _spoilt(lambda it: it["operations"]["receiveObs"].update(action="shout")),
        _spoilt(lambda it: it["operations"]["receiveObs"]["channel"].update({"$ref": "#/channels/none"})),
        _spoilt(lambda it: it["operations"]["receiveObs"]["bindings"]["mqtt"].update(qos=3)),
    ]
    assert [bool(why) for why in judged("asyncapi", broken)] == [True] * len(broken)


def _payloads() -> list[object]:
    packs = [pack(GATEWAY, [(GATEWAY + 1, "noise_dba", T0, 40.0), (GATEWAY, "leakage_current_a", T0 - 5, 0.1)])]
    return [json.loads(payload) for one in packs for _, payload in encode_packs(one)]


def test_the_schema_of_a_pack_takes_ours_and_those_of_others_and_refuses_none_packs() -> None:
    schema = asyncapi.document()["components"]["schemas"][asyncapi.SENML]
    head = [{"bn": "7:", "bt": 1.7e9, "n": "epoch", "u": "ms", "v": 1.7e12}, {"n": "seq", "u": "count", "v": 0}]
    good = [*_payloads(), [*head, {"n": "noise_dba", "bu": "dBA", "v": 40, "ut": 60, "strange": 1}]]
    bad = [
        [],
        head[:1],
        [*head, {"n": "noise_dba"}],
        [*head, {"n": "noise_dba", "v": "40"}],
        [*head, {"n": "noise_dba", "v": 40, "vs": "loud"}],
        [*head, {"n": "noise_dba", "v": 40, "must_": 1}],
        [*head, {"n": 5, "v": 40}],
    ]
    found = judged("payload", [{"schema": schema, "payload": each} for each in [*good, *bad]])
    assert [bool(why) for why in found] == [False] * len(good) + [True] * len(bad)


def test_every_sample_fits_its_schema_and_a_birth_that_travels_too_and_a_spoilt_one_none() -> None:
    told = asyncapi.document()
    components = {"schemas": told["components"]["schemas"]}
    schemas = {name: it["payload"] | {"components": components} for name, it in told["components"]["messages"].items()}
    samples = {name: it["examples"][0]["payload"] for name, it in told["components"]["messages"].items()}
    (birth,) = encode(births(POST, devices=[1, 2], nodes=[GATEWAY, GATEWAY]), Topics("harbour"))
    good = [*samples.items(), ("birth", json.loads(birth.payload))]
    bad = [(name, it | {"schema": "1"} if isinstance(it, dict) else [{}, *it]) for name, it in good]
    bad += [(name, {}) for name in samples]
    found = judged("payload", [{"schema": schemas[name], "payload": each} for name, each in [*good, *bad]])
    assert [bool(why) for why in found] == [False] * len(good) + [True] * len(bad)
