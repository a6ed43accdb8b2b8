"""The bands of the burst are narrow enough: with a broken model they do not hold, with the sound one they do."""

from __future__ import annotations

from collections.abc import Set
from datetime import date
from pathlib import Path

import pytest

from brain.algorithms.location import Ranking
from brain.awareness.supply import SupplyAnomaly, SupplyRules, SupplyWatch
from brain.parameter import bind
from datahub.contract.observations import Ints
from scenarios import simulation
from scenarios.outcome import Outcome
from scenarios.run import outcome_of
from scenarios.scenario import configured
from scenarios.simulation import Story
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript

LATE = {"kpis.closure_delay_s", "kpis.promise_ratio"}
"""Expectations that cannot be judged before the main is whole again, a day and a half later."""

NOBODY_CAME = {
    "kpis.location_rank",
    "kpis.confirmed_right",
    "kpis.confirmation_delay_s",
    "kpis.level_gravest",
    "kpis.warned_ratio",
    "kpis.warned_delay_s",
    "kpis.isolation_delay_s",
}
"""What does not come about while nobody has seen the hole."""


def learned_s() -> int:
    """An hour more than the watch declares it must learn before it judges anything [s]."""
    return round(bind(SupplyRules, "supply", day=date(2025, 6, 10)).learn_s) + 3600


def failed(folder: Path) -> Set[str]:
    """Which expectations that can be judged within two hours of the burst do not hold."""
    scenario = configured(
        "water_main_burst",
        city="harbour",
        duration="2h30m",
        settings=(f"warmup.duration={learned_s()}s", "scale=0.2", "disturbance.0.after=30m"),
    )
    city = load_city("harbour", scale=scenario.scale)
    outcomes: list[Outcome] = []

    def conclude(story: Story) -> None:
        outcomes.append(outcome_of("water_main_burst", scenario, city, story, seed=1, bus="local"))

    with Transcript.at(folder / "transcript.jsonl") as transcript:
        simulation.simulate(scenario, city, seed=1, bus="local", transcript=transcript, directory=None, judge=conclude)
    judged = {expectation.name: expectation.held for expectation in outcomes[0].expectations}
    assert judged.keys() > LATE | NOBODY_CAME
    return {name for name, held in judged.items() if not held} - LATE


def test_the_sound_model_keeps_every_band_that_can_be_judged_early(tmp_path: Path) -> None:
    assert failed(tmp_path) == set()


def test_a_location_turned_upside_down_sends_the_patrol_astray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is noticed in time, but nobody finds it, and after the dismissal it is noticed again."""
    sound = SupplyWatch._found

    def upside_down(self: SupplyWatch, t: int, signal: Ints, ranking: Ranking) -> SupplyAnomaly:
        last = Ranking(ranking.pipe[::-1], ranking.weight, ranking.loss_m3_s[::-1], ranking.misfit[::-1])
        return sound(self, t, signal, last)

    monkeypatch.setattr(SupplyWatch, "_found", upside_down)
    assert failed(tmp_path) == NOBODY_CAME | {"incidents.count", "kpis.incidents_false"}


def test_a_watch_that_nothing_can_alarm_misses_the_burst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SupplyWatch, "_judge", lambda self, deviation, meters, t: None)
    missed = {"incidents.count", "kpis.incidents_missed", "kpis.detection_delay_s"}
    assert failed(tmp_path) == NOBODY_CAME | missed
