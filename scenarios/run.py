"""``citybrain run``: one scenario from its declaration to its report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from datahub.contract.city import City
from datahub.contract.clock import DAY_MS, SECOND_MS, duration_ms, to_local
from datahub.contract.errors import OutsideError
from scenarios import scenario as declared
from scenarios import simulation
from scenarios.claim import FILE as LOCK
from scenarios.claim import claimed
from scenarios.expect import in_words, judge
from scenarios.judge import alarms_of, cases_of, incident_of, kpis_of, lamps_of, told, warnings_of
from scenarios.outcome import LedgerTotals, Outcome, manifest
from scenarios.report.report import Source, write_report
from scenarios.scenario import Scenario
from scenarios.settings import load as load_settings
from scenarios.simulation import Story
from scenarios.spoken import spoken
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript

FILES: Final = ("outcome.json", "report.html", "transcript.jsonl")
"""What a run leaves in its folder, beside the databases."""


def run_scenario(name: str, scenario: Scenario, *, seed: int, bus: str, out: Path | None, json: bool) -> bool:
    """Run, judge, and write ``outcome.json``, ``report.html`` and ``transcript.jsonl``.

    Args:
        scenario: the scenario of that name, as asked for.

    Returns:
        Whether every expectation held.
    """
    folder = out or load_settings().runs / f"{name}-{seed}"
    place = load_city(scenario.city, scale=scenario.scale)
    with claimed(folder, remedy="choose another folder with --out"):
        prepared(folder)
        try:
            outcome = _run(name, scenario, place, folder, seed=seed, bus=bus, quiet=json)
        except BaseException:
            if out is None:
                _clear(folder)
            raise
    if json:
        sys.stdout.write(_text(outcome))
    else:
        _say(outcome, folder)
    return outcome.held


def _run(name: str, scenario: Scenario, place: City, folder: Path, *, seed: int, bus: str, quiet: bool) -> Outcome:
    """Run into a folder that is ours."""
    outcome: Outcome | None = None
    reached = scenario.start - scenario.listens

    def conclude(story: Story) -> None:
        nonlocal outcome
        outcome = outcome_of(name, scenario, place, story, seed=seed, bus=bus)
        source = Source(story.said, story.platform.hub.queries, story.outside.begins, int(story.outside.env.now))
        write_report(folder / "report.html", outcome, scenario, place, source)

    def progress(part: float, t: int) -> None:
        nonlocal reached
        reached = t
        show(part, t)

    try:
        with Transcript.at(folder / "transcript.jsonl") as transcript, progress_bar(quiet=quiet) as show:
            simulation.simulate(
                scenario,
                place,
                seed=seed,
                bus=bus,
                transcript=transcript,
                directory=folder / "store",
                judge=conclude,
                progress=progress,
            )
    except KeyboardInterrupt:
        typer.echo(f"stopped {_so_far(scenario, reached)}; nothing was judged", err=True)
        raise
    assert outcome is not None
    (folder / "outcome.json").write_text(_text(outcome), encoding="utf-8")
    return outcome


def _text(outcome: Outcome) -> str:
    """The outcome as it lies in its file."""
    return msgspec.json.format(msgspec.json.encode(outcome), indent=2).decode() + "\n"


def _so_far(scenario: Scenario, reached: int) -> str:
    """How far a story has come at ``reached`` [ms]."""
    since = reached - scenario.start
    if since >= 0:
        return f"at {spoken(since)} of {spoken(scenario.length)}"
    return f"in the warm-up, at {spoken(since + scenario.listens)} of {spoken(scenario.listens)}"


def _clear(folder: Path) -> None:
    """Take away what a run without an outcome has left; what is not of a run stays."""
    store = folder / "store"
    for file in [*store.glob("*"), *(folder / f for f in (*FILES, LOCK))]:
        file.unlink(missing_ok=True)
    for empty in (store, folder):
        with suppress(OSError):
            empty.rmdir()


def prepared(folder: Path) -> None:
    """The folder of a run, empty of an earlier run's files.

    Raises:
        OutsideError: if it cannot be written.
    """
    try:
        store = folder / "store"
        store.mkdir(parents=True, exist_ok=True)
        for file in [*store.iterdir(), *(folder / f for f in FILES)]:
            file.unlink(missing_ok=True)
    except OSError as error:
        raise OutsideError(f"cannot write to {folder} ({error.strerror}); choose another folder with --out") from error


def outcome_of(name: str, scenario: Scenario, city: City, story: Story, *, seed: int, bus: str) -> Outcome:
    """What came of a run, every expectation judged."""
    begins = story.outside.begins
    incidents = told(story.said)
    tally = story.platform.hub.queries.ledger()
    bridges = story.platform.bridges
    published, in_flight = story.outside.ledger(bridged=bridges.numbered if bridges is not None else 0)
    outcome = Outcome(
        scenario=name,
        city=city.name,
        seed=seed,
        bus=bus,
        starts=to_local(begins),
        simulated_s=(int(story.outside.env.now) - begins) / SECOND_MS,
        wall_s=round(story.wall_s, 3),
        digest=story.transcript.digest,
        ledger=LedgerTotals(
            published=published,
            stored=tally.stored,
            rejected=tally.rejected,
            in_flight=in_flight - story.platform.hub.queries.ahead(),
            received=tally.received,
            duplicate=tally.duplicate,
            unattributed=tally.unattributed,
            by_reason=dict(sorted(tally.by_reason.items())),
            lost=tally.lost,
        ),
        devices=story.outside.devices,
        incidents=[incident_of(it, begins=begins) for it in incidents.values()],
        cases=cases_of(story.said, story.truth),
        warnings=[warning for it in incidents.values() for warning in warnings_of(it, begins=begins)],
        kpis=kpis_of(incidents, story.truth),
        expectations=[],
        manifest=manifest(city.hash),
    )
    days = (int(story.outside.env.now) - begins) / DAY_MS
    warmup = duration_ms(scenario.warmup.duration) if scenario.warmup else 0
    heard_s = (int(story.outside.env.now) - begins + warmup) / SECOND_MS
    outcome.kpis |= lamps_of(story.said, story.truth) | story.platform.brain.attentive(heard_s)
    outcome.kpis |= alarms_of(story.said, devices=outcome.devices, days=days)
    outcome.kpis |= story.edges.kpis()
    cut = scenario.length < declared.load(name).length
    outcome.expectations = judge(outcome, scenario.expect, ended=spoken(scenario.length) if cut else "")
    return outcome


@contextmanager
def progress_bar(*, quiet: bool) -> Iterator[simulation.Progress]:
    """A progress bar with the city's clock, where a person is looking."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda part, t: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=1.0)
        yield lambda part, t: bar.update(task, completed=part, description=to_local(t)[:16].replace("T", " "))


def _say(outcome: Outcome, folder: Path) -> None:
    held = sum(expectation.held for expectation in outcome.expectations)
    for expectation in outcome.expectations:
        if not expectation.held:
            typer.echo(in_words(expectation))
    for incident in outcome.incidents:
        closed = "open" if incident.closed_s is None else f"closed after {incident.closed_s / 3600:.1f} h"
        typer.echo(f"incident {incident.id}: level {incident.level}, {closed}, {len(incident.tasks)} tasks")
    typer.echo(
        f"{outcome.scenario} in {outcome.city}, seed {outcome.seed}: {held} of {len(outcome.expectations)} expectations"
        f" held; {outcome.simulated_s / 3600:g} h in {outcome.wall_s:.1f} s; digest {outcome.digest[:16]}"
    )
    typer.echo(f"report: {folder / 'report.html'}")
