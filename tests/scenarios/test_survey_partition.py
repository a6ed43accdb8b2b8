from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.survey.partition import cells, middles, rings, scattered
from scenarios.survey.people import apportioned
from scenarios.survey.plane import Plane

BAY = shapely.Polygon([(0, 0), (10, 0), (10, 10), (6, 10), (6, 2), (4, 2), (4, 10), (0, 10)])


def test_a_land_falls_to_the_nearest_seed_and_nothing_is_lost_or_doubled() -> None:
    shares = cells(BAY, [np.array([[1.0, 8.0]]), np.array([[9.0, 8.0]]), np.array([[5.0, 1.0]])])
    assert sum(share.area for share in shares) == pytest.approx(BAY.area)
    assert shapely.union_all(shares).area == pytest.approx(BAY.area)
    assert [share.contains(shapely.Point(p)) for share, p in zip(shares, [(1, 8), (9, 8), (5, 1)], strict=True)] == [
        True
    ] * 3


def test_a_piece_that_the_bay_cuts_off_goes_to_its_neighbour() -> None:
    shares = cells(BAY, [np.array([[3.0, 9.0]]), np.array([[9.5, 5.0]])])
    assert [share.geom_type for share in shares] == ["Polygon", "Polygon"]
    assert sum(share.area for share in shares) == pytest.approx(BAY.area)


def test_an_islet_goes_whole_to_one_owner_and_an_island_with_seeds_is_nobody_elses() -> None:
    islet, island = shapely.box(4.5, 12, 5.5, 13), shapely.box(20, 0, 22, 2)
    shares = cells(
        shapely.MultiPolygon([BAY, islet, island]), [np.array([[1.0, 8]]), np.array([[9.0, 8]]), np.array([[21.0, 1]])]
    )
    assert sorted(share.intersection(islet).area for share in shares) == [0, 0, 1]
    assert shares[2].equals(island)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30), st.integers(0, 1000))
def test_middles_lie_on_the_land_each_in_a_place_of_its_own(count: int, seed: int) -> None:
    found = middles(BAY, count, centre=np.array([5.0, 1.0]), rng=np.random.default_rng(seed))
    assert shapely.contains_xy(BAY, found[:, 0], found[:, 1]).all()
    assert len(np.unique(found, axis=0)) == count


def test_communities_lie_closer_together_towards_the_streets_centre() -> None:
    square = shapely.box(0, 0, 1000, 1000)
    found = middles(square, 40, centre=np.array([500.0, 500.0]), rng=np.random.default_rng(1))
    areas = np.array([share.area for share in cells(square, [point[None] for point in found])])
    away = np.hypot(*(found - 500).T)
    assert areas[away < 200].mean() < 0.6 * areas[away > 400].mean()


def test_a_ring_has_no_hole_and_covers_what_the_shape_covers() -> None:
    holed = shapely.box(0, 0, 10, 10) - shapely.box(2, 2, 4, 4) - shapely.box(6, 6, 7, 8)
    assert sum(shapely.Polygon(ring).area for ring in rings(holed)) == pytest.approx(holed.area)


def test_scattered_points_lie_inside() -> None:
    points = scattered(BAY, 500, rng=np.random.default_rng(0))
    assert len(points) == 500
    assert shapely.contains_xy(BAY, points[:, 0], points[:, 1]).all()


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=50), st.integers(0, 10**6))
def test_people_are_shared_out_whole_and_to_the_last(share: list[float], total: int) -> None:
    parts = apportioned(np.array(share), total)
    exact = np.array(share) * total / sum(share)
    assert int(parts.sum()) == total
    assert (np.abs(parts - exact) <= 1 + 1e-6).all()


@settings(deadline=None)
@given(st.floats(113, 114.4), st.floats(21.8, 22.5))
def test_the_plane_goes_there_and_back(lon: float, lat: float) -> None:
    plane = Plane(113.7, 22.1)
    back = plane.degrees(plane.xy([lon], [lat]))
    assert back[0] == pytest.approx((lon, lat), abs=1e-9)
    assert Plane(lon, lat).xy(lon, lat + 1 / 60)[1] == pytest.approx(1853, abs=2)  # a nautical mile: 1 852 m
