"""One seed, one story: whole runs of the invented town, over every wire, judged and written down."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scenarios.run import run_scenario
from scenarios.scenario import configured

sys.path.insert(0, str(Path(__file__).parents[1] / "wire"))
from wire_brokers import mosquitto  # the same mosquitto as the tests of the wire

SHORT = ["warmup.duration=1h", "disturbance.0.after=20m"]


@dataclass(frozen=True)
class Ran:
    held: bool
    outcome: dict[str, Any]
    transcript: bytes
    folder: Path


def run(folder: Path, *, seed: int = 7, bus: str = "local", duration: str = "1h", more: tuple[str, ...] = ()) -> Ran:
    asked = configured("water_main_burst", city="harbour", duration=duration, settings=[*SHORT, *more])
    held = run_scenario("water_main_burst", asked, seed=seed, bus=bus, out=folder, json=True)
    outcome = json.loads((folder / "outcome.json").read_bytes())
    return Ran(held, outcome, (folder / "transcript.jsonl").read_bytes(), folder)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("first"))


def test_the_same_seed_tells_the_same_story_twice(first: Ran, tmp_path: Path) -> None:
    again = run(tmp_path)
    assert again.transcript == first.transcript
    assert again.outcome["digest"] == first.outcome["digest"]
    differing = {key for key in first.outcome if first.outcome[key] != again.outcome[key]}
    assert differing <= {"wall_s"}


def test_another_seed_tells_another_story(first: Ran, tmp_path: Path) -> None:
    assert run(tmp_path, seed=8).outcome["digest"] != first.outcome["digest"]


def test_the_embedded_broker_carries_the_same_story(first: Ran, tmp_path: Path) -> None:
    ran = run(tmp_path, bus="mqtt")
    assert ran.transcript == first.transcript
    assert ran.outcome["ledger"] == first.outcome["ledger"]


def test_mosquitto_carries_the_same_story(first: Ran, tmp_path: Path) -> None:
    with mosquitto(tmp_path) as url:
        ran = run(tmp_path / "run", bus=url)
    assert ran.transcript == first.transcript
    assert ran.outcome["ledger"] == first.outcome["ledger"]


def test_the_outcome_has_exactly_the_keys_that_scripts_rely_on(first: Ran) -> None:
    words = "scenario city seed bus starts simulated_s wall_s digest ledger devices incidents cases warnings kpis"
    assert list(first.outcome) == [*words.split(), "expectations", "manifest"]
    ledger = "published stored rejected in_flight received duplicate unattributed by_reason"
    assert list(first.outcome["ledger"]) == ledger.split()
    assert list(first.outcome["manifest"]) == ["version", "python", "platform", "constraints", "city_hash"]
    assert all(list(one) == ["name", "expected", "actual", "held"] for one in first.outcome["expectations"])
    assert {"filed", "closed", "on_time"} <= set(first.outcome["cases"])


def test_both_equations_of_the_ledger_hold(first: Ran) -> None:
    it = first.outcome["ledger"]
    assert it["stored"] > 1_000
    assert it["published"] == it["stored"] + it["rejected"] + it["in_flight"]
    assert it["received"] == it["stored"] + it["rejected"] + it["duplicate"] + it["unattributed"]
    assert it["rejected"] + it["unattributed"] == sum(it["by_reason"].values())


def lines(ran: Ran) -> Iterator[dict[str, Any]]:
    yield from (json.loads(line) for line in ran.transcript.splitlines())


def test_the_transcript_is_in_event_time_and_counts_what_is_stored_every_hour(first: Ran) -> None:
    begins = 1_749_546_000_000  # 2025-06-10T17:00:00+08:00
    told = list(lines(first))
    assert all(begins < line["t"] <= begins + 3_600_000 for line in told)
    assert [line["t"] for line in told] == sorted(line["t"] for line in told)
    assert all(line["at"].startswith("2025-06-10T1") for line in told)
    hourly = [line for line in told if line["message"] == "ObservationsStored"]
    assert [line["t"] for line in hourly] == [begins + 3_600_000]
    assert hourly[0]["stored"] == first.outcome["ledger"]["stored"]
    assert len(hourly[0]["sha256"]) == 64


def test_an_expectation_that_fails_fails_the_run(tmp_path: Path) -> None:
    ran = run(tmp_path, duration="2m", more=('expect."incidents.count".equals=5',))
    assert not ran.held
    failed = [one["name"] for one in ran.outcome["expectations"] if not one["held"]]
    assert "incidents.count" in failed
    assert "✗ failed" in (ran.folder / "report.html").read_text(encoding="utf-8")


def test_the_report_needs_nothing_from_outside(first: Ran) -> None:
    page = (first.folder / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "src=" not in page
    assert "@import" not in page
    assert "<script" not in page
