"""Devices: what there is, where it stands, how it is."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from datahub.answers import Devices
from datahub.api.problems import Problem
from datahub.api.words import CodePath, CodeText, born, kind_of
from datahub.contract.clock import to_utc
from datahub.queries import Queries

MOST = 1_000
"""Devices in one answer."""


class Device(BaseModel):
    """One device. ``state`` is active, silent or dead, as its node is; ``heard`` when that last spoke."""

    device: str
    kind: str
    object: str
    node: str
    lon: float
    lat: float
    stage: str
    state: str
    heard: str | None


class DevicePage(BaseModel):
    """Some devices by code; ``next`` is the code to ask on from (``after``), if there are more."""

    devices: list[Device]
    total: int
    next: str | None


class ShadowView(BaseModel):
    """Settings of a device as wanted, as it reported them, and what differs."""

    device: str
    desired: dict[str, float]
    reported: dict[str, float]
    delta: dict[str, float]
    version: int


class Kind(BaseModel):
    """A kind of device, as its maker describes it."""

    name: str
    zh: str
    en: str
    properties: list[str]
    commands: list[str]
    report_s: float
    counts: dict[str, int]


def router(queries: Queries) -> APIRouter:
    """Routes about devices."""
    routes = APIRouter(tags=["devices"])

    @routes.get("/kinds")
    def kinds() -> list[Kind]:
        return _kinds(queries)

    @routes.get("/devices")
    def devices(
        kind: str | None = None,
        object: CodeText | None = None,  # noqa: A002 - the contract's word
        near: Annotated[str | None, Query(description="lon,lat,radius_m [deg, deg, m]")] = None,
        after: CodeText = "0",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> DevicePage:
        found = queries.devices(
            kind=kind_of(queries, kind),
            object=None if object is None else int(object),
            near=None if near is None else _circle(near),
        )
        start = int(np.searchsorted(found.device, int(after), side="right"))
        shown = range(start, min(start + limit, len(found)))
        more = str(found.device[shown[-1]]) if shown and shown[-1] + 1 < len(found) else None
        return DevicePage(devices=[_view(found, i) for i in shown], total=len(found), next=more)

    @routes.get("/devices/{code}")
    def device(code: CodePath) -> Device:
        return _view(queries.devices(device=born(queries, code)), 0)

    @routes.get("/devices/{code}/shadow")
    def shadow(code: CodePath) -> ShadowView:
        found = queries.shadow(born(queries, code))
        return ShadowView(
            device=code,
            desired=found.desired,
            reported=found.reported,
            delta=found.delta,
            version=found.version,
        )

    return routes


def _circle(text: str) -> tuple[float, float, float]:
    try:
        lon, lat, radius = (float(part) for part in text.split(","))
    except ValueError as error:
        raise Problem(
            422, f"near is '{text:.80}'; write it like 113.58,22.27,500 (lon, lat, radius in metres)"
        ) from error
    if not (-180 <= lon <= 180 and -90 <= lat <= 90 and radius >= 0):
        raise Problem(422, f"near is '{text:.80}'; no such place")
    return lon, lat, radius


def _view(found: Devices, i: int) -> Device:
    heard = int(found.heard[i])
    return Device(
        device=str(found.device[i]),
        kind=found.kinds[found.kind[i]],
        object=str(found.object[i]),
        node=str(found.node[i]),
        lon=float(found.lon[i]),
        lat=float(found.lat[i]),
        stage=found.stages[found.stage[i]],
        state="dead" if found.dead[i] else "silent" if found.silent[i] else "active",
        heard=to_utc(heard) if heard > 0 else None,
    )


def _kinds(queries: Queries) -> list[Kind]:
    counts = queries.counts()
    return [
        Kind(
            name=kind.name,
            zh=kind.zh,
            en=kind.en,
            properties=[one.name for one in kind.properties],
            commands=list(kind.commands),
            report_s=kind.report_s,
            counts=counts.get(kind.name, {}),
        )
        for kind in queries.kinds()
    ]
