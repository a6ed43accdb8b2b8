"""SensorThings as its clients speak it: frost-sta-client over HTTP, mosquitto's own clients over MQTT."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from sta_town import START, TOKEN, Town, served
from standards_clients import Driven, driven

from datahub.api.sensorthings.model import EntitySet
from datahub.api.sensorthings.mqtt import Extension
from datahub.contract.clock import MINUTE_MS, from_datetime, to_utc
from datahub.contract.codes import DeviceState

sys.path.append(str(Path(__file__).parents[1] / "wire"))
from wire_brokers import mosquitto


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with served(tmp_path_factory.mktemp("hub")) as made:
        yield made


@pytest.fixture(scope="module")
def frost(town: Town) -> Iterator[Driven]:
    with driven("frost-sta-client", "frost_driver.py", town.url, TOKEN) as made:
        yield made


@pytest.fixture(scope="module")
def station(town: Town, frost: Driven) -> dict[str, int]:
    """A thing with a place and a datastream, created by the client."""
    made: dict[str, int] = frost("create_station")
    town.run()
    return made


def test_the_client_queries_filters_orders_selects_and_counts_what_the_registry_knows(
    town: Town, frost: Driven
) -> None:
    loggers = town.hub.queries.devices(kind="pressure_logger")
    found = frost(
        "listed",
        of="datastreams",
        where="ObservedProperty/id eq 'pressure_pa'",
        order=["name", "desc"],
        top=5,
        count=True,
    )
    assert found["count"] == len(loggers)
    assert found["more"]
    names = [state["name"] for state in found["states"]]
    assert len(names) == 5
    assert names == sorted(names, reverse=True)
    assert {state["unitOfMeasurement"]["definition"] for state in found["states"]} == {"ucum:Pa"}
    (only,) = frost("listed", of="observed_properties", where="startswith(name,'pressure')", select=["name"])["states"]
    assert only == {"@iot.id": "pressure_pa", "name": "pressure_pa"}


def test_the_client_expands_within_what_it_expands(town: Town, frost: Driven) -> None:
    device = town.device("pressure_logger")
    thing = str(town.hub.queries.devices(device=device).object[0])
    expand = "Locations,Datastreams($filter=ObservedProperty/id eq 'pressure_pa';$expand=Observations($top=2),Sensor)"
    (state,) = frost("listed", of="things", where=f"id eq '{thing}'", expand=expand)["states"]
    at = town.hub.queries.devices(device=device)
    assert state["Locations"][0]["location"]["coordinates"] == [float(at.lon[0]), float(at.lat[0])]
    (stream,) = state["Datastreams"]
    assert stream["@iot.id"] == f"{device}:pressure_pa"
    assert stream["Sensor"]["@iot.id"] == "pressure_logger"
    stored = town.hub.queries.raw(device, "pressure_pa", start=0, end=START * 2)
    assert [one["result"] for one in stream["Observations"]] == stored.value[:2].tolist()


def test_the_client_follows_the_pages_to_the_end_and_meets_everything_once(town: Town, frost: Driven) -> None:
    devices = [str(one) for one in town.hub.queries.devices(kind="valve_actuator").device]
    question = {"of": "datastreams", "where": "Sensor/id eq 'valve_actuator' and not endswith(id,'x')", "top": 3}
    found = frost("all_ids", **question)
    assert len(found) == len(set(found))
    assert {one.partition(":")[0] for one in found} == set(devices)
    stream = f"{town.device('pressure_logger')}:pressure_pa"
    stored = town.hub.queries.raw(town.device("pressure_logger"), "pressure_pa", start=0, end=START * 2)
    observed = frost("all_ids", of="observations", parent=["datastreams", stream], top=4)
    assert len(observed) == len(set(observed)) == len(stored) > 8


def test_observations_are_filtered_and_ordered_by_time_and_result(town: Town, frost: Driven) -> None:
    device = town.device("pressure_logger")
    stored = town.hub.queries.raw(device, "pressure_pa", start=0, end=START * 2)
    middle, since = float(sorted(stored.value)[len(stored) // 2]), START + 3 * MINUTE_MS
    found = frost(
        "listed",
        of="observations",
        parent=["datastreams", f"{device}:pressure_pa"],
        where=f"result ge {middle} and phenomenonTime gt {to_utc(since)} and minute(phenomenonTime) lt 59",
        order=["result", "desc"],
        count=True,
    )
    expected = sorted(stored.value[(stored.value >= middle) & (stored.phenomenon_time > since)].tolist(), reverse=True)
    assert [state["result"] for state in found["states"]] == expected
    assert found["count"] == len(expected) > 0


def test_what_the_client_creates_is_there_with_all_that_was_told_within_it(
    frost: Driven, station: dict[str, int]
) -> None:
    thing = frost("find", of="things", key=station["thing"])
    assert (thing["name"], thing["properties"]) == ("tide station", {"depth": 4})
    question = {"of": "things", "where": "properties/depth gt 3 and name eq 'tide station'"}
    (state,) = frost("listed", **question, expand="Datastreams/ObservedProperty,HistoricalLocations/Locations")[
        "states"
    ]
    assert state["Datastreams"][0]["ObservedProperty"]["name"] == "water level"
    assert state["HistoricalLocations"][0]["Locations"][0]["name"] == "pier"


def test_created_observations_pass_through_the_hub_as_those_of_any_device(
    town: Town, frost: Driven, station: dict[str, int]
) -> None:
    before = town.hub.queries.ledger()
    said = to_utc(START + 20 * MINUTE_MS)
    one = frost("create_observation", datastream=station["datastream"], result=1.25, result_time=said)
    assert one["state"]["result"] == 1.25
    assert from_datetime(datetime.fromisoformat(one["state"]["resultTime"])) == START + 20 * MINUTE_MS
    rows = [[to_utc(START + minute * MINUTE_MS), 2.0 + minute] for minute in range(3)]
    links = frost("create_array", datastream=station["datastream"], rows=rows)
    town.run()
    after = town.hub.queries.ledger()
    kind = "sensorthings_sta_water_level_m"
    assert len(links) == 3
    assert after.by_kind[kind] - before.by_kind.get(kind, 0) == 4
    assert after.received == after.stored + after.rejected + after.duplicate + after.unattributed
    question = {"of": "observations", "parent": ["datastreams", station["datastream"]], "order": ["result", "asc"]}
    states = frost("listed", **question, expand="FeatureOfInterest")["states"]
    assert [state["result"] for state in states] == [1.25, 2.0, 3.0, 4.0]
    assert {state["FeatureOfInterest"]["name"] for state in states} == {"pier"}
    latest = town.hub.queries.latest("sta_water_level_m")
    assert latest.value.tolist() == [1.25]


def test_put_and_patch_change_what_was_created(frost: Driven, station: dict[str, int]) -> None:
    put = frost("put", thing=station["thing"], name="tide gauge")
    assert (put["name"], put["description"]) == ("tide gauge", "of the harbour")
    patched = frost("patch", thing=station["thing"], steps=[{"op": "replace", "path": "/properties/depth", "value": 5}])
    assert (patched["name"], patched["properties"]) == ("tide gauge", {"depth": 5})
    frost("put", thing=station["thing"], name="tide station")
    frost("patch", thing=station["thing"], steps=[{"op": "replace", "path": "/properties/depth", "value": 4}])


def test_a_task_reaches_the_valve_and_tells_that_it_is_done(town: Town, frost: Driven) -> None:
    valve = town.device("valve_actuator")
    capability = f"{valve}:move"
    assert [it["@iot.id"] for it in frost("listed", of="actuators")["states"]] == ["valve_actuator"]
    id_ = frost("task", capability=capability, parameters={"position_ratio": 0.5, "travel_s": 60, "valid_s": 600})
    assert town.hub.queries.latest_of(valve)["position_ratio"][1] == 1.0
    town.run(8)
    assert town.hub.queries.latest_of(valve)["position_ratio"][1] == 0.5
    assert town.hub.commands.status(id_).status == "done"  # type: ignore[union-attr]
    (state,) = frost("listed", of="tasks", parent=["tasking_capabilities", capability])["states"]
    assert (state["@iot.id"], state["taskingParameters"]["position_ratio"]) == (id_, 0.5)
    told = httpx.get(f"{town.url}/Tasks('{id_}')/properties").json()
    assert told["properties"]["status"] == "done"


def test_delete_takes_a_thing_with_its_streams_and_the_hub_keeps_the_readings(town: Town, frost: Driven) -> None:
    made = frost("create_station")
    frost("create_observation", datastream=made["datastream"], result=7)
    town.run()
    stream = town.things.source.created.of_device
    (device,) = [
        int(code) for code in town.hub.queries.devices(kind="sensorthings_sta_water_level_m").device
        if (it := stream(int(code))) is not None and it.key == made["datastream"]
    ]  # fmt: skip
    frost("delete", of="things", key=made["thing"])
    assert frost("refused", call={"do": "find", "of": "datastreams", "key": made["datastream"]})[0] == 404
    assert town.hub.queries.stage(device) is DeviceState.RETIRED
    assert town.hub.queries.raw(device, "sta_water_level_m", start=0, end=START * 2).value.tolist() == [7.0]
    assert frost("refused", call={"do": "find", "of": "things", "key": made["thing"]})[0] == 404


THING = {"name": "x", "description": "y"}
STREAM = {
    "name": "x",
    "description": "y",
    "observationType": "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement",
    "unitOfMeasurement": {"name": None, "symbol": None, "definition": None},
}


@pytest.mark.parametrize(
    ("call", "status", "says"),
    [
        ({"do": "listed", "of": "things", "where": "name eq"}, 400, "a value, a field or a function is expected"),
        ({"do": "listed", "of": "things", "where": "colour eq 'red'"}, 400, "Things have no 'colour'"),
        ({"do": "listed", "of": "things", "where": "shout(name) eq 'A'"}, 400, "there is no function 'shout'"),
        ({"do": "listed", "of": "things", "expand": "Sensors"}, 400, "Things have no relation 'Sensors'"),
        ({"do": "listed", "of": "observations", "where": "result eq 'wet'"}, 400, "does not go with number and text"),
        ({"do": "listed", "of": "things", "top": -1}, 400, "$top is a whole number"),
        ({"do": "find", "of": "things", "key": 99_999}, 404, "there is no Things(99999)"),
        ({"do": "find", "of": "datastreams", "key": "1:mood"}, 404, "there is no Datastreams('1:mood')"),
        ({"do": "stranger_creates"}, 401, "bear the token"),
        ({"do": "put", "thing": "99010118000000011", "name": "x"}, 404, "there is no Things"),
    ],
)
def test_the_client_is_refused_what_cannot_be(frost: Driven, call: dict[str, object], status: int, says: str) -> None:
    found = frost("refused", call=call)
    assert found is not None
    assert found[0] == status
    assert says in found[1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "Things", "{", 400, "no JSON"),
        ("POST", "Things", "[" * 5_000, 400, "no JSON"),
        ("POST", "Things", json.dumps({"name": "x"}), 400, "not told: description"),
        ("POST", "Things", json.dumps({**THING, "name": 7}), 400, "name is text"),
        ("POST", "Things", json.dumps({**THING, "colour": "red"}), 400, "Things have no 'colour'"),
        ("POST", "Things", json.dumps({**THING, "Locations": [{"@iot.id": 99_999}]}), 400, "no Locations(99999)"),
        ("POST", "Datastreams", json.dumps(STREAM), 400, "Thing, Sensor, ObservedProperty"),
        ("POST", "Datastreams", json.dumps({**STREAM, "observationType": "OM_Category"}), 400, "numbers"),
        ("POST", "Observations", json.dumps({"result": 1}), 400, "name the Datastream"),
        ("POST", "Observations", json.dumps({"result": 1, "Datastream": {"@iot.id": 99_999}}), 400, "there is no"),
        ("POST", "CreateObservations", json.dumps([{"Datastream": {"@iot.id": 1}}]), 400, "dataArray"),
        ("POST", "Actuators", json.dumps(THING), 409, "births of devices"),
        ("POST", "Nothings", json.dumps(THING), 404, "there is no 'Nothings'"),
        ("POST", "Tasks", json.dumps({"taskingParameters": {}}), 400, "name the TaskingCapability"),
        ("DELETE", "Sensors('valve_actuator')", "", 409, "what the hub's registry says"),
        ("PATCH", "Sensors('valve_actuator')", "{}", 409, "what the hub's registry says"),
    ],
)
def test_a_broken_request_is_refused_and_creates_nothing(
    town: Town, frost: Driven, method: str, path: str, body: str, status: int, says: str
) -> None:
    before = [len(town.things.source.created.all(each)) for each in EntitySet]
    found = frost("raw", method=method, path=path, body=body)
    assert (found[0], says in found[1]) == (status, True), found
    assert [len(town.things.source.created.all(each)) for each in EntitySet] == before


def test_a_deep_insert_of_which_one_part_is_wrong_creates_nothing(town: Town, frost: Driven) -> None:
    names = httpx.get(f"{town.url}/Things?$count=true&$top=0").json()["@iot.count"]
    stream = {**STREAM, "Sensor": {"name": "lacks the rest"}, "ObservedProperty": {"@iot.id": "pressure_pa"}}
    found = frost("raw", method="POST", path="Things", body=json.dumps({**THING, "Datastreams": [stream]}))
    assert found[0] == 400
    assert httpx.get(f"{town.url}/Things?$count=true&$top=0").json()["@iot.count"] == names


def test_mosquitto_sub_receives_observations_and_what_is_published_is_created(
    town: Town, frost: Driven, station: dict[str, int], tmp_path: Path
) -> None:
    client, speaker = shutil.which("mosquitto_sub"), shutil.which("mosquitto_pub")
    if client is None or speaker is None:
        pytest.skip("needs mosquitto-clients: apt-get install mosquitto-clients")
    topic = f"v1.1/Datastreams('{town.device('pressure_logger')}:pressure_pa')/Observations"
    own = f"v1.1/Datastreams({station['datastream']})/Observations"
    with mosquitto(tmp_path) as url:
        port = url.rsplit(":", 1)[1]
        north = Extension(town.things, url, base=town.url, streams=("pressure_logger", "created"))
        told = httpx.get(town.url).json()["serverSettings"]
        assert told[f"{_REQ}receive-updates-via-mqtt/receive-updates"]["endpoints"] == [f"mqtt://127.0.0.1:{port}"]
        words = ["stdbuf", "-oL", client, "-p", port, "-t", topic, "-t", own, "-W", "30", "-v", "-d"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as listener:
            assert listener.stdout is not None
            assert any("SUBACK" in line for line in listener.stdout)
            pub = [speaker, "-p", port, "-q", "1", "-t"]
            subprocess.run([*pub, own, "-m", '{"result": 8.5, "resultTime": "2025-06-10T00:00:00+08:00"}'], check=True)
            subprocess.run([*pub, own, "-m", '{"result": "wet"}'], check=True)
            subprocess.run([*pub, topic, "-m", '{"result": 1}'], check=True)
            assert north.heard(3, wait_s=30)
            assert (north.created, north.refused) == (1, 2)
            published = 0
            for _ in range(16):
                town.run()
                published += north.publish()
            assert published == north.published > len(town.hub.queries.devices(kind="pressure_logger"))
            heard: dict[str, dict[str, object]] = {}
            for line in listener.stdout:
                name, _, text = line.partition(" {")
                if "@iot.id" in text:  # what has none, was published above by the client itself
                    heard.setdefault(name, json.loads("{" + text))
                if len(heard) == 2:
                    break
            listener.terminate()
        north.close()
    assert heard[own]["result"] == 8.5
    stored = town.hub.queries.raw(town.device("pressure_logger"), "pressure_pa", start=0, end=START * 2)
    assert heard[topic]["result"] in stored.value.tolist()
    assert heard[topic]["phenomenonTime"] in [to_utc(t) for t in stored.phenomenon_time.tolist()]
    assert str(heard[topic]["@iot.selfLink"]).startswith(town.url)


_REQ = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
