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
from datahub.contract.messages import ArgumentDescriptor, PropertyDescriptor
from datahub.contract.observations import Ints
from datahub.contract.units import written_unit
from datahub.devices.assets import Assets
from datahub.devices.condition import WORDS, Word
from datahub.queries import Queries

MOST = 1_000
"""Devices in one answer."""


class Device(BaseModel):
    """One device. ``stage`` is where its working life stands, ``state`` how it is; ``heard`` when its node last spoke.

    ``owner`` is the department that the register names; empty if it names none.
    """

    device: str
    kind: str
    object: str
    node: str
    owner: str
    lon: float
    lat: float
    stage: str
    state: Word
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


class Observed(BaseModel):
    """A property that a kind observes, and the unit that its name carries (None: none); empty what no maker named."""

    name: str
    zh: str
    en: str
    unit: str | None
    resolution: float
    low: float
    high: float


class Taken(BaseModel):
    """An argument of a command, its range, and its value where an order leaves it out [unit]."""

    command: str
    name: str
    unit: str | None
    low: float
    high: float
    default: float | None


class Kind(BaseModel):
    """A kind of device, as its maker describes it: ``observes`` the properties, ``takes`` what commands take."""

    name: str
    zh: str
    en: str
    properties: list[str]
    observes: list[Observed]
    commands: list[str]
    takes: list[Taken]
    report_s: float
    counts: dict[str, int]


def router(queries: Queries, assets: Assets | None) -> APIRouter:
    """Routes about devices; whose they are is known where the hub has a register."""
    routes = APIRouter(tags=["devices"])

    @routes.get("/kinds")
    def kinds() -> list[Kind]:
        return _kinds(queries)

    @routes.get("/devices")
    def devices(
        kind: str | None = None,
        object: CodeText | None = None,  # noqa: A002 - the contract's word
        near: Annotated[str | None, Query(description="lon,lat,radius_m [deg, deg, m]")] = None,
        owner: Annotated[str | None, Query(max_length=64, description="department that owns it")] = None,
        state: Word | None = None,
        after: CodeText = "0",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> DevicePage:
        found = queries.devices(
            kind=kind_of(queries, kind),
            object=None if object is None else int(object),
            near=None if near is None else _circle(near),
        )
        keep = np.ones(len(found), np.bool_)
        if state is not None:
            keep &= found.word == WORDS.index(state)
        if owner is not None:
            keep &= np.isin(found.device, assets.owned_by(owner)) if assets is not None else not owner
        return _page(found, np.flatnonzero(keep), after=int(after), limit=limit, assets=assets)

    @routes.get("/devices/{code}")
    def device(code: CodePath) -> Device:
        found = queries.devices(device=born(queries, code))
        return _view(found, 0, owner=_owners(assets, found.device)[0])

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


def _page(found: Devices, rows: Ints, *, after: int, limit: int, assets: Assets | None) -> DevicePage:
    """Some of the chosen devices by code, and the code to ask on from."""
    shown = rows[np.searchsorted(found.device[rows], after, side="right") :][: limit + 1]
    more = str(found.device[shown[limit - 1]]) if len(shown) > limit else None
    shown = shown[:limit]
    owners = _owners(assets, found.device[shown])
    views = [_view(found, i, owner=whose) for i, whose in zip(shown.tolist(), owners, strict=True)]
    return DevicePage(devices=views, total=len(rows), next=more)


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


def _owners(assets: Assets | None, devices: Ints) -> list[str]:
    return [""] * len(devices) if assets is None else assets.owner_of(devices)


def _view(found: Devices, i: int, *, owner: str) -> Device:
    heard = int(found.heard[i])
    return Device(
        device=str(found.device[i]),
        kind=found.kinds[found.kind[i]],
        object=str(found.object[i]),
        node=str(found.node[i]),
        owner=owner,
        lon=float(found.lon[i]),
        lat=float(found.lat[i]),
        stage=found.stages[found.stage[i]],
        state=found.words[found.word[i]],
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
            observes=[_observed(one) for one in kind.properties],
            commands=list(kind.commands),
            takes=[_taken(one) for one in kind.arguments or ()],
            report_s=kind.report_s,
            counts=counts.get(kind.name, {}),
        )
        for kind in queries.kinds()
    ]


def _observed(one: PropertyDescriptor) -> Observed:
    return Observed(
        name=one.name,
        zh=one.zh,
        en=one.en,
        unit=written_unit(one.name),
        resolution=one.resolution,
        low=one.low,
        high=one.high,
    )


def _taken(one: ArgumentDescriptor) -> Taken:
    return Taken(
        command=one.command,
        name=one.name,
        unit=written_unit(one.name),
        low=one.low,
        high=one.high,
        default=one.default,
    )
