"""Event time as the hub keeps it: its watermark, its limits, and what came late."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from datahub.contract.clock import to_utc
from datahub.hub import Hub
from datahub.ingest.event_time import in_force


class EventTimeView(BaseModel):
    """How times are taken; spans in seconds.

    ``watermark``: what is added up below may be taken as final. ``late`` readings came after later ones of the same
    device's property, ``belated`` ones of these below the watermark; both since the hub's process began.
    """

    time: str | None
    watermark: str | None
    skew_s: float
    far_future_s: float
    settled_s: float
    late: int
    belated: int


def router(hub: Hub) -> APIRouter:
    """The route about event time."""
    routes = APIRouter(tags=["health"])

    @routes.get("/event-time")
    def event_time() -> EventTimeView:
        policy, now = in_force(), hub.now
        latest = hub.memory.latest
        return EventTimeView(
            time=None if now is None else to_utc(now),
            watermark=None if now is None else to_utc(policy.watermark(now)),
            skew_s=policy.skew_s.value,
            far_future_s=policy.far_future_s.value,
            settled_s=policy.settled_s.value,
            late=latest.late,
            belated=latest.belated,
        )

    return routes
