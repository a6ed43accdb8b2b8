"""What is created through SensorThings: it outlives the process, enters by the hub's own door, and goes as it came."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hub_town import METER, T0, Town, births
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_api import Asgi, problem

from datahub.api.app import app
from datahub.api.sensorthings.model import RELATIONS, REQUIRED, EntitySet, fields_of
from datahub.api.sensorthings.service import SensorThings
from datahub.api.sensorthings.units import property_name, unit_of_measurement
from datahub.contract.clock import DAY_MS, MINUTE_MS, to_utc
from datahub.devices import coding

TOKEN = "a seat at the desk"
GEOJSON = "application/geo+json"
KIND = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"


class Office(Town):
    """A hub and a client that bears the token."""

    def __init__(self, directory: Path | None = None) -> None:
        super().__init__(directory, run="")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        self.client = httpx.Client(transport=Asgi(app(self.hub, token=TOKEN)), base_url="http://hub", headers=headers)

    def made(self, path: str, body: object) -> int:
        answer = self.client.post(f"/v1.1/{path}", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"].endswith(f"({answer.json()['@iot.id']})")
        return int(answer.json()["@iot.id"])

    def get(self, path: str) -> dict[str, object]:
        answer = self.client.get(f"/v1.1/{path}")
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found

    def results(self, stream: int) -> list[object]:
        found = self.get(f"Datastreams({stream})/Observations?$select=result")["value"]
        assert isinstance(found, list)
        return [one["result"] for one in found]


def place(name: str = "quay", lon: float = 113.5) -> dict[str, object]:
    point = {"type": "Point", "coordinates": [lon, 22.2]}
    return {"name": name, "description": "d", "encodingType": GEOJSON, "location": point}


def stream(kind: str = "OM_Measurement", symbol: str = "degC", **more: object) -> dict[str, object]:
    return {
        "name": "air",
        "description": "d",
        "observationType": KIND + kind,
        "unitOfMeasurement": {"name": "n", "symbol": symbol, "definition": "ucum:x"},
        "Sensor": {"name": "s", "description": "d", "encodingType": "text/html", "metadata": "http://example.org"},
        "ObservedProperty": {"name": "Air temperature", "definition": "http://example.org/t", "description": "d"},
        **more,
    }


def thing(**more: object) -> dict[str, object]:
    return {"name": "mast", "description": "d", "Locations": [place()], **more}


@pytest.fixture
def office() -> Iterator[Office]:
    made = Office()
    yield made
    made.hub.close()


def streams_of(office: Office, number: int) -> list[int]:
    found = office.get(f"Things({number})/Datastreams?$select=id")["value"]
    assert isinstance(found, list)
    return [one["@iot.id"] for one in found]


def test_what_was_created_outlives_the_process_and_goes_on_numbering(tmp_path: Path) -> None:
    first = Office(tmp_path)
    number = first.made("Things", thing(Datastreams=[stream(Observations=[{"result": 20.5}, {"result": 21}])]))
    (air,) = streams_of(first, number)
    first.vanish()
    second = Office(tmp_path)
    assert second.get(f"Things({number})")["name"] == "mast"
    answer = second.client.post(f"/v1.1/Datastreams({air})/Observations", json={"result": 22})
    assert answer.status_code == 201
    assert answer.json()["@iot.id"].endswith(":2")
    second.hub.tick(T0 + 1)
    assert second.results(air) == [20.5, 21, 22]
    ledger = second.hub.queries.ledger()
    assert (ledger.received, ledger.stored, ledger.rejected, ledger.duplicate) == (3, 3, 0, 0)
    second.hub.close()


def test_a_reading_that_no_tick_has_seen_can_be_had_by_its_id_and_the_list_has_it_after(office: Office) -> None:
    (air,) = streams_of(office, office.made("Things", thing(Datastreams=[stream()])))
    answer = office.client.post(f"/v1.1/Datastreams({air})/Observations", json={"result": 20.5})
    path = answer.headers["location"].removeprefix("http://hub/v1.1/")
    assert (office.get(path)["result"], office.results(air)) == (20.5, [])
    office.hub.tick(T0 + 1)
    assert (office.get(path)["result"], office.results(air)) == (20.5, [20.5])


def test_a_stream_is_a_device_of_its_own_with_a_unified_code_at_the_place_of_its_thing(office: Office) -> None:
    (air,) = streams_of(office, office.made("Things", thing(Datastreams=[stream()])))
    found = office.hub.queries.devices(kind="sensorthings_sta_air_temperature_c")
    assert coding.valid(found.device).all()
    assert [part.tolist() for part in coding.split(found.device)] == [[440499], [2299], [air]]
    assert (found.node.tolist(), found.lon.tolist()) == (found.device.tolist(), [113.5])
    names = [one["name"] for one in office.get("Sensors")["value"]]  # type: ignore[attr-defined]
    assert names == ["s"], "the kind that carries it is nobody's sensor"


@pytest.mark.parametrize(
    ("kind", "told", "shown"),
    [("OM_TruthObservation", True, True), ("OM_CountObservation", 7, 7), ("OM_Measurement", 7, 7.0)],
)
def test_truth_and_counts_come_back_as_they_went_in(office: Office, kind: str, told: object, shown: object) -> None:
    (one,) = streams_of(office, office.made("Things", thing(Datastreams=[stream(kind)])))
    assert office.client.post(f"/v1.1/Datastreams({one})/Observations", json={"result": told}).status_code == 201
    office.hub.tick(T0 + 1)
    (result,) = office.results(one)
    assert (result, type(result)) == (shown, type(shown))


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "has a result"),
        ({"result": "warm"}, 400, "is a number"),
        ({"result": True}, 400, "is a number"),
        ({"result": None}, 400, "is a number"),
        ({"result": 1, "phenomenonTime": "yesterday"}, 400, "is no time"),
        ({"result": 1, "phenomenonTime": "2025-01-01T00:00:00Z/2025-01-02T00:00:00Z"}, 400, "keeps moments"),
        ({"result": 1, "phenomenonTime": to_utc(T0 + 2 * DAY_MS)}, 400, "more than a day ahead"),
        ({"result": 1, "parameters": {"a": 1}}, 400, "keeps no 'parameters'"),
        ({"result": 1, "FeatureOfInterest": {"@iot.id": 99}}, 400, "no FeaturesOfInterest(99)"),
        ([], 400, "JSON object"),
    ],
)
def test_an_observation_that_cannot_be_is_refused_and_nothing_enters(
    office: Office, body: object, status: int, says: str
) -> None:
    (air,) = streams_of(office, office.made("Things", thing(Datastreams=[stream()])))
    assert says in problem(office.client.post(f"/v1.1/Datastreams({air})/Observations", json=body), status)
    assert office.hub.queries.ledger().received == 0


def test_what_sends_too_much_goes_into_quarantine_and_is_told_so(office: Office) -> None:
    (air,) = streams_of(office, office.made("Things", thing(Datastreams=[stream()])))
    device = int(office.hub.queries.devices().device[0])
    office.hub.guard.held[device] = "flood"
    assert "in quarantine" in problem(
        office.client.post(f"/v1.1/Datastreams({air})/Observations", json={"result": 1}), 409
    )


def test_a_thing_that_moves_has_a_history_and_its_links_can_be_changed(office: Office) -> None:
    number = office.made("Things", thing())
    office.hub.tick(T0 + MINUTE_MS)
    office.made(f"Things({number})/Locations", place("ship", 113.6))
    (now,) = office.get(f"Things({number})/Locations")["value"]  # type: ignore[misc]
    assert now["name"] == "ship"
    history = office.get(f"Things({number})/HistoricalLocations?$orderby=time&$expand=Locations")["value"]
    assert [(one["time"], one["Locations"][0]["name"]) for one in history] == [  # type: ignore[attr-defined]
        (to_utc(T0), "quay"),
        (to_utc(T0 + MINUTE_MS), "ship"),
    ]
    other = office.made("Locations", {**place("pier", 113.7), "Things": [{"@iot.id": number}]})
    names = [one["name"] for one in office.get(f"Things({number})/Locations")["value"]]  # type: ignore[attr-defined]
    assert names == ["ship", "pier"]
    office.client.delete(f"/v1.1/Locations({other})")
    assert len(office.get(f"Things({number})/Locations")["value"]) == 1  # type: ignore[arg-type]


def test_deleting_a_sensor_takes_its_streams_and_deleting_twice_is_not_found(office: Office) -> None:
    number = office.made("Things", thing(Datastreams=[stream(), stream(symbol="%")]))
    first, second = streams_of(office, number)
    sensor = office.get(f"Datastreams({first})/Sensor")["@iot.id"]
    assert office.client.delete(f"/v1.1/Sensors({sensor})").status_code == 200
    assert streams_of(office, number) == [second]
    problem(office.client.delete(f"/v1.1/Sensors({sensor})"), 404)
    problem(office.client.get(f"/v1.1/Datastreams({first})"), 404)


def test_what_the_numbers_mean_is_never_changed_behind_them(office: Office) -> None:
    (air,) = streams_of(office, office.made("Things", thing(Datastreams=[stream()])))
    body = {"unitOfMeasurement": {"name": "kelvin", "symbol": "K", "definition": "ucum:K"}}
    assert "create another datastream" in problem(office.client.patch(f"/v1.1/Datastreams({air})", json=body), 409)
    assert office.client.patch(f"/v1.1/Datastreams({air})", json={"name": "air, aloft"}).json()["name"] == "air, aloft"


def test_a_stream_on_a_thing_of_the_registry_shows_beside_its_devices(office: Office) -> None:
    office.send(births(METER, devices=[5]))
    body = stream(Thing={"@iot.id": "1000005"}, ObservedProperty={"@iot.id": "volume_m3"}, symbol="m3")
    air = office.made("Datastreams", body)
    found = [one["@iot.id"] for one in office.get("Things('1000005')/Datastreams")["value"]]  # type: ignore[attr-defined]
    assert found == [air, "5:volume_m3"]
    assert office.client.post(f"/v1.1/Datastreams({air})/Observations", json={"result": 1}).status_code == 201
    office.hub.tick(T0 + 1)
    assert (
        office.get(f"Datastreams({air})/Observations?$expand=FeatureOfInterest")["value"][0]["FeatureOfInterest"][  # type: ignore[index]
            "@iot.id"
        ]
        == "1000005"
    )
    about = office.get("FeaturesOfInterest('1000005')/Observations")["value"]
    assert [one["result"] for one in about] == [1.0]  # type: ignore[attr-defined]
    assert len(office.hub.queries.latest("volume_m3").value) == 0, "what is created is not taken for a meter's word"


LIST = {"op": "add", "path": "/properties", "value": {"a": [1]}}
NAMED = {"op": "test", "path": "/name", "value": "mast"}


@pytest.mark.parametrize(
    ("steps", "status", "says"),
    [
        ([LIST, {"op": "add", "path": "/properties/a/-", "value": 2}], 200, ""),
        ([{"op": "move", "from": "/description", "path": "/name"}], 400, "not told: description"),
        ([{"op": "copy", "from": "/description", "path": "/name"}], 200, ""),
        ([NAMED, {"op": "replace", "path": "/name", "value": "pole"}], 200, ""),
        ([{**NAMED, "value": "pole"}], 400, "expects something else"),
        ([{"op": "remove", "path": "/properties/a"}], 400, "leads nowhere"),
        ([{"op": "replace", "path": "/name", "value": 7}], 400, "name is text"),
        ([{"op": "add", "path": "/colour", "value": "red"}], 400, "have no 'colour'"),
        ([{"op": "shout"}], 400, "leads nowhere"),
        ({"name": "x"}, 400, "a list"),
    ],
)
def test_a_json_patch_is_done_whole_or_refused(office: Office, steps: object, status: int, says: str) -> None:
    number = office.made("Things", thing())
    before = office.get(f"Things({number})")
    answer = office.client.patch(
        f"/v1.1/Things({number})", json=steps, headers={"Content-Type": "application/json-patch+json"}
    )
    if status == 200:
        assert answer.status_code == 200, answer.text
        assert office.get(f"Things({number})") != before
    else:
        assert says in problem(answer, status)
        assert office.get(f"Things({number})") == before


def test_nobody_changes_anything_without_the_token(office: Office) -> None:
    office.client.headers.pop("Authorization")
    for scheme in (None, "Bearer guess", "Basic Zm9vOmd1ZXNz", "Basic ###"):
        headers = {} if scheme is None else {"Authorization": scheme}
        for method, path in (("POST", "Things"), ("PUT", "Things(1)"), ("PATCH", "Things(1)"), ("DELETE", "Things(1)")):
            problem(office.client.request(method, f"/v1.1/{path}", json=thing(), headers=headers), 401)
        problem(office.client.post("/v1.1/CreateObservations", json=[], headers=headers), 401)
    assert office.get("Things?$count=true")["@iot.count"] == 0


def test_a_stream_whose_birth_a_crash_prevented_is_born_when_it_first_observes(office: Office) -> None:
    (air,) = streams_of(office, office.made("Things", thing(Datastreams=[stream()])))
    things = SensorThings(office.hub)
    found = things.source.find(EntitySet.DATASTREAMS, air)
    unborn = things.source.created.add(EntitySet.DATASTREAMS, found.fields, found.links)
    (made,) = things.changes.observe(unborn, [{"result": 3}])
    assert coding.split(made.device)[2] == unborn.key
    office.hub.tick(T0 + 1)
    assert office.hub.queries.latest("sta_air_temperature_c").value.tolist() == [3.0]


texts = st.sampled_from(["", "x", "@iot.id", "2025-01-01T00:00:00Z", GEOJSON, f"{KIND}OM_Measurement", "9", "\u0000"])
plain = st.none() | st.booleans() | st.integers(-3, 10**19) | st.floats() | texts
keys = st.sampled_from(
    [
        *(name for entity_set in REQUIRED for name in fields_of(entity_set)),
        *(to.name for relations in RELATIONS.values() for to in relations),
        *("@iot.id", "result", "resultTime", "taskingParameters", "valid_s", "components", "dataArray", "type"),
        *("coordinates", "symbol", "op", "path", "value", "from"),
    ]
)
jsons = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6), max_leaves=12
)
paths = st.sampled_from([*EntitySet, "Things(2)", "Datastreams(6)/Observations", "Things(2)/Locations", "Sensors(4)"])


@pytest.fixture(scope="module")
def furnished_office() -> Iterator[Office]:
    made = Office()
    made.made("Things", thing(Datastreams=[stream()]))
    yield made
    made.hub.close()


def places(body: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to everything within a body."""
    yield way
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for name, value in inner:
        yield from places(value, (*way, name))


def spoilt(body: object, way: tuple[str | int, ...], junk: object) -> object:
    """The same body with something else at one place."""
    if not way:
        return junk
    copied = dict(body) if isinstance(body, dict) else list(body)  # type: ignore[call-overload]
    copied[way[0]] = spoilt(copied[way[0]], way[1:], junk)
    return copied


WHOLE = thing(Datastreams=[stream(Observations=[{"result": 1, "phenomenonTime": to_utc(T0)}])], properties={"a": 1})


@settings(max_examples=200)
@given(st.sampled_from(list(places(WHOLE))), jsons)
@example((), WHOLE)
@example(("Datastreams", 0, "Observations", 0, "result"), "warm")
@example(("Datastreams", 0, "Sensor", "name"), None)
def test_a_deep_insert_is_made_whole_or_refused_and_leaves_nothing(
    furnished_office: Office, way: tuple[str | int, ...], junk: object
) -> None:
    body = spoilt(WHOLE, way, junk)
    before = {each: furnished_office.get(f"{each}?$count=true&$top=0")["@iot.count"] for each in REQUIRED}
    answer = furnished_office.client.post(
        "/v1.1/Things", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    after = {each: furnished_office.get(f"{each}?$count=true&$top=0")["@iot.count"] for each in REQUIRED}
    if answer.status_code == 201:
        assert after[EntitySet.THINGS] == before[EntitySet.THINGS] + 1  # type: ignore[operator]
    else:
        assert problem(answer, answer.status_code)
        assert answer.status_code < 500
        assert after == before


@settings(max_examples=400)
@given(paths | st.just("CreateObservations"), st.sampled_from(("POST", "PATCH", "PUT")), jsons, st.booleans())
def test_no_body_breaks_the_hub(furnished_office: Office, path: str, method: str, body: object, patch: bool) -> None:
    kind = "application/json-patch+json" if patch else "application/json"
    answer = furnished_office.client.request(
        method, f"/v1.1/{path}", content=json.dumps(body), headers={"Content-Type": kind}
    )
    assert answer.status_code < 500, answer.text
    assert answer.status_code in (200, 201) or problem(answer, answer.status_code)
    ledger = furnished_office.hub.queries.ledger()
    assert ledger.received == ledger.stored


@pytest.mark.parametrize(
    ("observed", "symbol", "name"),
    [
        ("Air temperature", "°C", "sta_air_temperature_c"),
        ("flow_m3_s", "m3/s", "sta_flow_m3_s"),
        ("flow_m3_s", "L/s", "sta_flow_m3_s_value"),
        ("水位", "m", "sta_observed_m"),
        ("Mood", "smiles", "sta_mood"),
    ],
)
def test_a_property_is_named_with_the_unit_it_is_told_in(observed: str, symbol: str, name: str) -> None:
    assert property_name(observed, {"symbol": symbol}) == name


def test_units_are_told_by_ucum() -> None:
    assert unit_of_measurement("flow_m3_s") == {
        "name": "cubic metre per second",
        "symbol": "m3/s",
        "definition": "ucum:m3/s",
    }
    assert unit_of_measurement("sta_mood") == {"name": None, "symbol": None, "definition": None}
