"""The story of a cabinet whose line is cut: in both cities it keeps the street safe and loses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from brain.model import AlarmRaised
from datahub.contract.codes import AckStatus
from scenarios import scenario as declared
from scenarios import simulation
from scenarios.outcome import Outcome
from scenarios.run import outcome_of
from scenarios.simulation import Story
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript

NAME = "edge_uplink_cut"


def played(folder: Path, city: str, *, seed: int = 1, **overlay: object) -> tuple[Outcome, dict[str, list[str]]]:
    """Outcome of the story, and what the platform knows of orders, refusals and alarms."""
    scenario = declared.load(NAME, overlay={"city": city, **overlay})
    place = load_city(city, scale=scenario.scale)
    found: list[tuple[Outcome, dict[str, list[str]]]] = []

    def conclude(story: Story) -> None:
        commands, queries = story.platform.hub.commands, story.platform.hub.queries
        known = [commands.status(id_) for ids in story.given.ids.values() for id_ in ids]
        facts = {
            "rejected": [it.detail for it in known if it is not None and it.status is AckStatus.REJECTED],
            "acted": [row.detail for row in queries.audit(limit=1_000) if row.action == "acted_locally"],
            "alarms": [it.kind for it in story.said if isinstance(it, AlarmRaised)],
        }
        found.append((outcome_of(NAME, scenario, place, story, seed=seed, bus="local"), facts))

    with Transcript.at(folder / "transcript.jsonl") as transcript:
        simulation.simulate(
            scenario, place, seed=seed, bus="local", transcript=transcript, directory=None, judge=conclude
        )
    return found[0]


def missed(outcome: Outcome) -> set[str]:
    return {it.name for it in outcome.expectations if not it.held}


@pytest.mark.parametrize("city", ["harbour", "zhuhai"])
def test_a_cabinet_acts_while_its_line_is_cut_and_comes_to_terms_afterwards(tmp_path: Path, city: str) -> None:
    outcome, facts = played(tmp_path, city)
    assert missed(outcome) == set()
    (refusal,) = facts["rejected"]
    assert "held at 0 by rule 'residual_current' since 2025-06-10T21:31:00+08:00" in refusal
    assert any("leakage_current_a" in it and "without uplink" in it for it in facts["acted"])
    assert "pole_leakage" in facts["alarms"], "the city learns of the leak when the line is back"


def test_without_rules_the_lamp_leaks_on_and_the_expectations_say_so(tmp_path: Path) -> None:
    outcome, facts = played(tmp_path, "harbour", edge=[])
    assert missed(outcome) >= {"kpis.edge_response_s", "kpis.edge_acted", "kpis.edge_orders_refused"}
    assert outcome.ledger.closes
    assert outcome.kpis["edge_gap_s"] == 300, "readings are not lost by a plain gateway either"
    assert facts["acted"] == []


def test_a_cabinet_that_also_loses_its_power_loses_no_reading_that_it_took(tmp_path: Path) -> None:
    cut = {"kind": "uplink_cut", "after": "20m", "lasts": "1h"}
    same = {"same_feeder_as": 0}
    dark = {"kind": "feeder_failure", "after": "40m", "where": same}
    outcome, _ = played(tmp_path, "harbour", seed=3, disturbance=[cut, dark], order=[], expect={})
    assert outcome.ledger.closes
    assert outcome.ledger.stored > 0
    assert outcome.cases["false"] == 0
