"""How codes and times are written in the API.

Unified codes are text: they have up to 18 digits, and JavaScript keeps 15. Times are RFC 3339 in UTC; one given without
an offset is city-local.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, TypeAlias

from fastapi import Path, Query
from pydantic import AfterValidator, BeforeValidator, Field, FiniteFloat, Strict, StringConstraints

from datahub.api.problems import Problem
from datahub.contract.clock import CITY_OFFSET_MS, HOUR_MS, from_datetime
from datahub.ingest.admission import MOST_SETTINGS
from datahub.queries import Queries

CodeText: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
Number: TypeAlias = Annotated[FiniteFloat, Strict()]
"""A number as JSON writes it: no text that looks like one, no truth value."""

Whole: TypeAlias = Annotated[int, Strict()]
"""A whole number as JSON writes it."""

NumberName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]

Numbers: TypeAlias = Annotated[dict[NumberName, Number], Field(max_length=MOST_SETTINGS)]
"""Arguments or settings by name, unit in the name."""

Before: TypeAlias = Annotated[
    int | None, Query(ge=1, lt=2**63, description="id of the last one seen: only older ones, newest first")
]
"""Where the next page of a list of numbered things begins."""

BeforeId: TypeAlias = Annotated[
    str, Query(max_length=128, description="id of the last one seen: only older ones, newest first")
]
"""The same of things that bear an id of their own."""

CodePath: TypeAlias = Annotated[str, Path(pattern=r"^[0-9]{1,18}$", description="unified code")]


_LOCAL: Final = f"without an offset it is city-local (+{CITY_OFFSET_MS // HOUR_MS:02}:00)"
"""What is silently so, said."""

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _within_reach(moment: datetime) -> datetime:
    if not 1970 <= moment.year < 2200:
        raise ValueError("a year from 1970 to 2199")
    return moment


def _written_out(moment: object) -> object:
    if not (isinstance(moment, str) and _DATE.match(moment)):
        raise ValueError(f"a time as RFC 3339 writes it, like 2026-07-01T08:00:00Z; {_LOCAL}")
    return moment


Moment: TypeAlias = Annotated[
    datetime,
    BeforeValidator(_written_out),
    AfterValidator(_within_reach),
    Field(description=f"a time as RFC 3339 writes it, from 1970 to 2199; {_LOCAL}"),
]
"""A time written out; a bare number is none, for nobody could say from when it counts."""


def milliseconds(moment: datetime) -> int:
    """Epoch milliseconds of a time in a request."""
    return from_datetime(moment)


def city_now(queries: Queries) -> int:
    """City time by which an order is dated [ms].

    Raises:
        Problem: 503, if the hub does not know it.
    """
    now = queries.health().now
    if now is None:
        raise Problem(503, "the hub does not know the city's time yet; ask again when a device has spoken")
    return now


def observed(queries: Queries, name: str) -> str:
    """A property that some device observes.

    Raises:
        Problem: 404, naming those there are.
    """
    known = queries.properties()
    if name not in known:
        raise Problem(404, f"no device observes '{name:.80}'; observed are: {', '.join(known) or 'none yet'}")
    return name


def born(queries: Queries, code: str) -> int:
    """Code of a device that the registry knows.

    Raises:
        Problem: 404.
    """
    device = int(code)
    if not len(queries.devices(device=device)):
        raise Problem(404, f"no device {device} was ever born; see /devices for those there are")
    return device


def kind_of(queries: Queries, name: str | None) -> str | None:
    """A kind that the registry knows, or None if none is asked for.

    Raises:
        Problem: 404, naming those there are.
    """
    known = [kind.name for kind in queries.kinds()]
    if name is not None and name not in known:
        raise Problem(404, f"no device is of kind '{name:.80}'; there are: {', '.join(known) or 'none yet'}")
    return name
