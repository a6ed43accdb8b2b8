"""Rubbish for the whole intake: real messages of every sort, mutated a million times, on topics of every sort.

The hub must take it all without an exception, count each message, and grow no further. Mutations know bytes (flip, cut,
repeat, splice), JSON (numbers that are huge, negative, fractions or none, texts, nulls, deep nests, lost and foreign
fields) and topics. Seeded: the same seed sends the same rubbish.
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np

from datahub.contract.clock import MINUTE_MS, elapsed_s
from datahub.contract.codes import AckStatus
from datahub.contract.messages import Ack, Death, Lost, Marker, Reported, Up
from datahub.contract.senml import PAYLOAD_LIMIT
from datahub.contract.topics import Topics, Word
from datahub.contract.wire import encode
from datahub.hub import Hub
from datahub.transport.bus import Arrived
from datahub.transport.local import LocalBus
from scenarios.bench.crowd import NODES, T0, Crowd
from scenarios.bench.fuzz_book import Book
from sensors.chance import Seeds

BATCH: Final = 90
"""Messages that the hub takes together, as live."""

TICK: Final = 20
"""Batches between two evaluations."""


GROWN_MB: Final = 64.0
"""Peak memory that the second half of the messages may add [MB]; what is stored lies in memory here, too. Ours."""


class Outcome(msgspec.Struct, frozen=True):
    """What the hub made of it.

    Attributes:
        accounted: messages of which the hub's own ledger or inbox says what became of them (``fuzz_book``).
        sent_readings, unread: readings that the messages carried, and messages that cannot be read, by decoding alone.
        grown_mb: peak memory gained in the second half.
        faults: where ledger and book differ, the first few.
    """

    messages: int
    accounted: int
    sent_readings: int
    unread: int
    received: int
    stored: int
    rejected: int
    duplicate: int
    unattributed: int
    closes: bool
    quarantined: int
    peak_rss_mb: float
    grown_mb: float
    messages_s: float
    by_reason: dict[str, int]
    faults: list[str]

    @property
    def fine(self) -> bool:
        """Whether the ledger shows what became of every message, closes, and memory stayed within its limit."""
        return self.closes and self.accounted == self.messages and not self.faults and self.grown_mb <= GROWN_MB


def fuzz(*, messages: int = 1_000_000, seed: int = 1, bus: LocalBus | None = None) -> Outcome:
    """Send so many messages; an exception of the hub is not caught. ``bus``: another wire than a sound one."""
    rng, topics, bus = Seeds(seed).rng("fuzz"), Topics("fuzz"), bus or LocalBus()
    rubbish = _Rubbish(rng, topics)
    hub = Hub("fuzz", "990100", None, bus.city_end, start=T0, write_rows=50_000)
    hub.guard.limits = msgspec.structs.replace(
        hub.guard.limits, rubbish_count=msgspec.structs.replace(hub.guard.limits.rubbish_count, value=1e12)
    )  # here everybody sends rubbish; that it leads to quarantine is tested elsewhere
    hub.take_in([rubbish.crowd.births()])
    hub.tick(T0)
    book = Book(hub, bus, topics)
    book.begin()
    since, half, now = elapsed_s(), 0.0, T0
    for first in range(0, messages, BATCH):
        book.send([rubbish.message(first + i) for i in range(min(BATCH, messages - first))], now=now)
        if first // BATCH % TICK == 0:
            book.settle()  # what came last may be kept for more to come with it
            now += MINUTE_MS
            hub.tick(now)
            bus.downward.clear()
        if not half and first >= messages // 2:
            half = peak_mb()
    book.settle()
    hub.tick(now + MINUTE_MS)
    took = elapsed_s() - since
    found = _outcome(hub, book, messages=messages, half=half, took_s=took)
    hub.close()
    return found


def _outcome(hub: Hub, book: Book, *, messages: int, half: float, took_s: float) -> Outcome:
    tally, peak = hub.queries.ledger(), peak_mb()
    return Outcome(
        messages=messages,
        accounted=book.accounted,
        sent_readings=book.readings,
        unread=book.unread,
        received=tally.received,
        stored=tally.stored,
        rejected=tally.rejected,
        duplicate=tally.duplicate,
        unattributed=tally.unattributed,
        closes=tally.closes(),
        quarantined=hub.queries.health().quarantined_nodes,
        peak_rss_mb=round(peak, 1),
        grown_mb=round(peak - half, 1),
        messages_s=round(messages / took_s),
        by_reason=tally.by_reason,
        faults=book.first,
    )


def peak_mb() -> float:
    """Most memory that this process ever had [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 2**20)


class _Rubbish:
    """Makes messages out of sound ones."""

    def __init__(self, rng: np.random.Generator, topics: Topics) -> None:
        self._rng, self._topics, self.crowd = rng, topics, Crowd()
        self._sound = self._originals()
        self._bytes: tuple[Callable[[bytearray], bytearray], ...] = (
            self._flip, self._cut, self._repeat, self._splice, self._noise,
        )  # fmt: skip

    def _originals(self) -> list[tuple[str, bytes]]:
        """One sound message of every sort, and many packs."""
        crowd, topics = self.crowd, self._topics
        node = int(crowd.nodes.code[0])
        said: list[Up] = [
            crowd.speak(200, T0),
            Ack(node=node, device=node, command="c", status=AckStatus.DONE, t=T0),
            Reported(node=node, device=node, t=T0, state={"x": 1.0}),
            Death(node=node, epoch=T0, carried=(node + 10,)),
            Lost(node=node, epoch=T0, first=3, last=4, t=T0),
            Marker(side="field", run="", t=T0, sent=1),
            crowd.nodes.births(np.arange(5)),
        ]
        return [(out.topic, out.payload) for one in said for out in encode(one, topics)]

    def message(self, serial: int) -> Arrived:
        """The next message: now and then a sound one, mostly not."""
        topic, payload = self._sound[int(self._rng.integers(len(self._sound)))]
        kind = int(self._rng.integers(10))
        if kind >= 8:
            topic = self._topic(topic)
        if kind < 4 or kind == 9:
            body = bytearray(payload)
            for _ in range(int(self._rng.integers(1, 4))):
                body = self._bytes[int(self._rng.integers(len(self._bytes)))](body)
            payload = bytes(body)
        elif kind < 8:
            payload = self._bend(payload)
        return Arrived(topic, payload[: PAYLOAD_LIMIT + 1], 1, serial)

    # bytes

    def _flip(self, body: bytearray) -> bytearray:
        if body:
            body[int(self._rng.integers(len(body)))] = int(self._rng.integers(256))
        return body

    def _cut(self, body: bytearray) -> bytearray:
        return body[: int(self._rng.integers(len(body) + 1))]

    def _repeat(self, body: bytearray) -> bytearray:
        times = 2 if self._rng.random() < 0.999 else 1 + PAYLOAD_LIMIT // max(len(body), 1)
        return body * times

    def _splice(self, body: bytearray) -> bytearray:
        other = self._sound[int(self._rng.integers(len(self._sound)))][1]
        at = int(self._rng.integers(len(body) + 1))
        return body[:at] + other[int(self._rng.integers(len(other))) :]

    def _noise(self, body: bytearray) -> bytearray:
        at = int(self._rng.integers(len(body) + 1))
        return body[:at] + bytearray(self._rng.bytes(int(self._rng.integers(1, 9)))) + body[at:]

    # JSON

    def _bend(self, payload: bytes) -> bytes:
        """Something of the right form, with one thing in it that is not."""
        content: Any = msgspec.json.decode(payload)
        content = self._bent(content, depth=0)
        if isinstance(content, bytes):
            return content
        return msgspec.json.encode(content)

    def _bent(self, content: Any, *, depth: int) -> Any:
        rng = self._rng
        if isinstance(content, dict) and content and rng.random() < 0.9:
            key = list(content)[int(rng.integers(len(content)))]
            match int(rng.integers(6)):
                case 0:
                    return {name: value for name, value in content.items() if name != key}
                case 1:
                    return content | {("b" + key)[:8]: content[key], "x_": 1}
                case _:
                    return content | {key: self._bent(content[key], depth=depth + 1)}
        if isinstance(content, list) and content and rng.random() < 0.9:
            at = int(rng.integers(len(content)))
            match int(rng.integers(5)):
                case 0:
                    return content[:at]
                case 1:
                    return content * 2
                case _:
                    return [*content[:at], self._bent(content[at], depth=depth + 1), *content[at + 1 :]]
        return self._value()

    def _value(self) -> Any:
        """A value that nobody expects."""
        odd: tuple[Any, ...] = (
            None, True, "", "é" * 40, "NaN", -1, 0, 2**31, 2**53 + 1, 10**18 - 1, -(2**62), 1e308, -1e-308, 0.1, [],
            {}, [[[[[[]]]]]], {"v": {"v": {"v": 1}}}, "4404022203000000001:", T0 + 10**12, 5e-324,
        )  # fmt: skip
        return odd[int(self._rng.integers(len(odd)))]

    def _topic(self, topic: str) -> str:
        words = [*Word, "", "obs/", "#", "_watermark"]
        node = int(self.crowd.nodes.code[int(self._rng.integers(NODES))])
        match int(self._rng.integers(5)):
            case 0:
                return f"{self._topics.root}/{node}/{words[int(self._rng.integers(len(words)))]}"
            case 1:
                return topic.replace("fuzz", "other")
            case 2:
                return f"{self._topics.root}/{'9' * int(self._rng.integers(1, 30))}/obs"
            case 3:
                return topic[: int(self._rng.integers(len(topic)))]
            case _:
                return topic + "\ufffd/x"
