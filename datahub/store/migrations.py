"""Versions of the tables in the transactional database: older ones are brought up, newer or unknown ones refused.

Hub and brain keep their tables in one database, each with a version of its own, by this one mechanism.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from datahub.contract.errors import OutsideError
from datahub.store import bridge_tables, tables

Step: TypeAlias = Callable[[Connection], object]
"""What brings the tables to the next version; it runs in the transaction that raises the version."""


class StoreRefused(OutsideError):
    """A database that this program must not touch, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Schema:
    """Some room's tables and the way to their present version.

    Attributes:
        row: the table that says in its one row which version lies there.
        tables: names of all its tables, that one included.
        version: what this program reads.
        steps: version -> what brings tables of that version to the next.
    """

    row: str
    tables: tuple[str, ...]
    version: int
    steps: Mapping[int, Step] = field(default_factory=dict)


def _hub_tables() -> tuple[str, ...]:
    """Names of the hub's own tables, in the order in which they are declared."""
    return tuple(
        str(row.__tablename__)
        for room in (tables, bridge_tables)
        for row in vars(room).values()
        if isinstance(row, type) and issubclass(row, SQLModel) and row.__module__ == room.__name__
    )


VERSION: Final = 4
"""Version of the hub's tables (``tables.py``)."""


_NEW_IN: Final[Mapping[int, tuple[str, ...]]] = {
    2: ("hub_quarantine", "hub_audit", "hub_credential", "hub_asset", "hub_epoch"),
    3: ("hub_arrival",),  # messages that are acknowledged before they are taken in
    4: (
        "hub_batch",  # orders to many devices
        "hub_batch_item",
        "hub_job",  # firmware and settings rolled out in stages
        "hub_job_device",
        "hub_sta_entity",  # what was created through SensorThings
        "hub_application",  # who may call which data
        "hub_code",  # by which authorisation code
        "hub_call",  # and how often they did
        "hub_gap",  # sequences that are missing, or declared lost
        "hub_acknowledged",  # alarms that somebody has taken note of
        "hub_condition",  # health of devices that cannot be counted again
        "hub_bridge",  # vendors' clouds that speak for devices
        "hub_bridge_out",
        "hub_bridge_seen",
        "hub_refusal",  # who was turned away, by hour and source
    ),
}
"""Version -> the tables that it has and its forerunner has not; none of the former ones changes."""


def _with(version: int) -> Step:
    """The step to a version that only has more tables."""
    made = [SQLModel.metadata.tables[name] for name in _NEW_IN[version]]
    return lambda connection: SQLModel.metadata.create_all(connection, tables=made)


HUB: Final = Schema(
    row="hub_schema",
    tables=_hub_tables(),
    version=VERSION,
    steps={version - 1: _with(version) for version in _NEW_IN},
)


def bring_up(engine: Engine, schema: Schema, *, place: str, city: str | None = None) -> None:
    """Create the tables, or bring older ones to this program's version.

    Args:
        schema: whose tables.
        place: where the database lies, for people.
        city: whose it must be, where the schema's row says so.

    Raises:
        StoreRefused: if what lies there is newer, unknown, damaged, or another city's.
    """
    try:
        with engine.begin() as connection:
            found = _found(connection, schema, place=place)
            if found is None:
                _create(connection, schema, city=city)
                return
            refuse_unless(found, version=schema.version, steps=tuple(schema.steps), place=place)
            if city is not None:
                _refuse_another(connection, schema, place=place, city=city)
            for step in range(found, schema.version):
                schema.steps[step](connection)
                connection.execute(text(f"UPDATE {schema.row} SET version = :v"), {"v": step + 1})
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


def _create(connection: Connection, schema: Schema, *, city: str | None) -> None:
    SQLModel.metadata.create_all(connection, tables=[SQLModel.metadata.tables[name] for name in schema.tables])
    says = {"id": 1, "version": schema.version} | ({} if city is None else {"city": city})
    connection.execute(SQLModel.metadata.tables[schema.row].insert(), says)


def _refuse_another(connection: Connection, schema: Schema, *, place: str, city: str) -> None:
    whose = connection.execute(text(f"SELECT city FROM {schema.row}")).scalar_one()
    if whose != city:
        raise StoreRefused(f"{place} holds the city '{whose}', not '{city}'; choose another directory")


def _found(connection: Connection, schema: Schema, *, place: str) -> int | None:
    """Version of the tables that lie there; None if there are none."""
    names = set(inspect(connection).get_table_names())
    if schema.row in names:
        version = connection.execute(text(f"SELECT version FROM {schema.row}")).scalar_one_or_none()
        if version is None:
            raise StoreRefused(f"{place} does not say which schema version it has; move it away or restore a copy")
        return int(version)
    if names & set(schema.tables):
        whose = schema.row.partition("_")[0]
        raise StoreRefused(f"{place} has tables of a {whose} but no schema version; move it away or restore a copy")
    return None
