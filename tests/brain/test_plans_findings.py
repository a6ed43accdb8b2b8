"""Whether a sample lets a mended main be opened again: every limit counts by itself, and so does every value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pytest

from brain.parameter import bind
from brain.plans.findings import WaterLimits, water_is_good
from brain.state import Fact

LIMITS: Final = bind(WaterLimits, "water_quality", day=date(2025, 6, 10))
GOOD: Final[Mapping[str, Fact]] = {"turbidity_ntu": 0.4, "free_chlorine_mg_l": 0.6, "coliform_per_100ml": 0.0}


def test_a_sample_within_all_limits_is_good() -> None:
    assert water_is_good(GOOD, LIMITS)


@pytest.mark.parametrize(
    ("name", "value"), [("turbidity_ntu", 1.0), ("free_chlorine_mg_l", 0.05), ("free_chlorine_mg_l", 2.0)]
)
def test_a_value_at_its_limit_is_still_good(name: str, value: float) -> None:
    assert water_is_good({**GOOD, name: value}, LIMITS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("turbidity_ntu", 1.01),
        ("free_chlorine_mg_l", 0.04),
        ("free_chlorine_mg_l", 2.01),
        ("coliform_per_100ml", 1.0),
    ],
)
def test_one_value_beyond_its_limit_is_not_good(name: str, value: float) -> None:
    assert not water_is_good({**GOOD, name: value}, LIMITS)


@pytest.mark.parametrize("name", GOOD)
def test_a_value_that_the_laboratory_left_out_or_wrote_in_words_is_not_good(name: str) -> None:
    assert not water_is_good({key: value for key, value in GOOD.items() if key != name}, LIMITS)
    assert not water_is_good({**GOOD, name: "none"}, LIMITS)
