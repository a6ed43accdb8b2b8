"""``citybrain city``: the platform alone, live: hub, brain, API and operations centre."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from brain.console.door import open_door
from brain.console.site import mount
from datahub.api.app import attach
from datahub.contract.city import City
from datahub.contract.clock import DAY_MS, elapsed_s, wall_ms
from datahub.contract.errors import UsageError
from datahub.contract.topics import Topics
from datahub.devices.assets import Assets
from datahub.transport.address import Address
from datahub.transport.connection import probe
from datahub.transport.mqtt import MqttCityBus
from scenarios.claim import claimed
from scenarios.exchange import HttpExchange
from scenarios.live.logs import Notes
from scenarios.live.pace import BEAT_S
from scenarios.live.serving import Server, listening
from scenarios.live.stopping import Stop
from scenarios.platform import Platform, assemble
from scenarios.settings import Settings
from scenarios.settings import load as load_settings
from scenarios.survey.city import load_city

WAIT_S = 0.05
"""How long the intake waits for the first message [s of wall time]."""

SHOW_S = 0.25
"""The situation is made for those who watch at most so often [s of wall time]."""

OWN_CLOCK_S = 5.0
"""Devices that speak without a field's marker for so long [s] are real ones: city time is then the wall clock."""

IDLE_S = 1.0
"""With real devices, where nothing has come, city time goes on so often [s of wall time]."""

FIELD_GONE_S = 30.0
"""A field that has not told the time for so long is gone [s of wall time]: real devices may have come in its place."""

REAL_MS = DAY_MS
"""Real devices tell the time to within so much [ms]; a simulated field's may be of any year."""


def run_city(
    *, city: str | None, scale: float, port: int | None, mqtt: str | None, stubs: str, data: Path | None
) -> int:
    """Run until somebody asks to stop."""
    settings = load_settings(city=city, port=port, mqtt=mqtt, data=data)
    if not settings.mqtt:
        raise UsageError("no broker is named; give --mqtt mqtt://host:port or set CITYBRAIN_MQTT")
    place = load_city(settings.city, scale=scale)
    with claimed(settings.data, remedy="end that one first, or name another folder with --data or CITYBRAIN_DATA"):
        return _run(settings, place, stubs)


def _run(settings: Settings, place: City, stubs: str) -> int:
    """Run on databases that are ours."""
    stop = Stop(parent=True)
    probe(Address.of(settings.mqtt), remedy="or name another with --mqtt or CITYBRAIN_MQTT")
    door = listening(settings.host, settings.port)  # before a seat's password is made that is shown only once
    bus = MqttCityBus(settings.mqtt, Topics(place.name))
    exchange = HttpExchange({code: f"{stubs}/{code}" for code in place.departments})
    platform = assemble(place, bus, exchange, directory=settings.data, watched=True)
    try:
        with Server(_site(platform, settings, place), host=settings.host, port=settings.port, at=door) as server:
            _say({"city": "up", "url": server.url, "t": platform.hub.now or 0})
            _live(platform, stop)
    finally:
        exchange.close()
        tally, ahead = platform.hub.queries.ledger(), platform.hub.queries.ahead()
        platform.close()
        _say(
            {
                "city": "down",
                "ahead": ahead,
                "stored": tally.stored,
                "rejected": tally.rejected,
                "received": tally.received,
                "duplicate": tally.duplicate,
                "unattributed": tally.unattributed,
            }
        )
    return 0


def _site(platform: Platform, settings: Settings, city: City) -> FastAPI:
    """Everything that the platform serves: the API and the operations centre."""
    site = FastAPI(title="citybrain", docs_url=None, redoc_url=None)
    hub = platform.hub
    token = settings.api_token.get_secret_value()
    assets = Assets(hub.store, registry=hub.registry, lifecycle=hub.lifecycle, city=city)
    attach(site, hub, assets=assets, token=token, prefix="/api")
    seats = open_door(settings.data, given={"operator": settings.seat_password.get_secret_value()})
    for seat, password in seats.fresh.items():
        sys.stderr.write(f"operations centre: seat '{seat}' has the password {password} (shown only this once)\n")
    brain = platform.brain
    mount(site, city=city, situation=lambda: brain.board.situation, order=brain.order, seats=seats, hub="/api")
    return site


def _live(platform: Platform, stop: Stop) -> None:
    """Take in what comes, and evaluate whenever city time has gone on: at each of the field's markers."""
    notes, screens = Notes(lambda: platform.hub.queries.ledger().by_reason), _Screens(platform)

    def quantum(t: int) -> None:
        began = elapsed_s()
        said = platform.quantum(t, show=screens.due())
        notes.take(said, t=t, took_s=elapsed_s() - began)

    last, since, told = platform.hub.now or 0, elapsed_s(), -FIELD_GONE_S
    while not stop.asked:
        marker = platform.hub.intake(wait_s=WAIT_S)
        screens.catch_up()
        if marker is not None:
            told = elapsed_s()
            if marker.t > last:
                quantum(marker.t)
                last, since = marker.t, elapsed_s()
        elif elapsed_s() - told >= FIELD_GONE_S and elapsed_s() - since > _pause_s(platform, last):
            since = elapsed_s()
            if _real(platform):
                last = max(last + 1, wall_ms())  # a clock that was set back must not turn time back
                quantum(last)
    platform.hub.settle()


@dataclass(slots=True)
class _Screens:
    """When those who watch get a new situation: a story told fast has more ticks than a screen can show."""

    platform: Platform
    shown: float = 0.0
    stale: bool = False

    def due(self) -> bool:
        """Whether the next tick is to be shown at once; if not, it is owed."""
        now = elapsed_s()
        self.stale = now - self.shown < SHOW_S
        if not self.stale:
            self.shown = now
        return not self.stale

    def catch_up(self) -> None:
        """Show the last tick, if that is owed."""
        if self.stale and elapsed_s() - self.shown >= SHOW_S:
            self.shown, self.stale = elapsed_s(), False
            self.platform.brain.show()


def _pause_s(platform: Platform, last: int) -> float:
    """How long to let pass after the last quantum, at ``last`` [ms], where no field tells the time [s]."""
    if last <= wall_ms() - REAL_MS:
        return OWN_CLOCK_S
    return BEAT_S if platform.hub.memory.waiting else IDLE_S


def _real(platform: Platform) -> bool:
    """Whether devices speak that live by the wall clock. Without any, city time waits for the field to be back."""
    heard = platform.hub.queries.devices().heard
    return bool((abs(heard - wall_ms()) < REAL_MS).any())


def _say(line: dict[str, object]) -> None:
    """One line of JSON for whoever started this process."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
