"""Hourly and daily steps of every reading, beside the readings they were made of.

A step lies in rows of *parts*: count, least, most, total, last. Several parts of one step are one step once they are
put together, so a reading that comes late merely adds a part, in the transaction that adds the reading. A day is
rolled up once, from the readings themselves; who asks looks at the steps below the mark ``rolled`` and at the readings
above it. Totals are decimal: they do not depend on the order in which they were added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import CITY_OFFSET_MS, CITY_ZONE, DAY_MS, HOUR_MS, day, from_datetime, local_date
from datahub.contract.codes import Quality

ROLLED, RAW, HOURLY = "rolled", "raw", "hourly"
"""Marks. All before ``rolled`` lies in steps; readings before ``raw`` and hourly steps before ``hourly`` are gone."""

TIDIED: Final[Mapping[str, str]] = {"hourly": "hourly tidied", "daily": "daily tidied"}
"""Marks. Before it a table's steps lie by device, in whole months (hourly) or years (daily)."""

ALL: Final = -1
"""A mark that is of every property that has none of its own."""

LAST_DEVICE: Final = 2**63 - 1

BEYOND: Final = 1e20
"""A value beyond this counts as impossible in a step (totals are decimals of 38 digits, nine of them behind the
point)."""

_PARTS = (
    "(device BIGINT NOT NULL, property SMALLINT NOT NULL, t BIGINT NOT NULL, count BIGINT NOT NULL,"
    " least DOUBLE NOT NULL, most DOUBLE NOT NULL, total DECIMAL(38,9) NOT NULL, last DOUBLE NOT NULL,"
    " last_t BIGINT NOT NULL, last_sequence BIGINT NOT NULL)"
)

TABLES: Final = (
    f"CREATE TABLE hourly {_PARTS}",
    f"CREATE TABLE daily {_PARTS}",
    # device: up to which device of the period that begins at t it is so
    "CREATE TABLE mark (name VARCHAR NOT NULL, property SMALLINT NOT NULL, t BIGINT NOT NULL, device BIGINT NOT NULL)",
)


def floor_day(t: int) -> int:
    """Begin of the local day [ms]."""
    return day(t) * DAY_MS - CITY_OFFSET_MS


def begin(table: str, t: int) -> int:
    """Begin of the local month (hourly) or year (daily) in which a table is tidied [ms]."""
    date = local_date(t)
    return from_datetime(datetime(date.year, date.month if table == "hourly" else 1, 1, tzinfo=CITY_ZONE))


def following(table: str, t: int) -> int:
    """Begin of the month or year after [ms]."""
    return begin(table, begin(table, t) + (32 if table == "hourly" else 367) * DAY_MS)


_STEP: Final = {
    "hourly": f"phenomenon_time - ((phenomenon_time % {HOUR_MS}) + {HOUR_MS}) % {HOUR_MS}",
    "daily": f"phenomenon_time - (((phenomenon_time + {CITY_OFFSET_MS}) % {DAY_MS}) + {DAY_MS}) % {DAY_MS}",
}

_PART: Final = "device, property, step, n, least, most, total, newest.v, newest.t, newest.s"

POSSIBLE: Final = f"quality & {Quality.RANGE.value} = 0 AND abs(value) < {BEYOND}"


def _made(table: str, source: str, where: str = "") -> str:
    """Statement that makes parts of readings."""
    return (
        f"INSERT INTO {table} SELECT {_PART} FROM (SELECT device, property, {_STEP[table]} AS step, count(*) AS n, "
        "min(value) AS least, max(value) AS most, sum(CAST(value AS DECIMAL(38,9))) AS total, "
        "max({'t': phenomenon_time, 's': sequence, 'v': value}) AS newest "
        f"FROM {source} WHERE {POSSIBLE} {where} GROUP BY device, property, step) ORDER BY device, property, step"
    )


def _joined(table: str, where: str, *, step: str = "t") -> str:
    """Selection that puts parts of one step together; ``step``: which they count to."""
    return (
        f"SELECT {_PART} FROM (SELECT device, property, {step} AS step, sum(count)::BIGINT AS n, "
        "min(least) AS least, max(most) AS most, sum(total)::DECIMAL(38,9) AS total, "
        "max({'t': last_t, 's': last_sequence, 'v': last}) AS newest "
        f"FROM {table} WHERE {where} GROUP BY device, property, step) ORDER BY device, property, step"
    )


#: What a database without steps lacks. Readings older than any that will be kept raw are rolled up at once.
FROM_1: Final = (
    *TABLES,
    f"INSERT INTO mark SELECT '{ROLLED}', {ALL}, p.t - ((p.t + {CITY_OFFSET_MS}) % {DAY_MS}) - least({90 * DAY_MS}, "
    f"greatest({DAY_MS}, (p.t - (SELECT min(phenomenon_time) FROM observation)) // {DAY_MS} * {DAY_MS} + {DAY_MS})), 0"
    " FROM (SELECT max(t) AS t FROM progress) p WHERE p.t IS NOT NULL",
    *(
        _made(table, "observation", f"AND phenomenon_time < (SELECT t FROM mark WHERE name = '{ROLLED}')")
        for table in ("hourly", "daily")
    ),
)


@dataclass(frozen=True, slots=True)
class Mark:
    """All before ``t`` [ms], and of the period that begins there all devices below ``device``."""

    t: int
    device: int = 0


class Line(Protocol):
    """A connection to the column store."""

    def execute(self, query: str, parameters: Any = None) -> Any:
        """Run one statement."""

    def register(self, view_name: str, python_object: Any) -> Any:
        """Let a statement read numpy columns under a name."""


class Marks:
    """How far the work on the steps has come; read once, written in the transaction of the work."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._known: dict[tuple[str, int], Mark] = {}
        self.read()

    def read(self) -> None:
        """What the database says: again after something went wrong."""
        found = self._line.execute("SELECT name, property, t, device FROM mark").fetchall()
        self._known = {(str(n), int(p)): Mark(int(t), int(d)) for n, p, t, d in found}

    def get(self, name: str, number: int = ALL) -> Mark | None:
        """A mark: the property's own, or that of all; None before anything was stored."""
        return self._known.get((name, number), self._known.get((name, ALL)))

    def own(self, name: str) -> Iterator[int]:
        """Numbers of the properties that have a mark of their own."""
        yield from sorted(number for known, number in self._known if known == name and number != ALL)

    def put(self, name: str, mark: Mark | None, number: int = ALL) -> None:
        """Move a mark, or take it away."""
        self._line.execute("DELETE FROM mark WHERE name = ? AND property = ?", [name, number])
        self._known.pop((name, number), None)
        if mark is not None:
            self._line.execute("INSERT INTO mark VALUES (?, ?, ?, ?)", [name, number, mark.t, mark.device])
            self._known[name, number] = mark


def take(line: Line, marks: Marks, readings: Mapping[str, NDArray[np.generic]], *, t: int) -> None:
    """Add parts for those readings whose day is rolled up already; ``t``: city time [ms] of the tick that saw them.

    To be called in the transaction that stores the readings. The first readings ever set the marks.
    """
    rolled = marks.get(ROLLED)
    if rolled is None:
        rolled = Mark(floor_day(t) - DAY_MS)
        marks.put(ROLLED, rolled)
    when, device = np.asarray(readings["phenomenon_time"], np.int64), np.asarray(readings["device"], np.int64)
    late = when < rolled.t
    if rolled.device:
        late |= (when < rolled.t + DAY_MS) & (device < rolled.device)
    if late.any():
        line.register("late_rows", {name: column[late] for name, column in readings.items()})
        line.execute(_made("hourly", "late_rows"))
        line.execute(_made("daily", "late_rows"))


def roll(line: Line, marks: Marks, *, mark: Mark, below: int) -> None:
    """Make the steps of one more piece: of the day that begins at the mark, its devices up to ``below``."""
    piece = [mark.t, mark.t + DAY_MS, mark.device, below]
    times = "{0} >= ? AND {0} < ? AND device >= ? AND device < ?"
    line.execute(_made("hourly", "observation", f"AND {times.format('phenomenon_time')}"), piece)
    hours = _joined("hourly", times.format("t"), step=f"{mark.t}::BIGINT")  # nothing else of this day lies there yet
    line.execute(f"INSERT INTO daily {hours}", piece)
    marks.put(ROLLED, Mark(mark.t + DAY_MS) if below == LAST_DEVICE else Mark(mark.t, below))


def tidy(line: Line, marks: Marks, table: str, *, below: int) -> None:
    """Lay one more piece of a past month or year by device, its parts put together."""
    mark = marks.get(TIDIED[table])
    newest = line.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0]
    if mark is None:
        return
    until = following(table, mark.t)
    if newest is not None:
        where = "t >= ? AND t < ? AND device >= ? AND device < ?"
        piece = [mark.t, until, mark.device, below]
        line.execute(f"INSERT INTO {table} {_joined(table, where)}", piece)
        line.execute(f"DELETE FROM {table} WHERE {where} AND rowid <= ?", [*piece, newest])
    marks.put(TIDIED[table], Mark(until) if below == LAST_DEVICE else Mark(mark.t, below))


def drop_raw(
    line: Line,
    marks: Marks,
    *,
    until: int,
    number: int,
    others: list[int],
    last_words: Mapping[str, NDArray[np.generic]],
) -> None:
    """Let go of readings before ``until`` [ms] that lie in steps, except the last word of each device.

    Args:
        number: the property; ALL for every property but ``others``.
        last_words: device, property and t of readings to keep, whatever their age.
    """
    which = "property = ?" if number != ALL else "NOT list_contains(?::SMALLINT[], property)"
    line.register("last_words", dict(last_words))
    line.execute(
        f"DELETE FROM observation WHERE phenomenon_time < ? AND {which} AND NOT EXISTS (SELECT 1 FROM last_words w "
        "WHERE w.device = observation.device AND w.property = observation.property AND w.t = phenomenon_time)",
        [until, others if number == ALL else number],
    )
    marks.put(RAW, Mark(until), number)


def drop_hourly(line: Line, marks: Marks, *, until: int, below: int, number: int, others: list[int]) -> None:
    """Let go of one more piece of the hourly steps before ``until`` [ms]; the daily ones stay.

    Nobody is shown any of them from the first piece on.
    """
    mark = marks.get(HOURLY, number)
    since = mark.device if mark is not None and mark.t == until and mark.device != LAST_DEVICE else 0
    which = "property = ?" if number != ALL else "NOT list_contains(?::SMALLINT[], property)"
    line.execute(
        f"DELETE FROM hourly WHERE t < ? AND device >= ? AND device < ? AND {which}",
        [until, since, below, others if number == ALL else number],
    )
    marks.put(HOURLY, Mark(until, below), number)
