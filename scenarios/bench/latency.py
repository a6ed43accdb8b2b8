"""How long it takes from a reading to its alarm on the northbound topic, idle and under load.

A pole's leakage current beyond its limit is published; the time until the alarm is heard by a subscriber of its own is
taken on one clock. The hub is the whole hub on disk in a process of its own, with the live city's beat; other loggers
speak meanwhile at a steady pace. Probes do not keep step with the beat, so that each part of it is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Final

import msgspec
import numpy as np

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import OutsideError
from datahub.contract.messages import Alarm, BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch
from datahub.contract.topics import Topics
from datahub.transport.broker import EmbeddedBroker
from datahub.transport.mqtt import MqttFieldBus
from datahub.transport.north import listening
from scenarios.bench.aside import SPAWN, aside
from scenarios.bench.load import T0, births, push
from scenarios.bench.reference import reference_loop_s
from scenarios.bench.victims import HubProcess
from sensors.chance import Seeds

BACKGROUND: Final = (0.0, 3_000.0)
PROBES: Final = 200
PAUSE_S: Final = 0.08
"""Mean pause between two probes [s]."""

PATIENCE_S: Final = 20.0
LEAK_A: Final = 0.05
"""Beyond the limit of 30 mA (``ingest/thresholds.toml``)."""

_POLE: Final = 440_402_220_100_000_000
_KIND: Final = KindDescriptor(
    "smart_pole",
    "智慧灯杆",
    "Smart pole",
    (PropertyDescriptor("leakage_current_a", 0.0001, 0.0, 0.3, 300.0),),
    report_s=300.0,
)


class Figures(msgspec.Struct, frozen=True):
    """Latency of ``n`` alarms while ``background_msg_s`` messages a second come in besides."""

    background_msg_s: float
    n: int
    p50_ms: float
    p99_ms: float
    reference_loop_s: float


def measure(*, background: tuple[float, ...] = BACKGROUND, probes: int = PROBES) -> list[Figures]:
    """Figures for each background.

    Raises:
        OutsideError: if an alarm does not come.
    """
    return [_one(rate, probes=probes, topics=Topics(f"bench-latency-{round(rate)}")) for rate in background]


def _one(rate: float, *, probes: int, topics: Topics) -> Figures:
    rng = Seeds(1).rng("latency", str(rate))
    took: list[float] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="citybrain-bench-")))
        url = stack.enter_context(EmbeddedBroker()).url
        stack.enter_context(HubProcess(url, topics, folder))
        heard, came, pause = set[int](), Event(), Event()

        def note(alarm: Alarm) -> None:
            heard.add(alarm.device)
            came.set()

        stack.enter_context(listening(url, topics, note))
        bus = MqttFieldBus(url, topics)
        stack.callback(bus.close)
        bus.send(_births(probes + 1))
        bus.send(births())
        stack.enter_context(_loaded(url, topics, rate))
        for number in range(probes + 1):
            pause.wait(float(rng.uniform(0, 2 * PAUSE_S)))
            bus.receive()
            since = elapsed_s()
            bus.send(_leak(number))
            while _POLE + number not in heard:
                came.clear()
                if _POLE + number not in heard and not came.wait(PATIENCE_S):
                    raise OutsideError(f"no alarm came within {PATIENCE_S:.0f} s of the reading that should raise it")
            took.append(elapsed_s() - since)
    of = np.array(took[1:]) * 1_000.0  # the first one waits for the hub's own beginning
    return Figures(
        background_msg_s=rate,
        n=len(of),
        p50_ms=round(float(np.percentile(of, 50)), 1),
        p99_ms=round(float(np.percentile(of, 99)), 1),
        reference_loop_s=round(reference_loop_s(), 4),
    )


@contextmanager
def _loaded(url: str, topics: Topics, rate: float) -> Iterator[None]:
    """Other loggers speak meanwhile, from a process of their own."""
    if rate <= 0:
        yield
        return
    ours, theirs = SPAWN.Pipe()
    process = aside(push, url, topics, messages_s=rate, control=theirs)
    process.start()
    try:
        if not ours.poll(PATIENCE_S):
            raise OutsideError("the background publisher did not come up")
        ours.recv()
        yield
    finally:
        process.terminate()
        process.join()


def _births(count: int) -> BirthBatch:
    node = _POLE + np.arange(count, dtype=np.int64)
    place = np.full(count, 22.2)
    return BirthBatch(kind=_KIND, node=node, epoch=node * 0 + T0, device=node, object=node, lon=place + 91.0, lat=place)


def _leak(number: int) -> ObservationBatch:
    """One pole says that current runs where none should."""
    node = np.array([_POLE + number], np.int64)
    t = np.array([T0 + 1_000], np.int64)
    return ObservationBatch(
        properties=("leakage_current_a",),
        node=node,
        epoch=np.array([T0], np.int64),
        first=np.zeros(1, np.int64),
        result_time=t,
        offset=np.array([0, 1], np.int64),
        device=node,
        property=np.zeros(1, np.int16),
        phenomenon_time=t,
        value=np.array([LEAK_A]),
    )
