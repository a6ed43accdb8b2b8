"""What the report shows, and in which words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely

from brain.console.land import Land, boundary
from brain.views import Name
from datahub.contract.clock import HOUR_MS, from_datetime
from datahub.contract.observations import Floats
from scenarios.gazetteer import city_names
from scenarios.report.clockaxis import clock_marks
from scenarios.report.loggers import chosen, loggers_of
from scenarios.survey.city import load_city

LONG_M = 5_000.0
DEGREE_M = 111_320.0


def long_edges(rings: Iterable[Floats]) -> set[frozenset[tuple[float, float]]]:
    """Edges of more than five kilometres, without direction."""
    found = set()
    for ring in rings:
        for one, other in pairwise(np.round(ring, 4).tolist()):
            away = np.hypot((other[0] - one[0]) * np.cos(np.radians(one[1])), other[1] - one[1]) * DEGREE_M
            if away > LONG_M:
                found.add(frozenset([tuple(one), tuple(other)]))
    return found


def published(city: str) -> dict[str, Any]:
    features = json.loads((files("scenarios") / "cities" / city / "map.geojson").read_text(encoding="utf-8"))
    return {it["properties"]["code"]: shapely.from_geojson(json.dumps(it["geometry"])) for it in features["features"]}


@pytest.mark.parametrize("name", city_names())
def test_a_map_draws_no_long_line_that_is_not_in_the_published_outline(name: str) -> None:
    city, shapes = load_city(name, scale=0.01), published(name)
    shown = Land(city).document
    assert isinstance(shown["districts"], list)
    drawn = {city.adcode: shown["outline"]}
    drawn |= {
        code: it["rings"]
        for code, it in zip([each.code for each in city.of_level("district")], shown["districts"], strict=True)
    }
    for code, rings in drawn.items():
        lines = [np.array(ring)[:, ::-1] for ring in rings]
        whole = shapely.union_all([part.buffer(0) for part in shapely.get_parts(shapes[code])])
        source = [
            shapely.get_coordinates(line)
            for part in shapely.get_parts(whole)
            for line in [part.exterior, *part.interiors]
        ]
        assert long_edges(lines) <= long_edges(source), code


def test_land_around_a_hole_is_drawn_without_the_seam() -> None:
    west = np.array([(0, 0), (2, 0), (2, 1), (1, 1), (1, 3), (2, 3), (2, 4), (0, 4), (0, 0)], float)
    east = np.array([(2, 0), (4, 0), (4, 4), (2, 4), (2, 3), (3, 3), (3, 1), (2, 1), (2, 0)], float)
    outer, hole = boundary([west, east])
    assert shapely.Polygon(outer).equals(shapely.box(0, 0, 4, 4))
    assert shapely.Polygon(hole).equals(shapely.box(1, 1, 3, 3))


def test_an_axis_of_time_shows_the_citys_clock_and_each_new_date_once() -> None:
    begins = from_datetime(datetime.fromisoformat("2025-06-10T17:20:00+08:00"))
    assert [label for _, label in clock_marks(begins, begins + 30 * HOUR_MS)] == [
        "18:00\n06-10",
        "00:00\n06-11",
        "06:00",
        "12:00",
        "18:00",
    ]
    assert [label for _, label in clock_marks(begins, begins + 2 * HOUR_MS)][:2] == ["17:30\n06-10", "17:45"]


def test_loggers_are_named_as_in_the_centre_and_flows_say_where_to() -> None:
    loggers = loggers_of(load_city("harbour", scale=0.02))
    plants = [it for it in loggers.values() if it.site == "plant" and it.property == "flow_m3_s"]
    assert plants
    for plant in plants:
        assert plant.name.en.endswith(", outlet")
        assert plant.directed(np.array([plant.sign])) == (plant.sign, Name("出厂", "out of it"))
    inlet = next(it for it in loggers.values() if it.site == "inlet" and it.property == "flow_m3_s")
    assert inlet.directed(np.array([-inlet.sign])) == (-inlet.sign, Name("流出分区", "out of the zone"))
    assert all(str(it.device) not in it.name.zh + it.name.en for it in loggers.values())


def test_a_plants_flow_and_a_pressure_are_always_shown() -> None:
    loggers = loggers_of(load_city("harbour", scale=0.02))
    inlets = [it.device for it in loggers.values() if it.site == "inlet" and it.property == "flow_m3_s"][:4]
    shown = chosen(loggers, dict.fromkeys(inlets, 9.0), heard=sorted(loggers))
    assert [it.device for it in shown[: len(inlets)]] == inlets
    assert [(it.property, it.site) for it in shown[len(inlets) :]] == [("flow_m3_s", "plant"), ("pressure_pa", "plant")]
    assert [it.site for it in chosen(loggers, {}, heard=sorted(loggers))] == ["plant", "plant"]
