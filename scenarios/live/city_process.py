"""``citybrain city``: the platform alone, live: hub, brain, API and operations centre."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI

from brain.console.door import open_door
from brain.console.site import mount
from brain.model import Message, OrderGiven
from brain.seats import check
from datahub.api.app import app
from datahub.api.front import Front
from datahub.api.sensorthings.mqtt import Extension, declared
from datahub.api.sensorthings.service import SensorThings
from datahub.contract.city import City
from datahub.contract.clock import DAY_MS, elapsed_s, wall_ms
from datahub.contract.errors import UsageError
from datahub.contract.topics import Topics
from datahub.devices.assets import Assets
from datahub.hub import Hub
from datahub.keeper import Keeper
from datahub.transport.address import Address
from datahub.transport.connection import probe
from datahub.transport.mqtt import MqttCityBus
from scenarios.bridging import bridged
from scenarios.claim import claimed
from scenarios.exchange import HttpExchange
from scenarios.live.couriers import VendorCouriers
from scenarios.live.logs import Notes, warn_in_clear
from scenarios.live.pace import BEAT_S
from scenarios.live.serving import Proof, Server, listening
from scenarios.live.stopping import Stop
from scenarios.platform import Platform, assemble
from scenarios.settings import Settings
from scenarios.settings import load as load_settings
from scenarios.survey.city import load_city

API = "/api"
"""Where the hub's API stands on the city's server."""

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

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0
"""Pauses between attempts to open a store that is in trouble, each twice as long as the one before [s of wall time]."""

REAL_MS = DAY_MS
"""Real devices tell the time to within so much [ms]; a simulated field's may be of any year."""


def run_city(
    *,
    city: str | None,
    scale: float,
    port: int | None,
    mqtt: str | None,
    stubs: str,
    data: Path | None,
    bridges: bool = False,
) -> int:
    """Run until somebody asks to stop."""
    settings = load_settings(city=city, port=port, mqtt=mqtt, data=data)
    if not settings.mqtt:
        raise UsageError("no broker is named; give --mqtt mqtt://host:port or set CITYBRAIN_MQTT")
    place = load_city(settings.city, scale=scale)
    remedy = "end that one first, or name another folder with --data or CITYBRAIN_DATA"
    with claimed(settings.data, remedy=remedy, mode=0o700):  # who else may read it, its owner decides
        return _run(settings, place, stubs, bridges=bridges)


def _run(settings: Settings, place: City, stubs: str, *, bridges: bool) -> int:
    """Run on databases that are ours."""
    stop = Stop(parent=True)
    proof = Proof.of(settings.certificate, settings.certificate_key)
    probe(Address.of(settings.mqtt), remedy="or name another with --mqtt or CITYBRAIN_MQTT")
    speak_by_cloud = bridged(place, settings.shared) if bridges else []
    door = listening(settings.host, settings.port)  # before a seat's password is made that is shown only once
    bus = MqttCityBus(settings.mqtt, Topics(place.name))
    reached = [*place.departments, *(one.vendor for one in speak_by_cloud)]
    exchange = HttpExchange({code: f"{stubs}/{code}" for code in reached})
    couriers = VendorCouriers()
    keeper = Keeper(
        bus,
        lambda wire: assemble(
            place,
            wire,
            exchange,
            directory=settings.data,
            watched=True,
            bridged=speak_by_cloud,
            couriers=couriers,
        ),
        hub=lambda platform: platform.hub,
        gone=lambda: bus.gone,
    )
    orders, north = _Orders(keeper), _North(settings.mqtt, declared(settings.sensorthings_mqtt))
    try:
        site = _site(keeper, orders, north, settings, place)
        if proof is None:
            warn_in_clear(settings.host)
        with Server(site, host=settings.host, port=settings.port, at=door, proof=proof) as server:
            north.base = f"{server.url}/api/v1.1"
            _say({"city": "up", "url": server.url, "t": keeper.hub.now or 0})
            _live(keeper, orders, north, stop)
    finally:
        couriers.close()
        exchange.close()
        north.close()
        down = _account(keeper.kept)
        if keeper.up:
            keeper.kept.close()
        bus.close()
        _say(down)
    return 0


def _account(platform: Platform) -> dict[str, object]:
    """What the platform has had from its devices, as it says when it goes down."""
    tally = platform.hub.queries.ledger()
    return {
        "city": "down",
        "ahead": platform.hub.queries.ahead(),
        "bridged": platform.bridges.numbered if platform.bridges is not None else 0,
        "stored": tally.stored,
        "rejected": tally.rejected,
        "received": tally.received,
        "duplicate": tally.duplicate,
        "unattributed": tally.unattributed,
        "lost": tally.lost,
    }


def _site(keeper: Keeper[Platform], orders: _Orders, north: _North, settings: Settings, city: City) -> FastAPI:
    """Everything that the platform serves: the API and the operations centre, on whatever platform is open."""
    site = FastAPI(title="citybrain", docs_url=None, redoc_url=None, openapi_url=None)
    token = settings.api_token.get_secret_value()

    def api(platform: Platform) -> FastAPI:
        hub = platform.hub
        assets = Assets(hub.store, registry=hub.registry, lifecycle=hub.lifecycle, owners=hub.care.owners, city=city)
        return app(
            hub,
            assets=assets,
            city=city,
            bridges=platform.bridges,
            token=token,
            prefix=API,
            broker=settings.mqtt,
            things=north.stand_on(hub),
            troubles=keeper.troubles,
        )

    front = Front(api, keeper.troubles, prefix=API)
    front.show(keeper.kept)
    keeper.changed = front.show
    site.mount(API, front)
    seats = open_door(settings.data, given={"operator": settings.seat_password.get_secret_value()})
    for seat, password in seats.fresh.items():
        sys.stderr.write(f"operations centre: seat '{seat}' has the password {password} (shown only this once)\n")
    situation = lambda: keeper.kept.brain.board.situation  # noqa: E731 - what was seen last, while none is open
    mount(site, city=city, situation=situation, order=orders.give, seats=seats, hub=API)
    return site


class _North:
    """SensorThings of the hub that is open, and its voice by MQTT where that is wished.

    Attributes:
        base: address of its root, once the server stands.
    """

    def __init__(self, mqtt: str, streams: Sequence[str]) -> None:
        self._mqtt, self._streams = mqtt, streams
        self._things: SensorThings | None = None
        self._voice: Extension | None = None
        self.base = ""

    def stand_on(self, hub: Hub) -> SensorThings:
        """Speak for this hub from now on."""
        self.close()
        self._things = SensorThings(hub)
        return self._things

    def publish(self) -> None:
        """Send out what the last tick evaluated."""
        if not self._streams or self._things is None:
            return
        if self._voice is None:
            self._voice = Extension(self._things, self._mqtt, base=self.base, streams=self._streams)
        self._voice.publish()

    def close(self) -> None:
        """Fall silent."""
        if self._voice is not None:
            self._voice.close()
            self._voice = None


class _Orders:
    """Orders of people at their seats, kept until a quantum that took them up is durable."""

    def __init__(self, keeper: Keeper[Platform]) -> None:
        self._keeper = keeper
        self._given: deque[OrderGiven] = deque()

    def give(self, order: OrderGiven) -> None:
        """A person gives an order; from any thread.

        Raises:
            OrderForbiddenError: if the seat's role may not give it.
        """
        check(order)
        self._given.append(order)

    def quantum(self, t: int, *, show: bool) -> list[Message]:
        """One quantum of the platform, with the orders given until now."""
        platform, taken = self._keeper.kept, len(self._given)
        for order in list(self._given)[:taken]:
            platform.brain.order(order)
        said = platform.quantum(t, show=show)
        for _ in range(taken):
            self._given.popleft()
        return said


def _live(keeper: Keeper[Platform], orders: _Orders, north: _North, stop: Stop) -> None:
    """Take in what comes, and evaluate whenever city time has gone on: at each of the field's markers.

    While the store is in trouble nothing is taken in; it is tried again with growing pauses.
    """
    course, pause_s = _Course(keeper, orders, north), FIRST_PAUSE_S
    while not stop.asked:
        if keeper.up or keeper.mend():
            pause_s = FIRST_PAUSE_S
            with keeper.care():
                course.turn()
        else:
            stop.wait(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
    if keeper.up:
        with keeper.care():
            keeper.hub.settle()


class _Course:
    """The life of the platform, turn by turn."""

    def __init__(self, keeper: Keeper[Platform], orders: _Orders, north: _North) -> None:
        self._keeper, self._orders, self._north = keeper, orders, north
        self._notes = Notes(lambda: keeper.hub.queries.ledger().by_reason)
        self._screens = _Screens(keeper)
        self._last, self._since, self._told = keeper.hub.now or 0, elapsed_s(), -FIELD_GONE_S

    def turn(self) -> None:
        """Take in what has come; if the field has told the time, or real devices live by the wall's, evaluate."""
        platform = self._keeper.kept
        marker = platform.hub.intake(wait_s=WAIT_S)
        self._screens.catch_up()
        if marker is not None:
            self._told = elapsed_s()
            if marker.t > self._last:
                self._quantum(marker.t)
        elif elapsed_s() - self._told >= FIELD_GONE_S and elapsed_s() - self._since > _pause_s(platform, self._last):
            self._since = elapsed_s()
            if _real(platform):
                # a clock that was set back must not turn time back
                self._quantum(max(self._last + 1, wall_ms()))

    def _quantum(self, t: int) -> None:
        began = elapsed_s()
        said = self._orders.quantum(t, show=self._screens.due())
        self._north.publish()
        self._notes.take(said, t=t, took_s=elapsed_s() - began)
        self._last, self._since = t, elapsed_s()


@dataclass(slots=True)
class _Screens:
    """When those who watch get a new situation: a story told fast has more ticks than a screen can show."""

    keeper: Keeper[Platform]
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
            self.keeper.kept.brain.show()


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
