"""Nothing is taken as final while a node that was cut off may still speak: three declarations that must agree."""

from __future__ import annotations

from datahub.contract.clock import DAY_MS, SECOND_MS
from datahub.contract.errors import DeclarationError
from datahub.devices import guard
from datahub.devices.guard import Limits
from datahub.ingest import event_time
from datahub.ingest.event_time import EventTime
from datahub.store import retention
from datahub.store.retention import Retention


def check(limits: Limits, times: EventTime, policy: Retention) -> None:
    """Refuse a watermark or a roll-up that comes before the longest backlog (``backlog_s``) can have come.

    Raises:
        DeclarationError: naming the file with the shorter time.
    """
    backlog_s = limits.backlog_s.value
    for file, name, settled_s, shown in (
        (event_time.FILE, "settled_s", times.settled_s.value, f"{times.settled_s.value:g} s"),
        (retention.FILE, "settled", policy.settled_ms / SECOND_MS, f"{policy.settled.value:g} d"),
    ):
        if settled_s < backlog_s:
            raise DeclarationError(
                f"[{name}] {shown} is over before a node without a link may speak ([backlog_s] {backlog_s:g} s in"
                f" {guard.FILE})",
                file=file,
                remedy=f"give at least {backlog_s:g} s, that is {backlog_s * SECOND_MS / DAY_MS:g} d",
            )
