"""What the report shows, and in which words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import shapely

from brain.console.land import Land, boundary
from datahub.contract.observations import Floats
from scenarios.survey.city import city_names, load_city

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
