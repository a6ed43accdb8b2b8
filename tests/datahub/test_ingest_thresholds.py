"""Limits that the hub watches by itself, as declared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack

from datahub.contract.errors import DeclarationError
from datahub.events import AlarmClosed, AlarmOpened
from datahub.ingest.thresholds import Threshold, load


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    town.send(births(METER, devices=[101]), births(POST, devices=[201, 202], nodes=[GATEWAY, GATEWAY]))
    town.hub.tick(T0)
    yield town
    town.hub.close()


@pytest.mark.parametrize("threshold", load(), ids=lambda one: one.name)
def test_every_declared_limit_has_a_source_a_date_and_both_languages(threshold: Threshold) -> None:
    assert all((threshold.source, threshold.zh, threshold.en))
    assert threshold.date.year >= 2026
    assert threshold.zh != threshold.en


def test_an_alarm_opens_once_stays_between_the_limits_and_closes_behind_the_clearing_value(town: Town) -> None:
    said = []
    for step, leak in enumerate((0.010, 0.031, 0.050, 0.020, 0.015, 0.029)):
        t = T0 + (step + 1) * MINUTE
        town.send(pack(GATEWAY, [(201, "leakage_current_a", t, leak)], first=step))
        said += town.hub.tick(t)
    alarm = f"pole_leakage:201:{T0 + 2 * MINUTE}"
    assert said == [
        AlarmOpened(T0 + 2 * MINUTE, alarm, "pole_leakage", 201, "leakage_current_a", 0.031, 0.030, False),
        AlarmClosed(T0 + 5 * MINUTE, alarm, "pole_leakage", 201),
    ]
    assert town.hub.queries.alarms() == []


def test_within_one_tick_an_alarm_may_open_and_close_again(town: Town) -> None:
    readings = [(202, "leakage_current_a", T0 + n, leak) for n, leak in enumerate((0.5, 0.001, 0.5))]
    town.send(pack(GATEWAY, readings))
    kinds = [type(event) for event in town.hub.tick(T0 + MINUTE)]
    assert kinds == [AlarmOpened, AlarmClosed, AlarmOpened]
    assert [one.device for one in town.hub.queries.alarms()] == [202]


def test_an_impossible_value_raises_no_alarm(town: Town) -> None:
    town.send(pack(GATEWAY, [(201, "leakage_current_a", T0, 7.0)]))
    assert town.hub.tick(T0 + MINUTE) == []


def test_alarms_keep_to_their_device_when_others_are_born(town: Town) -> None:
    town.send(pack(GATEWAY, [(201, "leakage_current_a", T0, 0.5)]))
    town.hub.tick(T0 + MINUTE)
    town.send(births(METER, devices=[11, 12, 150]), births(POST, devices=[200], nodes=[GATEWAY]))
    town.send(
        pack(GATEWAY, [(200, "leakage_current_a", T0 + 1, 0.0), (201, "leakage_current_a", T0 + 1, 0.0)], first=1)
    )
    closed = [event for event in town.hub.tick(T0 + 2 * MINUTE) if isinstance(event, AlarmClosed)]
    assert [event.device for event in closed] == [201]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("above = 0.5\nbelow = 0.1", "exactly one of above and below"),
        ("above = 0.01", "clears at 0.02"),
        ("above = 0.5\nabout = 1", "about"),
        ('above = "high"', "above"),
    ],
)
def test_a_wrong_declaration_is_refused_with_its_place(change: str, complaint: str) -> None:
    text = (
        '[[threshold]]\nname = "x"\nkind = ""\nproperty = "leakage_current_a"\nclear = 0.02\nfault = false\n'
        f'zh = "漏"\nen = "leak"\nsource = "none"\ndate = 2026-01-01\nunverified = true\n{change}\n'
    )
    with pytest.raises(DeclarationError, match=complaint) as refused:
        load(text, file="mine.toml")
    assert "mine.toml" in str(refused.value)
