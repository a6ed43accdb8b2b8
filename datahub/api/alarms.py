"""Alarms: what is open, who has taken note of it, what there was, and which faults are a department's matter."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, StringConstraints

from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import CodeText, Moment, milliseconds
from datahub.contract.clock import to_utc
from datahub.contract.errors import UsageError
from datahub.devices.alarm_life import FAR, AlarmState, AlarmStory
from datahub.queries import Queries


class Asked(StrEnum):
    """Which alarms are asked for; ``open`` are those opened and acknowledged."""

    OPEN = "open"
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"
    ALL = "all"


class AlarmView(BaseModel):
    """An alarm; ``fault`` ones are the device owner's matter alone. Times are empty where it has not come so far."""

    id: str
    time: str
    kind: str
    device: str
    property: str
    value: float
    limit: float
    fault: bool
    state: str
    owner: str
    acknowledged: str
    acknowledged_by: str
    note: str
    cleared: str


class Note(BaseModel):
    """Who takes note of an alarm, and what they say to it."""

    model_config = ConfigDict(extra="forbid")

    by: Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
    note: Annotated[str, StringConstraints(max_length=400, strip_whitespace=True)] = ""


Count = Annotated[int, Query(ge=1, le=1_000)]
Word = Annotated[str, Query(max_length=64)]
AlarmPath = Annotated[str, Path(max_length=160, description="id of the alarm")]
DepartmentPath = Annotated[str, Path(max_length=64, description="code of the department")]


def router(queries: Queries, *, token: str) -> APIRouter:
    """Routes about alarms."""
    routes = APIRouter(tags=["alarms"])
    allowed = Depends(Seat(token))

    @routes.get("/alarms")
    def alarms(
        state: Asked = Asked.OPEN,
        kind: Word = "",
        device: CodeText = "0",
        fault: bool | None = None,
        owner: Word = "",
        start: Moment | None = None,
        end: Moment | None = None,
        limit: Count = 1_000,
    ) -> list[AlarmView]:
        found = queries.wards.alarms(
            states=_states(state),
            kind=kind,
            device=int(device),
            fault=fault,
            owner=owner,
            start=0 if start is None else milliseconds(start),
            end=FAR if end is None else milliseconds(end),
            limit=limit,
        )
        return [_view(one) for one in found]

    @routes.post("/alarms/{alarm}/acknowledge", status_code=204, dependencies=[allowed])
    def acknowledge(alarm: AlarmPath, body: Note) -> None:
        try:
            queries.wards.acknowledge(alarm, by=body.by, note=body.note)
        except UsageError as error:
            raise Problem(404, str(error)) from error

    @routes.get("/departments/{code}/faults")
    def faults(code: DepartmentPath, state: Asked = Asked.OPEN, limit: Count = 1_000) -> list[AlarmView]:
        known = queries.wards.departments()
        if code not in known:
            raise Problem(404, f"no department '{code:.64}'; there are: {', '.join(sorted(known)) or 'none yet'}")
        found = queries.wards.alarms(states=_states(state), fault=True, owner=code, limit=limit)
        return [_view(one) for one in found]

    return routes


def _states(asked: Asked) -> tuple[AlarmState, ...]:
    if asked is Asked.ALL:
        return tuple(AlarmState)
    if asked is Asked.OPEN:
        return (AlarmState.OPENED, AlarmState.ACKNOWLEDGED)
    return (AlarmState(asked.value),)


def _view(one: AlarmStory) -> AlarmView:
    return AlarmView(
        id=one.id,
        time=to_utc(one.raised),
        kind=one.kind,
        device=str(one.device),
        property=one.property,
        value=one.value,
        limit=one.limit,
        fault=one.fault,
        state=one.state,
        owner=one.owner,
        acknowledged=to_utc(one.acknowledged) if one.acknowledged else "",
        acknowledged_by=one.by,
        note=one.note,
        cleared=to_utc(one.cleared) if one.cleared else "",
    )
