from __future__ import annotations

import csv
import json
import math
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import shapely

from brain.cases.kinds import case_types
from brain.plans.reading import library
from datahub.contract.city import City
from datahub.contract.duties import duties
from datahub.contract.errors import DeclarationError, UsageError
from datahub.contract.grid import UnitGrids
from datahub.contract.messages import KindDescriptor
from datahub.contract.observations import Floats
from datahub.devices.coding import CLASSES, recode, split, valid
from scenarios.gazetteer import city_names
from scenarios.survey.city import load_city, sites
from scenarios.survey.plane import Plane
from sensors.kind import Kind, Sites, load_kinds
from sensors.world.world import World

CITIES = Path(str(files("scenarios") / "cities"))


@cache
def surveyed(name: str, scale: float = 1.0) -> City:
    return load_city(name, scale=scale)


@pytest.fixture(scope="module", params=["harbour", "zhuhai"])
def city(request: pytest.FixtureRequest) -> City:
    return surveyed(request.param)


def area(rings: tuple[Floats, ...]) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings])


def test_the_cities_are_the_folders() -> None:
    assert city_names() == ("harbour", "zhuhai")


def test_codes_and_names_are_those_of_the_official_list(city: City) -> None:
    with (CITIES / city.name / "divisions.csv").open(encoding="utf-8") as file:
        official = {row["code"]: (row["level"], row["zh"], row["parent"]) for row in csv.DictReader(file)}
    assert {d.code: (d.level, d.zh, d.parent) for d in city.divisions.values()} == official
    assert [d.level for d in city.divisions.values()] == sorted(
        (d.level for d in city.divisions.values()), key=["district", "street", "community"].index
    )
    assert all(d.en.isascii() and d.en[0].isupper() for d in city.divisions.values())


def test_zhuhai_has_as_many_divisions_as_the_statistics_bureau_lists() -> None:
    assert Counter(d.level for d in surveyed("zhuhai", 0.02).divisions.values()) == {
        "district": 3,
        "street": 31,
        "community": 345,
    }


def test_parts_cover_their_whole_without_overlap(city: City) -> None:
    outlines = {
        f["properties"]["code"]: shapely.from_geojson(json.dumps(f["geometry"]))
        for f in json.loads((CITIES / city.name / "map.geojson").read_text(encoding="utf-8"))["features"]
    }
    for whole in (*city.of_level("district"), *city.of_level("street")):
        parts = [area(d.rings) for d in city.divisions.values() if d.parent == whole.code]
        target = outlines[whole.code] if whole.level == "district" else area(whole.rings)
        assert sum(part.area for part in parts) == pytest.approx(target.area, rel=1e-3), whole.en
        assert shapely.union_all([p.buffer(0) for p in parts]).area == pytest.approx(target.area, rel=1e-3), whole.en


def test_a_community_is_one_piece_on_the_mainland(city: City) -> None:
    for district in city.of_level("district"):
        mainland = max((shapely.Polygon(ring) for ring in district.rings), key=lambda land: land.area)
        for d in city.of_level("community"):
            if d.code.startswith(district.code):
                lands = shapely.union_all([shapely.Polygon(ring).buffer(1e-7) for ring in d.rings])
                pieces = [p for p in shapely.get_parts(lands) if mainland.buffer(-1e-6).intersects(p)]
                assert len(pieces) <= 1, d.en


def test_a_community_lies_where_it_says_it_lies(city: City) -> None:
    grids = UnitGrids(city.divisions)
    rows = grids.community_of([d.lon for d in city.of_level("community")], [d.lat for d in city.of_level("community")])
    assert rows.tolist() == list(range(len(city.communities)))


def test_people_add_up_to_the_census(city: City) -> None:
    census = {"zhuhai": 2_439_585, "harbour": 12_000}[city.name]
    for level in ("district", "street", "community"):
        assert sum(d.population for d in city.of_level(level)) == census
    assert min(d.population for d in city.of_level("community")) > 50


def test_central_streets_are_denser_than_towns_in_zhuhai() -> None:
    city = surveyed("zhuhai", 0.02)
    plane = Plane(113.5, 22.2)
    density = {d.en: d.population / plane.flat(area(d.rings)).area * 1e6 for d in city.of_level("street")}
    assert min(density[f"{name} Subdistrict"] for name in ("Cuixiang", "Gongbei", "Jida", "Meihua")) > 5_000
    assert max(density[f"{name} Town"] for name in ("Lianzhou", "Qianwu", "Guishan", "Dangan")) < 1_500


def test_every_object_has_a_code_of_its_own_class_and_district(city: City) -> None:
    for name, table in city.objects.items():
        assert valid(table.code).all()
        assert (np.diff(table.code) > 0).all(), name
        district, klass, _ = split(table.code)
        assert set(klass.tolist()) == {int(CLASSES[name])}
        own = np.array([int(code[:6]) for code in city.communities])[table.community]
        assert (district == own).all(), name


def test_every_object_stands_on_the_citys_ground(city: City) -> None:
    grids = UnitGrids(city.divisions)
    for name in ("pole", "lamp_feeder", "hospital", "plant"):
        table = city.objects[name]
        assert (grids.community_of(table.lon, table.lat) >= 0).mean() > 0.99, name
    meters = city.objects["meter_point"]
    some = slice(None, None, max(len(meters) // 20_000, 1))
    found = grids.community_of(meters.lon[some], meters.lat[some])
    assert (found == meters.community[some]).mean() > 0.97  # doors of a house on the border may open to the next


def test_rows_refer_to_what_there_is(city: City) -> None:
    objects, water = city.objects, city.water
    for name in ("hydrant", "meter_point", "hospital", "plant", "pressure_point"):
        node = objects[name].columns["node"]
        assert (node >= 0).all(), name
        assert (node < len(water.nodes)).all(), name
    assert water.nodes.columns["source"][objects["plant"].columns["node"]].all()
    assert len(set(objects["plant"].columns["node"].tolist())) == len(objects["plant"])
    assert water.valves.columns["motorised"][objects["motorised_valve"].columns["valve"]].all()
    assert len(objects["motorised_valve"]) == int(water.valves.columns["motorised"].sum())
    assert set(objects["pole"].columns["feeder"].tolist()) == set(objects["lamp_feeder"].code.tolist())
    assert set(objects["pole"].owner.split()) | {t.owner for t in objects.values() if t.owner} <= set(city.departments)


def test_each_zone_is_metered_once_and_each_plant_at_its_outlet(city: City) -> None:
    flow, pressure, water = city.objects["flow_point"], city.objects["pressure_point"], city.water
    for table in (flow, pressure):
        inlet = table.columns["place"] == 2
        assert sorted(table.columns["zone"][inlet].tolist()) == list(range(len(water.zones)))
        assert (table.columns["zone"][~inlet] == -1).all()
    by_zone = dict(zip(flow.columns["zone"].tolist(), flow.columns["pipe"].tolist(), strict=True))
    assert [by_zone[z] for z in range(len(water.zones))] == water.zones.columns["inlet"].tolist()
    inside = pressure.columns["place"] == 2
    node_zone = water.nodes.columns["zone"][pressure.columns["node"][inside]]
    assert node_zone.tolist() == pressure.columns["zone"][inside].tolist()
    assert (flow.columns["place"] == 0).sum() == len(city.objects["plant"])


def test_every_household_has_a_meter_in_zhuhai_and_hangs_on_the_node_that_was_laid_for_it() -> None:
    city = surveyed("zhuhai")
    meters = city.objects["meter_point"]
    assert len(meters) == round(2_439_585 / 2.43)
    per_node = np.bincount(meters.columns["node"], minlength=len(city.water.nodes))
    assert (per_node == city.water.nodes.columns["households"]).all()
    assert (city.water.nodes.community[meters.columns["node"]] == meters.community).all()
    assert len(city.objects["pole"]) == 8_000


def test_a_smaller_scale_keeps_a_subset_and_thins_nothing_else(city: City) -> None:
    small, tiny = surveyed(city.name, {"harbour": 0.4, "zhuhai": 0.02}[city.name]), surveyed(city.name, 0.02)
    for name, table in city.objects.items():
        chain = [one.objects[name] for one in (tiny, small, city)]
        if name not in ("meter_point", "pole", "lamp_feeder"):
            assert len({len(one) for one in chain}) == 1
        for few, many in pairwise(chain):
            rows = np.searchsorted(many.code, few.code)
            assert (many.code[rows] == few.code).all()
            assert (many.lon[rows] == few.lon).all()
            assert all(
                (many.columns[key][rows] == few.columns[key]).all() for key in few.columns if key != "mounted"
            ), name
        assert len(table) == len(chain[2])
    assert len(tiny.objects["meter_point"]) == pytest.approx(0.02 * len(city.objects["meter_point"]), abs=1)
    poles = Counter(small.objects["pole"].columns["feeder"].tolist())
    whole = Counter(city.objects["pole"].columns["feeder"].tolist())
    assert all(whole[feeder] == count for feeder, count in poles.items())
    assert small.hash != city.hash
    assert (small.water.nodes.columns["households"] == city.water.nodes.columns["households"]).all()


def test_at_every_scale_all_hydrants_are_known_and_a_share_of_them_is_watched(city: City) -> None:
    monitor = load_kinds()["hydrant_monitor"]
    tiny, whole = surveyed(city.name, 0.02), city
    few, many = sites(tiny, monitor), sites(whole, monitor)
    assert tiny.objects["hydrant"].code.tolist() == whole.objects["hydrant"].code.tolist() == many.object.tolist()
    assert len(few) == math.ceil(0.02 * len(many))
    assert set(few.device.tolist()) <= set(many.device.tolist())
    register = tiny.objects["hydrant"]
    assert (register.code[few.row] == few.object).all()
    assert (register.lon[few.row] == few.lon).all()
    assert (register.columns["node"][few.row] == few.columns["node"]).all()


@pytest.mark.parametrize("name", city_names())
def test_the_same_city_is_surveyed_alike_every_time(name: str) -> None:
    one, again = surveyed(name, 0.02), load_city(name, scale=0.02)
    assert again.hash == one.hash
    for key, table in again.objects.items():
        assert np.array_equal(table.lon, one.objects[key].lon), key
        assert all(np.array_equal(column, one.objects[key].columns[it]) for it, column in table.columns.items()), key
    assert np.array_equal(again.water.pipes.columns["diameter_m"], one.water.pipes.columns["diameter_m"])


def test_every_duty_has_a_department_and_a_crew_that_can_do_it(city: City) -> None:
    asked = {step.duty for plan in library() for step in plan.step if step.department}
    asked |= {duty for type_ in case_types().values() for duty in (type_.handle, type_.verify)}
    assert asked <= {duty for d in city.departments.values() for duty in d.duties} <= set(duties())
    for department in city.departments.values():
        assert {skill for crew in department.crews for skill in crew.skills} == set(department.duties)
    crews = [crew.code for d in city.departments.values() for crew in d.crews]
    assert len(crews) == len(set(crews))


def test_devices_stand_one_on_each_object_and_speak_through_their_gateway() -> None:
    def nothing(_world: World, _sites: Sites, _t: int) -> Floats:
        return np.zeros((0, 0))

    city = load_city("harbour")
    kind = Kind(
        descriptor=KindDescriptor("smart_pole", "智慧灯杆", "Smart pole"),
        code="2201",
        mounts_on="pole",
        sample_s=300,
        report_s=300,
        measure=nothing,
        accuracy=(),
        behind="feeder",
        gateway_code="2208",
    )
    there = sites(city, kind)
    poles = city.objects["pole"]
    assert recode(there.device, CLASSES["pole"]).tolist() == poles.code.tolist() == there.object.tolist()
    assert there.node is not None
    assert recode(there.node, CLASSES["lamp_feeder"]).tolist() == poles.columns["feeder"].tolist()


def test_the_harbour_is_small() -> None:
    assert 200 < sum(len(table) for table in surveyed("harbour").objects.values()) < 600


def test_crews_start_on_the_citys_ground(city: City) -> None:
    crews = [crew for department in city.departments.values() for crew in department.crews]
    rows = UnitGrids(city.divisions).community_of([crew.lon for crew in crews], [crew.lat for crew in crews])
    assert [crew.code for crew, row in zip(crews, rows, strict=True) if row < 0] == []


def test_poles_stand_in_line_at_their_spacing_behind_a_cabinet_near_by(city: City) -> None:
    poles, feeders = city.objects["pole"], city.objects["lamp_feeder"]
    plane = Plane(float(poles.lon[0]), float(poles.lat[0]))
    own = np.searchsorted(feeders.code, poles.columns["feeder"].astype(np.int64))
    pole, cabinet = plane.xy(poles.lon, poles.lat), plane.xy(feeders.lon, feeders.lat)
    assert np.hypot(*(pole - cabinet[own]).T).max() < 1_500
    lines = [pole[own == k] for k in range(len(feeders))]
    same_side = np.concatenate([np.hypot(*(line[2:] - line[:-2]).T) for line in lines])
    assert np.median(same_side) == pytest.approx(2 * 32, abs=0.5)
    sizes = np.bincount(own, minlength=len(feeders))
    assert sizes.min() >= 8
    assert 15 <= sizes.mean() <= 30


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("city.toml", 'code = "990101002"', 'code = "990101003"', "there is no street '990101003'; did you mean"),
        ("city.toml", "head_m = 45", "head_kpa = 450", "'plant.0.head_kpa' is in the wrong unit; give it in m"),
        ("city.toml", "beds = 120", "beds = 0", "correct 'beds'"),
        ("fleets.toml", 'owner = "lighting"', 'owner = "lights"', "no department 'lights'; did you mean 'lighting'?"),
        ("divisions.csv", "990101002002", "990101009002", "parent of '990101009002'"),
        (
            "departments/lighting.toml",
            'skills = ["repair_lamp"',
            'skills = ["repair_lam"',
            "did you mean 'repair_lamp'?",
        ),
        ("departments/lighting.toml", 'speaks = "orderdesk"', 'speaks = "orderdesc"', "did you mean 'orderdesk'?"),
        ("departments/lighting.toml", 'code = "lighting"', 'code = "lights"', "name the file lights.toml"),
    ],
)
def test_a_broken_city_is_refused_with_line_and_remedy(
    tmp_path: Path, file: str, old: str, new: str, words: str
) -> None:
    folder = tmp_path / "harbour"
    copytree(CITIES / "harbour", folder)
    text = (folder / file).read_text(encoding="utf-8")
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        load_city("harbour", folder=folder)
    assert caught.value.line == text[: text.index(old)].count("\n") + 1
    assert words in str(caught.value)
    assert file in str(caught.value)


def test_a_map_without_a_district_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "harbour"
    copytree(CITIES / "harbour", folder)
    whole = (folder / "map.geojson").read_text(encoding="utf-8")
    (folder / "map.geojson").write_text(whole.replace('"990101"', '"990102"'), encoding="utf-8")
    with pytest.raises(DeclarationError, match="there is no outline of '990101'"):
        load_city("harbour", folder=folder)


@pytest.mark.parametrize(("name", "scale"), [("atlantis", 1.0), ("harbour", 0.0), ("harbour", 2.0)])
def test_an_unknown_city_and_an_impossible_scale_are_refused(name: str, scale: float) -> None:
    with pytest.raises(UsageError):
        load_city(name, scale=scale)


def test_every_kind_of_sensor_finds_its_sites(city: City) -> None:
    kinds = load_kinds()
    assert kinds
    for kind in kinds.values():
        there = sites(city, kind)
        assert len(there) == len(city.objects[kind.mounts_on]) > 0, kind.name
        assert (np.diff(there.device) > 0).all(), kind.name
        assert not kind.numerous or kind.mounts_on in ("pole", "meter_point", "hydrant"), kind.name
