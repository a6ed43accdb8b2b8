"""What came of a run, held against what must come of it."""

from __future__ import annotations

import pytest

from datahub.contract.clock import HOUR_MS, MINUTE_MS
from scenarios.expect import Expectation, in_words, judge
from scenarios.outcome import LedgerTotals, Outcome, manifest
from scenarios.spoken import spoken


def outcome() -> Outcome:
    return Outcome(
        scenario="water_main_burst",
        city="harbour",
        seed=0,
        bus="local",
        starts="2025-06-10T18:00:00+08:00",
        simulated_s=108_000.0,
        wall_s=1.0,
        digest="",
        ledger=LedgerTotals(3, 3, 0, 0, 3, 0, 0, {}),
        devices=3,
        incidents=[],
        cases={},
        warnings=[],
        kpis={"location_rank": 2.0},
        expectations=[],
        manifest=manifest(""),
    )


def test_what_a_shortened_run_could_not_come_to_is_not_judged_and_not_held() -> None:
    expect = {
        "incidents.0.record.lost_m3": Expectation(at_most=5_000.0),
        "kpis.location_rank": Expectation(at_most=1.0),
        "kips.location_rank": Expectation(at_most=5.0),
    }
    judged = judge(outcome(), expect, ended=spoken(30 * HOUR_MS))
    assert [each.held for each in judged] == [False, False, False]
    assert [in_words(each) for each in judged] == [
        "failed: incidents.0.record.lost_m3, expected ≤ 5000 (not judged: the run ended at 30 h)",
        "failed: kpis.location_rank is 2.0, expected ≤ 1",
        "failed: kips.location_rank is None, expected ≤ 5 (no such value in the outcome; did you mean "
        "kpis.location_rank?)",
    ]


@pytest.mark.parametrize(
    ("length", "words"),
    [(130 * MINUTE_MS, "2 h 10 min"), (24 * HOUR_MS, "24 h"), (5 * MINUTE_MS, "5 min"), (0, "0 min")],
)
def test_a_length_of_time_is_said_to_the_minute(length: int, words: str) -> None:
    assert spoken(length) == words
