"""Descriptions for machines, generated: what a kind and a device can do (WoT), what travels on the wire (AsyncAPI)."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from datahub.answers import Devices
from datahub.api import asyncapi, thing
from datahub.api.problems import Problem
from datahub.api.words import CodePath, born, kind_of
from datahub.contract.messages import KindDescriptor
from datahub.contract.topics import Topics
from datahub.ingest.thresholds import Threshold
from datahub.queries import Queries

BROKER = "mqtt://127.0.0.1:1883"
"""Where the wire is, unless somebody says otherwise."""


class _Wire(JSONResponse):
    media_type = "application/json"


class _Model(JSONResponse):
    media_type = thing.TM_TYPE


class _Description(JSONResponse):
    media_type = thing.TD_TYPE


@dataclass(frozen=True, slots=True)
class Ground:
    """What every description of a city's things stands on.

    Attributes:
        topics: those of the city.
        thresholds: limits whose alarms are events of the things.
        prefix: below which the API stands.
        broker: URL of the broker.
        assets: whether the register of assets is served too.
    """

    topics: Topics
    thresholds: tuple[Threshold, ...]
    prefix: str
    broker: str
    assets: bool

    def place(self, found: Devices, *, base: str) -> thing.Place:
        """Where the one device found is to be had, for who reached the platform at ``base``."""
        watched = str(found.object[0])
        return thing.Place(
            api=f"{base.rstrip('/')}{self.prefix}/",
            broker=self.broker,
            root=self.topics.root,
            city=self.topics.city,
            device=str(found.device[0]),
            node=str(found.node[0]),
            object=watched,
            asset=f"assets/{watched}" if self.assets else f"devices?object={watched}",
        )


def router(queries: Queries, ground: Ground) -> APIRouter:
    """Routes that describe, and the one by which a described property is read."""
    routes = APIRouter(tags=["descriptions"])

    @routes.get("/asyncapi.json", response_class=_Wire)
    def wire() -> Response:
        return _Wire(asyncapi.document(city=ground.topics.root.removeprefix("city/")))

    @routes.get("/td/{kind}", response_class=_Model)
    def model(kind: str) -> Response:
        return _Model(thing.model(_kind(queries, kind), ground.thresholds))

    @routes.get("/devices/{code}/td", response_class=_Description)
    def description(code: CodePath, request: Request) -> Response:
        found = queries.devices(device=born(queries, code))
        place = ground.place(found, base=str(request.base_url))
        kind = _kind(queries, found.kinds[found.kind[0]])
        return _Description(thing.description(kind, ground.thresholds, place))

    @routes.get("/devices/{code}/properties/{property}")
    def value(code: CodePath, property: str) -> float:  # noqa: A002 - the contract's word
        latest = queries.latest_of(born(queries, code))
        if property not in latest:
            said = ", ".join(latest) or "nothing yet"
            raise Problem(404, f"device {int(code)} has said no '{property:.80}'; it has said: {said}")
        return latest[property][1]

    return routes


def _kind(queries: Queries, name: str) -> KindDescriptor:
    kind_of(queries, name)
    return next(kind for kind in queries.kinds() if kind.name == name)
