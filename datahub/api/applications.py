"""Applications of departments to call data: applied for, decided, and the code that comes of a grant."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, params
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import Before, Moment, Whole, milliseconds
from datahub.area_queries import AreaQueries
from datahub.contract.clock import to_utc
from datahub.contract.errors import UsageError
from datahub.queries import Queries
from datahub.resources.applications import Applications
from datahub.resources.authorisation import Authorisation
from datahub.resources.scope import Scope, check, from_text, within
from datahub.store.tables import ApplicationRow

Word = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=400, strip_whitespace=True)]
Names = Annotated[list[Word], Field(max_length=200)]
Number = Annotated[int, Path(ge=1, le=10**9 - 1)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Apply(_Body):
    """What a department wants to call, what for and how long; ``areas`` and ``kinds`` left out mean all."""

    department: Word
    purpose: Sentence
    properties: Names
    kinds: Names = []
    areas: Names = []
    starts: Moment | None = None
    ends: Moment


class Decision(_Body):
    """On whose word, and why."""

    by: Word
    why: Sentence


class Granting(_Body):
    """On whose word and on which conditions; what is left out is granted as applied for."""

    by: Word
    conditions: Annotated[str, StringConstraints(max_length=400)] = ""
    properties: Names | None = None
    kinds: Names | None = None
    areas: Names | None = None
    ends: Moment | None = None
    calls_per_hour: Annotated[Whole, Field(ge=1, le=1_000_000)] | None = None


class By(_Body):
    """On whose word."""

    by: Word


class ScopeView(BaseModel):
    """Data: properties, kinds of device (none: any), areas (none: everywhere)."""

    properties: list[str]
    kinds: list[str]
    areas: list[str]


class ApplicationView(BaseModel):
    """An application; ``granted`` is empty until it is granted, ``words`` are conditions or why not."""

    number: int
    department: str
    purpose: str
    scope: ScopeView
    granted: ScopeView | None
    starts: str
    ends: str
    calls_per_hour: int
    stage: str
    moved: str
    by: str
    words: str


class CodeView(BaseModel):
    """An authorisation code: shown once, never again."""

    code: str
    expires: str


def router(
    applications: Applications,
    authorisation: Authorisation,
    *,
    queries: Queries,
    areas: AreaQueries,
    departments: Collection[str] | None,
    now: Callable[[], int],
    token: str,
) -> APIRouter:
    """Routes about applications. ``departments``: who may apply; None where the hub knows no city."""
    routes = APIRouter(prefix="/applications", tags=["sharing"])
    allowed = Depends(Seat(token))
    _applying(routes, applications, queries=queries, areas=areas, departments=departments, now=now, allowed=allowed)
    _deciding(routes, applications, areas=areas, now=now, allowed=allowed)

    @routes.post("/{number}/code", status_code=201, dependencies=[allowed])
    def code(number: Number, body: By) -> CodeView:
        _there(applications, number)
        try:
            text, expires = authorisation.issue(number, t=now(), by=body.by)
        except UsageError as error:
            raise Problem(409, str(error)) from error
        return CodeView(code=text, expires=to_utc(expires))

    return routes


def _applying(
    routes: APIRouter,
    applications: Applications,
    *,
    queries: Queries,
    areas: AreaQueries,
    departments: Collection[str] | None,
    now: Callable[[], int],
    allowed: params.Depends,
) -> None:
    """Routes to apply and to see what was applied for."""

    @routes.post("", status_code=201, dependencies=[allowed])
    def apply(body: Apply) -> ApplicationView:
        if departments is not None and body.department not in departments:
            raise Problem(404, f"no department '{body.department}'; there are: {', '.join(sorted(departments))}")
        scope = Scope(tuple(body.properties), tuple(body.kinds), tuple(body.areas))
        kinds = [kind.name for kind in queries.kinds()]
        check(scope, properties=queries.properties(), kinds=kinds, around=areas.around)
        t = now()
        starts = t if body.starts is None else milliseconds(body.starts)
        ends = milliseconds(body.ends)
        number = applications.apply(body.department, scope, purpose=body.purpose, starts=starts, ends=ends, t=t)
        return _view(applications.find(number))

    @routes.get("", dependencies=[allowed])
    def every(limit: Annotated[int, Query(ge=1, le=1_000)] = 100, before: Before = None) -> list[ApplicationView]:
        return [_view(one) for one in applications.every(limit=limit, before=before)]

    @routes.get("/{number}", dependencies=[allowed])
    def one(number: Number) -> ApplicationView:
        return _view(_there(applications, number))


def _deciding(
    routes: APIRouter,
    applications: Applications,
    *,
    areas: AreaQueries,
    now: Callable[[], int],
    allowed: params.Depends,
) -> None:
    """Routes for whoever decides."""

    @routes.post("/{number}/grant", dependencies=[allowed])
    def grant(number: Number, body: Granting) -> ApplicationView:
        asked = from_text(_there(applications, number).scope)
        named = (body.properties, body.kinds, body.areas)
        all_of = (asked.properties, asked.kinds, asked.areas)
        scope = Scope(
            *(tuple(given) if given is not None else whole for given, whole in zip(named, all_of, strict=True))
        )
        within(scope, asked, around=areas.around)
        applications.grant(
            number,
            scope,
            t=now(),
            by=body.by,
            conditions=body.conditions,
            ends=0 if body.ends is None else milliseconds(body.ends),
            calls_per_hour=body.calls_per_hour or 0,
        )
        return _view(applications.find(number))

    @routes.post("/{number}/refuse", dependencies=[allowed])
    def refuse(number: Number, body: Decision) -> ApplicationView:
        _there(applications, number)
        applications.refuse(number, t=now(), by=body.by, why=body.why)
        return _view(applications.find(number))

    @routes.post("/{number}/revoke", dependencies=[allowed])
    def revoke(number: Number, body: Decision) -> ApplicationView:
        _there(applications, number)
        applications.revoke(number, t=now(), by=body.by, why=body.why)
        return _view(applications.find(number))


def _there(applications: Applications, number: int) -> ApplicationRow:
    try:
        return applications.find(number)
    except UsageError as error:
        raise Problem(404, str(error)) from error


def _scope(text: str) -> ScopeView:
    scope = from_text(text)
    return ScopeView(properties=list(scope.properties), kinds=list(scope.kinds), areas=list(scope.areas))


def _view(row: ApplicationRow) -> ApplicationView:
    return ApplicationView(
        number=row.id or 0,
        department=row.department,
        purpose=row.purpose,
        scope=_scope(row.scope),
        granted=_scope(row.granted) if row.granted else None,
        starts=to_utc(row.starts),
        ends=to_utc(row.ends),
        calls_per_hour=row.calls_per_hour,
        stage=row.stage,
        moved=to_utc(row.moved),
        by=row.by,
        words=row.words,
    )
