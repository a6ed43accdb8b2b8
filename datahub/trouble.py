"""What keeps the hub from taking anything in: a full disk, a locked database, a broker that is gone.

A hub in trouble acknowledges nothing, says what is the matter, and goes on by itself when it is over. Times are those
of the wall: trouble is the engineer's matter, not the city's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from datahub.contract.clock import wall_ms


class Cause(StrEnum):
    """What is the matter. Ours, after the result codes of SQLite (sqlite.org/rescode.html)."""

    DISK_FULL = "disk_full"
    DATABASE_LOCKED = "database_locked"
    DATABASE_FAILED = "database_failed"  # it cannot be read, written or opened for any other reason
    BROKER_GONE = "broker_gone"


class Trouble(msgspec.Struct, frozen=True):
    """One thing that is the matter now.

    Attributes:
        detail: what the disk, the database or the broker said.
        since: since when [ms of wall time].
        times: how often it was met with since then.
    """

    cause: Cause
    detail: str
    since: int
    times: int


@dataclass(slots=True)
class Troubles:
    """All that is the matter with one hub; written by its owner's thread, read from any.

    Attributes:
        now: what is the matter, by cause.
        met: how often each cause began, since the process did.
        reopened: how often the hub was opened again from what is durable.
        let_go: messages at QoS 0 that there was no room for meanwhile (nodes send them again).
    """

    now: dict[Cause, Trouble] = field(default_factory=dict)
    met: dict[Cause, int] = field(default_factory=lambda: dict.fromkeys(Cause, 0))
    reopened: int = 0
    let_go: int = 0

    def meet(self, cause: Cause, detail: str) -> None:
        """This is the matter, anew or still."""
        known = self.now.get(cause)
        if known is None:
            self.met = self.met | {cause: self.met[cause] + 1}
        since, times = (wall_ms(), 0) if known is None else (known.since, known.times)
        self.now = self.now | {cause: Trouble(cause, detail[:300], since, times + 1)}

    def over(self, *causes: Cause) -> None:
        """These are the matter no more."""
        self.now = {cause: trouble for cause, trouble in self.now.items() if cause not in causes}

    @property
    def standing(self) -> tuple[Trouble, ...]:
        """What is the matter, the oldest first."""
        return tuple(sorted(self.now.values(), key=lambda one: one.since))
