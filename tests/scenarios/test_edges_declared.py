"""Rules of edge nodes are read strictly: what is written wrongly is refused with file, line, rule and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from datahub.contract.errors import DeclarationError
from scenarios import check, scenario
from scenarios.edges import declared
from sensors.actuator import load_actuators
from sensors.edge import EdgeSpec
from sensors.kind import load_kinds

GOOD = """schema = 1
zh = "边缘"
en = "edge"
kind = "smart_pole"
poll_s = 60
memory_readings = 1_000
memory_messages = 10
source = "a test"
date = 2026-11-25

[[rule]]
name = "leak"
zh = "漏电"
en = "leak"
property = "leakage_current_a"
above = 0.03
clear = 0.015
set = { lamp_on = 0 }
source = "a test"
date = 2026-11-25
"""
SECOND = """
[[rule]]
name = "again"
zh = "又"
en = "again"
property = "tilt_deg"
above = 5
clear = 3
set = { lamp_on = 0 }
source = "a test"
date = 2026-11-25
"""


def load(tmp_path: Path, text: str) -> EdgeSpec:
    file = tmp_path / "edge.toml"
    file.write_text(text, encoding="utf-8")
    return declared.load(file, kinds=load_kinds(), actuators=load_actuators())


def test_a_sound_rule_set_becomes_what_the_nodes_do(tmp_path: Path) -> None:
    spec = load(tmp_path, GOOD)
    (rule,) = spec.rules
    assert (spec.kind, spec.poll_s, spec.memory_readings, spec.memory_messages) == ("smart_pole", 60, 1_000, 10)
    assert (rule.property, rule.above, rule.clear, rule.setting, rule.value) == (
        "leakage_current_a",
        0.03,
        0.015,
        "lamp_on",
        0.0,
    )


@pytest.mark.parametrize("name", declared.names())
def test_every_rule_set_of_the_house_is_sound_and_says_where_its_numbers_come_from(name: str) -> None:
    path = declared.path_of(name)
    spec = declared.load(path, kinds=load_kinds(), actuators=load_actuators())
    assert spec.rules
    assert path.read_text(encoding="utf-8").count("source = ") == 1 + len(spec.rules)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "words"),
    [
        ('"leakage_current_a"', '"leakage_current_ma"', 15, "wrong unit; give the limits in a and write"),
        ('"leakage_current_a"', '"leakage"', 15, "there is no property of a smart_pole 'leakage'"),
        ("above = 0.03", "above = 30", 16, "lies outside what leakage_current_a can read, 0 to 0.3"),
        ("above = 0.03", "above = 0.03\nbelow = 0.01", 11, "exactly one of above and below"),
        ("clear = 0.015", "clear = 0.03", 17, "not on the safe side of its limit 0.03; leave a gap"),
        ("lamp_on = 0", "lamp = 0", 18, "there is no setting of a smart_pole 'lamp'; did you mean 'lamp_on'"),
        ("lamp_on = 0", "lamp_on = 2", 18, "lamp_on = 2 does not lie between 0 and 1"),
        ("lamp_on = 0", "lamp_on = 0, level_ratio = 0", 18, "at most 1"),
        ('"smart_pole"', '"smart_pol"', 4, "did you mean 'smart_pole'"),
        ('"smart_pole"', '"hydrant_monitor"', 4, "does not stand behind a gateway"),
        ("poll_s = 60", "poll_s = 90", 5, "multiple of 60"),
        ("poll_s = 60", "poll_min = 1", 5, "wrong unit; give it in s and write 'poll_s'"),
        ("memory_readings = 1_000\n", "", 1, "'memory_readings' is missing"),
        ("clear = 0.015", 'clear = 0.015\nwhen = "at_night"', 18, "choose one of: always, uplink_cut"),
    ],
)
def test_what_is_written_wrongly_is_refused_with_line_rule_and_remedy(
    tmp_path: Path, right: str, wrong: str, line: int, words: str
) -> None:
    assert right in GOOD
    with pytest.raises(DeclarationError) as caught:
        load(tmp_path, GOOD.replace(right, wrong, 1))
    assert "edge.toml" in str(caught.value)
    assert words in f"{caught.value.rule}; {caught.value.remedy}"
    assert caught.value.line == line


def test_two_rules_do_not_decide_over_one_setting(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="rules 'leak' and 'again' both set lamp_on"):
        load(tmp_path, GOOD + SECOND)


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"edge": ["street_lightning"]}, "there is no rule set of edge nodes 'street_lightning'"),
        ({"disturbance": {"1": {"where": {"same_feeder_as": 1}}}}, "no earlier one on a street"),
        ({"order": {"0": {"at": 2}}}, "order 0 is given at disturbance 2"),
    ],
)
def test_a_scenario_that_refers_to_nothing_is_refused(overlay: dict[str, object], words: str) -> None:
    story = scenario.load("edge_uplink_cut", overlay=overlay)
    with pytest.raises(DeclarationError) as caught:
        check.check_edges("edge_uplink_cut", story)
    assert words in str(caught.value)
    assert "scenario.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"disturbance": {"1": {"leak_a": 0}}}, "pole_leak needs 'leak_a'"),
        ({"disturbance": {"1": {"lasts": "1h"}}}, "'lasts' belongs to uplink_cut alone"),
        ({"order": {"0": {"command": "dim"}}}, "either a 'desire' or a 'command'"),
    ],
)
def test_a_disturbance_or_order_that_is_not_whole_is_refused(overlay: dict[str, object], words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        scenario.load("edge_uplink_cut", overlay=overlay)
