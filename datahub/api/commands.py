"""Orders to devices: on this machine only, and only with the token."""

from __future__ import annotations

import hashlib
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field

from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import CodePath, Name, Number, NumberName, Numbers, born, city_now
from datahub.commands import CommandRefused, Commands, CommandStatus
from datahub.contract.clock import SECOND_MS, to_utc
from datahub.ingest.admission import LONGEST_NAME, MOST_SETTINGS
from datahub.queries import Queries

LONGEST_S = 86_400.0


class Order(BaseModel):
    """What a device is to do, and for how long that is worth doing [s of city time]. The same id orders once.

    ``by`` stands in the audit trail.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
    arguments: Numbers = {}
    valid_s: Annotated[Number, Field(gt=0, le=LONGEST_S)]
    id: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")] = None
    by: Name = "seat"


class Wish(BaseModel):
    """Settings that a device should have; null takes a wish back. ``by`` stands in the audit trail."""

    model_config = ConfigDict(extra="forbid")

    state: Annotated[dict[NumberName, Number | None], Field(min_length=1, max_length=MOST_SETTINGS)]
    by: Name = "seat"


class Wished(BaseModel):
    """Version of the wish."""

    version: int


class CommandView(BaseModel):
    """How far an order has come."""

    id: str
    device: str
    name: str
    arguments: dict[str, float]
    issued: str
    expires: str
    status: str
    updated: str
    detail: str


def router(queries: Queries, commands: Commands, *, token: str) -> APIRouter:
    """Routes that give orders and tell what became of them."""
    routes = APIRouter(tags=["commands"])
    allowed = Depends(Seat(token))

    @routes.post("/devices/{code}/commands", status_code=202, dependencies=[allowed])
    def order(code: CodePath, body: Order, response: Response) -> CommandView:
        device, now = born(queries, code), city_now(queries)
        try:
            status = commands.order(
                device,
                body.name,
                arguments=body.arguments,
                t=now,
                expires=now + round(body.valid_s * SECOND_MS),
                id=body.id or _id(device, body, t=now),
                by=body.by,
            )
        except CommandRefused as error:
            raise Problem(422, str(error)) from error
        if (status.device, status.name, status.arguments) != (device, body.name, body.arguments):
            raise Problem(409, f"id '{status.id}' already stands for another order; choose another, or leave it out")
        response.headers["Location"] = f"../../commands/{status.id}"
        return _view(status)

    @routes.get("/devices/{code}/commands")
    def orders(code: CodePath) -> list[CommandView]:
        return [_view(status) for status in commands.of(born(queries, code))]

    @routes.get("/commands/{id}")
    def command(id: str) -> CommandView:  # noqa: A002 - the contract's word
        status = commands.status(id)
        if status is None:
            raise Problem(404, f"no order '{id:.64}' was ever given")
        return _view(status)

    @routes.put("/devices/{code}/desired", status_code=202, dependencies=[allowed])
    def desire(code: CodePath, body: Wish) -> Wished:
        try:
            version = commands.desire(born(queries, code), body.state, city_now(queries), by=body.by)
        except CommandRefused as error:
            raise Problem(422, str(error)) from error
        return Wished(version=version)

    return routes


def _id(device: int, body: Order, *, t: int) -> str:
    """An id made from content."""
    content = msgspec.json.encode([device, body.name, sorted(body.arguments.items()), t])
    return f"api-{hashlib.sha256(content).hexdigest()[:16]}"


def _view(status: CommandStatus) -> CommandView:
    return CommandView(
        id=status.id,
        device=str(status.device),
        name=status.name,
        arguments=status.arguments,
        issued=to_utc(status.issued),
        expires=to_utc(status.expires),
        status=status.status,
        updated=to_utc(status.updated),
        detail=status.detail,
    )
