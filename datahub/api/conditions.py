"""How devices are: each with its quality, worst first, and all of a kind or a department together."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel

from datahub.api.words import CodeText, kind_of
from datahub.conditions import Conditions, Group
from datahub.contract.observations import Floats
from datahub.devices.condition import WORDS, Word
from datahub.queries import Queries

MOST = 1_000
"""Devices in one answer."""


class Sort(StrEnum):
    """By what devices are listed, the worst first; ``device`` by code."""

    SCORE = "score"
    COMPLETENESS = "completeness"
    TIMELINESS = "timeliness"
    VALIDITY = "validity"
    PLAUSIBILITY = "plausibility"
    BATTERY = "battery"
    DEVICE = "device"


class DeviceHealth(BaseModel):
    """One device. ``score`` 0 to 100 over its last whole day, shares 0 to 1; null where nothing is known."""

    device: str
    kind: str
    owner: str
    state: Word
    score: float | None
    completeness: float | None
    timeliness: float | None
    validity: float | None
    plausibility: float | None
    due: int
    battery_v: float | None
    faults: list[str]


class HealthPage(BaseModel):
    """Some devices; ``next`` is where to ask on from (``offset``), if there are more."""

    devices: list[DeviceHealth]
    total: int
    next: int | None


class GroupHealth(BaseModel):
    """Devices of one kind or department together; ``score`` is the mean of ``scored`` devices."""

    name: str
    devices: int
    scored: int
    score: float | None
    states: dict[str, int]
    faulty: int


def router(queries: Queries) -> APIRouter:
    """Routes about the health of devices."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health/devices")
    def devices(
        kind: str | None = None,
        owner: Annotated[str | None, Query(max_length=64)] = None,
        state: Word | None = None,
        device: CodeText | None = None,
        sort: Sort = Sort.SCORE,
        offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> HealthPage:
        kind = kind_of(queries, kind)
        found = queries.wards.devices()
        keep = np.ones(len(found), np.bool_)
        if kind is not None:
            keep &= found.kind == found.kinds.index(kind)
        if owner is not None:
            keep &= found.owner == (found.owners.index(owner) if owner in found.owners else -2 if owner else -1)
        if device is not None:
            keep &= found.device == int(device)
        if state is not None:
            keep &= found.word == WORDS.index(state)
        rows = np.flatnonzero(keep)
        column = _column(found, sort)
        order = rows if column is None else rows[np.argsort(column[rows], kind="stable")]
        shown = order[offset : offset + limit].tolist()
        more = offset + limit if offset + limit < len(order) else None
        return HealthPage(devices=[_view(found, i) for i in shown], total=len(order), next=more)

    @routes.get("/health/kinds")
    def kinds() -> list[GroupHealth]:
        return [_group(one) for one in queries.wards.by_kind()]

    @routes.get("/health/departments")
    def departments() -> list[GroupHealth]:
        return [_group(one) for one in queries.wards.by_department()]

    return routes


def _column(found: Conditions, sort: Sort) -> Floats | None:
    """What to sort by; devices of which nothing is known come last."""
    match sort:
        case Sort.DEVICE:
            return None
        case Sort.BATTERY:
            return found.battery_v
        case _:
            column: Floats = getattr(found.scores, sort.value)
            return column


def _view(found: Conditions, i: int) -> DeviceHealth:
    scores, device = found.scores, int(found.device[i])
    owner = int(found.owner[i])
    return DeviceHealth(
        device=str(device),
        kind=found.kinds[found.kind[i]],
        owner=found.owners[owner] if owner >= 0 else "",
        state=WORDS[found.word[i]],
        score=_known(scores.score[i], 2),
        completeness=_known(scores.completeness[i], 4),
        timeliness=_known(scores.timeliness[i], 4),
        validity=_known(scores.validity[i], 4),
        plausibility=_known(scores.plausibility[i], 4),
        due=int(scores.due[i]),
        battery_v=_known(found.battery_v[i], 3),
        faults=list(found.faults.get(device, ())),
    )


def _known(value: float, digits: int) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _group(one: Group) -> GroupHealth:
    return GroupHealth(**msgspec.structs.asdict(one))
