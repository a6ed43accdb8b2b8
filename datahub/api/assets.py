"""The register of assets: lists go in, lives go on, one pole and its guests come out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import CodePath
from datahub.contract.clock import to_utc
from datahub.contract.codes import DeviceState
from datahub.contract.errors import UsageError
from datahub.devices.assets import Assets
from datahub.devices.registry import STAGES
from datahub.queries import Queries

LONGEST = 32 * 2**20
"""Bytes of one list at most."""

TOLD = 1_000
"""Faults and codes told in one answer; all are counted."""

_LIST = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]


class FaultView(BaseModel):
    """What is wrong with one line of a list (the header is line 1), and what would mend it."""

    line: int
    column: str
    rule: str
    remedy: str


class GivenView(BaseModel):
    """A code that was given out to a line that left it open."""

    line: int
    code: str


class ReportView(BaseModel):
    """What came of a list; the first thousand faults and codes are told, all are counted."""

    accepted: int
    refused: int
    faults: list[FaultView]
    codes: list[GivenView]


class MoveView(BaseModel):
    """One step of a working life."""

    time: str
    stage: str
    by: str


class AssetView(BaseModel):
    """One device or managed object, where it stands, what sits on it, and its life so far."""

    code: str
    sort: str
    kind: str
    name: str
    owner: str
    object: str
    lon: float
    lat: float
    grid: str
    community: str
    stage: str
    guests: list[str]
    history: list[MoveView]


class CountView(BaseModel):
    """How many things of a sort an owner has at a stage."""

    sort: str
    owner: str
    stage: str
    count: int


class OwnedView(BaseModel):
    """How many devices that were born a department owns; the empty name stands for those of nobody."""

    owner: str
    count: int


class Step(BaseModel):
    """The stage that a thing is taken to, on whose word."""

    model_config = ConfigDict(extra="forbid")

    to: DeviceState
    by: Name


def router(queries: Queries, assets: Assets, *, token: str) -> APIRouter:
    """Routes of the asset register."""
    routes = APIRouter(tags=["assets"])
    allowed = Depends(Seat(token))

    @routes.post("/assets", dependencies=[allowed], openapi_extra=_LIST)
    async def enter(request: Request, by: Name, dry_run: bool = False) -> ReportView:
        body = await request.body()
        try:
            report = assets.take(body.decode("utf-8-sig"), t=_now(queries), by=by, dry=dry_run)
        except UnicodeDecodeError as error:
            raise Problem(422, f"byte {error.start} is not UTF-8; save the list as CSV in UTF-8") from error
        except UsageError as error:
            raise Problem(422, str(error)) from error
        return ReportView(
            accepted=report.accepted,
            refused=len(report.faults),
            faults=[
                FaultView(line=one.line, column=one.column, rule=one.rule, remedy=one.remedy)
                for one in report.faults[:TOLD]
            ],
            codes=[GivenView(line=line, code=str(code)) for line, code in report.given[:TOLD]],
        )

    @routes.get("/assets")
    def counts() -> list[CountView]:
        return [
            CountView(sort=sort, owner=owner, stage=stage, count=count)
            for (sort, owner, stage), count in assets.count().items()
        ]

    @routes.get("/owners")
    def owners() -> list[OwnedView]:
        return [OwnedView(owner=owner, count=count) for owner, count in sorted(assets.shares().items())]

    @routes.get("/assets/{code}")
    def one(code: CodePath) -> AssetView:
        return _view(assets, int(code))

    @routes.post("/assets/{code}/stage", dependencies=[allowed])
    def move(code: CodePath, body: Step) -> AssetView:
        _view(assets, int(code))
        assets.move(int(code), body.to, t=_now(queries), by=body.by)
        return _view(assets, int(code))

    return routes


def _now(queries: Queries) -> int:
    return queries.health().now or 0


def _view(assets: Assets, code: int) -> AssetView:
    try:
        found = assets.find(code)
    except UsageError as error:
        raise Problem(404, str(error)) from error
    row = found.row
    return AssetView(
        code=str(row.code),
        sort=row.sort,
        kind=found.kind,
        name=row.name,
        owner=row.owner,
        object=str(row.object) if row.object else "",
        lon=row.lon,
        lat=row.lat,
        grid=found.grid,
        community=found.community,
        stage=STAGES[row.stage],
        guests=[str(guest) for guest in found.guests],
        history=[MoveView(time=to_utc(t), stage=stage, by=by) for t, stage, by in found.moves],
    )
