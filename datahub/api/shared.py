"""Calling data by an authorisation code.

Every call with a valid code stands in the audit trail, whatever came of it. Who has none is counted, by hour and
source, and refused unread for the rest of the hour when it was too often.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from datahub.answers import Series
from datahub.api.aggregates import AggregateView, Form, Step, check, shown
from datahub.api.observations import SeriesView, columns, series_answer
from datahub.api.problems import Problem
from datahub.api.words import CodePath, Moment, milliseconds
from datahub.area_queries import AreaQueries
from datahub.contract.codes import AreaLevel
from datahub.contract.errors import CitybrainError
from datahub.queries import Queries
from datahub.resources.authorisation import Authorisation, Denial, Denied, Grant, named
from datahub.resources.refusals import Entrance, Refusals, source_of
from datahub.resources.sharing import Shared

Now = Callable[[], int]
"""City time [ms]."""


def router(
    queries: Queries, areas: AreaQueries, authorisation: Authorisation, refusals: Refusals, *, now: Now
) -> APIRouter:
    """Routes that departments call."""

    def admit(request: Request) -> None:
        request.state.grant = authorisation.admit(_code(request), t=now())

    routes = APIRouter(
        prefix="/shared",
        tags=["sharing"],
        route_class=_audited(authorisation, refusals, now),
        dependencies=[Depends(admit)],
    )
    shared = Shared(queries, areas)
    _readings(routes, shared)
    _aggregates(routes, shared, areas)
    return routes


def _readings(routes: APIRouter, shared: Shared) -> None:
    """Routes for what single devices say."""

    @routes.get("/latest", response_class=Response)
    def latest(
        request: Request,
        property: str,  # noqa: A002 - the contract's word
        kind: str | None = None,
    ) -> Response:
        found = shared.latest(_grant(request), property, kind=kind)
        request.state.rows = len(found)
        return Response(columns(found), media_type="application/json")

    @routes.get("/devices/{code}/series/{property}", response_model=SeriesView)
    def series(
        request: Request,
        code: CodePath,
        property: str,  # noqa: A002
        start: Moment,
        end: Moment,
        every_s: Annotated[float | None, Query(ge=0.001, le=31_536_000)] = None,
    ) -> Response:
        low, high = milliseconds(start), milliseconds(end)

        def ask() -> Series:
            found = shared.series(_grant(request), int(code), property, start=low, end=high, every_s=every_s)
            request.state.rows = len(found)
            return found

        return series_answer(ask, code=code, name=property, low=low, high=high, every_s=every_s)


def _aggregates(routes: APIRouter, shared: Shared, areas: AreaQueries) -> None:
    """The route for what areas say."""

    @routes.get("/aggregates", response_model=AggregateView)
    def aggregates(
        request: Request,
        property: str,  # noqa: A002
        by: AreaLevel,
        start: Moment,
        end: Moment,
        every_s: Step = 3600.0,
        kind: str | None = None,
        form: Form = Form.JSON,
    ) -> AggregateView | Response:
        low, high = milliseconds(start), milliseconds(end)
        check(low, high)
        found = shared.aggregates(_grant(request), property, by=by, start=low, end=high, every_s=every_s, kind=kind)
        request.state.rows = len(found)
        return shown(found, areas, name=property, by=by, every_s=every_s, form=form)


def _grant(request: Request) -> Grant:
    grant: Grant = request.state.grant
    return grant


def _code(request: Request) -> str:
    scheme, _, code = request.headers.get("authorization", "").partition(" ")
    return code.strip() if scheme.lower() == "bearer" else ""


def _audited(authorisation: Authorisation, refusals: Refusals, now: Now) -> type[APIRoute]:
    """Routes whose every call on a grant is written down before it is answered; all others are counted."""

    class Audited(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            handle = super().get_route_handler()

            async def handled(request: Request) -> Response:
                async def note(outcome: str, grant: Grant) -> None:
                    detail = f"{outcome}: {_asked(request)}"
                    await run_in_threadpool(authorisation.note, grant, t=now(), detail=detail)

                try:
                    _bear(request, authorisation, refusals, t=now())
                    answer = await handle(request)
                except Denied as error:
                    grant = error.grant or getattr(request.state, "grant", None)
                    if grant is None:
                        _turn_away(request, error, refusals, t=now())
                    else:
                        await note(f"{error.denial.value} {error}", grant)
                    raise _problem(error) from error
                except Problem as error:
                    await note(f"{error.status} {error.detail}", _grant(request))
                    raise
                except RequestValidationError:
                    await note("422 not a question that has an answer", _grant(request))
                    raise
                except CitybrainError as error:
                    await note(f"refused, {error}", _grant(request))
                    raise
                await note(f"{request.state.rows} rows", _grant(request))
                return answer

            return handled

    return Audited


def _bear(request: Request, authorisation: Authorisation, refusals: Refusals, *, t: int) -> None:
    """Refuse, before anything is read, a source that was turned away too often; a code known to be good may pass."""
    if not authorisation.was_good(_code(request)) and (wait_s := refusals.wait_s(_source(request), t=t)):
        raise Denied(Denial.TOO_MANY, "too many calls without a valid code came from your address", retry_s=wait_s)


def _turn_away(request: Request, error: Denied, refusals: Refusals, *, t: int) -> None:
    detail = f"{error.denial.value} {error}: {_asked(request)}"
    refusals.count(Entrance.CALL, _source(request), t=t, subject=named(_code(request)), detail=detail)


def _source(request: Request) -> str:
    return source_of(request.client.host if request.client else "")


def _asked(request: Request) -> str:
    return f"{request.url.path.partition('/shared')[2]}?{request.url.query}"


def _problem(error: Denied) -> Problem:
    headers = {"WWW-Authenticate": "Bearer"} if error.denial is Denial.UNAUTHORISED else {}
    if error.retry_s:
        headers["Retry-After"] = str(error.retry_s)
    return Problem(error.denial.value, str(error), headers=headers)
