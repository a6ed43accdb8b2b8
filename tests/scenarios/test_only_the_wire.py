"""The platform knows what came over the wire and what departments answered, and nothing else.

A burst is played once with everything that crosses either line written down. Then a second platform, with no world, no
devices and no crews behind it, hears the same messages and the same answers: it must say the very same things.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import pytest

from brain.model import EventConfirmed, EventRaised, Message
from datahub.connector import Exchange, Unanswered
from datahub.contract.city import City
from datahub.contract.messages import Down, Up
from datahub.transport.bus import FieldBus
from datahub.transport.local import LocalBus
from scenarios import outside as field_side
from scenarios import platform as city_side
from scenarios import scenario as declared
from scenarios.exchange import DirectExchange
from scenarios.simulation import quantum
from scenarios.survey.city import load_city
from sensors.chance import Seeds
from sensors.field import QUANTUM_MS


@dataclass
class WrittenDown:
    """A field's end of the wire that keeps a copy of all that goes up."""

    end: FieldBus
    sent: list[Up] = field(default_factory=list)

    def send(self, message: Up) -> None:
        self.sent.append(message)
        self.end.send(message)

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Down]:
        return self.end.receive(wait_s=wait_s)

    def close(self) -> None:
        self.end.close()


@dataclass
class Heard:
    """An exchange that keeps every answer, and the silences."""

    exchange: Exchange
    answers: deque[tuple[str, httpx.Response | Unanswered]] = field(default_factory=deque)

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        try:
            answer = self.exchange.call(department, request, t=t)
        except Unanswered as silence:
            self.answers.append((department, silence))
            raise
        copy = httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)
        self.answers.append((department, copy))
        return answer


@dataclass
class Repeated:
    """An exchange that gives the answers of another day, in their order."""

    answers: deque[tuple[str, httpx.Response | Unanswered]]

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        asked, answer = self.answers.popleft()
        assert asked == department
        if isinstance(answer, Unanswered):
            raise answer
        return answer


@dataclass
class Play:
    said: list[Message]
    up: list[list[Up]]
    answers: deque[tuple[str, httpx.Response | Unanswered]]
    start: int


@pytest.fixture(scope="module")
def city() -> City:
    return load_city("harbour", scale=0.2)


@pytest.fixture(scope="module")
def play(city: City) -> Play:
    scenario = declared.load("water_main_burst", overlay={"city": "harbour", "warmup": {"duration": "38h"}})
    bus = LocalBus()
    recorder = WrittenDown(bus.field_end)
    outside = field_side.assemble(scenario, city, recorder, seed=5)
    start = int(outside.env.now)
    heard = Heard(DirectExchange(outside.stubs, Seeds(5)))
    platform = city_side.assemble(city, bus.city_end, heard, directory=None, run="", start=start)
    outside.begin()
    said: list[Message] = []
    up: list[list[Up]] = []
    for t in range(start + QUANTUM_MS, outside.begins + 3 * 3_600_000 + 1, QUANTUM_MS):
        said += quantum(outside, platform, t)
        up.append(list(recorder.sent))
        recorder.sent.clear()
    platform.close()
    return Play(said, up, heard.answers, start)


def test_the_play_is_one_in_which_the_brain_has_something_to_notice(play: Play) -> None:
    assert any(isinstance(message, EventRaised) and message.type == "water_main_burst" for message in play.said)
    assert any(isinstance(message, EventConfirmed) for message in play.said)


def test_a_platform_without_a_world_says_the_same_from_what_crossed_the_wire(city: City, play: Play) -> None:
    bus = LocalBus()
    answers = deque(play.answers)
    platform = city_side.assemble(city, bus.city_end, Repeated(answers), directory=None, run="", start=play.start)
    said: list[Message] = []
    for index, messages in enumerate(play.up):
        for message in messages:
            bus.field_end.send(message)
        t = play.start + (index + 1) * QUANTUM_MS
        platform.hub.intake(now=t)
        said += platform.quantum(t)
    platform.close()
    assert said == play.said
    assert not answers
