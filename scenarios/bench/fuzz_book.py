"""Keeps book of what is sent to a hub, and compares it with the hub's own ledger: no message may be missing there.

What a message carries is found by decoding it alone before it is sent. Packs and what cannot be read go together and
must be in the ledger to the reading. Whatever else a node says goes alone: the hub either keeps it for its next tick or
refuses it, and never neither.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from datahub.contract.messages import Lost, Marker, Up
from datahub.contract.observations import ObservationBatch
from datahub.contract.topics import Topics
from datahub.contract.wire import Unreadable, decode_up
from datahub.hub import Hub
from datahub.ingest.ledger import Tally
from datahub.transport.bus import Arrived
from datahub.transport.local import LocalBus


@dataclass(slots=True)
class Book:
    """What was sent, and of how many messages the ledger shows what became.

    Attributes:
        accounted: messages of which the hub's ledger or inbox tells exactly what it should.
        readings, unread: readings that were sent, and messages that cannot be read.
        first: the first few faults, in words.
    """

    hub: Hub
    bus: LocalBus
    topics: Topics
    accounted: int = 0
    readings: int = 0
    unread: int = 0
    first: list[str] = field(default_factory=list)
    _sent: int = 0
    _readings: int = 0
    _unread: Counter[str] = field(default_factory=Counter)
    _others: list[tuple[Arrived, Up]] = field(default_factory=list)
    _before: Tally = field(default_factory=Tally)

    def begin(self) -> None:
        """Book what comes from now on."""
        self._before = self.hub.queries.ledger()

    def send(self, messages: list[Arrived], *, now: int) -> None:
        """Send these together, but those that must go alone; ``now`` is city time [ms]."""
        for one in messages:
            try:
                said = decode_up(one.topic, one.payload, topics=self.topics, now=now)
            except Unreadable as error:
                self._unread[error.reason] += 1
            else:
                if not isinstance(said, ObservationBatch):
                    self._others.append((one, said))
                    continue
                self._readings += len(said)
            self._sent += 1
            self.bus.upward.append(one)  # type: ignore[arg-type]
        self.hub.intake()
        if not self.hub.arrivals.waiting:
            self._compare()

    def settle(self) -> None:
        """Let the hub take in what it keeps, then what goes alone; all is booked when this returns."""
        self.hub.intake()
        self._compare()
        for arrived, said in self._others:
            self._alone(arrived, said)
        self._others.clear()

    def _compare(self) -> None:
        """What was sent since the last time against what the ledger has gained since."""
        found = self.hub.queries.ledger()
        wrong = self._wrong(found)
        self._judge(wrong, self._sent)
        self.readings += self._readings
        self.unread += self._unread.total()
        self._before, self._sent, self._readings = found, 0, 0
        self._unread.clear()

    def _wrong(self, found: Tally) -> str:
        before, sent = self._before, self._readings + self._unread.total()
        gained = found.received - before.received
        if gained != sent:
            return f"{sent} readings and unreadable messages were sent, and the ledger received {gained}"
        named = sum(found.by_reason.values()) - sum(before.by_reason.values())
        refused = found.rejected + found.unattributed - before.rejected - before.unattributed
        if not found.closes() or named != refused:
            return f"{refused} were refused, and {named} have a reason; or the ledger does not close: {found}"
        for reason, count in self._unread.items():
            if found.by_reason.get(reason, 0) - before.by_reason.get(reason, 0) < count:
                return f"{count} messages are {reason}, and the ledger has fewer"
        return ""

    def _alone(self, arrived: Arrived, said: Up) -> None:
        before, kept = self._before, self._kept()
        self.bus.upward.append(arrived)  # type: ignore[arg-type]
        believed = self.hub.intake()
        found = self.hub.queries.ledger()
        refused, noted = found.received - before.received, self._kept() - kept
        if isinstance(said, Marker):
            noted = int(believed is not None)
        elif isinstance(said, Lost):
            noted = noted or int(not refused)  # a gap that was settled before leaves no trace
        ok = refused == found.unattributed - before.unattributed and found.closes() and refused + noted >= 1
        self._judge("" if ok else f"a {type(said).__name__} was neither kept nor refused", 1)
        self._before = found

    def _judge(self, wrong: str, messages: int) -> None:
        if not wrong:
            self.accounted += messages
        elif len(self.first) < 3:
            self.first.append(wrong)

    def _kept(self) -> int:
        """Messages in the hub's inbox, which wait for its next tick."""
        with self.hub.store.transaction() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM hub_inbox").scalar_one())
