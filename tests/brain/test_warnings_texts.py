"""Warnings speak CAP's words, name whom they are for, and promise nothing that was not filled in."""

from __future__ import annotations

import pytest

from brain.warnings.compose import SEVERITY, Audience, Cause, read_texts, texts, water_back, water_off
from brain.warnings.span import in_words, round_up_h
from datahub.contract.codes import AlertStatus, Certainty, Severity, Urgency
from datahub.contract.errors import DeclarationError

AUDIENCE = Audience({"440402001001": 1200, "440402001002": 300}, "甲社区、乙社区", "Jia, Yi")


def cause(level: int) -> Cause:
    return Cause(event="e", step="warn_sms", level=level, hours=36)


@pytest.mark.parametrize(("level", "severity"), [(1, "Extreme"), (2, "Severe"), (3, "Moderate"), (4, "Minor")])
def test_the_graver_the_level_the_graver_the_warning(level: int, severity: str) -> None:
    warning = water_off(cause(level), AUDIENCE, id="w", channel="sms", t=7)
    assert (warning.severity, warning.urgency, warning.certainty) == (severity, Urgency.IMMEDIATE, Certainty.OBSERVED)
    assert warning.status is AlertStatus.EXERCISE
    assert len(SEVERITY) == 4


def test_the_text_names_places_people_and_how_long_in_both_languages() -> None:
    warning = water_off(cause(2), AUDIENCE, id="w", channel="sms", t=7)
    assert (warning.people, warning.communities) == (1500, ("440402001001", "440402001002"))
    for word in ("甲社区、乙社区", "1500", "约一天半内"):
        assert word in warning.zh
    for word in ("Jia, Yi", "1500", "within about a day and a half"):
        assert word in warning.en
    assert "{" not in warning.zh + warning.en


@pytest.mark.parametrize(
    ("hours", "rounded", "zh", "en"),
    [
        (0, 1, "1小时", "an hour"),
        (3.2, 4, "4小时", "4 hours"),
        (23, 23, "23小时", "23 hours"),
        (23.5, 24, "一天", "a day"),
        (24.1, 36, "一天半", "a day and a half"),
        (36.5, 48, "两天", "two days"),
        (60, 60, "两天半", "two and a half days"),
        (264, 264, "11天", "11 days"),
    ],
)
def test_a_promise_is_no_more_precise_than_what_is_known(hours: float, rounded: int, zh: str, en: str) -> None:
    assert round_up_h(hours) == rounded
    assert in_words(rounded) == (zh, en)


def test_the_all_clear_is_past_and_minor_whatever_it_was() -> None:
    warning = water_back(cause(1), AUDIENCE, id="w", channel="sms", t=7)
    assert (warning.severity, warning.urgency) == (Severity.MINOR, Urgency.PAST)
    assert warning.promised_s == 0


def test_every_declared_text_says_that_it_is_an_exercise() -> None:
    for text in texts().values():
        assert text.zh.startswith("【演练】")
        assert text.en.startswith("EXERCISE.")


@pytest.mark.parametrize(
    ("content", "rule", "line"),
    [
        ('[a]\nzh = "x"\n', "missing required field `en`", 1),
        ('[b]\nzh = "x"\nen = "x"\n[a]\nzh = "{who}"\nen = "x"\n', "asks for who", 5),
    ],
)
def test_a_text_that_cannot_be_filled_in_is_refused_with_its_line(content: str, rule: str, line: int) -> None:
    with pytest.raises(DeclarationError, match=rule) as refused:
        read_texts(content, file="texts.toml")
    assert refused.value.line == line
