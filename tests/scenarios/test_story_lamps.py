"""A night in the tiny town: a lamp and a feeder really fail, links are lost, and every case filed is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain.model import CaseFiled
from scenarios import scenario as declared
from scenarios import simulation
from scenarios.run import outcome_of
from scenarios.simulation import Story
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript

LINKS_LOST = {"late": 0.03, "late_s": 3600.0}


def night(folder: Path, *, disturbance: list[dict[str, str]]) -> tuple[dict[str, int], list[str]]:
    """Cases of four hours from half past eight in the evening: counts, and the types filed."""
    overlay = {
        "city": "harbour",
        "starts": "2025-06-10T20:30:00+08:00",
        "duration": "4h",
        "warmup": {"duration": "5m", "kinds": []},
        "faults": LINKS_LOST,
        "disturbance": disturbance,
    }
    scenario = declared.load("calm_day", overlay=overlay)
    city = load_city("harbour")
    result: list[tuple[dict[str, int], list[str]]] = []

    def conclude(story: Story) -> None:
        outcome = outcome_of("calm_day", scenario, city, story, seed=3, bus="local")
        result.append((outcome.cases, [message.type for message in story.said if isinstance(message, CaseFiled)]))

    with Transcript.at(folder / "transcript.jsonl") as transcript:
        simulation.simulate(scenario, city, seed=3, bus="local", transcript=transcript, directory=None, judge=conclude)
    return result[0]


def test_lost_links_alone_make_no_case(tmp_path: Path) -> None:
    cases, _ = night(tmp_path, disturbance=[])
    assert cases["false"] == 0


@pytest.mark.parametrize(("kind", "case"), [("lamp_failure", "lamp_dark"), ("feeder_failure", "feeder_dark")])
def test_what_really_fails_is_filed_for_what_it_is(tmp_path: Path, kind: str, case: str) -> None:
    cases, types = night(tmp_path, disturbance=[{"kind": kind, "after": "30m"}])
    assert case in types
    assert cases["false"] == 0
    assert cases["true"] == len(types)
