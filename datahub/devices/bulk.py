"""Lists of devices and managed objects, as departments send them: read as a whole, judged line by line, in columns.

A list is CSV in UTF-8 with a header. ``sort`` is ``device`` or ``object``; ``code`` may be left open where ``class``
(four digits) stands, then the next free ordinal of district and class is given out; a device names the ``object`` that
it watches or sits on: one pole carries the devices of several departments.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from datahub.devices.coding import DEVICE_MAJOR, RESERVED, valid

COLUMNS: Final = ("sort", "code", "class", "owner", "object", "lon", "lat", "name")
LINES: Final = 200_000
"""Lines of one list at most; ours to choose, twice what is asked for."""

NAME: Final = 120
SORTS: Final = ("object", "device")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one line (the header is line 1), and what would mend it."""

    line: int
    column: str
    rule: str
    remedy: str


@dataclass(slots=True, eq=False)
class Listed:
    """A list in columns of length n, and what is wrong with it.

    ``code`` and ``object`` are 0 where they are left open; ``kind`` is the class as a number, -1 where it is open.
    """

    line: Ints
    device: NDArray[np.bool_]
    code: Ints
    kind: Ints
    owner: list[str]
    object: Ints
    lon: Floats
    lat: Floats
    name: list[str]
    faults: list[Fault] = field(default_factory=list)
    good: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.good = np.ones(len(self.line), np.bool_)

    def __len__(self) -> int:
        return len(self.line)

    def refuse(self, wrong: NDArray[np.bool_], column: str, rule: Callable[[int], str], remedy: str) -> None:
        """These lines break a rule; of each line only the first fault is told."""
        for i in np.flatnonzero(wrong & self.good).tolist():
            self.faults.append(Fault(int(self.line[i]), column, rule(i), remedy))
        self.good &= ~wrong


def read(text: str) -> Listed:
    """Read a list.

    Raises:
        UsageError: if it is no list at all: no header, unknown columns, too long.
    """
    rows = _rows(csv.reader(io.StringIO(text)))
    header = [name.strip().removeprefix("\ufeff") for name in next(rows, (1, []))[1]]
    if sorted(header) != sorted(COLUMNS):
        raise UsageError(f"the first line is {','.join(header)[:120]!r}; it must name the columns {','.join(COLUMNS)}")
    faults: list[Fault] = []
    lines, cells = list[int](), list[list[str]]()
    for number, row in rows:
        if len(lines) >= LINES:
            raise UsageError(f"the list has more than {LINES} lines; send it in parts")
        if len(row) != len(COLUMNS):
            faults.append(Fault(number, "", f"{len(row)} cells instead of {len(COLUMNS)}", "quote cells with commas"))
            continue
        lines.append(number)
        cells.append(row)
    at = [header.index(name) for name in COLUMNS]
    columns = [[row[i].strip() for row in cells] for i in at]
    listed = _typed(np.array(lines, np.int64), columns)
    listed.faults[:0] = faults
    return listed


def _rows(rows: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    try:
        for number, row in enumerate(rows, 1):
            if row or number == 1:
                yield number, row
    except csv.Error as error:
        raise UsageError(f"the list cannot be read ({error}); send CSV in UTF-8") from error


def _typed(line: Ints, columns: Sequence[list[str]]) -> Listed:
    """Text as numbers, with the faults of form."""
    sort, code, kind, owner, thing, lon, lat, name = columns
    listed = Listed(
        line=line,
        device=np.array([one == "device" for one in sort], np.bool_),
        code=_whole(code, 17),
        kind=_whole(kind, 4, empty=-1),
        owner=owner,
        object=_whole(thing, 17),
        lon=_real(lon),
        lat=_real(lat),
        name=name,
    )
    known = np.array([one in SORTS for one in sort], np.bool_)
    listed.refuse(~known, "sort", lambda i: f"'{sort[i]:.40}' is no sort", f"write one of {', '.join(SORTS)}")
    listed.refuse(listed.code == _BAD, "code", lambda i: f"'{code[i]:.40}' is no whole number", "give 17 digits")
    listed.refuse(listed.kind == _BAD, "class", lambda i: f"'{kind[i]:.40}' is no class", "give four digits")
    listed.refuse(listed.object == _BAD, "object", lambda i: f"'{thing[i]:.40}' is no whole number", "give 17 digits")
    placed = np.isfinite(listed.lon) & np.isfinite(listed.lat)
    listed.refuse(~placed, "lon", lambda i: f"'{lon[i]:.20}', '{lat[i]:.20}' is no place", "give degrees, WGS 84")
    long = np.array([len(one) > NAME for one in name], np.bool_)
    listed.refuse(long, "name", lambda i: f"{len(name[i])} characters", f"give at most {NAME}")
    _coded(listed)
    return listed


_BAD: Final = -2


def _whole(cells: Sequence[str], digits: int, *, empty: int = 0) -> Ints:
    """Whole numbers of so many digits; ``empty`` where a cell is, -2 where it holds anything else."""
    return np.array(
        [empty if not one else int(one) if one.isascii() and one.isdigit() and len(one) <= digits else _BAD
         for one in cells], np.int64,
    )  # fmt: skip


def _real(cells: Sequence[str]) -> Floats:
    return np.array([_number(one) for one in cells], np.float64)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _coded(listed: Listed) -> None:
    """Codes and classes that fit each other and the sort."""
    code, kind, device = listed.code, listed.kind, listed.device
    open_ = code == 0
    listed.refuse(
        ~open_ & ~valid(code), "code", lambda i: f"{code[i]} is no unified code (17 digits, MOD 11,10)",
        "correct it, or leave it open and give a class",
    )  # fmt: skip
    listed.refuse(open_ & (kind < 0), "class", lambda i: "neither code nor class", "give one of them")
    own = code // 10 // 1_000_000 % 10_000
    listed.refuse(
        ~open_ & (kind >= 0) & (own != kind), "class", lambda i: f"code {code[i]} is of class {own[i]:04d}",
        "leave the class out, or correct one of them",
    )  # fmt: skip
    listed.kind = np.where(open_, kind, own)
    major = listed.kind // 100 == int(DEVICE_MAJOR)
    listed.refuse(
        major != device, "sort", lambda i: f"class {listed.kind[i]:04d} is {'a device' if major[i] else 'an object'}'s",
        f"devices, and only they, have a class that begins with {DEVICE_MAJOR}",
    )  # fmt: skip
    kept = np.isin(listed.kind, [int(one) for one in RESERVED])
    listed.refuse(
        kept, "class", lambda i: f"class {listed.kind[i]:04d} is kept for {RESERVED[f'{listed.kind[i]:04d}']}",
        "take that of the device's kind",
    )  # fmt: skip
    listed.refuse(device & (listed.object == 0), "object", lambda i: "a device without an object", "name what it is on")
    listed.refuse(~device & (listed.object != 0), "object", lambda i: "an object on an object", "leave it out")
    first = np.zeros(len(listed), np.bool_)
    first[np.unique(code, return_index=True)[1]] = True
    listed.refuse(~open_ & ~first, "code", lambda i: f"{code[i]} stands twice", "leave one out")
