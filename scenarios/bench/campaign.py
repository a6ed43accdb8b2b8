"""A crash campaign: hub and broker are killed at random moments while nodes speak, and the books must balance.

Nodes with real outboxes publish over MQTT at a steady pace. At moments drawn from a seed the hub's process, or the
broker's, gets SIGKILL and is started again on the same databases. In the end the nodes have said all they had to say,
the hub has acknowledged it, and every reading must lie in the column store exactly once with the value that was sent.
Whether what was acknowledged before a kill is there after it is looked at each time.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
import numpy as np

from datahub.contract.clock import SECOND_MS, elapsed_s
from datahub.contract.errors import OutsideError
from datahub.contract.messages import Rebirth, Watermarks
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from datahub.transport.mqtt import MqttFieldBus
from scenarios.bench.crowd import T0, Crowd, value_of
from scenarios.bench.victims import Broker, HubProcess
from sensors.chance import Seeds

PACE_S: Final = 0.1
"""The nodes speak in turns of so long [s of wall time]."""

CALM_S: Final = 60.0
"""In the end the hub is listened to for so long [s]; each acknowledgement gives it as much again."""


class Outcome(msgspec.Struct, frozen=True):
    """What a campaign showed. Counts of readings; ``lost`` and ``doubled`` are to be 0, the rest to be true.

    ``kept``: messages that were acknowledged before they were taken in; ``kept_at_kill``: of these, those that a hub
    had not taken in when it was killed, and that its next life took in.
    """

    broker: str
    hub_kills: int
    broker_kills: int
    messages_s: float
    published: int
    stored: int
    rejected: int
    in_flight: int
    received: int
    duplicate: int
    unattributed: int
    lost: int
    doubled: int
    wrong: int
    acknowledged_missing: int
    kept: int
    kept_at_kill: int
    closes: bool
    wall_s: float

    @property
    def fine(self) -> bool:
        """Whether nothing was lost, doubled or changed, and both equations of the ledger hold."""
        return self.closes and not (self.lost or self.doubled or self.wrong or self.acknowledged_missing)


@dataclass(slots=True)
class _Course:
    """One campaign under way."""

    crowd: Crowd
    bus: MqttFieldBus
    per_turn: int
    started: float = field(default_factory=elapsed_s)
    turns: int = 0

    def now(self) -> int:
        """Time of the nodes [ms], running with the wall."""
        return T0 + round((elapsed_s() - self.started) * SECOND_MS)

    def speak_until(self, end: Callable[[], bool]) -> None:
        """Let the nodes speak at their pace until ``end``; never faster to make up for a pause."""
        due = elapsed_s()
        while not end():
            self.bus.send(self.crowd.speak(self.per_turn, self.now()))
            self.turns += 1
            due = max(due + PACE_S, elapsed_s() - PACE_S)
            self.hear(until=due)

    def hear(self, *, until: float) -> None:
        """Take in acknowledgements and send again what has waited too long, until so late [s of wall time]."""
        left = until - elapsed_s()
        unborn: set[int] = set()
        while left > 0:
            for message in self.bus.receive(wait_s=left):
                if isinstance(message, Watermarks):
                    self.crowd.outbox.acknowledge(message)
                elif isinstance(message, Rebirth):
                    unborn.add(message.node)
            left = until - elapsed_s()
        if unborn:
            self.bus.send(self.crowd.births(np.array(sorted(unborn), np.int64)))
        for batch in self.crowd.outbox.take(self.now()):
            self.bus.send(batch)

    def settle(self) -> None:
        """Wait until all is acknowledged, as long as it goes on; time spent on sending again does not count."""
        left, silent_s = self.crowd.outbox.in_flight, 0.0
        while left and silent_s < CALM_S:
            self.hear(until=elapsed_s() + PACE_S)
            silent_s += PACE_S
            if self.crowd.outbox.in_flight < left:
                left, silent_s = self.crowd.outbox.in_flight, 0.0


def campaign(
    *, broker: str, hub_kills: int, broker_kills: int, messages_s: float = 2_500.0, seed: int = 1, pause_s: float = 1.5
) -> Outcome:
    """Kill the hub and the broker so often, in an order and at moments drawn from ``seed``.

    Args:
        broker: ``embedded`` or ``mosquitto``.
        messages_s: messages to be published per second, one reading each; how many it became stands in the outcome.
        pause_s: mean time between a start and the next kill [s of wall time].

    Raises:
        OutsideError: if a broker or the hub does not come up again.
    """
    rng = Seeds(seed).rng("campaign", broker)
    victims = rng.permutation(np.repeat(["hub", "broker"], [hub_kills, broker_kills])).tolist()
    since, missing = elapsed_s(), 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="citybrain-campaign-")))
        wire = stack.enter_context(Broker(broker, folder))
        topics = Topics("campaign")
        hub = stack.enter_context(HubProcess(wire.url, topics, folder / "hub"))
        bus = MqttFieldBus(wire.url, topics)
        stack.callback(bus.close)
        course = _Course(Crowd(), bus, per_turn=round(messages_s * PACE_S))
        bus.send(course.crowd.births())
        for victim in victims:
            until = elapsed_s() + float(rng.exponential(pause_s))
            course.speak_until(lambda until=until: elapsed_s() >= until)  # type: ignore[misc]
            hit = wire if victim == "broker" else hub
            hit.kill()
            released = course.crowd.outbox.acknowledged
            hit.start()
            course.speak_until(hit.is_up)
            taken = hit.word()
            missing += max(0, released - taken) if hit is hub else 0
        spoken_s = elapsed_s() - course.started
        course.settle()
        hub.end()
        hub.tally()
        return _judged(
            course.crowd,
            folder / "hub",
            broker=broker,
            kills=(hub_kills, broker_kills),
            messages_s=course.turns * course.per_turn / spoken_s,
            missing=missing,
            kept=(hub.kept, hub.inherited),
            wall_s=elapsed_s() - since,
        )


def _judged(
    crowd: Crowd,
    folder: Path,
    *,
    broker: str,
    kills: tuple[int, int],
    messages_s: float,
    missing: int,
    kept: tuple[int, int],
    wall_s: float,
) -> Outcome:
    """Open the databases once more and hold what they have against what the nodes said."""
    hub = Hub("campaign", "990100", folder, LocalBus().city_end)
    try:
        hub.tick((hub.now or T0) + 1)
        hub.flush()
        tally, ahead = hub.queries.ledger(), hub.queries.ahead()
        rows = hub.observations.ask("SELECT device, sequence, value FROM observation ORDER BY device, sequence")
    finally:
        hub.close()
    key = np.stack((crowd.row(rows["device"].astype(np.int64)), rows["sequence"].astype(np.int64)), axis=1)
    once = np.unique(key, axis=0)
    published, in_flight = crowd.outbox.published, crowd.outbox.in_flight - ahead
    sent = sum(int(count) for count in crowd.nodes.next)
    if sent != published:
        raise OutsideError(f"the nodes numbered {sent} readings and laid {published} into their outboxes; report this")
    return Outcome(
        broker=broker,
        hub_kills=kills[0],
        broker_kills=kills[1],
        messages_s=round(messages_s, 1),
        published=published,
        stored=tally.stored,
        rejected=tally.rejected,
        in_flight=in_flight,
        received=tally.received,
        duplicate=tally.duplicate,
        unattributed=tally.unattributed,
        lost=published - in_flight - len(once),
        doubled=len(key) - len(once),
        wrong=int((rows["value"] != value_of(key[:, 0], key[:, 1])).sum()),
        acknowledged_missing=missing,
        kept=kept[0],
        kept_at_kill=kept[1],
        closes=tally.closes() and published == tally.stored + tally.rejected + in_flight,
        wall_s=round(wall_s, 1),
    )
