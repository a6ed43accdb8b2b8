"""The declared numbers of the people in the field: sourced, marked, and fit for what departments have."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from datahub.connectors.loading import vendors
from datahub.contract.clock import HOUR_MS
from datahub.contract.duties import duties
from datahub.contract.errors import DeclarationError, UsageError
from scenarios.agents.duties import DUTIES
from scenarios.agents.practice import ordinary, practice
from scenarios.gazetteer import city_names
from scenarios.survey.offices import read_departments

MIDNIGHT = 1_749_484_800_000  # 2025-06-10 00:00 in the city


def test_the_crews_have_learnt_every_declared_duty_and_no_other() -> None:
    assert set(DUTIES) == set(duties())


def test_what_nobody_has_verified_says_so() -> None:
    it = ordinary()
    numbers = {**it.amount, **{f"vehicle.{name}": one for name, one in it.vehicle.items()}}
    unmarked = [name for name, one in numbers.items() if one.mark in ("G", "V2") and not one.unverified]
    unmarked += [name for name, one in it.duration.items() if one.mark in ("G", "V2") and not one.unverified]
    assert unmarked == []


def test_every_time_lies_between_its_bounds() -> None:
    it, rng = ordinary(), np.random.default_rng(0)
    for name, one in it.duration.items():
        assert one.low <= one.likely <= one.high, name
        assert all(one.low <= it.draw_s(name, rng) <= one.high for _ in range(20)), name


def test_roads_are_slowest_in_the_peak_and_fastest_at_night() -> None:
    speeds = [ordinary().speed_m_s("van", MIDNIGHT + hour * HOUR_MS) for hour in range(24)]
    assert speeds[3] == max(speeds)
    assert speeds[8] == speeds[18] == min(speeds)
    assert speeds[12] == ordinary().of("speed_mean_m_s")
    assert max(speeds) <= ordinary().fastest_m_s("van")


def test_an_unknown_vehicle_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(UsageError, match=r"vehicle 'hovercraft' is not in practice.toml; it has van"):
        ordinary().speed_m_s("hovercraft", MIDNIGHT)


def test_a_number_can_be_overlaid_but_not_invented() -> None:
    assert practice({"amount": {"silent_share": {"value": 0.5}}}).of("silent_share") == 0.5
    with pytest.raises(DeclarationError):
        practice({"amount": {"silent_share": {"valu": 0.5}}})


@pytest.mark.parametrize("name", city_names())
def test_every_duty_and_vehicle_of_every_city_is_known_to_the_crews(name: str) -> None:
    folder = files("scenarios").joinpath("cities", name, "departments")
    for office in read_departments(folder, connectors=vendors()).values():
        assert set(office.duties) <= set(DUTIES)
        for crew in office.crews:
            assert ordinary().speed_m_s(crew.vehicle, MIDNIGHT) >= 0
            assert set(crew.skills) <= set(office.duties)
