"""``citybrain field``: the simulated city alone, live, on any broker."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from datahub.connector import Exchange
from datahub.contract.clock import MINUTE_MS, SECOND_MS, elapsed_s
from datahub.contract.errors import UsageError
from datahub.contract.topics import Topics
from datahub.transport.address import Address
from datahub.transport.connection import probe
from datahub.transport.mqtt import MqttFieldBus
from scenarios.exchange import HttpExchange, SharedStub, stub_app, stubs_of
from scenarios.live.pace import SteadyPace, StoryPace, Waiting
from scenarios.live.serving import Server, listening
from scenarios.live.stopping import Stop
from scenarios.outside import Outside, assemble
from scenarios.scenario import configured
from scenarios.settings import load as load_settings
from scenarios.survey.city import load_city
from sensors.field import QUANTUM_MS

RESEND_S = 10.0
"""What the hub has not acknowledged goes up again after about so long of wall time [s], at any speed."""

STEP_MS = 10 * SECOND_MS
"""Live, the field looks up at least so often in city time, so that a command or a crew need not wait a whole minute."""

FAREWELL_S = 15.0
"""At the end the field leaves when the hub has acknowledged nothing for so long [s of wall time]."""

LEAD_MS = 3 * MINUTE_MS
"""City time runs at most so far ahead of a platform that is there (or one second's worth, if that is more) [ms]."""

FLOOD_MS = 20 * MINUTE_MS
"""Readings of about so much city time may be in flight; above, the platform is given time to take them in [ms]."""

ABSENT_S = 5.0
"""A platform that has said nothing for so long [s of wall time] is not waited for: the city lives on without it."""


def run_field(
    name: str,
    *,
    city: str | None,
    seed: int,
    speed: float,
    mqtt: str | None,
    stubs_port: int,
    settings: Sequence[str],
    minutes: float | None,
    platform: str = "",
) -> int:
    """Run until the scenario ends or somebody asks to stop; print what was published and what is in flight."""
    url = mqtt or load_settings().mqtt
    if not url:
        raise UsageError("no broker is named; give --mqtt mqtt://host:port or set CITYBRAIN_MQTT")
    scenario = configured(name, city=city, duration=None, settings=settings).model_copy(update={"warmup": None})
    place = load_city(scenario.city, scale=scenario.scale)
    stop = Stop(parent=True)
    probe(Address.of(url), remedy="or name another with --mqtt or CITYBRAIN_MQTT")
    door = listening("127.0.0.1", stubs_port, option="--stubs-port")
    bus = MqttFieldBus(url, Topics(place.name))
    stubs = {code: SharedStub(stub) for code, stub in stubs_of(place).items()}
    resend_s = RESEND_S * (scenario.length / SECOND_MS / 60.0 / minutes if minutes else speed)
    chosen = load_settings()
    outside = assemble(scenario, place, bus, seed=seed, stubs=stubs, resend_s=resend_s, secrets=chosen.shared)
    hosts = outside.clouds.hosts if outside.clouds is not None else {}
    trust = chosen.certificate if platform.startswith("https:") and hosts else None
    doors = HttpExchange(dict.fromkeys(hosts, f"{platform}/api/bridges"), trust=trust)
    ends = outside.begins + scenario.length
    pace = StoryPace(ends, minutes, _busy(outside)) if minutes else SteadyPace(speed)
    served = stub_app({**stubs, **hosts}, clock=lambda: int(outside.env.now))
    with Server(served, host="127.0.0.1", port=stubs_port, at=door):
        _say({"field": "up", "city": place.name, "devices": outside.devices, "stubs_port": stubs_port})
        try:
            _live(outside, pace, ends=ends, stop=stop, doors=doors)
            _settle(outside)
            _tell_all(outside, doors)
        finally:
            published, in_flight = outside.ledger()
            _say({"field": "down", "t": int(outside.env.now), "published": published, "in_flight": in_flight})
            doors.close()
            bus.close()
    return 0


def _live(outside: Outside, pace: SteadyPace | StoryPace, *, ends: int, stop: Stop, doors: Exchange) -> None:
    """Let city time run until the story ends, at its pace, but not away from a platform that is busy."""
    field, waiting, platform = outside.field, Waiting(), _Counterpart(outside)
    outside.begin()
    t = int(outside.env.now)
    while t < ends and not stop.asked:
        speed = pace.speed_at(t)
        step = min(max(STEP_MS, round(speed * SECOND_MS / 5) // STEP_MS * STEP_MS), QUANTUM_MS)
        t = min(t + step, ends)
        field.run_to(t)
        outside.world.advance(max(t, outside.world.now))
        field.end_quantum(t)
        if outside.clouds is not None:
            outside.clouds.post(doors, t=t)
        platform.listen()
        stop.wait(waiting.seconds(step, speed))
        since = elapsed_s()
        while platform.behind(t, lead_ms=max(LEAD_MS, speed * SECOND_MS)) and not stop.asked:
            platform.listen(wait_s=0.1)
            if elapsed_s() - since > ABSENT_S:
                platform.let_be()
                break


@dataclass(slots=True)
class _Counterpart:
    """The platform as the field hears it.

    Attributes:
        t: how far it has come [ms].
        heard: when it last said so [s of wall time].
        slow: readings that stay in flight whatever one waits (devices whose line is slow).
    """

    outside: Outside
    t: int = 0
    heard: float = 0.0
    slow: int = 0

    def listen(self, *, wait_s: float = 0.0) -> None:
        """Take in what has come down the wire."""
        for marker in self.outside.field.receive(wait_s=wait_s):
            self.t, self.heard = max(self.t, marker.t), elapsed_s()

    def behind(self, t: int, *, lead_ms: float) -> bool:
        """Whether it is there, and has not come to within the lead of ``t`` [ms] or is flooded with readings."""
        if self.heard == 0.0 or elapsed_s() - self.heard > ABSENT_S:
            return False
        published, in_flight = self.outside.field.ledger()
        ordinary = published * FLOOD_MS / max(t - self.outside.begins, FLOOD_MS)
        return t - self.t > lead_ms or in_flight > 1_000 + max(ordinary, 1.2 * self.slow)

    def let_be(self) -> None:
        """What is in flight now cannot be hurried by waiting."""
        self.slow = self.outside.field.ledger()[1]


def _settle(outside: Outside) -> None:
    """Wait as long as the hub goes on acknowledging; what it has not is in flight, and said to be."""
    field, since, asked = outside.field, elapsed_s(), False
    left = field.ledger()[1]
    while left and elapsed_s() - since < FAREWELL_S:
        if not asked and elapsed_s() - since > FAREWELL_S / 3:
            field.resend()
            asked = True
        field.receive(wait_s=0.5)
        if field.ledger()[1] < left:
            left, since, asked = field.ledger()[1], elapsed_s(), False


def _tell_all(outside: Outside, doors: Exchange) -> None:
    """At the end clouds post what they still have; what is not taken then is in flight, and said to be."""
    if outside.clouds is not None:
        outside.clouds.post(doors, t=int(outside.env.now))


def _busy(outside: Outside) -> Callable[[int], bool]:
    """Whether something is going on that people want to watch: just before and after a disturbance, a crew moving."""
    moments = [it.at for it in outside.disturbances]

    def busy(t: int) -> bool:
        struck = any(at - 5 * MINUTE_MS <= t <= at + 30 * MINUTE_MS for at in moments)
        moving = any(team.way is not None for teams in outside.crews.teams.values() for team in teams)
        return struck or moving

    return busy


def _say(line: dict[str, object]) -> None:
    """One line of JSON for whoever started this process."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()
