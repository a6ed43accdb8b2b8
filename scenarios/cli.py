"""The command line: what a person types, and what the shell gets back.

Exit status: 0 all held, 1 an expectation failed, 2 wrong declaration or usage, 3 something outside failed, 130 Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from datahub.contract.errors import CitybrainError

app = typer.Typer(
    name="citybrain",
    help="The reference simulation of the city brain: sensors over real MQTT, a hub, a brain, an operations centre.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Set = Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Overlay on the scenario; repeat.")]
City = Annotated[str | None, typer.Option(help="City to run in; 'citybrain list cities' names them.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the run: same seed, same story.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


def main() -> None:
    """Run the command line; errors of the project become one sentence and an exit status."""
    from scenarios.live.logs import hush

    hush()
    try:
        app(standalone_mode=True)
    except CitybrainError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"citybrain: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


@app.command()
def run(
    scenario: Annotated[str, typer.Argument(help="Name of the scenario; 'citybrain list scenarios' names them.")],
    city: City = None,
    seed: Seed = 0,
    bus: Annotated[str, typer.Option(help="local, mqtt (embedded broker) or mqtt://host:port.")] = "local",
    duration: Annotated[str | None, typer.Option("--for", help="How long, such as 6h; default: as declared.")] = None,
    settings: Set = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results.")] = None,
    json: Json = False,
) -> None:
    """Run a scenario in virtual time, as fast as it goes, and judge it."""
    from scenarios.scenario import configured
    from scenarios.wires import answers

    asked = configured(scenario, city=city, duration=duration, settings=settings or [])
    answers(bus)
    # only now, as it loads the simulation: nobody waits for that to be told of a typo
    from scenarios.run import run_scenario

    held = run_scenario(scenario, asked, seed=seed, bus=bus, out=out, json=json)
    raise typer.Exit(0 if held else 1)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="cities, scenarios, kinds, actuators, plans, vendors or departments.")],
) -> None:
    """Say what exists."""
    from scenarios.listing import listing

    head, rows = listing(what)
    _show(head, rows)


@app.command()
def describe(
    what: Annotated[str, typer.Argument(help="wire, or a kind of device; 'citybrain list kinds' names them.")],
) -> None:
    """Print the wire as an AsyncAPI document, or a kind of device as a W3C WoT Thing Model."""
    from scenarios.describe import describe as described

    typer.echo(described(what))


@app.command()
def check() -> None:
    """Validate every declaration: cities, departments, plans, scenarios, kinds, thresholds."""
    from scenarios.check import check_all

    for line in check_all():
        typer.echo(line)


@app.command()
def config() -> None:
    """Print the settings in force and where each comes from."""
    from scenarios.settings import origins

    _show(("setting", "value", "from", "meaning"), origins())


def _show(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table; where no person is looking, as wide as it needs, for a program reads whole names."""
    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.measure(table, options=console.options.update(width=10_000)).maximum, 1)
    console.print(table)


@app.command()
def new(
    what: Annotated[str, typer.Argument(help="kind, department, plan or scenario.")],
    name: Annotated[str, typer.Argument(help="Its name, lower_case.")],
    city: City = None,
) -> None:
    """Write a first version of a declaration that passes its family's test."""
    from scenarios.scaffold import scaffold

    for path in scaffold(what, name, city=city):
        typer.echo(path)


@app.command()
def bench(
    what: Annotated[str, typer.Argument(help="crash, fuzz, http, ingest, latency, memory, read or simulate.")],
    scale: Annotated[
        float,
        typer.Option(
            help="Share of the numerous kinds (simulate), the year of hours (read), ten million readings (memory)."
        ),
    ] = 1.0,
    kills: Annotated[int, typer.Option(help="How often the hub is killed (crash).", min=1)] = 30,
    messages: Annotated[int, typer.Option(help="How much rubbish is sent (fuzz, http).", min=1)] = 1_000_000,
    city: City = None,
    seed: Seed = 1,
    json: Json = False,
) -> None:
    """Measure, as ratios taken in one run; or kill hub and brokers and see whether the books balance."""
    from scenarios.bench.bench import bench as measure

    text, held = measure(what, scale=scale, city=city, json=json, kills=kills, messages=messages, seed=seed)
    typer.echo(text)
    if not held:
        raise typer.Exit(1)


@app.command()
def broker(
    folder: Annotated[Path, typer.Argument(help="Folder for mosquitto's configuration, passwords, rights and keys.")],
    city: City = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the platform's databases.")] = None,
    host: Annotated[str, typer.Option(help="Address that the broker listens on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for names with a secret, TLS.", min=1, max=65535)] = 8883,
    certificate_port: Annotated[int, typer.Option(help="Port for client certificates.", min=1, max=65535)] = 8884,
    revoke: Annotated[str, typer.Option(help="End what this name has.")] = "",
    certify: Annotated[str, typer.Option(help="Make out a client certificate to this name; ends its secret.")] = "",
    days: Annotated[
        int, typer.Option(help="What is issued now is good for so many days; 0: secrets for ever.", min=0, max=3650)
    ] = 0,
) -> None:
    """Write the files with which mosquitto lets every node say and hear what is its own, and nothing else."""
    from datahub.contract.clock import wall_ms
    from scenarios.live.broker_setup import Listening, set_up

    at = Listening(host, port, certificate_port)
    typer.echo(set_up(folder, city=city, data=data, at=at, revoke=revoke, certify=certify, days=days, now=wall_ms()))


@app.command()
def demo(
    city: City = None,
    port: Annotated[int | None, typer.Option(help="Port of the operations centre.")] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End when the scenario ends.")] = False,
    minutes: Annotated[float, typer.Option(help="How long the story should take [min].", min=0.5)] = 6.0,
    settings: Set = None,
) -> None:
    """Show the flagship scenario live: broker, field, hub, brain, vendors' stubs and operations centre."""
    from scenarios.live.demo import demonstrate

    raise typer.Exit(demonstrate(city=city, port=port, leave=leave, minutes=minutes, settings=settings or []))


@app.command()
def up(
    city: City = None,
    scenario: Annotated[str | None, typer.Option(help="Scenario that befalls the city; default: none.")] = None,
    seed: Seed = 0,
    speed: Annotated[float, typer.Option(help="City seconds per second.", min=0.1)] = 1.0,
    port: Annotated[int | None, typer.Option(help="Port of the API and the operations centre.")] = None,
    mqtt: Annotated[str | None, typer.Option(help="Broker, mqtt://host:port; default: the embedded one.")] = None,
    settings: Set = None,
) -> None:
    """Run the whole platform live until Ctrl-C."""
    from scenarios.live.supervisor import bring_up
    from scenarios.outcome import accounted

    ledger = bring_up(
        city=city, scenario=scenario, seed=seed, speed=speed, port=port, mqtt=mqtt, settings=settings or []
    )
    typer.echo(accounted(ledger.totals({})))
    raise typer.Exit(0 if ledger.closes else 1)


@app.command()
def field(
    scenario: Annotated[str, typer.Option(help="Scenario that befalls the city.")] = "calm_day",
    city: City = None,
    seed: Seed = 0,
    speed: Annotated[float, typer.Option(help="City seconds per second.", min=0.1)] = 1.0,
    mqtt: Annotated[str | None, typer.Option(help="Broker, mqtt://host:port.")] = None,
    stubs_port: Annotated[int, typer.Option(help="Port of the departments' systems (stubs).")] = 8100,
    settings: Set = None,
    minutes: Annotated[float | None, typer.Option(help="Adapt the speed so that the story takes this long.")] = None,
    platform: Annotated[str, typer.Option(help="Where vendors' clouds post to.")] = "http://127.0.0.1:8000",
) -> None:
    """Run the simulated city alone: devices, people and departments' systems."""
    from scenarios.live.field_process import run_field
    from scenarios.live.logs import speak

    speak("field")
    raise typer.Exit(
        run_field(
            scenario,
            city=city,
            seed=seed,
            speed=speed,
            mqtt=mqtt,
            stubs_port=stubs_port,
            settings=settings or [],
            minutes=minutes,
            platform=platform,
        )
    )


@app.command("city")
def city_(
    city: City = None,
    scale: Annotated[float, typer.Option(help="Scale of the asset register.")] = 1.0,
    port: Annotated[int | None, typer.Option(help="Port of the API and the operations centre.")] = None,
    mqtt: Annotated[str | None, typer.Option(help="Broker, mqtt://host:port.")] = None,
    stubs: Annotated[str, typer.Option(help="Base URL of the departments' systems.")] = "http://127.0.0.1:8100",
    data: Annotated[Path | None, typer.Option(help="Folder of the databases.")] = None,
    bridges: Annotated[bool, typer.Option("--bridges", help="Hear the vendors' clouds that the city lists.")] = False,
) -> None:
    """Run the platform alone: hub, brain, API and operations centre."""
    from scenarios.live.city_process import run_city
    from scenarios.live.logs import speak

    speak("city")
    raise typer.Exit(run_city(city=city, scale=scale, port=port, mqtt=mqtt, stubs=stubs, data=data, bridges=bridges))
