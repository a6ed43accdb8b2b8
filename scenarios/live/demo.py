"""``citybrain demo``: the flagship scenario live, told in a few minutes, with a report at the end."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import typer

from brain.records import Records
from datahub.connector import Exchange
from datahub.contract.city import City
from datahub.contract.clock import SECOND_MS, duration_ms, elapsed_s, to_local
from datahub.contract.errors import OutsideError
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from scenarios import outside as field_side
from scenarios import platform as city_side
from scenarios.claim import claimed
from scenarios.exchange import DirectExchange
from scenarios.judge import incident_of, told, warnings_of
from scenarios.live.supervisor import Ledger, bring_up, look_ahead
from scenarios.outcome import Outcome, accounted, manifest
from scenarios.report.report import Source, write_report
from scenarios.run import progress_bar
from scenarios.scenario import Scenario, configured
from scenarios.settings import Settings
from scenarios.settings import load as load_settings
from scenarios.simulation import quantum
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.field import QUANTUM_MS
from sensors.kind import load_kinds

SCENARIO, SEED, SCALE = "water_main_burst", 7, 0.02


def demonstrate(*, city: str | None, port: int | None, leave: bool, minutes: float, settings: Sequence[str]) -> int:
    """Learn what is normal, then tell the story live; the report lies beside the databases at the end.

    Until then the report of an earlier demo stays.
    """
    chosen, laid_on = load_settings(city=city, port=port), [f"scale={SCALE}", *settings]
    scenario = configured(SCENARIO, city=chosen.city, duration=None, settings=laid_on)
    look_ahead(chosen)
    town = load_city(scenario.city, scale=scenario.scale)
    folder = chosen.runs / f"demo-{town.name}"
    with claimed(folder, remedy="end that one first, or set CITYBRAIN_RUNS to another folder"):
        return _demonstrate(scenario, town, folder, chosen=chosen, settings=laid_on, leave=leave, minutes=minutes)


def _demonstrate(
    scenario: Scenario,
    town: City,
    folder: Path,
    *,
    chosen: Settings,
    settings: Sequence[str],
    leave: bool,
    minutes: float,
) -> int:
    store = folder / "store"
    try:
        if store.exists():
            shutil.rmtree(store)
        store.mkdir()
    except OSError as error:
        raise OutsideError(
            f"cannot write to {store} ({error.strerror}); set CITYBRAIN_RUNS to a folder of yours"
        ) from error
    devices = sum(len(sites(town, kind)) for kind in load_kinds().values())
    typer.echo(f"{town.zh} {town.en} at scale {scenario.scale:g}: {devices:,} devices (1 is all; --set scale=...).")
    typer.echo(f"The platform listens to {_warmup(scenario)} of ordinary operation first.")
    published, in_flight = learn(scenario, town, store)
    since = elapsed_s()
    ledger = bring_up(
        city=chosen.city,
        scenario=SCENARIO,
        seed=SEED,
        speed=60.0,
        port=chosen.port,
        mqtt=None,
        settings=settings,
        data=store,
        minutes=minutes,
        leave=leave,
    )
    ledger = replace(ledger, published=ledger.published + published, in_flight=ledger.in_flight + in_flight)
    outcome = conclude(scenario, town, store, ledger, wall_s=elapsed_s() - since)
    typer.echo(in_words(outcome))
    typer.echo(f"report: {folder / 'report.html'}")
    return 0 if ledger.closes else 1


def in_words(outcome: Outcome) -> str:
    """What came of the story, and whether every reading is accounted for."""
    lines = []
    for it in outcome.incidents:
        ended = "still open" if it.closed_s is None else f"closed after {it.closed_s / 3600:.1f} h"
        level = "not graded" if it.level is None else f"level {'I' * it.level if it.level < 4 else 'IV'}"
        lines.append(f"{it.type}: {level}, {ended}, {len(it.tasks)} tasks")
    return "\n".join([*lines, accounted(outcome.ledger)])


def _warmup(scenario: Scenario) -> str:
    return scenario.warmup.duration if scenario.warmup else "no time"


def learn(scenario: Scenario, city: City, store: Path) -> tuple[int, int]:
    """Let the platform hear the warm-up in virtual time and keep what it learned in its databases.

    Returns:
        Readings published, and those of them that nobody had acknowledged at the end (some of them may be durable
        beyond a gap: the hub goes on counting these as ``ahead``).
    """
    if scenario.warmup is None:
        return 0, 0
    bus = LocalBus()
    quiet = scenario.model_copy(update={"disturbance": ()})
    outside = field_side.assemble(quiet, city, bus.field_end, seed=SEED)
    start = int(outside.env.now)
    exchange: Exchange = DirectExchange(outside.stubs, Seeds(SEED))
    platform = city_side.assemble(city, bus.city_end, exchange, directory=store, start=start)
    outside.begin()
    length = duration_ms(scenario.warmup.duration)
    with progress_bar(quiet=False) as progress:
        for t in range(start + QUANTUM_MS, start + length + 1 - QUANTUM_MS, QUANTUM_MS):
            quantum(outside, platform, t)
            progress((t - start) / length, t)
    platform.close()
    return outside.field.ledger()


def conclude(scenario: Scenario, city: City, store: Path, ledger: Ledger, *, wall_s: float) -> Outcome:
    """Read the story back from the platform's own books, and write outcome and report."""
    hub = Hub(city.name, city.adcode, store, LocalBus().city_end, strict=True)
    said = [message for message in Records(hub.store).said(last=1_000_000) if message.t >= scenario.start]
    incidents, begins = told(said), scenario.start
    ends = hub.now or begins
    outcome = Outcome(
        scenario=SCENARIO,
        city=city.name,
        seed=SEED,
        bus="mqtt, live",
        starts=to_local(begins),
        simulated_s=(ends - begins) / SECOND_MS,
        wall_s=round(wall_s, 1),
        digest="",
        ledger=ledger.totals(hub.queries.ledger().by_reason),
        devices=len(hub.registry),
        incidents=[incident_of(it, begins=begins) for it in incidents.values()],
        cases={},
        warnings=[warning for it in incidents.values() for warning in warnings_of(it, begins=begins)],
        kpis={},
        expectations=[],
        manifest=manifest(city.hash),
    )
    folder = store.parent
    write_report(folder / "report.html", outcome, scenario, city, Source(said, hub.queries, begins, ends))
    (folder / "outcome.json").write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=2))
    hub.close()
    return outcome
