"""What the hub bears of one node, who is in quarantine, who let whom out, and what was done to whom."""

from __future__ import annotations

from typing import Annotated, Protocol

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, StringConstraints

from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import Before, CodePath
from datahub.contract.clock import to_utc
from datahub.contract.errors import UsageError
from datahub.queries import Queries
from datahub.store.tables import AuditRow, QuarantineRow


class Release(Protocol):
    """Lets a node (code) out of quarantine, on somebody's word."""

    def __call__(self, node: int, *, by: str) -> None:
        """Raise UsageError if it is in none."""


class LimitView(BaseModel):
    """One published limit."""

    name: str
    value: float
    unit: str
    zh: str
    en: str
    source: str
    unverified: bool


class QuarantineView(BaseModel):
    """A node that was taken for mad; ``released`` is empty while it is in quarantine."""

    id: int
    node: str
    why: str
    detail: str
    since: str
    released: str
    by: str


class AuditView(BaseModel):
    """Something that was done, by whom, to what."""

    id: int
    time: str
    who: str
    action: str
    subject: str
    detail: str


class Word(BaseModel):
    """On whose word a node is let out."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]


Count = Annotated[int, Query(ge=1, le=1_000)]


def router(queries: Queries, *, release: Release, token: str) -> APIRouter:
    """Routes about limits, quarantine and the audit trail."""
    routes = APIRouter(tags=["protection"])
    allowed = Depends(Seat(token))

    @routes.get("/limits")
    def limits() -> list[LimitView]:
        return [
            LimitView(
                name=name, value=it.value, unit=it.unit, zh=it.zh, en=it.en, source=it.source, unverified=it.unverified
            )
            for name, it in msgspec.structs.asdict(queries.limits()).items()
        ]

    @routes.get("/quarantine")
    def quarantine(held: bool | None = None, limit: Count = 100, before: Before = None) -> list[QuarantineView]:
        return [_held(one) for one in queries.quarantine(held=held, limit=limit, before=before)]

    @routes.post("/quarantine/{code}/release", status_code=204, dependencies=[allowed])
    def let_out(code: CodePath, body: Word) -> None:
        try:
            release(int(code), by=body.by)
        except UsageError as error:
            raise Problem(409, str(error)) from error

    @routes.get("/audit")
    def audit(
        limit: Count = 100, subject: Annotated[str, Query(max_length=64)] = "", before: Before = None
    ) -> list[AuditView]:
        return [_done(one) for one in queries.audit(limit=limit, subject=subject, before=before)]

    return routes


def _held(row: QuarantineRow) -> QuarantineView:
    return QuarantineView(
        id=row.id or 0,
        node=str(row.node),
        why=row.why,
        detail=row.detail,
        since=to_utc(row.since),
        released=to_utc(row.released) if row.released else "",
        by=row.by,
    )


def _done(row: AuditRow) -> AuditView:
    return AuditView(
        id=row.id or 0, time=to_utc(row.t), who=row.who, action=row.action, subject=row.subject, detail=row.detail
    )
