"""One order to many devices, on this machine only and only with the token; every device has its own result."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from datahub.api.aim import Aim, aimed
from datahub.api.commands import LONGEST_S
from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import BeforeId, CodeText, Name, Number, Numbers, Whole, city_now
from datahub.commands import CommandRefused, Policy
from datahub.contract.clock import SECOND_MS, to_utc
from datahub.contract.errors import UsageError
from datahub.devices.batches import Batch, Order, Result
from datahub.devices.rollout import Plan
from datahub.devices.targets import Owned
from datahub.hub import Hub

Status = Literal["refused", "sent", "accepted", "done", "rejected", "expired"]


class BatchOrder(Aim):
    """What many devices are to do, and for how long that is worth doing [s of city time].

    Who does not answer is told again ``retry_count`` times, ``retry_gap_s`` apart [s]; left out, as declared.
    """

    name: Name
    arguments: Annotated[Numbers, Field(default_factory=dict)]
    valid_s: Annotated[Number, Field(gt=0, le=LONGEST_S)]
    retry_count: Annotated[Whole | None, Field(ge=0, le=100)] = None
    retry_gap_s: Annotated[Number | None, Field(gt=0, le=LONGEST_S)] = None


class BatchView(BaseModel):
    """One order to many devices; ``counts``: how many of them have come how far."""

    id: str
    name: str
    arguments: dict[str, float]
    issued: str
    expires: str
    retry_count: int
    retry_gap_s: float
    by: str
    counts: dict[str, int]


class ResultView(BaseModel):
    """What became of one device, since when, after how many tries."""

    device: str
    status: str
    detail: str
    updated: str
    tries: int


class BatchPage(BatchView):
    """A batch with some of its results by code; ``next`` is the code to ask on from (``after``), if there are more."""

    results: list[ResultView]
    next: str | None


def router(hub: Hub, *, owned: Owned | None, token: str) -> APIRouter:
    """Routes that order many devices at once and tell what became of each."""
    routes = APIRouter(tags=["batches"])
    allowed = Depends(Seat(token))

    @routes.post("/batches", status_code=202, dependencies=[allowed])
    def order(body: BatchOrder, response: Response) -> BatchView:
        devices = aimed(hub, body, owned=owned)
        told = _order(body, devices, declared=hub.jobs.declared, t=city_now(hub.queries))
        try:
            batch = hub.batches.order(devices, told)
        except CommandRefused as error:
            raise Problem(422, str(error)) from error
        same = hub.batches.devices(told.id) == set(devices)
        if not same or (batch.order.name, batch.order.arguments) != (told.name, told.arguments):
            raise Problem(409, f"id '{told.id}' already stands for another order; choose another, or leave it out")
        response.headers["Location"] = f"batches/{told.id}"
        return BatchView(**_view(batch))

    @routes.get("/batches")
    def latest(limit: Annotated[int, Query(ge=1, le=1_000)] = 100, before: BeforeId = "") -> list[BatchView]:
        try:
            found = hub.batches.latest(limit=limit, before=before)
        except UsageError as error:
            raise Problem(404, str(error)) from error
        return [BatchView(**_view(one)) for one in found]

    @routes.get("/batches/{id}")
    def batch(
        id: str,  # noqa: A002 - the contract's word
        status: Status | None = None,
        after: CodeText = "0",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> BatchPage:
        try:
            found = hub.batches.status(id)
        except UsageError as error:
            raise Problem(404, str(error)) from error
        results = hub.batches.results(id, after=int(after), limit=limit + 1, status=status or "")
        more = str(results[limit - 1].device) if len(results) > limit else None
        return BatchPage(**_view(found), results=[_result(one) for one in results[:limit]], next=more)

    return routes


def _order(body: BatchOrder, devices: Sequence[int], *, declared: Plan, t: int) -> Order:
    count = declared.retry_count if body.retry_count is None else body.retry_count
    gap_s = declared.retry_gap_s if body.retry_gap_s is None else body.retry_gap_s
    return Order(
        id=body.id or _id(body, devices, t=t),
        name=body.name,
        arguments=dict(body.arguments),
        issued=t,
        expires=t + round(body.valid_s * SECOND_MS),
        policy=Policy(count, round(gap_s * SECOND_MS)),
        by=body.by,
    )


def _id(body: BatchOrder, devices: Sequence[int], *, t: int) -> str:
    """An id made from content."""
    content = msgspec.json.encode([body.name, sorted(body.arguments.items()), devices, t])
    return f"batch-{hashlib.sha256(content).hexdigest()[:16]}"


def _view(batch: Batch) -> dict[str, object]:
    order = batch.order
    return {
        "id": order.id,
        "name": order.name,
        "arguments": order.arguments,
        "issued": to_utc(order.issued),
        "expires": to_utc(order.expires),
        "retry_count": order.policy.retries,
        "retry_gap_s": order.policy.gap / SECOND_MS,
        "by": order.by,
        "counts": batch.counts,
    }


def _result(one: Result) -> ResultView:
    return ResultView(
        device=str(one.device),
        status=one.status,
        detail=one.detail,
        updated=to_utc(one.updated),
        tries=one.tries,
    )
