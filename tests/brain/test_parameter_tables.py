"""Numbers of policy: every shipped table binds, and a broken one is refused with place and remedy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from importlib.resources import files

import pytest
from play import HARBOUR, START, Play

from brain.awareness import attention
from brain.awareness.attention import Attention
from brain.awareness.bands import BandRules
from brain.awareness.lamps import LampRules
from brain.awareness.supply import SupplyRules
from brain.awareness.zones import ZoneRules
from brain.dispatch.choice import Practice
from brain.events.judging import BurstRules
from brain.parameter import bind, parameters, read_parameters
from brain.plans.findings import WaterLimits
from brain.policy import Policy, in_force
from datahub.contract.clock import HOUR_MS
from datahub.contract.errors import DeclarationError
from datahub.hub import Hub
from datahub.transport.local import LocalBus

TABLES = {
    "bands": BandRules,
    "supply": SupplyRules,
    "lamps": LampRules,
    "burst": BurstRules,
    "zones": ZoneRules,
    "dispatch": Practice,
    "water_quality": WaterLimits,
}

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


def test_every_table_has_its_rules() -> None:
    folder = files("brain") / "parameters"
    assert sorted(TABLES) == sorted(
        each.name.removesuffix(".toml") for each in folder.iterdir() if ".toml" in each.name
    )


@pytest.mark.parametrize("name", TABLES)
def test_every_table_binds_and_every_number_has_a_source(name: str) -> None:
    bind(TABLES[name], name, day=date(2025, 6, 9))
    assert all(parameter.source and parameter.unit for parameter in parameters(name).values())


@pytest.mark.parametrize(("name", "unit"), [("flow_m3_s", "m3/s"), ("speed_m_s", "m/s"), ("window_s", "s")])
def test_the_longest_ending_of_a_name_is_its_unit(name: str, unit: str) -> None:
    text = ONE.replace("window_s", name).replace('unit = "s"', f'unit = "{unit}"')
    assert read_parameters(text, file="t.toml")[name].unit == unit


def test_the_value_in_force_is_that_of_the_day() -> None:
    assert bind(Rules, "t", text=ONE, day=date(2025, 12, 31)).window_s == 300
    assert bind(Rules, "t", text=ONE, day=date(2026, 1, 1)).window_s == 60
    assert bind(Rules, "t", text=ONE, day=date(2019, 1, 1)).window_s == 300


def test_a_value_of_another_day_does_not_govern_this_one() -> None:
    text = ONE.replace("2026-01-01", "2030-01-01")
    assert bind(Rules, "t", text=text, day=date(2025, 6, 9)).window_s == 300
    assert bind(Rules, "t", text=text, day=date(2030, 1, 1)).window_s == 60


def test_the_brain_and_its_ears_go_by_the_city_s_day() -> None:
    asked: list[date] = []

    def policy(day: date) -> Policy:
        asked.append(day)
        now = in_force(day)
        return now if day < date(2025, 6, 11) else replace(now, practice=replace(now.practice, poll_s=9_999.0))

    play = Play(policy=policy)
    play.run(298)
    assert play.brain.office.policy == in_force(date(2025, 6, 10))
    play.run(4)
    assert asked == [date(1970, 1, 1), date(2025, 6, 10), date(2025, 6, 11)]
    assert play.brain.office.policy.practice.poll_s == play.brain._desk.practice.poll_s == 9_999.0

    heard: list[date] = []
    hub = Hub(HARBOUR.name, HARBOUR.adcode, None, LocalBus().city_end, start=START)
    try:
        ears = Attention(HARBOUR, hub.queries, policy=lambda day: heard.append(day) or attention.in_force(day))
        for hour in range(30):
            ears.tick(START + hour * HOUR_MS)
        assert heard == [date(2025, 6, 10), date(2025, 6, 11), date(2025, 6, 12)]
    finally:
        hub.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (ONE.replace('unit = "s"', 'unit = "m"'), "its name promises 's'"),
        (ONE.replace("source", "sauce"), "did you mean 'source'"),
        (ONE.replace('source = "S1"', 'source = ""'), "lacks 'source'"),
        (ONE.replace("300", '"x"'), "[window_s.values.2020-01-01] expected `float`, got `str`"),
        (ONE.replace("300", "true"), "got `bool`"),
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
        bind(Rules, "t", text=ONE.replace("[window_s]", "[windows_s]"), day=date(2025, 6, 9))
    with pytest.raises(DeclarationError, match="'window_s' is missing"):
        bind(Rules, "t", text="", day=date(2025, 6, 9))
