"""Marks of an axis of time as the city's clocks show it."""

from __future__ import annotations

from typing import Final

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS, of_day, to_local

MOST: Final = 9
"""More marks would run into each other."""

STEPS: Final = (*(k * MINUTE_MS for k in (5, 10, 15, 30)), *(k * HOUR_MS for k in (1, 2, 3, 6, 12)), DAY_MS)


def clock_marks(start: int, end: int) -> list[tuple[int, str]]:
    """Round moments from ``start`` to ``end`` [ms] with what the clock shows; the date below the first of each day."""
    step = next((step for step in STEPS if (end - start) / step <= MOST), DAY_MS * -(-(end - start) // (MOST * DAY_MS)))
    first = start + (-of_day(start)) % min(step, DAY_MS)
    marks: list[tuple[int, str]] = []
    day = ""
    for t in range(first, end + 1, step):
        date, clock = to_local(t)[5:10], to_local(t)[11:16]
        marks.append((t, clock if date == day else f"{clock}\n{date}"))
        day = date
    return marks
