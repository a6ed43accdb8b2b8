"""Versions of the transactional database: an older one is brought up, a newer or unknown one refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from datahub.contract.errors import OutsideError
from datahub.store import tables

VERSION: Final = 1
"""Version of the tables in ``tables.py``."""

#: What brings a database of this version to the next. Each runs in the transaction that raises the version.
STEPS: Mapping[int, Callable[[Connection], None]] = {}


class StoreRefused(OutsideError):
    """A database that this program must not touch, and what to do about it."""


def hub_tables() -> list[str]:
    """Names of the hub's own tables, in the order in which they are declared."""
    rows = [row for row in vars(tables).values() if isinstance(row, type) and issubclass(row, SQLModel)]
    return [str(row.__tablename__) for row in rows if row.__module__ == tables.__name__]


def bring_up(
    engine: Engine,
    *,
    city: str,
    place: str,
    version: int = VERSION,
    steps: Mapping[int, Callable[[Connection], None]] = STEPS,
) -> None:
    """Create the tables, or bring an older database to this program's version.

    Raises:
        StoreRefused: if the database is newer, unknown, damaged, or another city's.
    """
    try:
        with engine.begin() as connection:
            found = _found(connection, place=place)
            if found is None:
                wanted = [SQLModel.metadata.tables[name] for name in hub_tables()]
                SQLModel.metadata.create_all(connection, tables=wanted)
                connection.execute(
                    text("INSERT INTO hub_schema (id, version, city) VALUES (1, :v, :c)"), {"v": version, "c": city}
                )
                return
            was, whose = found
            refuse_unless(was, version=version, steps=tuple(steps), place=place)
            if whose != city:
                raise StoreRefused(f"{place} holds the city '{whose}', not '{city}'; choose another directory")
            for step in range(was, version):
                steps[step](connection)
                connection.execute(text("UPDATE hub_schema SET version = :v"), {"v": step + 1})
    except DatabaseError as error:
        raise StoreRefused(f"{place} is no readable database ({error.orig}); move it away or restore a copy") from error


def refuse_unless(found: int, *, version: int, steps: tuple[int, ...], place: str) -> None:
    """Refuse a version from which there is no way to ours.

    Raises:
        StoreRefused: in one sentence with the remedy.
    """
    if found > version:
        raise StoreRefused(
            f"{place} has schema version {found}, this program knows up to {version}; "
            "use the newer program or another directory"
        )
    missing = [step for step in range(found, version) if step not in steps]
    if missing:
        raise StoreRefused(
            f"{place} has schema version {found} and no migration from {missing[0]} is known; "
            "bring it up with an older release first or choose another directory"
        )


def _found(connection: Connection, *, place: str) -> tuple[int, str] | None:
    """Version and city of the database; None if it is empty of the hub's tables."""
    names = set(inspect(connection).get_table_names())
    if "hub_schema" in names:
        row = connection.execute(text("SELECT version, city FROM hub_schema")).one_or_none()
        if row is None:
            raise StoreRefused(f"{place} does not say which schema version it has; move it away or restore a copy")
        return int(row[0]), str(row[1])
    if names & set(hub_tables()):
        raise StoreRefused(f"{place} has tables of a hub but no schema version; move it away or restore a copy")
    return None
