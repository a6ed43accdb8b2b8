"""Lists go into the register line by line, lives go from plan to scrap, and one pole shows its guests."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hub_town import POST, T0, Town, births, pack
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.api.app import app
from datahub.contract.city import City
from datahub.contract.codes import DeviceState
from datahub.contract.errors import IllegalMove, UsageError
from datahub.contract.messages import Death
from datahub.devices import bulk, coding
from datahub.devices.assets import Assets
from datahub.devices.lifecycle import MOVES
from scenarios.survey.city import load_city

HEADER = ",".join(bulk.COLUMNS)
DISTRICT = "990101"


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("harbour", scale=0.2)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path, run="")
    yield town
    town.hub.close()


@pytest.fixture
def assets(town: Town, city: City) -> Assets:
    return Assets(
        town.hub.store, registry=town.hub.registry, lifecycle=town.hub.lifecycle, owners=town.hub.care.owners, city=city
    )


def place(city: City) -> tuple[float, float]:
    pole = city.objects["pole"]
    return float(pole.lon[0]), float(pole.lat[0])


def code(kind: str, ordinal: int) -> int:
    return int(coding.encode(DISTRICT, kind, ordinal)[0])


def lines(*rows: str) -> str:
    return "\n".join([HEADER, *rows]) + "\n"


def test_a_pole_is_one_object_that_carries_devices_of_several_departments(
    town: Town, city: City, assets: Assets
) -> None:
    lon, lat = place(city)
    pole = code("0118", 900_001)
    at = f"{lon},{lat}"
    report = assets.take(
        lines(
            f"object,{pole},,lighting,,{at},灯杆 900001",
            f"device,,2201,lighting,{pole},{at},controller",
            f"device,,2298,traffic_police,{pole},{at},camera",
        ),
        t=T0,
        by="survey",
    )
    assert (report.accepted, report.faults) == (3, ())
    assert [line for line, _ in report.given] == [3, 4]
    found = assets.find(pole)
    assert found.guests == tuple(sorted(given for _, given in report.given))
    assert all(coding.valid(np.array(found.guests)))
    assert found.grid.startswith(found.community)
    assert len(found.grid) == 15
    assert [stage for _, stage, _ in found.moves] == ["planned", "coded"]
    owners = {assets.find(guest).row.owner for guest in found.guests}
    assert owners == {"lighting", "traffic_police"}


def test_every_line_says_what_is_wrong_with_it_and_how_to_mend_it(town: Town, city: City, assets: Assets) -> None:
    lon, lat = place(city)
    good, at = code("0118", 900_001), f"{lon},{lat}"
    text = lines(
        f"object,{good},,lighting,,{at},good",
        f"thing,{code('0118', 900_002)},,lighting,,{at},",
        f"object,{good + 1},,lighting,,{at},",
        f"object,,,lighting,,{at},",
        f"object,{good},,lighting,,{at},",
        f"object,{code('0118', 900_003)},0210,lighting,,{at},",
        f"object,{code('2201', 900_003)},,lighting,,{at},",
        f"device,{code('2201', 900_004)},,lighting,,{at},",
        f"device,{code('2201', 900_005)},,lighting,{code('0118', 999_999)},{at},",
        f"object,{code('0118', 900_006)},,ministry,,{at},",
        f"object,{code('0118', 900_007)},,lighting,,0,0,",
        f"object,{code('0118', 900_008)},,lighting,,east,north,",
        f"object,{coding.encode('110101', '0118', 1)[0]},,lighting,,{at},",
        "object,1,2",
        f"object,{city.objects['pole'].code[0]},,lighting,,{at},surveyed before",
        f"device,,2290,lighting,{good},{at},no bridge is listed",
    )
    report = assets.take(text, t=T0, by="survey")
    assert report.accepted == 2
    assert [(one.line, one.column) for one in report.faults] == [
        (3, "sort"), (4, "code"), (5, "class"), (6, "code"), (7, "class"), (8, "sort"), (9, "object"), (10, "object"),
        (11, "owner"), (12, "lon"), (13, "lon"), (14, "code"), (15, ""), (17, "class"),
    ]  # fmt: skip
    assert all(one.rule and one.remedy for one in report.faults)
    again = assets.take(lines(f"object,{good},,lighting,,{at},good"), t=T0, by="survey")
    assert [one.rule for one in again.faults] == [f"{good} is in the register already"]


def test_a_trial_run_changes_nothing(town: Town, city: City, assets: Assets) -> None:
    lon, lat = place(city)
    assert assets.take(lines(f"object,,0118,lighting,,{lon},{lat},"), t=T0, by="survey", dry=True).accepted == 1
    assert assets.count() == {}


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", HEADER.replace("sort", "sorte") + "\n"])
def test_what_is_no_list_is_refused_whole(assets: Assets, text: str) -> None:
    with pytest.raises(UsageError, match="must name the columns"):
        assets.take(text, t=T0, by="survey")


def test_a_hundred_thousand_lines_go_in_at_once_and_the_bad_ones_are_named(
    town: Town, city: City, assets: Assets
) -> None:
    lon, lat = place(city)
    codes = coding.encode(DISTRICT, "0118", np.arange(800_000, 900_000))
    out = io.StringIO()
    out.write(HEADER + "\n")
    for i, one in enumerate(codes.tolist()):
        out.write(f"object,{one + (i % 1_000 == 7)},,lighting,,{lon},{lat},{i}\n")
    report = assets.take(out.getvalue(), t=T0, by="survey")
    assert (report.accepted, len(report.faults)) == (99_900, 100)
    assert report.faults[0].line == 9
    assert assets.count() == {("object", "lighting", "coded"): 99_900}


def test_a_device_goes_from_the_plan_to_the_scrap_and_its_birth_makes_it_active(
    town: Town, city: City, assets: Assets
) -> None:
    lon, lat = place(city)
    pole, device, early = code("0118", 900_001), code("2201", 900_001), code("2201", 900_002)
    rows = [f"object,{pole},,lighting,,{lon},{lat},"]
    rows += [f"device,{one},,lighting,{pole},{lon},{lat}," for one in (device, early)]
    assets.take(lines(*rows), t=T0, by="survey")
    with pytest.raises(IllegalMove, match="coded"):
        assets.move(device, DeviceState.ACTIVE, t=T0, by="anybody")
    assets.move(device, DeviceState.PROVISIONED, t=T0 + 1, by="lighting")
    town.send(births(POST, devices=[device, early]))
    town.hub.tick(T0 + 60_000)
    town.hub.tick(T0 + 120_000)
    assert town.hub.queries.stage(device) is DeviceState.ACTIVE
    assert town.hub.queries.stage(early) is DeviceState.CODED, "nobody provisioned it"
    assert [(one.who, one.action) for one in town.hub.queries.audit(subject=str(early))] == [(str(early), "early")]
    for to in (DeviceState.MAINTENANCE, DeviceState.ACTIVE, DeviceState.RETIRED):
        assets.move(device, to, t=T0 + 3, by="lighting")
    assert [stage for _, stage, _ in assets.find(device).moves] == [
        "planned", "coded", "provisioned", "active", "maintenance", "active", "retired",
    ]  # fmt: skip
    assert [by for _, _, by in assets.find(device).moves][3] == "birth"


@settings(deadline=None, max_examples=40)
@given(walk=st.lists(st.sampled_from(list(DeviceState)), max_size=8))
def test_no_walk_of_an_object_leaves_the_table_of_moves(
    tmp_path_factory: pytest.TempPathFactory, city: City, walk: list[DeviceState]
) -> None:
    town = Town(run="")
    assets = Assets(
        town.hub.store, registry=town.hub.registry, lifecycle=town.hub.lifecycle, owners=town.hub.care.owners, city=city
    )
    lon, lat = place(city)
    one, at = code("0118", 900_001), DeviceState.CODED
    assets.take(lines(f"object,{one},,lighting,,{lon},{lat},"), t=T0, by="survey")
    walked = ["planned", "coded"]
    for to in walk:
        if to in MOVES[at]:
            assets.move(one, to, t=T0, by="walk")
            at = to
            walked.append(to)
        else:
            with pytest.raises(IllegalMove):
                assets.move(one, to, t=T0, by="walk")
    assert [stage for _, stage, _ in assets.find(one).moves] == walked
    town.vanish()


def test_lists_and_lives_go_through_the_api(town: Town, city: City, assets: Assets) -> None:
    (lon, lat), pole = place(city), code("0118", 900_001)
    bearer = {"Authorization": "Bearer a word"}
    with TestClient(app(town.hub, assets=assets, token="a word"), client=("127.0.0.1", 4711)) as client:
        text = lines(f"object,{pole},,lighting,,{lon},{lat},灯杆", "object,1,,lighting,,0,0,")
        assert client.post("/assets?by=survey", content=text).status_code == 401
        report = client.post("/assets?by=survey", content=text, headers=bearer).json()
        assert (report["accepted"], report["refused"], report["faults"][0]["line"]) == (1, 1, 3)
        shown = client.get(f"/assets/{pole}").json()
        assert (shown["name"], shown["owner"], shown["stage"], shown["guests"]) == ("灯杆", "lighting", "coded", [])
        moved = client.post(f"/assets/{pole}/stage", json={"to": "provisioned", "by": "lighting"}, headers=bearer)
        assert [one["stage"] for one in moved.json()["history"]] == ["planned", "coded", "provisioned"]
        wrong = client.post(f"/assets/{pole}/stage", json={"to": "coded", "by": "lighting"}, headers=bearer)
        assert (wrong.status_code, wrong.headers["content-type"]) == (409, "application/problem+json")
        assert client.get("/assets/7").status_code == 404
        for no_list in (b"\xff", b"", b"a\rb,c\n", b'"' + b"x" * 200_000, b"\x00"):
            assert client.post("/assets?by=survey", content=no_list, headers=bearer).status_code == 422
        assert client.get("/assets").json() == [
            {"sort": "object", "owner": "lighting", "stage": "provisioned", "count": 1}
        ]


def test_devices_are_found_by_owner_and_state_and_what_was_surveyed_shows_its_guests(
    town: Town, city: City, assets: Assets
) -> None:
    (lon, lat), poles = place(city), city.objects["pole"].code.tolist()
    own = code("0118", 900_001)
    assets.take(lines(f"object,{own},,traffic_police,,{lon},{lat},"), t=T0, by="survey")
    batch = births(POST, devices=[201, 202, 203, 204, 205])
    whose_nobody_says = int(city.objects["hospital"].code[0])
    batch.object[:] = [poles[0], poles[1], own, 0, whose_nobody_says]
    town.send(batch)
    town.hub.tick(T0)
    town.send(Death(node=202, epoch=T0))
    town.hub.tick(T0 + 1_000)
    with TestClient(app(town.hub, assets=assets, token="a word"), client=("127.0.0.1", 4711)) as client:

        def found(query: str) -> list[tuple[str, str]]:
            page = client.get(f"/devices?{query}").json()
            assert page["total"] >= len(page["devices"])
            return [(one["device"], one["owner"]) for one in page["devices"]]

        lights, rest = [("201", "lighting"), ("202", "lighting")], [("203", "traffic_police"), ("204", ""), ("205", "")]
        assert found("") == lights + rest
        assert found("owner=lighting") == lights
        assert found("owner=lighting&state=dead") == [("202", "lighting")]
        assert found("state=online&after=201") == rest
        assert found("owner=") == [("204", ""), ("205", "")]
        assert found("owner=nobody-knows") == []
        assert client.get("/devices?owner=lighting&limit=1").json()["next"] == "201"
        assert client.get("/devices?state=gone").status_code == 422
        assert client.get("/owners").json() == [
            {"owner": "", "count": 2},
            {"owner": "lighting", "count": 2},
            {"owner": "traffic_police", "count": 1},
        ]
        surveyed = client.get(f"/assets/{poles[0]}").json()
        assert (surveyed["sort"], surveyed["kind"], surveyed["owner"]) == ("object", "pole", "lighting")
        assert (surveyed["guests"], surveyed["history"]) == (["201"], [])
        device = client.get("/assets/201").json()
        assert (device["sort"], device["kind"], device["object"]) == ("device", "smart_pole", str(poles[0]))
        move = {"to": "maintenance", "by": "lighting"}
        refused = client.post(f"/assets/{poles[0]}/stage", json=move, headers={"Authorization": "Bearer a word"})
        assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")


def test_quarantine_limits_and_the_audit_trail_are_shown(town: Town) -> None:
    bearer = {"Authorization": "Bearer a word"}
    town.send(births(POST, devices=[201]))
    town.hub.tick(T0)
    readings = [(201, "noise_dba", T0 + i, 40.0 + i % 9) for i in range(12_000)]
    town.send(pack(201, readings))
    town.hub.tick(T0 + 60_000)
    with TestClient(app(town.hub, token="a word"), client=("127.0.0.1", 4711)) as client:
        assert {one["name"] for one in client.get("/limits").json()} >= {"margin_ratio", "rubbish_count"}
        (held,) = client.get("/quarantine").json()
        assert (held["node"], held["why"], held["released"]) == ("201", "node_flood", "")
        assert client.post("/quarantine/201/release", json={"by": "lighting"}).status_code == 401
        assert client.post("/quarantine/201/release", json={"by": "lighting"}, headers=bearer).status_code == 204
        assert client.post("/quarantine/201/release", json={"by": "lighting"}, headers=bearer).status_code == 409
        assert client.get("/quarantine").json()[0]["by"] == "lighting"
        assert [one["action"] for one in client.get("/audit?subject=201").json()] == ["release", "quarantine"]
