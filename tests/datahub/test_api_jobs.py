"""Batches and jobs over the API, asked as a client would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births
from test_api import TOKEN, Asgi, problem

from datahub.api.app import app
from datahub.contract.clock import to_utc
from datahub.contract.codes import AckStatus, DeviceState
from datahub.contract.firmware import FIRMWARE, UPDATE, UPDATE_FIRMWARE
from datahub.contract.messages import Ack, ArgumentDescriptor, Command, Desired, Reported
from datahub.devices import bulk
from datahub.devices.assets import Assets
from datahub.devices.coding import CLASSES, encode
from scenarios.survey.city import load_city

LAMP = msgspec.structs.replace(POST, commands=("dim", UPDATE_FIRMWARE))
HERE, THERE = (encode(district, "2203", np.arange(1, 4)).tolist() for district in ("990101", "990102"))
TAP = 101
DIM = {"name": "dim", "arguments": {"level_ratio": 0.5}, "valid_s": 600, "by": "lighting"}


@dataclass
class House:
    """Lamps of two districts and a meter, the API of their hub, and the field's end of its wire."""

    town: Town
    client: httpx.Client

    def ask(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = self.client.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def down(self) -> list[Command | Desired]:
        return [one for one in self.town.field.receive() if isinstance(one, Command | Desired)]

    def tick(self, minute: int) -> None:
        self.town.hub.intake()
        self.town.hub.tick(T0 + minute * MINUTE)


@pytest.fixture
def house() -> Iterator[House]:
    town = Town()
    town.send(births(LAMP, devices=[*HERE, *THERE]), births(METER, devices=[TAP]))
    town.hub.tick(T0)
    town.field.receive()
    place = load_city("harbour", scale=0.2)
    town.hub.registry.object[np.isin(town.hub.registry.device, HERE[:2])] = place.objects["pole"].code[:2]
    assets = Assets(
        town.hub.store,
        registry=town.hub.registry,
        lifecycle=town.hub.lifecycle,
        owners=town.hub.care.owners,
        city=place,
    )
    api = app(town.hub, assets=assets, token=TOKEN)
    yield House(
        town, httpx.Client(transport=Asgi(api), base_url="http://hub", headers={"Authorization": f"Bearer {TOKEN}"})
    )
    town.hub.close()


def test_a_batch_is_ordered_answered_and_read_page_by_page(house: House) -> None:
    named = [str(code) for code in (*HERE, TAP)]
    answer = house.client.post("/batches", json={**DIM, "devices": named, "id": "night"})
    assert answer.status_code == 202, answer.text
    assert httpx.URL("http://hub/batches").join(answer.headers["location"]).path == "/batches/night"
    nothing = {"sent": 0, "accepted": 0, "done": 0, "rejected": 0, "expired": 0}
    assert answer.json() == {
        "id": "night",
        "name": "dim",
        "arguments": {"level_ratio": 0.5},
        "issued": to_utc(T0),
        "expires": to_utc(T0 + 10 * MINUTE),
        "retry_count": 3,
        "retry_gap_s": 300.0,
        "by": "lighting",
        "counts": {**nothing, "sent": 3, "refused": 1},
    }
    for order, status in zip(house.down(), (AckStatus.DONE, AckStatus.REJECTED), strict=False):
        assert isinstance(order, Command)
        house.town.send(Ack(order.node, order.device, order.id, status, T0 + 9, "as told"))
    house.tick(1)
    first = house.ask("GET", "/batches/night?limit=2")
    assert first["counts"] == {**nothing, "sent": 1, "done": 1, "rejected": 1, "refused": 1}
    assert [(one["device"], one["status"]) for one in first["results"]] == [(str(TAP), "refused"), (named[0], "done")]
    rest = house.ask("GET", f"/batches/night?limit=2&after={first['next']}")
    assert rest["results"] == [
        {"device": named[1], "status": "rejected", "detail": "as told", "updated": to_utc(T0 + 9), "tries": 1},
        {"device": named[2], "status": "sent", "detail": "", "updated": to_utc(T0), "tries": 1},
    ]
    assert rest["next"] is None
    assert [one["device"] for one in house.ask("GET", "/batches/night?status=rejected")["results"]] == [named[1]]
    assert [one["id"] for one in house.ask("GET", "/batches")] == ["night"]
    audit = house.ask("GET", "/audit?subject=night")
    assert [(one["who"], one["action"]) for one in audit] == [("lighting", "batch")]


@pytest.mark.parametrize(
    ("where", "whom"),
    [
        ({"kind": "smart_pole"}, [*HERE, *THERE]),
        ({"district": "990102"}, THERE),
        ({"kind": "smart_pole", "district": "990101"}, HERE),
        ({"owner": "lighting"}, HERE[:2]),
    ],
)
def test_a_batch_is_aimed_by_kind_district_and_owner(house: House, where: dict[str, str], whom: list[int]) -> None:
    house.ask("POST", "/batches", {**DIM, "where": where}, status=202)
    assert [one.device for one in house.down()] == sorted(whom)


def test_a_device_on_an_object_that_was_entered_for_a_department_is_aimed_at_by_its_owner(house: House) -> None:
    pole, poles = int(encode("990101", CLASSES["pole"], 900_001)[0]), load_city("harbour", scale=0.2).objects["pole"]
    house.town.hub.registry.object[house.town.hub.registry.device == HERE[2]] = pole
    line = f"object,{pole},,traffic_police,,{poles.lon[0]},{poles.lat[0]},"
    entered = house.client.post("/assets?by=police", content=f"{','.join(bulk.COLUMNS)}\n{line}\n")
    assert entered.json()["accepted"] == 1, entered.text
    house.ask("POST", "/batches", {**DIM, "where": {"owner": "traffic_police"}}, status=202)
    assert [one.device for one in house.down()] == [HERE[2]]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (DIM, 422, "either devices or where"),
        ({**DIM, "devices": ["1"], "where": {"kind": "smart_pole"}}, 422, "either devices or where"),
        ({**DIM, "devices": []}, 422, "devices"),
        ({**DIM, "where": {}}, 422, "would mean every device"),
        ({**DIM, "where": {"kind": "toaster"}}, 422, "there are: smart_pole, water_meter"),
        ({**DIM, "where": {"owner": "circus"}}, 422, "give one of district_office"),
        ({**DIM, "where": {"district": "990109"}}, 422, "means 0 devices"),
        ({**DIM, "where": {"district": "99"}}, 422, "district"),
        ({**DIM, "devices": ["1"], "id": "a~b"}, 422, "id"),
        ({**DIM, "devices": ["1"], "by": " "}, 422, "by"),
        ({**DIM, "devices": ["1"], "valid_s": 1e9}, 422, "valid_s"),
    ],
)
def test_a_batch_that_cannot_be_is_a_problem(house: House, body: dict[str, object], status: int, says: str) -> None:
    assert says in problem(house.client.post("/batches", json=body), status)
    assert house.down() == []


@pytest.mark.parametrize("name", ["\\ud800", "\\u0000", ""])
def test_a_name_that_is_no_text_is_a_problem_and_no_fault_of_the_hubs(house: House, name: str) -> None:
    rest = f'"devices":["{HERE[0]}"],"by":"x"'
    json = {"content-type": "application/json"}
    for path, body in (
        ("/batches", f'{{"name":"dim","valid_s":60,"arguments":{{"{name}":1}},{rest}}}'),
        ("/jobs", f'{{"settings":{{"{name}":1}},{rest}}}'),
    ):
        problem(house.client.post(path, content=body, headers=json), 422)
    assert house.down() == []


def test_the_same_batch_twice_is_one_and_another_under_its_id_is_refused(house: House) -> None:
    body = {**DIM, "devices": [str(HERE[0])], "id": "a"}
    assert house.ask("POST", "/batches", body, status=202) == house.ask("POST", "/batches", body, status=202)
    assert len(house.down()) == 1
    for other in ({"arguments": {}}, {"devices": [str(HERE[1])]}):
        assert "another order" in problem(house.client.post("/batches", json={**body, **other}), 409)


def test_what_nobody_can_follow_is_a_problem_and_what_is_known_under_an_id_is_still_told(house: House) -> None:
    says = (ArgumentDescriptor("dim", "level_ratio", 0.0, 1.0), UPDATE)
    house.town.send(births(msgspec.structs.replace(LAMP, arguments=says), devices=[*HERE, *THERE]))
    lamps, tap = {"where": {"kind": "smart_pole"}}, {"where": {"kind": "water_meter"}}
    for path, body, why in (
        ("/batches", {**DIM, **lamps, "arguments": {"level_ratio": 7}}, "level_ratio = 7 does not lie between 0 and 1"),
        ("/batches", {**DIM, **lamps, "name": UPDATE_FIRMWARE, "arguments": {"version": 1.5}}, "a whole number"),
        ("/batches", {**DIM, **tap}, "none of the 1 devices aimed at can follow; the first: device 101 is a water_"),
        ("/jobs", {"version": 2, "by": "x", **tap}, "water_meter and does not take 'update_firmware'; it takes: none"),
        ("/jobs", {"settings": {"nope": 1}, "by": "x", **lamps}, "none of the 6 devices aimed at can follow"),
    ):
        assert why in problem(house.client.post(path, json=body), 422)
    one = f"/devices/{HERE[0]}"
    bad = {"name": "dim", "arguments": {"level_ratio": 7}, "valid_s": 60}
    assert "between 0 and 1" in problem(house.client.post(f"{one}/commands", json=bad), 422)
    for state in ({"wrong": 1}, {"level_ratio": 9}):
        problem(house.client.put(f"{one}/desired", json={"state": state}), 422)
    assert (house.ask("GET", "/batches"), house.ask("GET", "/jobs")) == ([], [])
    assert [down for down in house.down() if isinstance(down, Command | Desired)] == []
    known = house.ask("POST", "/batches", {**DIM, "devices": [str(HERE[0])], "id": "a"}, status=202)
    house.town.hub.lifecycle.move(HERE[0], DeviceState.RETIRED, t=T0, by="lighting")
    assert house.ask("POST", "/batches", {**DIM, "devices": [str(HERE[0])], "id": "a"}, status=202) == known


def test_a_wish_is_taken_back_over_the_api(house: House) -> None:
    path = f"/devices/{HERE[0]}/desired"
    assert house.ask("PUT", path, {"state": {"level_ratio": 0.2, "fade_s": 2}}, status=202) == {"version": 1}
    assert house.ask("PUT", path, {"state": {"level_ratio": None}}, status=202) == {"version": 2}
    (_, down) = house.down()
    assert isinstance(down, Desired)
    assert (down.version, down.state) == (2, {"fade_s": 2.0})
    assert house.ask("GET", f"/devices/{HERE[0]}/shadow")["delta"] == {"fade_s": 2.0}


def test_firmware_is_rolled_out_over_the_api(house: House) -> None:
    body = {"version": 2, "where": {"kind": "smart_pole"}, "by": "lighting", "id": "fw2"}
    plan = {"stages": [0.5, 1], "wait_s": 60, "failure_ratio": 0.1, "retry_count": 0}
    drafted = house.ask("POST", "/jobs", {**body, **plan}, status=201)
    assert (drafted["state"], drafted["sort"], drafted["target"]) == ("drafted", "firmware", {"version": 2.0})
    assert [stage["share"] for stage in drafted["stages"]] == [0.5, 1.0]
    assert (drafted["wait_s"], drafted["install_s"], drafted["retry_count"]) == (60.0, 3600.0, 0)
    house.ask("POST", "/jobs/fw2/state", {"to": "running", "by": "operator"})
    told = []
    for minute in range(1, 6):
        house.tick(minute)
        for order in house.down():
            assert isinstance(order, Command)
            told.append(order.device)
            node, device, t = order.node, order.device, T0 + minute * MINUTE
            house.town.send(Ack(node, device, order.id, AckStatus.DONE, t), Reported(node, device, t, {FIRMWARE: 2.0}))
    done = house.ask("GET", "/jobs/fw2?limit=4")
    assert (done["state"], done["stage"], done["next_stage"]) == ("done", 1, None)
    assert [stage["counts"]["done"] for stage in done["stages"]] == [3, 3]
    assert [(one["device"], one["step"]) for one in done["results"]] == [
        (str(code), "done") for code in sorted((*HERE, *THERE))[:4]
    ]
    assert len(house.ask("GET", f"/jobs/fw2?after={done['next']}&step=done")["results"]) == 2
    assert sorted(told) == sorted((*HERE, *THERE))
    assert [one["id"] for one in house.ask("GET", "/batches")] == ["fw2~1", "fw2~0"]
    audit = house.ask("GET", "/audit?subject=fw2")
    assert [(one["who"], one["action"]) for one in reversed(audit)] == [
        ("lighting", "job drafted"),
        ("operator", "job running"),
        ("hub", "job done"),
    ]


def test_an_operator_pauses_resumes_and_stops_a_job_of_settings(house: House) -> None:
    body = {"settings": {"level_ratio": 0.4}, "devices": [str(code) for code in HERE], "by": "lighting"}
    id_ = house.ask("POST", "/jobs", {**body, "stages": [0.3, 1.0], "wait_s": 0}, status=201)["id"]
    states = []
    for minute, to in enumerate(("running", "paused", "running", "stopped"), 1):
        states.append(house.ask("POST", f"/jobs/{id_}/state", {"to": to, "by": "operator"})["state"])
        house.tick(minute)
    assert states == ["running", "paused", "running", "stopped"]
    (wish,) = house.down()
    assert isinstance(wish, Desired)
    assert wish.state == {"level_ratio": 0.4}
    steps = [one["step"] for one in house.ask("GET", f"/jobs/{id_}")["results"]]
    assert sorted(steps) == ["ordered", "spared", "spared"]
    final = house.client.post(f"/jobs/{id_}/state", json={"to": "running", "by": "operator"})
    assert "cannot go to 'running'" in problem(final, 409)


JOB = {"version": 2, "devices": ["1"], "by": "lighting"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({**JOB, "version": None}, "either version"),
        ({**JOB, "settings": {"level_ratio": 1}}, "either version"),
        ({**JOB, "version": 0}, "version"),
        ({**JOB, "version": 10**400}, "version"),
        ({**JOB, "stages": [0.5]}, "do not rise"),
        ({**JOB, "failure_ratio": 2}, "failure_ratio"),
        ({"settings": {}, "devices": ["1"], "by": "x"}, "0 settings"),
        ({"settings": {"a\n": 1}, "devices": ["1"], "by": "x"}, "settings"),
    ],
)
def test_a_job_that_cannot_be_is_a_problem(house: House, body: dict[str, object], says: str) -> None:
    assert says in problem(house.client.post("/jobs", json=body), 422)
    assert house.ask("GET", "/jobs") == []


def test_what_was_never_ordered_is_not_there(house: House) -> None:
    assert "no batch 'x'" in problem(house.client.get("/batches/x"), 404)
    assert "no job 'x'" in problem(house.client.get("/jobs/x"), 404)
    move = {"to": "paused", "by": "x"}
    assert "no job 'x'" in problem(house.client.post("/jobs/x/state", json=move), 404)
    assert "to" in problem(house.client.post("/jobs/x/state", json={**move, "to": "done"}), 422)
    draft = {**JOB, "id": "x", "devices": [str(HERE[0])]}
    house.ask("POST", "/jobs", draft, status=201)
    assert "is another one" in problem(house.client.post("/jobs", json={**draft, "version": 3}), 409)
    assert "cannot go to 'paused'" in problem(house.client.post("/jobs/x/state", json=move), 409)


def test_nobody_orders_many_devices_without_the_token_but_all_may_read(house: House) -> None:
    caller = httpx.Client(transport=Asgi(app(house.town.hub, token=TOKEN)), base_url="http://hub")
    for path, body in (
        ("/batches", {**DIM, "devices": ["1"]}),
        ("/jobs", JOB),
        ("/jobs/x/state", {"to": "running", "by": "x"}),
    ):
        problem(caller.post(path, json=body), 401)
    assert (caller.get("/batches").json(), caller.get("/jobs").json()) == ([], [])


def test_a_hub_without_a_city_knows_no_owners(house: House) -> None:
    bare = httpx.Client(
        transport=Asgi(app(house.town.hub, token=TOKEN)),
        base_url="http://hub",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    answer = bare.post("/batches", json={**DIM, "where": {"owner": "lighting"}})
    assert "no register of owners" in problem(answer, 422)


def test_who_gave_a_single_order_or_wish_stands_in_the_audit_trail(house: House) -> None:
    code = HERE[0]
    order = {"name": "dim", "arguments": {"level_ratio": 0.1}, "valid_s": 60, "id": "c", "by": "Ms Li"}
    house.ask("POST", f"/devices/{code}/commands", order, status=202)
    house.ask("PUT", f"/devices/{code}/desired", {"state": {"level_ratio": 0.2}}, status=202)
    audit = house.ask("GET", f"/audit?subject={code}")
    assert [(one["who"], one["action"], one["detail"]) for one in audit] == [
        ("seat", "desire", '{"level_ratio":0.2}'),
        ("Ms Li", "command dim", 'c: {"level_ratio":0.1}'),
    ]
