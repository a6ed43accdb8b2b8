"""Who is turned away: counted by hour and source, so that strangers can neither fill the audit trail nor hold up work.

A call without a valid code, a birth that claims another's device, a post without a vendor's seal: they cost nobody
anything to send. So they are counted in memory and made durable at the tick: one row of the trail for each source and
hour, which says what came first and how often. The number of sources is bounded; what comes from more counts as from
``OTHERS``.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from sqlmodel import Session, col, func, select

from datahub.contract.clock import HOUR_MS
from datahub.contract.codes import Reason
from datahub.feed import Denial
from datahub.resources.calling import Limits
from datahub.store.session import Store
from datahub.store.tables import AuditRow, RefusalRow
from datahub.store.trail import TOTAL_HOUR, trim

OTHERS: Final = "others"
"""The source of all that comes from more sources than are told apart in an hour."""


class Entrance(StrEnum):
    """Where somebody was turned away; the word is the action in the audit trail. Ours."""

    CALL = "call"  # data called without a valid authorisation code
    CLAIM = Reason.CLAIMED.value  # a birth for a device for which another node speaks
    ILL = "ill"  # a word of a vendor's cloud that is none in its own dialect
    # a post at the door of vendors' clouds that is not taken
    UNSIGNED = Denial.UNSIGNED.value
    STALE = Denial.STALE.value
    REPLAYED = Denial.REPLAYED.value
    OVERSIZED = Denial.OVERSIZED.value
    MALFORMED = Denial.MALFORMED.value
    BUSY = Denial.BUSY.value


@dataclass(slots=True)
class _Fresh:
    """What is counted and not durable yet: the first of it, and how often."""

    t: int
    subject: str
    detail: str
    count: int = 0


class Refusals:
    """Counts who is turned away and says when it is too much. Times are city time [ms].

    ``kept_ms``: how long the trail is kept. What was counted since the last tick is lost if the process ends.
    """

    def __init__(self, store: Store, limits: Limits, *, kept_ms: int) -> None:
        self._limits, self._kept_ms = limits, kept_ms
        self._lock = threading.Lock()
        self._fresh: dict[tuple[int, Entrance, str], _Fresh] = {}
        self._rests_until = 0
        with store.session() as session:
            rows = select(RefusalRow)
            totals = session.exec(rows.where(RefusalRow.hour == TOTAL_HOUR)).all()
            self._hour: int = session.exec(select(func.max(RefusalRow.hour))).one() or TOTAL_HOUR
            latest = session.exec(rows.where(RefusalRow.hour == self._hour, col(RefusalRow.hour) > TOTAL_HOUR)).all()
        self._totals = {Entrance(row.entrance): row.count for row in totals}
        self._spent: dict[Entrance, dict[str, int]] = {entrance: {} for entrance in Entrance}
        for row in latest:
            self._spent[Entrance(row.entrance)][row.source] = row.count

    def total(self, entrance: Entrance) -> int:
        """How often somebody was turned away since the first day of this database."""
        with self._lock:
            return self._totals.get(entrance, 0)

    def wait_s(self, source: str, *, t: int) -> int:
        """How long a source must wait that was turned away too often in this hour [s]; 0: it may try."""
        with self._lock:
            self._turn(t)
            spent = self._spent[Entrance.CALL].get(self._told_apart(Entrance.CALL, source), 0)
        return -(-(HOUR_MS - t % HOUR_MS) // 1000) if spent >= self._limits.refusals_per_hour.value else 0

    def count(self, entrance: Entrance, source: str, *, t: int, subject: str, detail: str) -> None:
        """Count one who is turned away; durable from the next tick on."""
        with self._lock:
            self._turn(t)
            source = self._told_apart(entrance, source)
            self._spent[entrance][source] = self._spent[entrance].get(source, 0) + 1
            self._totals[entrance] = self._totals.get(entrance, 0) + 1
            self._fresh.setdefault((self._hour, entrance, source), _Fresh(t, subject, detail)).count += 1

    def keep(self, session: Session, *, claims: Sequence[tuple[int, int]] = (), t: int) -> None:
        """Make durable what was counted, with refused claims (node, device), and trim the trail by a piece."""
        for node, device in claims:
            self.count(Entrance.CLAIM, str(node), t=t, subject=str(device), detail="birth refused")
        with self._lock:
            fresh, self._fresh = self._fresh, {}
            totals = dict(self._totals)
        for (hour, entrance, source), one in fresh.items():
            _note(session, hour, entrance, source=source, one=one)
        for entrance in sorted({key[1] for key in fresh}):
            session.merge(RefusalRow(hour=TOTAL_HOUR, entrance=entrance, source="", count=totals[entrance]))
        if t >= self._rests_until and not trim(session, before=t - self._kept_ms):
            self._rests_until = (t // HOUR_MS + 1) * HOUR_MS

    def _turn(self, t: int) -> None:
        """Begin a new hour; who still tells the one before, as the tick passes, counts to this one."""
        if t // HOUR_MS not in (self._hour - 1, self._hour):
            self._hour, self._spent = t // HOUR_MS, {entrance: {} for entrance in Entrance}

    def _told_apart(self, entrance: Entrance, source: str) -> str:
        known = self._spent[entrance]
        return source if source in known or len(known) < self._limits.refusal_sources.value else OTHERS


def source_of(address: str) -> str:
    """The source that an address stands for: itself, or the network of 64 bits that one subscriber has (RFC 6177)."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64] or "unknown"
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((int(found), 64), strict=False))
    return str(found)


def _note(session: Session, hour: int, entrance: Entrance, *, source: str, one: _Fresh) -> None:
    """Count on in the row of this source and hour, and in the line of the trail that tells of it."""
    row = session.get(RefusalRow, (hour, entrance.value, source))
    line = session.get(AuditRow, row.audit) if row is not None else None
    if row is None:
        row = RefusalRow(hour=hour, entrance=entrance, source=source, count=0, told=one.detail[:400])
    if line is None:
        line = AuditRow(t=one.t, who=source, action=entrance, subject=one.subject[:64], detail="")
    row.count += one.count
    line.detail = row.told if row.count == 1 else f"{row.told} (the first of {row.count} in this hour)"
    session.add(line)
    session.flush()
    row.audit = line.id or 0
    session.add(row)
