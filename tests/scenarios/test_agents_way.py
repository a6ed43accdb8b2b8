"""Ways on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.errors import UsageError
from scenarios.agents.practice import ordinary
from scenarios.agents.way import Way, distance_m, drive, off_line_m

T = 1_749_549_600_000
GONGBEI, JIDA = (113.5486, 22.2214), (113.5820, 22.2512)
places = st.tuples(st.floats(113.0, 114.0), st.floats(21.8, 22.5))


@dataclass
class Cones:
    lon: float
    lat: float
    radius_m: float


def trip(*closed: Cones, vehicle: str = "van", seed: int = 0) -> Way:
    rng = np.random.default_rng(seed)
    return drive(GONGBEI, JIDA, t=T, vehicle=vehicle, practice=ordinary(), closed=closed, rng=rng)


def test_one_degree_of_latitude_is_111_km_and_of_longitude_less_by_the_cosine() -> None:
    assert distance_m(113.5, 22.0, 113.5, 23.0) == pytest.approx(111_195, rel=1e-4)
    assert distance_m(113.5, 22.0, 114.5, 22.0) == pytest.approx(111_195 * np.cos(np.radians(22)), rel=1e-4)


def test_a_place_beside_a_line_is_as_far_as_its_foot_and_one_beyond_its_end_as_far_as_the_end() -> None:
    a, b = (113.50, 22.0), (113.51, 22.0)
    assert off_line_m(113.505, 22.001, a=a, b=b) == pytest.approx(111.2, rel=1e-3)
    assert off_line_m(113.52, 22.0, a=a, b=b) == pytest.approx(distance_m(113.52, 22.0, *b), rel=1e-3)
    assert off_line_m(113.5, 22.001, a=a, b=a) == pytest.approx(111.2, rel=1e-3)


@given(start=places, end=places, part=st.floats(0, 1), hour=st.integers(0, 23), seed=st.integers(0, 99))
def test_on_any_way_one_is_where_ones_vehicle_can_have_come(
    start: tuple[float, float], end: tuple[float, float], part: float, hour: int, seed: int
) -> None:
    t, rng = T + hour * HOUR_MS, np.random.default_rng(seed)
    way = drive(start, end, t=t, vehicle="van", practice=ordinary(), closed=(), rng=rng)
    at = way.start + round(part * (way.end - way.start))
    gone = distance_m(*start, *way.place(at))
    assert gone <= ordinary().fastest_m_s("van") * (at - way.start) / SECOND_MS + 0.1
    assert way.place(way.end) == end
    assert way.eta_s(way.end) == 0


def test_a_closed_road_on_the_line_costs_a_detour_but_not_where_one_works_oneself() -> None:
    middle = ((GONGBEI[0] + JIDA[0]) / 2, (GONGBEI[1] + JIDA[1]) / 2)
    free = trip().end - T
    assert trip(Cones(*middle, 200)).end - T == pytest.approx(free * ordinary().of("detour_ratio"), rel=1e-3)
    assert trip(Cones(*JIDA, 200)).end - T == free
    assert trip(Cones(middle[0] + 0.05, middle[1], 200)).end - T == free


def test_a_patrol_car_is_there_before_an_excavator() -> None:
    assert trip(vehicle="patrol_car").end < trip(vehicle="van").end < trip(vehicle="excavator").end


def test_a_desk_goes_nowhere() -> None:
    with pytest.raises(UsageError, match="a desk goes nowhere"):
        trip(vehicle="desk")
