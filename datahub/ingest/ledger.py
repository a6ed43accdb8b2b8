"""The ledger: nothing that comes to the hub's door is uncounted.

Two equations hold exactly, at any moment, whatever crashed before:

* at the door, in readings as they arrive:
  ``received = stored + rejected + duplicate + unattributed``. A message that cannot be read, or names no node, counts
  one; a pack of a node that was not born yet counts each of its readings, at every arrival.
* over distinct (node, epoch, sequence):
  ``published = stored + rejected + lost + in_flight - ahead``. ``published`` is all that the nodes ever numbered.
  ``in_flight`` is what lies in the nodes' outboxes; it is released by the watermark, which runs without gaps.
  ``ahead`` is what the hub already has beyond a gap (a pack was late and its successor came first): stored, rejected or
  lost here, and still in the outbox there. Without gaps it is 0.
  ``lost`` is what a node declared to be lost for ever before it came (``messages.Lost``): it was published, its
  sequences are settled, and the node lets go of them at the watermark as of the rest. It never came to the door, so it
  is not in the first equation. What of a declared run had come is stored or rejected and not lost; what comes after it
  was declared is a duplicate. A dropout consumes no sequence and is in neither equation.

Rejected readings are those of a known node that the hub will never store; they move the window as stored ones do, so
that the node stops sending them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec


class Tally(msgspec.Struct):
    """Readings counted in one commit. ``by_reason`` covers rejected and unattributed, ``by_kind`` what was stored."""

    received: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    unattributed: int = 0
    by_reason: dict[str, int] = {}
    by_kind: dict[str, int] = {}
    lost: int = 0

    def closes(self) -> bool:
        """Whether all that was received has gone somewhere."""
        return self.received == self.stored + self.rejected + self.duplicate + self.unattributed


@dataclass(slots=True)
class Ledger:
    """Running totals of the hub's door."""

    received: int = 0
    stored: int = 0
    rejected: int = 0
    duplicate: int = 0
    unattributed: int = 0
    lost: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)

    def add(self, tally: Tally) -> None:
        """Count one commit."""
        self.received += tally.received
        self.stored += tally.stored
        self.rejected += tally.rejected
        self.duplicate += tally.duplicate
        self.unattributed += tally.unattributed
        self.lost += tally.lost
        self.by_reason.update(tally.by_reason)
        self.by_kind.update(tally.by_kind)

    def totals(self) -> Tally:
        """What stands in it now."""
        return Tally(
            received=self.received,
            stored=self.stored,
            rejected=self.rejected,
            duplicate=self.duplicate,
            unattributed=self.unattributed,
            lost=self.lost,
            by_reason=dict(sorted(self.by_reason.items())),
            by_kind=dict(sorted(self.by_kind.items())),
        )
