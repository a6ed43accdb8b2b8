"""Long lists, newest first, a page at a time: each begins where the one before it ended, whatever came meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from sqlalchemy import tuple_
from sqlmodel import col
from sqlmodel.sql.expression import SelectOfScalar

_Row = TypeVar("_Row")


def newest_first(
    chosen: SelectOfScalar[_Row], key: Sequence[int | str], *, before: Sequence[int | str] | None, limit: int
) -> SelectOfScalar[_Row]:
    """The newest of the chosen rows; with ``before``, of those that are older than the row with this key.

    Args:
        chosen: rows of one table.
        key: columns by which the rows are ordered, and which tell each from all others.
        before: their values in the last row that was seen; it need not be there any more.
        limit: rows of one page.
    """
    columns = [col(one) for one in key]
    page = chosen.order_by(*(one.desc() for one in columns)).limit(limit)
    return page if before is None else page.where(tuple_(*columns) < tuple_(*before))


def last_numbers(
    chosen: SelectOfScalar[_Row], number: int | None, *, before: int | None, limit: int
) -> SelectOfScalar[_Row]:
    """The same of rows that are numbered as they come: those with the greatest numbers (below ``before``)."""
    page = chosen.order_by(col(number).desc()).limit(limit)
    return page if before is None else page.where(col(number) < before)
