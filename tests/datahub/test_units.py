"""One table of endings: what a name promises is the same in a plan, in a parameter and on the wire."""

from __future__ import annotations

import pytest

from datahub.contract.units import UNITS, unit_of, written_unit


@pytest.mark.parametrize("ending", UNITS)
def test_the_longest_ending_counts(ending: str) -> None:
    assert written_unit(f"least{ending}") == UNITS[ending].written


@pytest.mark.parametrize(
    ("name", "written", "senml"),
    [
        ("loss_m3_s", "m3/s", "m3/s"),
        ("speed_m_s", "m/s", "m/s"),
        ("travel_s", "s", "s"),
        ("tanker_m3", "m3", "m3"),
        ("chlorine_kg_m3", "kg/m3", "kg/m3"),
        ("open_ratio", "1", "/"),
        ("lorries_count", "1", "count"),
        ("phase_state", "1", ""),
    ],
)
def test_a_unit_is_written_in_declarations_and_on_the_wire(name: str, written: str, senml: str) -> None:
    assert (written_unit(name), unit_of(name)) == (written, senml)


@pytest.mark.parametrize("name", ["reach_km", "keep_days", "turbidity_most_ntu", "colour"])
def test_no_device_speaks_in_a_unit_that_is_not_for_the_wire(name: str) -> None:
    with pytest.raises(KeyError, match=f"'{name}' carries no unit; end its name in one of _a, _c, _count"):
        unit_of(name)


def test_a_name_without_a_unit_promises_none() -> None:
    assert written_unit("colour") is None
