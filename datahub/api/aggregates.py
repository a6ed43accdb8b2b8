"""A property over the city's areas and over time, as JSON or as a table."""

from __future__ import annotations

import csv
import io
from enum import StrEnum
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from datahub.answers import Aggregates
from datahub.api.observations import SpanView, span_views
from datahub.api.problems import Problem
from datahub.api.words import Moment, kind_of, milliseconds, observed
from datahub.area_queries import AreaQueries
from datahub.contract.clock import to_utc
from datahub.contract.codes import AreaLevel
from datahub.queries import Queries

MOST_ROWS = 50_000
"""Areas times steps in one answer."""


class Form(StrEnum):
    """How an answer is written."""

    JSON = "json"
    CSV = "csv"


class AreaStep(BaseModel):
    """One area in one step; ``sum`` is empty where adding up devices means nothing."""

    area: str
    zh: str
    time: str
    devices: int
    count: int
    min: float
    mean: float
    max: float
    sum: float | None


class AggregateView(BaseModel):
    """A property over areas of one level, in the unit that the property's name carries."""

    property: str
    by: AreaLevel
    every_s: float
    made_of: list[SpanView]
    rows: list[AreaStep]


Step = Annotated[float, Query(ge=1, le=31_536_000, description="length of a step [s]; an hour 3600, a day 86400")]


def router(queries: Queries, areas: AreaQueries) -> APIRouter:
    """Routes about aggregates."""
    routes = APIRouter(tags=["observations"])

    @routes.get("/aggregates", response_model=AggregateView)
    def aggregates(
        property: str,  # noqa: A002 - the contract's word
        by: AreaLevel,
        start: Moment,
        end: Moment,
        every_s: Step = 3600.0,
        kind: str | None = None,
        form: Form = Form.JSON,
    ) -> AggregateView | Response:
        name, kind = observed(queries, property), kind_of(queries, kind)
        low, high = milliseconds(start), milliseconds(end)
        check(low, high)
        found = areas.aggregates(name, by=by, start=low, end=high, every_s=every_s, kind=kind)
        return shown(found, areas, name=name, by=by, every_s=every_s, form=form)

    return routes


def check(low: int, high: int) -> None:
    """Refuse a time that ends before it starts.

    Raises:
        Problem: 422.
    """
    if high <= low:
        raise Problem(422, f"the time ends ({to_utc(high)}) before it starts ({to_utc(low)})")


def shown(
    found: Aggregates, areas: AreaQueries, *, name: str, by: AreaLevel, every_s: float, form: Form
) -> AggregateView | Response:
    """An answer in the form that was asked for.

    Raises:
        Problem: 422, if it is too long.
    """
    if len(found) > MOST_ROWS:
        raise Problem(422, f"{len(found)} rows, at most {MOST_ROWS} in one answer; ask for larger steps or less time")
    names = [areas.name(code) for code in found.areas]
    columns = (found.area, found.t, found.devices, found.count, found.min, found.mean, found.max)
    rows = [
        AreaStep(
            area=found.areas[area],
            zh=names[area],
            time=to_utc(t),
            devices=devices,
            count=count,
            min=least,
            mean=mean,
            max=most,
            sum=None if np.isnan(total) else total,
        )
        for area, t, devices, count, least, mean, most, total in zip(
            *(column.tolist() for column in columns), found.sum.tolist(), strict=True
        )
    ]
    if form is Form.CSV:
        return _table(rows)
    return AggregateView(property=name, by=by, every_s=every_s, made_of=span_views(found.spans), rows=rows)


def _table(rows: list[AreaStep]) -> Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(AreaStep.model_fields)
    writer.writerows(one.model_dump().values() for one in rows)
    return PlainTextResponse(text.getvalue(), media_type="text/csv; charset=utf-8")
