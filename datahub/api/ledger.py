"""The ledger: what came to the hub's door, and where it went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from datahub.contract.clock import to_utc
from datahub.queries import Queries


class LedgerView(BaseModel):
    """Readings: received = stored + rejected + duplicate + unattributed. ``ahead``: stored beyond a gap."""

    received: int
    stored: int
    rejected: int
    duplicate: int
    unattributed: int
    ahead: int
    closes: bool
    by_reason: dict[str, int]
    by_kind: dict[str, int]
    digest: str


class RejectedView(BaseModel):
    """A reading or message that was not stored, and why."""

    reason: str
    time: str
    node: str
    device: str
    property: str
    value: float
    detail: str


def router(queries: Queries) -> APIRouter:
    """Routes about the ledger."""
    routes = APIRouter(tags=["ledger"])

    @routes.get("/ledger")
    def ledger() -> LedgerView:
        tally = queries.ledger()
        return LedgerView(
            received=tally.received,
            stored=tally.stored,
            rejected=tally.rejected,
            duplicate=tally.duplicate,
            unattributed=tally.unattributed,
            ahead=queries.ahead(),
            closes=tally.closes(),
            by_reason=tally.by_reason,
            by_kind=tally.by_kind,
            digest=queries.digest(),
        )

    @routes.get("/rejected")
    def rejected(limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> list[RejectedView]:
        return [
            RejectedView(
                reason=one.reason,
                time=to_utc(one.t),
                node=str(one.node),
                device=str(one.device),
                property=one.property,
                value=one.value,
                detail=one.detail,
            )
            for one in queries.rejected(limit=limit)
        ]

    return routes
