"""A database that cannot be written or read now: not refused, not damaged, but full, locked or out of reach."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from datahub.contract.errors import OutsideError
from datahub.trouble import Cause

_SQLITE: Final = {
    sqlite3.SQLITE_FULL: Cause.DISK_FULL,
    sqlite3.SQLITE_BUSY: Cause.DATABASE_LOCKED,
    sqlite3.SQLITE_LOCKED: Cause.DATABASE_LOCKED,
    sqlite3.SQLITE_PROTOCOL: Cause.DATABASE_LOCKED,
    sqlite3.SQLITE_IOERR: Cause.DATABASE_FAILED,
    sqlite3.SQLITE_READONLY: Cause.DATABASE_FAILED,
    sqlite3.SQLITE_CANTOPEN: Cause.DATABASE_FAILED,
    sqlite3.SQLITE_PERM: Cause.DATABASE_FAILED,
    sqlite3.SQLITE_NOMEM: Cause.DATABASE_FAILED,
}
"""Results after which a later attempt may do; any other is a mistake of ours or a damaged file."""

_NO_SPACE: Final = ("No space left", "out of disk", "disk is full")
_REMEDY: Final = {
    Cause.DISK_FULL: "make room on the disk",
    Cause.DATABASE_LOCKED: "end the process that holds it",
    Cause.DATABASE_FAILED: "see to the disk and the rights of the folder",
}


class StoreFailed(OutsideError):
    """A commit, or a look, that the database could not do now; nothing of it is durable."""

    def __init__(self, cause: Cause, said: str, *, place: str) -> None:
        self.cause = cause
        super().__init__(f"{place} cannot be used now ({said}); {_REMEDY[cause]}, the hub then goes on by itself")


def words_of(said: str) -> Cause:
    """What a database means that gives its errors no number."""
    return Cause.DISK_FULL if any(words in said for words in _NO_SPACE) else Cause.DATABASE_FAILED


@contextmanager
def named(place: str) -> Iterator[None]:
    """Name what SQLite says of disk and locks; all else is raised as it is.

    Raises:
        StoreFailed: instead of the driver's error.
    """
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", None)
        cause = None if code is None else _SQLITE.get(code & 0xFF)
        if cause is None:
            raise
        raise StoreFailed(cause, str(error.orig), place=place) from error
