"""The city's end of a wire that forgets nothing which nobody acknowledged, though the hub behind it is opened anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from datahub.contract.messages import Down, North
from datahub.transport.bus import Arrived, CityBus, Delivery

MOST: Final = 10_000
"""Messages of QoS 0 that are held while the hub is in trouble; more are let go, as at QoS 0 they may be. Ours."""


class HeldBus:
    """Hands over again what was received and not acknowledged, once ``again`` says that its receiver is another.

    A broker sends an unacknowledged message again only after a new connection; so it is kept here. The wire stays open
    when a hub lets go of it; who made it closes it.
    """

    def __init__(self, wire: CityBus) -> None:
        self._wire = wire
        self._open: Sequence[Delivery] = ()
        self._back: list[Delivery] = []

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        """What is to be taken in again, then what has come up."""
        came = self._wire.receive(wait_s=0.0 if self._back else wait_s)
        found = [*self._back, *came] if self._back else came
        self._back = []
        self._open = [*self._open, *found] if self._open else found
        return found

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """These are durable, and no others."""
        self._wire.acknowledge(deliveries)
        if deliveries is self._open:
            self._open = ()
        elif deliveries:
            durable = {id(one) for one in deliveries}
            self._open = [one for one in self._open if id(one) not in durable]

    def again(self) -> None:
        """What was received and not acknowledged is to be received once more."""
        self._back = [*self._open, *self._back]
        self._open = ()

    def gather(self) -> int:
        """Hold what comes while nobody takes anything in; says how many messages of QoS 0 had to be let go."""
        found = self._wire.receive()
        room = max(0, MOST - len(self._back))
        unsure = [one for one in found if isinstance(one, Arrived) and not one.qos]
        gone = {id(one) for one in unsure[room:]}
        self._back += [one for one in found if id(one) not in gone]
        return len(gone)

    def send(self, message: Down) -> None:
        """Send one message down."""
        self._wire.send(message)

    def forget(self, orders: Iterable[str]) -> None:
        """Let these orders not go out, as far as they have not."""
        self._wire.forget(orders)

    def report(self, message: North) -> None:
        """Tell whoever listens northbound."""
        self._wire.report(message)

    def close(self) -> None:
        """Let go; the wire stays open."""
