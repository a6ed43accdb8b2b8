"""Thing Descriptions: of every kind and device there is, judged by W3C's schemas and driven by Eclipse Thingweb."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from node_clients import judged, node

from datahub.api import thing
from datahub.api.app import app
from datahub.contract.messages import ArgumentDescriptor, KindDescriptor, PropertyDescriptor
from datahub.ingest.thresholds import load
from scenarios.describe import describe
from scenarios.live.serving import Server
from sensors.kind import load_kinds

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from hub_town import GATEWAY, MINUTE, POST, T0, Town, births, pack

KINDS = load_kinds()
TOKEN = "a seat at the desk"
PLACE = thing.Place(
    api="http://127.0.0.1:8000/api/",
    broker="mqtt://127.0.0.1:1883",
    root="city/harbour",
    city="harbour",
    device="7",
    node="8",
    object="9",
    asset="assets/9",
)


def descriptions() -> list[dict[str, Any]]:
    return [thing.description(kind.descriptor, load(), PLACE) for kind in KINDS.values()]


def test_every_kind_has_a_model_that_the_schema_of_the_w3c_takes() -> None:
    assert judged("tm", [json.loads(describe(name)) for name in KINDS]) == [[] for _ in KINDS]


def test_every_device_has_a_description_that_the_schema_and_the_playground_take() -> None:
    assert judged("td", descriptions()) == [[] for _ in KINDS]


def test_a_description_says_all_that_the_birth_says() -> None:
    for kind, told in zip(KINDS.values(), descriptions(), strict=True):
        said = {one.name: (one.low, one.high) for one in kind.descriptor.properties}
        assert {name: (it["minimum"], it["maximum"]) for name, it in told["properties"].items()} == said
        assert all(it["unit"] and it["observable"] and it["readOnly"] for it in told["properties"].values())
        assert set(told["actions"]) == set(kind.descriptor.commands)
    valve = descriptions()[list(KINDS).index("valve_actuator")]
    taken = valve["actions"]["move"]["input"]["properties"]["arguments"]
    assert (taken["required"], taken["additionalProperties"]) == (["position_ratio"], False)
    assert taken["properties"] == {
        "position_ratio": {"type": "number", "minimum": 0, "maximum": 1, "unit": "1"},
        "travel_s": {"type": "number", "minimum": 10, "maximum": 7200, "default": 300, "unit": "s"},
    }
    pole = descriptions()[list(KINDS).index("smart_pole")]
    assert {"pole_leakage", "pole_tilt", "device_silent"} <= set(pole["events"])
    assert pole["events"]["pole_tilt"]["forms"][0]["mqv:filter"] == "city/harbour/_alarm/pole_tilt"
    assert pole["properties"]["tilt_deg"]["forms"][1]["mqv:filter"] == "city/harbour/8/obs"
    assert pole["links"][1] == {"rel": "collection", "href": "assets/9", "type": "application/json"}


def test_a_stranger_of_a_kind_is_described_as_soundly() -> None:
    strange = KindDescriptor(
        name="自制/{x} <b>",
        zh="",
        en="",
        properties=(
            PropertyDescriptor('a "b"/{c}?#%_pa', 0, 0, 0, 0),
            PropertyDescriptor("mood", 1e-9, -1e300, 1e300, 1),
        ),
        commands=("做/{it}", "rest"),
        arguments=(ArgumentDescriptor("做/{it}", "{n} m", -1.5, -1.5, -1.5),),
    )
    assert judged("td", [thing.description(strange, load(), PLACE)]) == [[]]
    assert judged("tm", [thing.model(strange, load())]) == [[]]


def _spoilt(told: dict[str, Any], change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    told = copy.deepcopy(told)
    change(told)
    return told


def test_what_is_broken_is_refused() -> None:
    (told, *_) = [it for it in descriptions() if it["actions"]]
    name = next(iter(told["properties"]))
    broken = [
        _spoilt(told, lambda it: it.pop("title")),
        _spoilt(told, lambda it: it.pop("@context")),
        _spoilt(told, lambda it: it.pop("securityDefinitions")),
        _spoilt(told, lambda it: it.update(security=["nobody"])),
        _spoilt(told, lambda it: it["properties"][name].pop("forms")),
        _spoilt(told, lambda it: it["properties"][name].update(minimum="low")),
        _spoilt(told, lambda it: it["properties"][name]["forms"][0].update(op="invokeaction")),
        _spoilt(told, lambda it: it["properties"][name]["forms"][0].pop("href")),
    ]
    assert [bool(why) for why in judged("td", broken)] == [True] * len(broken)
    model = json.loads(describe("smart_pole"))
    wrong = [_spoilt(model, lambda it: it.pop("@type")), _spoilt(model, lambda it: it.update(properties=[]))]
    assert [bool(why) for why in judged("tm", wrong)] == [True, True]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Town, str]]:
    """A hub with two poles behind a gateway, served on this machine."""
    town = Town(run="")
    town.send(births(POST, devices=[11, 12], nodes=[GATEWAY, GATEWAY]))
    town.send(pack(GATEWAY, [(11, "noise_dba", T0, 41.5)]))
    town.hub.tick(T0 + MINUTE)
    town.field.receive()
    with Server(app(town.hub, token=TOKEN), host="127.0.0.1", port=0) as server:
        yield town, server.url
    town.hub.close()


def test_what_a_hub_serves_of_kinds_and_devices_is_taken_too(served: tuple[Town, str]) -> None:
    town, url = served
    with httpx.Client(base_url=url, trust_env=False) as client:
        model, device = client.get("/td/smart_pole"), client.get("/devices/11/td")
        assert model.headers["content-type"] == "application/tm+json"
        assert device.headers["content-type"] == "application/td+json"
        assert (device.json()["base"], device.json()["id"]) == (f"{url}/", "urn:citybrain:harbour:11")
        assert client.get("/asyncapi.json").json()["channels"]["obs"]["parameters"]["city"]["default"] == "harbour"
        assert [client.get(path).status_code for path in ("/td/toaster", "/devices/13/td")] == [404, 404]
    assert judged("tm", [model.json()]) == [[]]
    assert judged("td", [device.json()]) == [[]]
    assert town.hub.queries.kinds() == (POST,)


def test_a_client_of_eclipse_thingweb_reads_a_value_and_orders_by_the_description_alone(
    served: tuple[Town, str],
) -> None:
    town, url = served
    (said,) = node("consume.cjs", f"{url}/devices/11/td", TOKEN, "noise_dba", "dim", '{"level_ratio":0.5}')
    assert said["read"] == 41.5
    assert said["unread"], "what was never said cannot be read"
    assert said["refused"], "an order beside the schema is refused"
    order = said["order"]
    assert isinstance(order, dict)
    assert (order["name"], order["arguments"], order["status"]) == ("dim", {"level_ratio": 0.5}, "sent")
    (down,) = town.field.receive()
    assert (down.device, down.name, down.arguments) == (11, "dim", {"level_ratio": 0.5})  # type: ignore[union-attr]
