"""Observations: the latest of each device, and the history of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from datahub.answers import Rows, Series, Span
from datahub.api.problems import Problem
from datahub.api.words import CodePath, CodeText, Moment, born, kind_of, milliseconds, observed
from datahub.contract.clock import to_utc
from datahub.contract.observations import Ints
from datahub.queries import Queries

MOST_ROWS = 10_000
"""Steps of a series, and devices of a list, in one answer."""


class Reading(BaseModel):
    """One reading; ``quality`` are the bits of ``codes.Quality``, 0 is good."""

    time: str
    value: float
    quality: int


class DeviceReading(Reading):
    """One device's latest reading of the property that was asked for."""

    device: str


class Step(BaseModel):
    """One step of a series: when it starts, how many readings it has, and what they were."""

    time: str
    count: int
    min: float
    mean: float
    max: float
    last: float


class SpanView(BaseModel):
    """A stretch of time and what the answer over it was made of: raw readings, hourly or daily steps."""

    resolution: str
    start: str
    end: str


class SeriesView(BaseModel):
    """A device's property over time, in the unit that the property's name carries; ``made_of``: what still exists."""

    device: str
    property: str
    every_s: float | None
    made_of: list[SpanView]
    steps: list[Step]


def router(queries: Queries) -> APIRouter:
    """Routes about observations."""
    routes = APIRouter(tags=["observations"])

    @routes.get("/devices/{code}/latest")
    def latest_of(code: CodePath) -> dict[str, Reading]:
        found = queries.latest_of(born(queries, code))
        return {
            name: Reading(time=to_utc(t), value=value, quality=quality) for name, (t, value, quality) in found.items()
        }

    @routes.get("/observations/latest")
    def latest(
        property: str,  # noqa: A002 - the contract's word
        kind: str | None = None,
        after: CodeText = "0",
        limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 1_000,
    ) -> list[DeviceReading]:
        found = queries.latest(observed(queries, property))
        keep = found.device > int(after)
        if kind_of(queries, kind) is not None:
            keep &= np.isin(found.device, queries.devices(kind=kind).device)
        rows = np.flatnonzero(keep)
        rows = rows[np.argsort(found.device[rows], kind="stable")][:limit]
        columns = (found.device[rows], found.phenomenon_time[rows], found.value[rows], found.quality[rows])
        return [
            DeviceReading(device=str(device), time=to_utc(t), value=value, quality=quality)
            for device, t, value, quality in zip(*(column.tolist() for column in columns), strict=True)
        ]

    @routes.get("/devices/{code}/series/{property}", response_model=SeriesView)
    def series(
        code: CodePath,
        property: str,  # noqa: A002
        start: Moment,
        end: Moment,
        every_s: Annotated[float | None, Query(ge=0.001, le=31_536_000)] = None,
    ) -> Response:
        return series_view(
            queries, code=code, name=property, low=milliseconds(start), high=milliseconds(end), every_s=every_s
        )

    _in_columns(routes, queries)
    return routes


def _in_columns(routes: APIRouter, queries: Queries) -> None:
    """The latest of all devices in one answer."""

    @routes.get("/observations/latest/columns", response_class=Response)
    def latest_columns(
        property: str,  # noqa: A002
        kind: str | None = None,
    ) -> Response:
        found = queries.latest(observed(queries, property))
        if kind_of(queries, kind) is not None:
            found = found.of(queries.devices(kind=kind).device)
        return Response(columns(found), media_type="application/json")


def columns(found: Rows) -> bytes:
    """Readings in columns of one length (JSON), as many as there are: codes as text, times in ms since 1970 (UTC)."""
    return msgspec.json.encode(
        {
            "device": _texts(found.device),
            "phenomenon_time_ms": found.phenomenon_time.tolist(),
            "value": found.value.tolist(),
            "quality": found.quality.tolist(),
        }
    )


def _texts(codes: Ints) -> msgspec.Raw:
    """Codes as a JSON list of texts; quoted in one go, which takes a third of the time."""
    if not len(codes):
        return msgspec.Raw(b"[]")
    digits = msgspec.json.encode(codes.tolist())[1:-1]
    return msgspec.Raw(b'["' + digits.replace(b",", b'","') + b'"]')


def span_views(spans: Sequence[Span]) -> list[SpanView]:
    """Spans as they are shown."""
    return [SpanView(resolution=one.resolution, start=to_utc(one.start), end=to_utc(one.end)) for one in spans]


def series_view(queries: Queries, *, code: str, name: str, low: int, high: int, every_s: float | None) -> Response:
    """A device's property over low <= t < high [ms].

    Raises:
        Problem: 404 for a device or property that there is not, 422 for too much.
    """
    device, name = born(queries, code), observed(queries, name)

    def ask() -> Series:
        return queries.series(device, name, start=low, end=high, every_s=every_s)

    return series_answer(ask, code=code, name=name, low=low, high=high, every_s=every_s)


def series_answer(
    ask: Callable[[], Series], *, code: str, name: str, low: int, high: int, every_s: float | None
) -> Response:
    """A series as it is shown (``SeriesView``); it is asked for only if it is not too long.

    Raises:
        Problem: 422 for too much.
    """
    if high <= low:
        raise Problem(422, f"the series ends ({to_utc(high)}) before it starts ({to_utc(low)})")
    if every_s is not None and (high - low) / 1000 / every_s > MOST_ROWS:
        raise Problem(422, f"more than {MOST_ROWS} steps; ask for a larger every_s or a shorter time")
    found = ask()
    if len(found) > MOST_ROWS:
        raise Problem(422, f"{len(found)} readings, at most {MOST_ROWS} in one answer; ask with every_s")
    return Response(
        msgspec.json.encode(
            {
                "device": code,
                "property": name,
                "every_s": every_s,
                "made_of": [one.model_dump() for one in span_views(found.spans)],
                "steps": steps_of(found),
            }
        ),
        media_type="application/json",
    )


def steps_of(found: Series) -> list[dict[str, object]]:
    """Steps as they are shown (``Step``); plain, because a year of hours are many."""
    moments = np.char.add(np.datetime_as_string(found.t.astype("datetime64[ms]")), "Z").tolist()
    columns = (found.count, found.min, found.mean, found.max, found.last)
    return [
        {"time": t, "count": count, "min": least, "mean": mean, "max": most, "last": last}
        for t, count, least, mean, most, last in zip(moments, *(column.tolist() for column in columns), strict=True)
    ]
