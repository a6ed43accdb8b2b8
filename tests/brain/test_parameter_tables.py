"""Numbers of policy: every shipped table binds, and a broken one is refused with place and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from brain.awareness.bands import BandRules
from brain.awareness.lamps import LampRules
from brain.awareness.supply import SupplyRules
from brain.awareness.zones import ZoneRules
from brain.events.judging import BurstRules
from brain.parameter import bind, parameters, read_parameters
from datahub.contract.errors import DeclarationError

TABLES = {"bands": BandRules, "supply": SupplyRules, "lamps": LampRules, "burst": BurstRules, "zones": ZoneRules}

ONE = """
[window_s]
en = "a window"
unit = "s"
source = "S1"
values = { 2020-01-01 = 300, 2026-01-01 = 60 }
"""


@dataclass(frozen=True)
class Rules:
    window_s: float


@pytest.mark.parametrize("name", TABLES)
def test_every_table_binds_and_every_number_has_a_source(name: str) -> None:
    bind(TABLES[name], name)
    assert all(parameter.source and parameter.unit for parameter in parameters(name).values())


def test_the_value_in_force_is_that_of_the_day() -> None:
    assert bind(Rules, "t", text=ONE, day=date(2025, 12, 31)).window_s == 300
    assert bind(Rules, "t", text=ONE, day=date(2026, 1, 1)).window_s == 60
    assert bind(Rules, "t", text=ONE, day=date(2019, 1, 1)).window_s == 300


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ONE.replace('unit = "s"', 'unit = "m"'), "its name promises 's'"),
        (ONE.replace("source", "sauce"), "did you mean 'source'"),
        (ONE.replace('source = "S1"', 'source = ""'), "lacks 'source'"),
        (ONE.replace("300", '"x"'), "not dated numbers"),
        (ONE.replace("2020-01-01", "monday"), "not dated numbers"),
        (ONE.replace("[window_s]", "[window]"), "its name promises None"),
        (ONE + "x =", "not TOML"),
    ],
)
def test_a_broken_table_is_refused(text: str, says: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        read_parameters(text, file="t.toml")
    assert says in str(refused.value)
    assert "t.toml" in str(refused.value)


def test_unknown_and_missing_numbers_are_refused() -> None:
    with pytest.raises(DeclarationError, match="did you mean 'window_s'"):
        bind(Rules, "t", text=ONE.replace("[window_s]", "[windows_s]"))
    with pytest.raises(DeclarationError, match="'window_s' is missing"):
        bind(Rules, "t", text="")
