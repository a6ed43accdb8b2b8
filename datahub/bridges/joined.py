"""The city's end of the wire, with the bridges on it: to the hub, a bridge is one node more.

What the hub says down to a bridge's node never reaches the wire, and what a bridge says up is taken in, acknowledged
and answered with a watermark like everything that came by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from datahub.bridges.bridge import Bridge
from datahub.bridges.desk import Bridges
from datahub.contract.messages import Command, Desired, Down, North, Rebirth, Watermarks
from datahub.store.bridge_book import Letter
from datahub.transport.bus import Arrived, CityBus, Delivery


class JoinedBus:
    """A city's end of the wire that bridges can join, once the hub has opened their books."""

    def __init__(self, wire: CityBus) -> None:
        self._wire = wire
        self._bridges: Bridges | None = None
        self._handed: dict[int, tuple[Bridge, Letter]] = {}
        self._token = 0

    def join(self, bridges: Bridges) -> None:
        """From now on the bridges are on the wire."""
        self._bridges = bridges

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        """What the bridges have to say, then what has come up the wire."""
        own = self._letters()
        return [*own, *self._wire.receive(wait_s=0.0 if own else wait_s)]

    def _letters(self) -> list[Arrived]:
        own: list[Arrived] = []
        if self._bridges is not None:
            self._bridges.look()
        for bridge in self._bridges.by_node.values() if self._bridges is not None else ():
            for letter in bridge.hand_over():
                self._token -= 1
                self._handed[self._token] = (bridge, letter)
                own.append(Arrived(letter.topic, letter.payload, 0, self._token))
        return own

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """All of these are durable. Readings stay in the outbox until their watermark comes."""
        foreign: list[Delivery] = []
        for delivery in deliveries:
            handed = self._handed.pop(delivery.token, None) if isinstance(delivery, Arrived) else None
            if handed is None:
                foreign.append(delivery)
            elif handed[1].id and handed[1].last < 0:
                handed[0].book.drop(handed[1].id)
        self._wire.acknowledge(foreign)

    def send(self, message: Down) -> None:
        """Send one message down: to a bridge what is a bridge's."""
        if self._bridges is None:
            self._wire.send(message)
        elif isinstance(message, Watermarks):
            self._release(message, self._bridges)
        elif isinstance(message, Rebirth) and message.node in self._bridges.by_node:
            self._bridges.by_node[message.node].be_born()
        elif not (isinstance(message, Command | Desired) and self._bridges.order(message)):
            self._wire.send(message)

    def _release(self, marks: Watermarks, bridges: Bridges) -> None:
        ours = np.isin(marks.node, np.array(list(bridges.by_node), np.int64))
        for i in np.flatnonzero(ours).tolist():
            bridge = bridges.by_node[int(marks.node[i])]
            if int(marks.epoch[i]) == bridge.book.epoch:
                bridge.book.release(int(marks.sequence[i]))
        if not ours.all():
            self._wire.send(Watermarks(marks.node[~ours], marks.epoch[~ours], marks.sequence[~ours]))

    def forget(self, orders: Iterable[str]) -> None:
        """Let these orders not go out by the wire, as far as they have not."""
        self._wire.forget(orders)

    def report(self, message: North) -> None:
        """Tell whoever listens northbound."""
        self._wire.report(message)

    def close(self) -> None:
        """Say good-bye and let go."""
        self._wire.close()
