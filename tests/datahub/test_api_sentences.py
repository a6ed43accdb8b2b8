"""What the API says of a wrong request is told in words of the API, not of the language that it is written in."""

from __future__ import annotations

import pytest
from test_api import House, births, problem
from test_api import house as house
from test_api import own as own

from datahub.contract.messages import ArgumentDescriptor, KindDescriptor, PropertyDescriptor

TAP = KindDescriptor(
    "tap",
    "水龙头",
    "Tap",
    (PropertyDescriptor("flow_m3_s", 0.1, 0, 9, 60, "流量", "Flow"), PropertyDescriptor("mood", 1, 0, 5, 60)),
    ("turn",),
    60,
    (ArgumentDescriptor("turn", "hold_s", 1, 60, 5),),
)
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("jobs", '{"by": x}', "the body is no JSON: Expecting value at line 1, column 8"),
        ("jobs", '{"by": "me",\n "id" 3}', "the body is no JSON: Expecting ':' delimiter at line 2, column 7"),
        ("jobs/j/state", '{"to": "dancing", "by": "me"}', "to: must be one of running, paused, stopped"),
        ("jobs/j/state", '{"by": "me"}', "to: is missing"),
        ("jobs/j/state", '{"to": "running", "by": "me", "now": 1}', "now: is not known here"),
        ("jobs/j/state", "7", "body: must be a JSON object, sent as application/json"),
        ("devices/9/commands", '{"name": "move", "arguments": [1]}', "arguments: must be a JSON object"),
    ],
)
def test_a_wrong_body_is_told_in_plain_words(house: House, path: str, body: str, says: str) -> None:
    detail = problem(house.client.post(f"/{path}", content=body, headers=JSON), 422)
    assert says in detail.split("; "), detail


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/devices?limit=many", "limit: must be a whole number"),
        ("/devices?state=asleep", "state: must be one of online, silent, dead, maintenance, retired"),
        ("/devices?limit=0", "limit: must be greater than or equal to 1"),
        ("/alarms?fault=perhaps", "fault: must be true or false"),
        ("/alarms?start=2025-01-41", "start: must be a time like 2026-07-01T08:00:00Z"),
        ("/alarms?start=1234", "without an offset it is city-local (+08:00)"),
    ],
)
def test_a_wrong_question_is_told_in_plain_words(house: House, path: str, says: str) -> None:
    assert says in problem(house.client.get(path), 422).split("; ")


def test_a_time_without_an_offset_is_said_to_be_city_local(house: House) -> None:
    described = house.client.get("/openapi.json").json()["paths"]
    for path in ("/devices/{code}/series/{property}", "/alarms", "/aggregates"):
        times = [one for one in described[path]["get"]["parameters"] if one["name"] in ("start", "end")]
        assert len(times) == 2
        for one in times:
            assert "without an offset it is city-local (+08:00)" in str(one), one


def test_a_kind_names_what_it_observes_and_what_its_commands_take(own: House) -> None:
    own.bus.field_end.send(births(TAP, [21]))
    own.tick(11)
    kinds = own.client.get("/kinds").json()
    (tap,) = [kind for kind in kinds if kind["name"] == "tap"]
    flow = {"name": "flow_m3_s", "zh": "流量", "en": "Flow", "unit": "m3/s", "resolution": 0.1, "low": 0, "high": 9}
    mood = {"name": "mood", "zh": "", "en": "", "unit": None, "resolution": 1, "low": 0, "high": 5}
    turn = {"command": "turn", "name": "hold_s", "unit": "s", "low": 1, "high": 60, "default": 5}
    assert (tap["properties"], tap["observes"]) == (["flow_m3_s", "mood"], [flow, mood])
    assert (tap["commands"], tap["takes"]) == (["turn"], [turn])
    assert [kind["takes"] for kind in kinds if kind["name"] != "tap"] == [[], []], "whose makers do not say"


def test_a_hub_without_bridges_has_none(house: House) -> None:
    assert house.client.get("/bridges").json() == []
    assert "no cloud 'lampcloud' posts here" in problem(house.client.post("/bridges/lampcloud", content=b"{}"), 404)
