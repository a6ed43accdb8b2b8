"""What came by the wire and is not taken in yet, kept as it came: durable, so that it can be acknowledged.

A broker has some hundred messages under way and waits for us with the rest. Taking in costs as much for sixty readings
as for six hundred (measured: 15 against 4.5 us of processor time a message); so under load the hub keeps what came as
bytes, acknowledges it, and takes in many such pieces together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from datahub.store.journal import Journal
from datahub.transport.bus import Arrived, Delivery

MANY: Final = 50
"""Messages that came together from which on more are to be expected."""

MOST: Final = 600
"""Messages that are taken in together at most, or little more: beyond, they gain nothing."""

LONGEST: Final = 1_200
"""Bytes of a message, on an average, up to which keeping it costs less than taking it in by the sixty."""

_Form = list[tuple[str, bytes]]
_DECODER = msgspec.msgpack.Decoder(_Form)


class Arrivals:
    """Messages that are kept, in the order in which they came; what a former process left behind comes first.

    Attributes:
        waiting: they.
        found: how many a former process had left behind.
        kept: how many were kept by this one.
    """

    def __init__(self, journal: Journal, *, many: int = MANY) -> None:
        self._journal, self._many = journal, many
        self.waiting: list[Delivery] = [
            Arrived(topic, payload, 0, 0) for body in journal.kept() for topic, payload in _DECODER.decode(body)
        ]
        self.found, self.kept = len(self.waiting), 0

    def may_wait(self, deliveries: Sequence[Delivery]) -> bool:
        """Whether these are better kept: many came together, so more are coming, and the broker waits for a word."""
        if len(deliveries) < self._many or len(self.waiting) + len(deliveries) > MOST:
            return False
        arrived = [one for one in deliveries if isinstance(one, Arrived)]
        if len(arrived) < len(deliveries) or not arrived[-1].qos:
            return False
        return sum([len(one.payload) for one in arrived]) <= LONGEST * len(arrived)

    def keep(self, deliveries: Sequence[Delivery]) -> None:
        """Make these durable as they came."""
        body = msgspec.msgpack.encode([(one.topic, one.payload) for one in deliveries if isinstance(one, Arrived)])
        self._journal.keep(body)
        self.waiting += deliveries
        self.kept += len(deliveries)
