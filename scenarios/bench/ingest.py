"""How many readings a second the hub makes durable, as a ratio to a bare subscriber that decodes and forgets.

Both are paho clients with paho's own network thread; both read every pack with the same decoder; each runs in a
process of its own, in turns, on the same broker, from the same publisher (``load``), which is always ahead. The bare
one decodes in paho's callback, keeps nothing and lets paho acknowledge. The hub is the whole hub on disk: it decodes,
checks, deduplicates, commits, acknowledges, sends watermarks, and evaluates once a second, as in a live run.
"""

from __future__ import annotations

import resource
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import OutsideError
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.broker import EmbeddedBroker
from datahub.transport.mqtt import MqttCityBus, MqttFieldBus, bare_subscriber
from scenarios.bench.aside import SPAWN, aside
from scenarios.bench.load import CREDIT, T0, births, publish
from scenarios.bench.reference import reference_loop_s

ROUNDS: Final = 5
SILENCE_S: Final = 20.0
READY_S: Final = 120.0
"""How long the publisher may take to make its packets and be let in [s]."""

MESSAGES: Final = {1: 100_000, 100: 40_000}
"""Messages of one measurement, by readings in each: three to ten seconds on two cores, so that evaluation once a second
and the column store are in the figure."""


class Measured(NamedTuple):
    """One measurement: readings taken per second and per second of processor time, and peak memory [MB]."""

    readings_s: float
    readings_cpu_s: float
    peak_rss_mb: float


class Load(NamedTuple):
    """What is published: messages, readings in each, and how."""

    messages: int
    pack: int
    qos: int


class Subscriber(Protocol):
    """Takes in a load in a process of its own, and sends what came of it as ``result``; nothing if it gave up."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, url: str, topics: Topics, load: Load, control: Connection, result: Connection, /) -> None:
        """Run to the end of the load."""


class Figures(msgspec.Struct, frozen=True):
    """Medians of one setting.

    ``ratio`` is the median of the ratios of neighbouring measurements; ``cpu_ratio`` the same by processor time of
    the subscribing process, which a busy machine blurs less.
    """

    broker: str
    qos: int
    pack: int
    limit_readings_s: float
    hub_readings_s: float
    ratio: float
    cpu_ratio: float
    peak_rss_mb: float
    rounds: int
    reference_loop_s: float


def measure(
    *,
    url: str | None = None,
    settings: tuple[tuple[int, int], ...] = ((0, 1), (1, 1), (0, 100), (1, 100)),
    rounds: int = ROUNDS,
    messages: int | None = None,
) -> list[Figures]:
    """Figures for each (QoS, readings per message) over the embedded broker, or over the one at ``url``.

    ``messages`` in each measurement; None takes some seconds' worth.

    Raises:
        OutsideError: if the broker fails or loses messages.
    """
    with _broker(url) as (name, address):
        return [
            _figures(name, address, qos=qos, pack=pack, rounds=rounds, messages=messages or MESSAGES.get(pack, 4_000))
            for qos, pack in settings
        ]


@contextmanager
def _broker(url: str | None) -> Iterator[tuple[str, str]]:
    if url is not None:
        yield url, url
        return
    with EmbeddedBroker() as broker:
        yield "embedded", broker.url


def _figures(name: str, url: str, *, qos: int, pack: int, rounds: int, messages: int) -> Figures:
    load = Load(messages, pack, qos)
    pairs = [
        tuple(
            Measured(*subscribed(url, Topics(f"bench-{who.__name__}-{qos}-{pack}-{turn}"), who, load))
            for who in (bare, hub)
        )
        for turn in range(rounds)
    ]
    return Figures(
        broker=name,
        qos=qos,
        pack=pack,
        limit_readings_s=round(statistics.median(bare.readings_s for bare, _ in pairs)),
        hub_readings_s=round(statistics.median(hub.readings_s for _, hub in pairs)),
        ratio=round(statistics.median(hub.readings_s / bare.readings_s for bare, hub in pairs), 3),
        cpu_ratio=round(statistics.median(hub.readings_cpu_s / bare.readings_cpu_s for bare, hub in pairs), 3),
        peak_rss_mb=round(max(hub.peak_rss_mb for _, hub in pairs), 1),
        rounds=rounds,
        reference_loop_s=round(reference_loop_s(), 4),
    )


def subscribed(url: str, topics: Topics, who: Subscriber, load: Load) -> Any:
    """What a subscriber says of one load: it and the publisher run in processes of their own.

    Raises:
        OutsideError: if it gives up.
    """
    ours, theirs = SPAWN.Pipe()
    answer, result = SPAWN.Pipe(duplex=False)
    publisher = aside(publish, url, topics, **load._asdict(), control=theirs)
    subscriber = aside(who, url, topics, load, ours, result)
    publisher.start()
    subscriber.start()
    ours.close()
    theirs.close()
    result.close()
    try:
        return answer.recv()
    except EOFError as error:
        raise OutsideError(
            f"the {who.__name__} gave up; the broker at {url} lost messages, or its log says why"
        ) from error
    finally:
        subscriber.join()
        publisher.terminate()
        publisher.join()


class _Count:
    """Counts messages, gives the publisher credits, and takes the time from the first to the last."""

    def __init__(self, messages: int, control: Connection) -> None:
        self._messages, self._control = messages, control
        self.seen, self.started, self.ended, self.cpu_s = 0, 0.0, 0.0, 0.0
        if not control.poll(READY_S):
            raise OutsideError(f"the publisher was not ready within {READY_S:.0f} s")
        control.recv()
        control.send("go")

    def add(self, number: int) -> bool:
        """True while more is to come."""
        if not self.seen:
            self.started, self.cpu_s = elapsed_s(), -_cpu_s()
        before, self.seen = self.seen, self.seen + number
        credit = self.seen // CREDIT - before // CREDIT
        if credit:
            self._control.send(credit)
        if self.seen >= self._messages:
            self.ended, self.cpu_s = elapsed_s(), self.cpu_s + _cpu_s()
        return self.seen < self._messages

    def measured(self, pack: int) -> Measured:
        """The outcome."""
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        taken = self.seen * pack
        return Measured(taken / (self.ended - self.started), taken / self.cpu_s, peak_mb)


def _cpu_s() -> float:
    """Processor time of this process, all threads [s]."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def bare(url: str, topics: Topics, load: Load, control: Connection, result: Connection) -> None:
    """The limit: paho, the decoder, and nothing else."""
    done, heard = Event(), list[None]()
    counts: list[_Count] = []

    def count() -> None:
        heard.append(None)
        if not counts[0].add(1):
            done.set()

    with bare_subscriber(url, topics, count):
        counts.append(_Count(load.messages, control))
        while not done.wait(SILENCE_S):
            if not heard:
                return
            heard.clear()
        result.send(counts[0].measured(load.pack))


def hub(url: str, topics: Topics, load: Load, control: Connection, result: Connection) -> None:
    """The hub on disk, live."""
    measured = taken_in(url, topics, load, control, look=lambda hub, stored: None)
    if measured is not None:
        result.send(measured)


def taken_in(
    url: str, topics: Topics, load: Load, control: Connection, *, look: Callable[[Hub, int], None]
) -> Measured | None:
    """Let a hub on disk take in a load; None if it stayed out. ``look`` sees it after each piece: readings stored."""
    with TemporaryDirectory(prefix="citybrain-bench-") as directory:
        bus = MqttCityBus(url, topics)
        hub = Hub(topics.city, "990100", Path(directory), bus, start=T0)
        try:
            _be_born(url, topics, hub)
            count, at_start = _Count(load.messages, control), hub.queries.ledger().stored
            looked, taken, quiet = elapsed_s(), 0, 0
            more = True
            while more and quiet < SILENCE_S:
                hub.intake(wait_s=1.0, now=T0 + 3_600_000)
                stored = hub.ledger.stored - at_start
                quiet = 0 if stored // load.pack > taken else quiet + 1
                more = count.add(stored // load.pack - taken)
                taken = stored // load.pack
                if elapsed_s() - looked > 1.0:
                    hub.tick(T0 + 3_600_000)
                    looked = elapsed_s()
                look(hub, stored)
            return None if more else count.measured(load.pack)
        finally:
            hub.close()


def _be_born(url: str, topics: Topics, hub: Hub) -> None:
    """Let the hub know the nodes before the clock starts."""
    field = MqttFieldBus(url, topics)
    field.send(births())
    since = elapsed_s()
    while len(hub.registry) < len(births()) and elapsed_s() - since < SILENCE_S:
        hub.intake(wait_s=1.0)
        hub.registry.settle()
    field.close()
    hub.intake(wait_s=1.0)
    hub.tick(T0)


def table(figures: list[Figures]) -> str:
    """The figures for a person."""
    lines = ["broker     QoS  pack   limit [1/s]     hub [1/s]   ratio  by CPU  peak RSS [MB]  reference loop [s]"]
    lines += [
        f"{one.broker:<10.10} {one.qos:>3} {one.pack:>5} {one.limit_readings_s:>13,.0f} {one.hub_readings_s:>13,.0f} "
        f"{one.ratio:>7.2f} {one.cpu_ratio:>7.2f} {one.peak_rss_mb:>14.0f} {one.reference_loop_s:>19.4f}"
        for one in figures
    ]
    return "\n".join(lines)
