from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.contract.city import Division
from datahub.contract.errors import UsageError
from datahub.contract.grid import UnitGrids

METRES = 111_195.0
SHRINK = float(np.cos(np.radians(22)))


def community(code: str, west_m: float, east_m: float, *, height_m: float = 500) -> Division:
    """A community between two lines, 500 m from south to north."""
    west, east, north = 113 + west_m / METRES / SHRINK, 113 + east_m / METRES / SHRINK, 22 + height_m / METRES
    ring = np.array([[west, 22], [east, 22], [east, north], [west, north], [west, 22]])
    return Division(code, "community", "", "", code[:9], 100, (west + east) / 2, (22 + north) / 2, (ring,))


TOWN = {
    d.code: d
    for d in (
        community("440402001001", 0, 1_000),
        community("440402001002", 1_000, 1_950),
        community("440402001003", 1_950, 60_000, height_m=3_000),
    )
}


def at(x_m: float, y_m: float) -> tuple[float, float]:
    return 113 + x_m / METRES / SHRINK, 22 + y_m / METRES


def test_grids_are_numbered_west_to_east_then_north_to_south() -> None:
    grids = UnitGrids(TOWN)
    assert [grids.grid_of(*at(x, y)) for x, y in ((50, 450), (150, 450), (950, 450), (50, 350), (950, 50))] == [
        "440402001001001", "440402001001002", "440402001001010", "440402001001011", "440402001001050"
    ]  # fmt: skip


def test_a_grid_covers_ten_thousand_square_metres_where_999_of_them_do() -> None:
    grids = UnitGrids(TOWN)
    (ring,) = grids.outline("440402001001025")
    square = shapely.transform(shapely.Polygon(ring), lambda p: np.stack((p[:, 0] * SHRINK, p[:, 1]), axis=1) * METRES)
    assert square.area == pytest.approx(10_000, rel=0.001)
    assert grids.count(0) == 50


def test_a_community_too_large_for_999_such_grids_has_larger_ones() -> None:
    grids = UnitGrids(TOWN)
    assert 700 < grids.count(2) <= 999


@settings(deadline=None)
@given(st.floats(1, 59_999), st.floats(1, 499))
def test_a_code_has_fifteen_digits_and_its_outline_holds_the_place(x_m: float, y_m: float) -> None:
    lon, lat = at(x_m, y_m)
    code = GRIDS.grid_of(lon, lat)
    assert len(code) == 15
    assert code[:12] == GRIDS_CODES[int(GRIDS.community_of(lon, lat)[0])]
    assert any(shapely.Polygon(ring).distance(shapely.Point(lon, lat)) < 1e-9 for ring in GRIDS.outline(code))


GRIDS, GRIDS_CODES = UnitGrids(TOWN), list(TOWN)


def test_every_grid_of_a_community_has_ground_and_together_they_are_all_of_it() -> None:
    shapes = [shapely.Polygon(r) for i in range(1, 51) for r in GRIDS.outline(f"440402001002{i:03d}")]
    assert shapely.union_all(shapes).area == pytest.approx(
        shapely.Polygon(TOWN["440402001002"].rings[0]).area, rel=1e-6
    )
    assert sum(shape.area for shape in shapes) == pytest.approx(shapely.union_all(shapes).area, rel=1e-6)


def test_a_place_off_the_ground_falls_to_the_nearest_grid_or_to_no_community() -> None:
    assert GRIDS.community_of(*at(-500, 100)).tolist() == [-1]
    assert GRIDS.grid_of(*at(-500, 450)) == "440402001001001"


@pytest.mark.parametrize("code", ["440402001001051", "440402001001000", "440402001009001", "44040200100100", "x" * 15])
def test_a_grid_that_there_is_not_has_no_outline(code: str) -> None:
    with pytest.raises(UsageError):
        GRIDS.outline(code)


def test_many_places_have_the_grids_that_each_has_alone() -> None:
    grids, rng = UnitGrids(TOWN), np.random.default_rng(3)
    lon, lat = at(rng.uniform(-500, 20_000, 200), rng.uniform(-500, 4_000, 200))  # type: ignore[arg-type]
    together = [f"{code:015d}" for code in grids.grids_of(lon, lat).tolist()]
    assert together == [grids.grid_of(x, y) for x, y in zip(lon, lat, strict=True)]  # type: ignore[call-overload]
    assert len(set(together)) > 20
    assert len(grids.grids_of(np.zeros(0), np.zeros(0))) == 0
