"""History from whatever still holds it: single readings, hourly steps, daily steps.

The finest that exists counts. Where steps were asked for that hourly or daily ones fit into exactly, those answer, for
they say the same in a hundredth of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from datahub.answers import Series, Span
from datahub.contract.clock import CITY_OFFSET_MS, DAY_MS, HOUR_MS
from datahub.store.observations import Observations, Snapshot
from datahub.store.rollups import HOURLY, POSSIBLE, RAW, ROLLED, Mark, Marks, floor_day

_STEPS = "SELECT device, t, count, least, most, total, last, last_t, last_sequence FROM {} WHERE property = ?"

_SOURCES: Final = {
    "raw": (
        "SELECT device, phenomenon_time AS t, 1 AS count, value AS least, value AS most, "
        "CAST(value AS DECIMAL(38,9)) AS total, value AS last, phenomenon_time AS last_t, sequence AS last_sequence "
        f"FROM observation WHERE {POSSIBLE} AND property = ?",
        "phenomenon_time",
    ),
    "hourly": (_STEPS.format("hourly"), "t"),
    "daily": (_STEPS.format("daily"), "t"),
}


def spans(marks: Marks, *, number: int, start: int, end: int, step_ms: int | None) -> tuple[Span, ...]:
    """Which source answers which stretch of time, for steps of ``step_ms`` [ms] counted from ``start``.

    Args:
        number: of the property.
        step_ms: None: as fine as can be.
    """
    rolled = (marks.get(ROLLED) or Mark(start)).t
    raw = (marks.get(RAW, number) or Mark(start)).t
    hourly = (marks.get(HOURLY, number) or Mark(start)).t
    if step_ms and step_ms % HOUR_MS == 0 and start % HOUR_MS == 0:
        raw = max(raw, min(rolled, end // HOUR_MS * HOUR_MS))
    if step_ms and step_ms % DAY_MS == 0 and (start + CITY_OFFSET_MS) % DAY_MS == 0:
        hourly = max(hourly, min(rolled, floor_day(end)))
    edges = [start]
    for edge in (hourly, max(hourly, raw), end):
        edges.append(min(max(edge, edges[-1]), end))
    named = zip(("daily", "hourly", "raw"), edges, edges[1:], strict=False)
    return tuple(Span(name, low, high) for name, low, high in named if low < high)


def parts(found: Sequence[Span], *, number: int, where: str = "", values: Sequence[int] = ()) -> tuple[str, list[int]]:
    """Selection of all parts of steps in some spans, and the values for its question marks.

    ``where`` narrows it further (``AND device = ?``), with ``values``.
    """
    selections, given = [], list[int]()
    for span in found:
        text, time = _SOURCES[span.resolution]
        selections.append(f"{text} AND {time} >= ? AND {time} < ? {where}")
        given += [number, span.start, span.end, *values]
    return " UNION ALL ".join(selections), given


def series(
    observations: Observations, device: int, *, number: int, start: int, end: int, step_ms: int | None
) -> Series:
    """One device's property (``number``) over start <= t < end [ms], in steps counted from ``start``."""
    with observations.snapshot() as past:
        found = spans(past.marks, number=number, start=start, end=end, step_ms=step_ms)
        return _series(past, found, device=device, number=number, start=start, step_ms=step_ms)


def _series(
    past: Snapshot, found: tuple[Span, ...], *, device: int, number: int, start: int, step_ms: int | None
) -> Series:
    mean = "CAST(sum(total) AS DOUBLE) / sum(count)"
    if all(span.resolution == "raw" for span in found):
        mean = "avg(last)"  # to the last digit; a total has nine behind the point
    source, given = parts(found or (Span("raw", start, start),), number=number, where="AND device = ?", values=[device])
    step, stepped = (
        ("t", list[int]()) if step_ms is None else ("? + ((t - ?) // ?) * ?", [start, start] + [step_ms] * 2)
    )
    columns = past.ask(
        f"SELECT {step} AS t, sum(count)::BIGINT AS count, min(least) AS min, {mean} AS mean, max(most) AS max, "
        f"arg_max(last, (last_t, last_sequence)) AS last FROM ({source}) GROUP BY 1 ORDER BY 1",
        [*stepped, *given],
    )
    return Series(
        t=np.asarray(columns["t"], np.int64),
        count=np.asarray(columns["count"], np.int64),
        min=np.asarray(columns["min"], np.float64),
        mean=np.asarray(columns["mean"], np.float64),
        max=np.asarray(columns["max"], np.float64),
        last=np.asarray(columns["last"], np.float64),
        spans=found,
    )
