"""The health of devices and their alarms as clients see them: worst first, by kind, by owner; a person takes note."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
from fastapi.testclient import TestClient
from hub_town import T0, Town, births

from datahub.api.app import app
from datahub.contract.city import City
from datahub.contract.clock import DAY_MS, MINUTE_MS, to_utc
from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch
from datahub.devices.assets import Assets
from scenarios.survey.city import load_city

BEARER = {"Authorization": "Bearer a word"}
START = T0 // DAY_MS * DAY_MS
STEP = 15 * MINUTE_MS
BOX = KindDescriptor(
    "smart_pole",
    "灯杆",
    "pole",
    (PropertyDescriptor("noise_dba", 0.1, 30.0, 130.0, 900.0, may_rest_s=7200.0),),
    (),
    900.0,
)
STUCK, WEAK, GOOD, STRAY = 11, 12, 13, 14


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("harbour", scale=0.2)


def born(city: City) -> BirthBatch:
    """Three devices on the city's poles, and one that watches something nobody surveyed."""
    found = births(BOX, devices=[STUCK, WEAK, GOOD, STRAY], epoch=START)
    found.object[:3] = city.objects["pole"].code[:3]
    return found


def said(quarter: int) -> ObservationBatch:
    device = np.array([one for one in (STUCK, WEAK, GOOD, STRAY) if one != WEAK or quarter % 2], np.int64)
    n, t = len(device), START + quarter * STEP
    value = np.where(device == STUCK, 66.6, 60.0 + quarter % 5)
    return ObservationBatch(
        properties=("noise_dba",),
        node=device,
        epoch=np.full(n, START),
        first=np.where(device == WEAK, quarter // 2, quarter - 1),
        result_time=np.full(n, t),
        offset=np.arange(n + 1),
        device=device,
        property=np.zeros(n, np.int16),
        phenomenon_time=np.full(n, t),
        value=value,
    )


@pytest.fixture
def town(city: City) -> Iterator[Town]:
    town = Town(start=START)
    town.hub.care.owners.survey(city)
    town.send(born(city))
    for quarter in range(1, 32 * 4 + 1):
        town.send(said(quarter))
        town.hub.tick(START + quarter * STEP)
    yield town
    town.hub.close()


@pytest.fixture
def client(town: Town, city: City) -> Iterator[TestClient]:
    assets = Assets(
        town.hub.store, registry=town.hub.registry, lifecycle=town.hub.lifecycle, owners=town.hub.care.owners, city=city
    )
    with TestClient(app(town.hub, assets=assets, token="a word"), client=("127.0.0.1", 4711)) as client:
        yield client


def test_devices_are_listed_worst_first_page_by_page(client: TestClient) -> None:
    first = client.get("/health/devices?limit=2").json()
    assert [(one["device"], one["score"]) for one in first["devices"]] == [(str(STUCK), 80.0), (str(WEAK), 80.0)]
    assert (first["total"], first["next"]) == (4, 2)
    rest = client.get("/health/devices?limit=2&offset=2").json()
    assert ([one["device"] for one in rest["devices"]], rest["next"]) == ([str(GOOD), str(STRAY)], None)
    assert rest["devices"][0] == {
        "device": str(GOOD),
        "kind": "smart_pole",
        "owner": "lighting",
        "state": "online",
        "score": 100.0,
        "completeness": 1.0,
        "timeliness": 1.0,
        "validity": 1.0,
        "plausibility": 1.0,
        "due": 96,
        "battery_v": None,
        "faults": [],
    }
    thin = client.get("/health/devices?sort=completeness&limit=1").json()["devices"][0]
    assert (thin["device"], thin["completeness"]) == (str(WEAK), 0.5)


def test_devices_are_found_by_kind_owner_and_state(client: TestClient) -> None:
    for question, total in (
        ("kind=smart_pole", 4),
        ("owner=lighting", 3),
        ("owner=", 1),
        ("owner=nobody", 0),
        ("state=online", 4),
        ("state=dead", 0),
    ):
        assert client.get(f"/health/devices?{question}").json()["total"] == total, question
    assert client.get("/health/devices?kind=robot").status_code == 404
    for wrong in ("sort=colour", "state=happy", "limit=0", "offset=-1"):
        answer = client.get(f"/health/devices?{wrong}")
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json"), wrong


def test_kinds_and_departments_say_how_many_stand_behind_their_mean(client: TestClient) -> None:
    (kind,) = client.get("/health/kinds").json()
    assert (kind["name"], kind["devices"], kind["scored"], kind["faulty"]) == ("smart_pole", 4, 4, 1)
    scores = [one["score"] for one in client.get("/health/devices").json()["devices"]]
    assert kind["score"] == pytest.approx(sum(scores) / 4, abs=0.01)
    departments = {one["name"]: one for one in client.get("/health/departments").json()}
    assert {name: (one["devices"], one["faulty"]) for name, one in departments.items()} == {
        "lighting": (3, 1),
        "": (1, 0),
    }


def test_a_fault_stands_with_its_owner_and_a_person_takes_note_of_it(client: TestClient) -> None:
    (fault,) = client.get("/departments/lighting/faults").json()
    assert (fault["kind"], fault["device"], fault["owner"], fault["state"]) == (
        "device_stuck", str(STUCK), "lighting", "opened",
    )  # fmt: skip
    way = f"/alarms/{fault['id']}/acknowledge"
    body = {"by": "lighting desk", "note": "a crew goes there tomorrow"}
    assert client.post(way, json=body).status_code == 401
    assert client.post(way, json=body, headers=BEARER).status_code == 204
    (noted,) = client.get("/alarms").json()
    assert (noted["state"], noted["acknowledged_by"], noted["note"]) == ("acknowledged", *body.values())
    assert noted["acknowledged"] == to_utc(START + 32 * 4 * STEP)
    again = client.post(way, json=body, headers=BEARER)
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")
    assert "cannot go to 'acknowledged'" in again.json()["detail"]
    assert client.post("/alarms/none/acknowledge", json=body, headers=BEARER).status_code == 404
    assert client.post(way, json={"by": " "}, headers=BEARER).status_code == 422
    assert client.get("/audit").json()[0]["action"] == "acknowledge"
    assert client.get("/departments/water_company/faults").json() == []
    assert client.get("/departments/ministry/faults").status_code == 404


def test_the_history_of_alarms_is_asked_by_state_kind_device_owner_and_time(client: TestClient, town: Town) -> None:
    quarter = 32 * 4 + 1
    batch = said(quarter)
    batch.value[batch.device == STUCK] = 61.0
    town.send(batch)
    for further in range(quarter, quarter + 5):
        town.hub.tick(START + further * STEP)
    assert client.get("/alarms").json() == []
    (past,) = client.get("/alarms?state=cleared").json()
    assert past["cleared"] > past["time"]
    raised = past["time"]
    for question, count in (
        ("", 1),
        ("&kind=device_stuck", 1),
        ("&kind=device_drift", 0),
        (f"&device={STUCK}", 1),
        (f"&device={GOOD}", 0),
        ("&owner=lighting", 1),
        ("&owner=water_company", 0),
        ("&fault=true", 1),
        ("&fault=false", 0),
        (f"&start={raised}", 1),
        (f"&end={raised}", 0),
    ):
        assert len(client.get(f"/alarms?state=all{question}").json()) == count, question


def test_the_register_says_more_than_the_survey_and_northbound_hears_the_owner(
    client: TestClient, town: Town, city: City
) -> None:
    pole = city.objects["pole"]
    lon, lat, code = float(pole.lon[0]), float(pole.lat[0]), int(pole.code[2])
    text = f"sort,code,class,owner,object,lon,lat,name\ndevice,,2298,traffic_police,{code},{lon},{lat},guest\n"
    report = client.post("/assets?by=survey", content=text, headers=BEARER).json()
    assert report["accepted"] == 1, report
    guest = int(report["codes"][0]["code"])
    found = births(BOX, devices=[guest], epoch=START)
    found.object[:] = code
    town.send(found)
    town.hub.tick(START + 33 * 4 * STEP)
    with town.hub.store.session() as session:
        heard = town.hub.care.messages(session, town.hub.queries.alarms())
    shown = {one["device"]: one["owner"] for one in client.get("/health/devices").json()["devices"]}
    assert (shown[str(guest)], shown[str(GOOD)], shown[str(STRAY)]) == ("traffic_police", "lighting", "")
    assert [(one.kind, one.device, one.owner, one.fault) for one in heard] == [
        ("device_stuck", STUCK, "lighting", True),
        ("device_silent", guest, "traffic_police", True),
    ]
    assert msgspec.json.decode(msgspec.json.encode(heard[0]))["owner"] == "lighting", "and it goes over the wire"
