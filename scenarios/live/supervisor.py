"""Owns the processes of a live platform: broker, field and city; starts the city again when it dies."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO

import typer

from datahub.connectors.feeds import feeds
from datahub.contract.clock import MINUTE_MS, elapsed_s, to_local
from datahub.contract.errors import OutsideError, UsageError
from datahub.transport.address import Address
from datahub.transport.broker import EmbeddedBroker, free_port
from datahub.transport.connection import probe
from scenarios.live.serving import Proof, listening
from scenarios.live.stopping import Stop
from scenarios.outcome import LedgerTotals
from scenarios.scenario import configured
from scenarios.settings import Settings
from scenarios.settings import load as load_settings

_DESK_ONLY = "CITYBRAIN_AUTHORITY_PASSPHRASE"
"""Only ``citybrain broker`` needs it; it is no matter of processes that face the network."""

START_S = 120.0
"""How long a process may take until it says that it is up [s]."""

END_S = 40.0
"""How long a process may take to end cleanly before it is ended [s]."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Readings of a live run, counted at both ends of the wire."""

    published: int
    in_flight: int
    ahead: int
    stored: int
    rejected: int
    received: int
    duplicate: int
    unattributed: int
    lost: int = 0
    bridged: int = 0

    def totals(self, by_reason: Mapping[str, int]) -> LedgerTotals:
        """The outcome's form; what is stored but not yet acknowledged, or came by a bridge, is no longer in flight."""
        return LedgerTotals(
            published=self.published,
            stored=self.stored,
            rejected=self.rejected,
            in_flight=self.in_flight - self.ahead - self.bridged,
            received=self.received,
            duplicate=self.duplicate,
            unattributed=self.unattributed,
            by_reason=dict(sorted(by_reason.items())),
            lost=self.lost,
        )

    @property
    def closes(self) -> bool:
        """Whether both equations hold."""
        return self.totals({}).closes


@dataclass(slots=True)
class Child:
    """One process, and the lines of JSON that it says."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[str] | None = None
    said: list[dict[str, object]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it (again)."""
        self.said.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scenarios", *self.arguments],
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**{name: it for name, it in os.environ.items() if name != _DESK_ONLY}, **self.environment},
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process, self.process.stdout), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str], pipe: IO[str]) -> None:
        for line in pipe:
            with self._news:
                try:
                    self.said.append(json.loads(line))
                except json.JSONDecodeError:
                    self.said.append({"text": line.rstrip()})
                self._news.notify_all()
        process.wait()  # its last line comes before its end
        with self._news:
            self._news.notify_all()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def await_word(self, key: str, value: str, *, stop: Stop | None = None) -> dict[str, object]:
        """Wait until it says a line with ``key`` = ``value``.

        Raises:
            OutsideError: if it dies before, or says nothing in time.
            typer.Exit: if it gave up and has said why.
            KeyboardInterrupt: if somebody asks to ``stop`` meanwhile.
        """
        since, found = elapsed_s(), False
        while not found and elapsed_s() - since < START_S:
            if stop is not None and stop.asked:
                raise KeyboardInterrupt
            with self._news:
                found = self._news.wait_for(
                    lambda: any(line.get(key) == value for line in self.said) or not self.alive, 0.5
                )
        line = next((line for line in self.said if line.get(key) == value), None)
        if line is None:
            if self.status in (UsageError.exit_code, OutsideError.exit_code):
                raise typer.Exit(self.status)
            why = "did not say so in time" if self.alive else f"ended with status {self.status}"
            raise OutsideError(f"process '{self.name}' should have come up and {why}; see what it printed above")
        return line

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs."""
        return None if self.process is None else self.process.poll()

    def end(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process is None:
            return
        if self.alive:
            self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._reader is not None:
            self._reader.join(END_S)


@contextmanager
def running(child: Child) -> Iterator[Child]:
    """A process for as long as it is needed."""
    child.start()
    try:
        yield child
    finally:
        child.end()


def bring_up(
    *,
    city: str | None,
    scenario: str | None,
    seed: int,
    speed: float,
    port: int | None,
    mqtt: str | None,
    settings: Sequence[str],
    data: Path | None = None,
    minutes: float | None = None,
    leave: bool = False,
) -> Ledger:
    """Run broker, field and city until Ctrl-C, or until the scenario ends if ``leave``."""
    chosen = load_settings(city=city, port=port, mqtt=mqtt, data=data)
    look_ahead(chosen)
    stop, stubs = Stop(), free_port()
    with ExitStack() as stack:
        url = chosen.mqtt or stack.enter_context(EmbeddedBroker()).url
        common = {"CITYBRAIN_MQTT": url, **_cloud_secrets(chosen)}
        field_words = ["field", "--scenario", scenario or "calm_day", "--city", chosen.city, "--seed", str(seed)]
        field_words += ["--speed", str(speed), "--stubs-port", str(stubs)]
        field_words += [word for one in settings for word in ("--set", one)]
        field_words += ["--minutes", str(minutes)] if minutes else []
        city_words = ["city", "--city", chosen.city, "--scale", _scale(settings), "--port", str(chosen.port)]
        city_words += ["--stubs", f"http://127.0.0.1:{stubs}", "--data", str(chosen.data)]
        if configured(scenario or "calm_day", city=None, duration=None, settings=settings).bridges:
            city_words += ["--bridges"]
        town = stack.enter_context(running(Child("city", city_words, common)))
        line = town.await_word("city", "up", stop=stop)
        field_words += ["--platform", str(line["url"])]
        field_words += _going_on(scenario or "calm_day", settings, reached=int(str(line["t"])))
        outside = stack.enter_context(running(Child("field", field_words, common)))
        outside.await_word("field", "up", stop=stop)
        typer.echo(f"operations centre: {line['url']}    (Ctrl-C ends)")
        _watch(town, outside, stop=stop, leave=leave)
        outside.end()
        town.end()
        return account(outside, town)


def look_ahead(chosen: Settings) -> None:
    """See that the port is free and a named broker answers, before anybody waits for either.

    Raises:
        OutsideError: if not.
        UsageError: if there is no certificate where one is named.
    """
    Proof.of(chosen.certificate, chosen.certificate_key)
    listening(chosen.host, chosen.port).close()
    if chosen.mqtt:
        probe(Address.of(chosen.mqtt), remedy="or name none (--mqtt, CITYBRAIN_MQTT), which takes the embedded one")


def _watch(town: Child, outside: Child, *, stop: Stop, leave: bool) -> None:
    """Wait for the end; a city that died is started again, for nothing that was acknowledged may be lost."""
    while not stop.wait(0.5):
        if not town.alive:
            typer.echo(f"city process ended with status {town.status}; starting it again", err=True)
            town.start()
            town.await_word("city", "up", stop=stop)
        if not outside.alive:
            if leave:
                return
            stop.wait(0.5)


def account(outside: Child, town: Child) -> Ledger:
    """Hold both sides' last words against each other.

    Raises:
        OutsideError: if a process did not end cleanly.
    """
    field_said = next((line for line in outside.said if line.get("field") == "down"), None)
    city_said = next((line for line in town.said if line.get("city") == "down"), None)
    if field_said is None or city_said is None:
        raise OutsideError("there is no ledger, because a process did not end cleanly; see what it printed above")
    both = {**field_said, **city_said}
    return Ledger(**{each.name: int(str(both[each.name])) for each in fields(Ledger)})


def _going_on(name: str, settings: Sequence[str], *, reached: int) -> list[str]:
    """Words that let a city whose databases have come to ``reached`` [ms] live on from there; time never goes back."""
    if reached <= configured(name, city=None, duration=None, settings=settings).start:
        return []
    return ["--set", f"starts={to_local(reached + MINUTE_MS - reached % MINUTE_MS)}"]


def _cloud_secrets(chosen: Settings) -> dict[str, str]:
    """Secrets that both processes share with the clouds, which here are stubs: those that are set, else new ones."""
    shared = {vendor: secrets.token_urlsafe(24) for vendor in feeds()} | chosen.shared
    return {"CITYBRAIN_CLOUD_SECRETS": json.dumps(shared)}


def _scale(settings: Sequence[str]) -> str:
    """The scale that the scenario's overlay sets last, for both sides must survey the same city."""
    return next((one.partition("=")[2] for one in reversed(settings) if one.partition("=")[0] == "scale"), "1.0")
