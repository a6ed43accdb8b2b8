"""The ledger: what came to the hub's door, and where it went."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Query
from pydantic import BaseModel

from datahub.answers import Rejected
from datahub.api.problems import Problem
from datahub.api.words import Before, CodeText
from datahub.books import Books, By, Part, pages
from datahub.contract.clock import to_utc
from datahub.devices.gaps import Gap
from datahub.queries import Queries

Count: TypeAlias = Annotated[int, Query(ge=1, le=10_000)]


class LedgerView(BaseModel):
    """Readings: received = stored + rejected + duplicate + unattributed.

    ``ahead``: settled beyond a gap. ``lost``: declared lost by their nodes; they never came.
    """

    received: int
    stored: int
    rejected: int
    duplicate: int
    unattributed: int
    lost: int
    ahead: int
    closes: bool
    by_reason: dict[str, int]
    by_kind: dict[str, int]
    digest: str


class PartView(BaseModel):
    """Readings of one node, kind or department: received = stored + rejected + duplicate; lost ones never came."""

    name: str
    received: int
    stored: int
    rejected: int
    duplicate: int
    lost: int


class DivisionView(BaseModel):
    """The ledger in parts. With all pages: parts + rest = whole; ``unattributed`` readings of it have no part.

    ``rest`` is what no part answers for; ``next`` is to be given as ``after`` for the next page, empty on the last.
    """

    by: By
    parts: list[PartView]
    rest: PartView
    whole: PartView
    unattributed: int
    next: str


class GapView(BaseModel):
    """Sequences of a node's birth epoch that are missing, or that it declared lost for ever; both ends included.

    ``id`` numbers what was declared; what is missing has none, for it may come yet.
    """

    id: int | None
    node: str
    epoch: str
    first: int
    last: int
    count: int
    since: str
    declared: bool
    why: str


class RejectedView(BaseModel):
    """A reading or message that was not stored, and why."""

    id: int
    reason: str
    time: str
    node: str
    device: str
    property: str
    value: float
    detail: str


def router(queries: Queries, books: Books) -> APIRouter:
    """Routes about the ledger."""
    routes = APIRouter(tags=["ledger"])

    @routes.get("/ledger")
    def ledger(by: By | None = None, limit: Count = 1_000, after: CodeText | None = None) -> LedgerView | DivisionView:
        if by is not None:
            return _division(books, by, limit=limit, after=after or "")
        tally = queries.ledger()
        return LedgerView(
            received=tally.received,
            stored=tally.stored,
            rejected=tally.rejected,
            duplicate=tally.duplicate,
            unattributed=tally.unattributed,
            lost=tally.lost,
            ahead=queries.ahead(),
            closes=tally.closes(),
            by_reason=tally.by_reason,
            by_kind=tally.by_kind,
            digest=queries.digest(),
        )

    @routes.get("/rejected")
    def rejected(limit: Annotated[int, Query(ge=1, le=1_000)] = 100, before: Before = None) -> list[RejectedView]:
        return [_rejected(one) for one in queries.rejected(limit=limit, before=before)]

    @routes.get("/gaps")
    def gaps(
        declared: bool = False, node: CodeText | None = None, limit: Count = 1_000, before: Before = None
    ) -> list[GapView]:
        code = None if node is None else int(node)
        if declared:
            return [_gap(one) for one in books.declared(node=code, limit=limit, before=before)]
        if before is not None:
            raise Problem(422, "what is missing has no id to ask on from; give declared=true, or ask for one node")
        return [_gap(one) for one in books.missing(node=code)[:limit]]

    return routes


def _division(books: Books, by: By, *, limit: int, after: str) -> DivisionView:
    """One page of the ledger in parts."""
    found = books.divide(by)
    shown = list(pages(found.parts, after=after, limit=limit))
    more = bool(shown) and shown[-1].name != found.parts[-1].name
    whole = Part("", found.whole.stored, found.whole.rejected, found.whole.duplicate, found.whole.lost)
    return DivisionView(
        by=by,
        parts=[_part(one) for one in shown],
        rest=_part(found.rest),
        whole=_part(whole),
        unattributed=found.whole.unattributed,
        next=shown[-1].name if more else "",
    )


def _part(one: Part) -> PartView:
    return PartView(
        name=one.name,
        received=one.received,
        stored=one.stored,
        rejected=one.rejected,
        duplicate=one.duplicate,
        lost=one.lost,
    )


def _rejected(one: Rejected) -> RejectedView:
    return RejectedView(
        id=one.id,
        reason=one.reason,
        time=to_utc(one.t),
        node=str(one.node),
        device=str(one.device),
        property=one.property,
        value=one.value,
        detail=one.detail,
    )


def _gap(one: Gap) -> GapView:
    return GapView(
        id=one.id or None,
        node=str(one.node),
        epoch=to_utc(one.epoch),
        first=one.first,
        last=one.last,
        count=one.count,
        since=to_utc(one.since),
        declared=one.declared,
        why=one.why,
    )
