"""The bands of the burst are narrow enough: with a broken model they do not hold, with the sound one they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from brain.algorithms.location import Ranking
from brain.awareness.supply import SupplyAnomaly, SupplyWatch
from datahub.contract.observations import Ints
from scenarios import simulation
from scenarios.outcome import Outcome
from scenarios.run import configured, outcome_of
from scenarios.simulation import Story
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript

#: Short: the loggers of the tiny town warm up for little more than the day they must, and the patrol ends the story.
LEARNED = "26h"
EARLY = (
    "ledger.closes",
    "incidents.count",
    "kpis.incidents_missed",
    "kpis.incidents_false",
    "kpis.detection_delay_s",
    "kpis.location_rank",
    "kpis.confirmed_right",
    "kpis.confirmation_delay_s",
    "kpis.level_gravest",
    "cases.false",
)
"""Expectations that can be judged before anybody digs."""


def told(folder: Path, *, warmup: str = LEARNED) -> Mapping[str, bool]:
    """Which of the early expectations hold after two hours and a quarter."""
    scenario = configured(
        "water_main_burst", city="harbour", duration="2h15m", settings=(f"warmup.duration={warmup}", "scale=0.05")
    )
    city = load_city("harbour", scale=scenario.scale)
    outcomes: list[Outcome] = []

    def conclude(story: Story) -> None:
        outcomes.append(outcome_of("water_main_burst", scenario, city, story, seed=1, bus="local"))

    with Transcript.at(folder / "transcript.jsonl") as transcript:
        simulation.simulate(scenario, city, seed=1, bus="local", transcript=transcript, directory=None, judge=conclude)
    held = {expectation.name: expectation.held for expectation in outcomes[0].expectations}
    return {name: held[name] for name in EARLY}


def test_the_sound_model_keeps_every_band_that_can_be_judged_early(tmp_path: Path) -> None:
    assert [name for name, held in told(tmp_path).items() if not held] == []


def test_a_location_turned_upside_down_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = SupplyWatch._found

    def upside_down(self: SupplyWatch, t: int, signal: Ints, ranking: Ranking) -> SupplyAnomaly:
        last = Ranking(ranking.pipe[::-1], ranking.weight, ranking.loss_m3_s[::-1], ranking.misfit[::-1])
        return sound(self, t, signal, last)

    monkeypatch.setattr(SupplyWatch, "_found", upside_down)
    assert "kpis.location_rank" in [name for name, held in told(tmp_path).items() if not held]


def test_a_watch_that_nothing_can_alarm_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SupplyWatch, "_judge", lambda self, deviation, meters, t: None)
    failed = [name for name, held in told(tmp_path, warmup="1h").items() if not held]
    assert {"incidents.count", "kpis.incidents_missed", "kpis.detection_delay_s"} <= set(failed)
