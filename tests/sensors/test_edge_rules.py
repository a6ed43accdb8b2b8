"""A rule of an edge node: limit, hold time, hysteresis, and giving way."""

from __future__ import annotations

import numpy as np

from datahub.contract.clock import MINUTE_MS
from sensors.rules import Holds, Release, Rule

ALWAYS = np.array([True])


def rule(*, hold_s: float = 0.0, release: Release = Release.CLEAR, above: float | None = 30.0) -> Rule:
    below = None if above is not None else 10.0
    return Rule(
        name="r",
        property="x",
        above=above,
        below=below,
        clear=15.0,
        hold_s=hold_s,
        setting="s",
        value=0.0,
        release=release,
    )


def story(holds: Holds, *values: float, in_force: bool = True, start: int = 0) -> str:
    """What a rule does at one device, a reading a minute: T takes hold, L lets go, - nothing."""
    said = ""
    for minute, value in enumerate(values, start):
        takes, lets_go = holds.look(np.array([value]), in_force=ALWAYS & in_force, t=minute * MINUTE_MS)
        said += "T" if takes.size else "L" if lets_go.size else "-"
    return said


def test_the_first_reading_beyond_the_limit_counts_and_between_the_limits_nothing_changes() -> None:
    assert story(Holds(rule(), 1), 29, 31, 31, 20, 29, 14, 20, 31) == "-T---L-T"


def test_a_limit_from_below_works_the_other_way_round() -> None:
    assert story(Holds(rule(above=None), 1), 11, 9, 12, 14, 16, 9) == "-T--LT"


def test_a_value_must_stand_beyond_the_limit_for_the_whole_hold_time() -> None:
    assert story(Holds(rule(hold_s=180), 1), 31, 31, 20, 31, 31, 31, 31) == "------T"


def test_a_missing_reading_proves_nothing() -> None:
    nan = float("nan")
    assert story(Holds(rule(), 1), nan, 31, nan, nan, 14) == "-T--L"
    assert story(Holds(rule(hold_s=120), 1), 31, nan, 31) == "--T"


def test_a_hold_that_only_somebody_on_site_can_end_outlasts_its_cause() -> None:
    holds = Holds(rule(release=Release.SITE), 1)
    assert story(holds, 31, 1, 1, 1) == "T---"
    assert holds.holds[0]


def test_a_rule_that_gave_way_waits_until_its_cause_was_gone_once() -> None:
    holds = Holds(rule(), 1)
    assert story(holds, 31) == "T"
    holds.give_way(0)
    assert story(holds, 31, 31, 20, 31, 14, 31, start=1) == "-----T"


def test_a_rule_that_is_no_longer_in_force_lets_go() -> None:
    holds = Holds(rule(), 1)
    assert story(holds, 31) + story(holds, 31, 31, in_force=False, start=1) == "TL-"
    assert story(holds, 31, start=3) == "T"


def test_a_cause_is_told_with_reading_and_limit() -> None:
    assert rule().cause(31.25) == "x = 31.25 above 30"
    assert rule(above=None).cause(9.0) == "x = 9 below 10"
