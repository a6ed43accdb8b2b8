"""A property over areas and steps of time: how many devices and readings, least, mean, greatest, and their sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from datahub.answers import Aggregates, Span
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from datahub.contract.units import written_unit
from datahub.history import parts, spans
from datahub.store.observations import Observations, Snapshot

GROUPS: Final = 200_000
"""Devices times steps that are put together at once: so much fits beside the column store's other buffers."""

MOST: Final = 1_000_000
"""Areas times steps in one answer at most."""

_ADD_UP: Final = frozenset({"W", "m3", "m3/s"})
"""Units of what a city has the more of the more devices there are."""


def adds_up(name: str) -> bool:
    """Whether the sum of a property over devices means something: power, flow, volume, counts; no temperature."""
    return written_unit(name) in _ADD_UP or name.endswith(("_count", "_people"))


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is asked: a property (number and name) of devices (codes, ascending) in areas (codes), and when [ms]."""

    number: int
    name: str
    device: Ints
    area: Ints
    start: int
    end: int
    step_ms: int


@dataclass(slots=True, eq=False)
class _Table:
    """The answer as it grows: one row for each area and step."""

    devices: Ints
    count: Ints
    least: Floats
    most: Floats
    total: Floats
    sum: Floats


def aggregate(observations: Observations, asked: Asked) -> Aggregates:
    """Aggregates of what is asked, for steps counted from ``start``.

    Raises:
        UsageError: if steps last no time, or there are too many.
    """
    if asked.step_ms <= 0:
        raise UsageError(f"a step of {asked.step_ms} ms; steps last at least 1 ms")
    steps = max(-(-(asked.end - asked.start) // asked.step_ms), 0)
    areas, area = np.unique(asked.area, return_inverse=True)
    if steps * max(len(areas), 1) > MOST:
        raise UsageError(f"{len(areas)} areas in {steps} steps, at most {MOST} in one answer; ask for larger steps")
    n = steps * len(areas)
    table = _Table(
        np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, np.inf), np.full(n, -np.inf), np.zeros(n), np.zeros(n)
    )
    with observations.snapshot() as past:
        found = spans(past.marks, number=asked.number, start=asked.start, end=asked.end, step_ms=asked.step_ms)
        for low, high in _slices(len(asked.device), steps) if found else ():
            _add(table, past, found, asked, area=area[low:high], device=asked.device[low:high], steps=steps)
    rows = np.flatnonzero(table.devices)
    nothing = np.full(len(rows), np.nan)
    return Aggregates(
        areas=tuple(str(code) for code in areas.tolist()),
        area=rows // max(steps, 1),
        t=asked.start + rows % max(steps, 1) * asked.step_ms,
        devices=table.devices[rows],
        count=table.count[rows],
        min=table.least[rows],
        mean=table.total[rows] / table.count[rows],
        max=table.most[rows],
        sum=table.sum[rows] if adds_up(asked.name) else nothing,
        spans=found,
    )


def _slices(devices: int, steps: int) -> Iterator[tuple[int, int]]:
    size = max(GROUPS // max(steps, 1), 1)
    for low in range(0, devices, size):
        yield low, min(low + size, devices)


def _add(
    table: _Table,
    past: Snapshot,
    found: tuple[Span, ...],
    asked: Asked,
    *,
    area: Ints,
    device: Ints,
    steps: int,
) -> None:
    """Put some devices' readings to the table. Each device counts with its mean in the sum, however often it spoke."""
    source, given = parts(
        found,
        number=asked.number,
        where="AND device BETWEEN ? AND ?",
        values=[int(device[0]), int(device[-1])],
    )
    columns = past.ask(
        "SELECT area, k, count(*) AS devices, sum(n)::BIGINT AS n, min(least) AS least, max(most) AS most, "
        "sum(total)::DOUBLE AS total, sum(CAST(total AS DOUBLE) / n) AS sum FROM ("
        f"SELECT device, (t - ?) // ? AS k, sum(count)::BIGINT AS n, min(least) AS least, max(most) AS most, "
        f"sum(total) AS total FROM ({source}) SEMI JOIN place USING (device) GROUP BY device, k"
        ") JOIN place USING (device) GROUP BY area, k ORDER BY area, k",
        [asked.start, asked.step_ms, *given],
        place={"device": device, "area": area.astype(np.int64)},
    )
    at = np.asarray(columns["area"], np.int64) * steps + np.asarray(columns["k"], np.int64)
    table.devices[at] += np.asarray(columns["devices"], np.int64)
    table.count[at] += np.asarray(columns["n"], np.int64)
    table.least[at] = np.minimum(table.least[at], np.asarray(columns["least"], np.float64))
    table.most[at] = np.maximum(table.most[at], np.asarray(columns["most"], np.float64))
    table.total[at] += np.asarray(columns["total"], np.float64)
    table.sum[at] += np.asarray(columns["sum"], np.float64)
