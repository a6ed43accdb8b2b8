"""Rows of what was created through SensorThings, and of the orders that its tasks are."""

from __future__ import annotations

from sqlmodel import col, func, select

from datahub.store.session import Store
from datahub.store.tables import AssetRow, CommandRow, StaEntityRow


def load(store: Store) -> list[tuple[int, str, bytes]]:
    """Everything that is there: id, sort, body; by id."""
    with store.session() as session:
        found = session.exec(select(StaEntityRow).where(StaEntityRow.gone == 0).order_by(col(StaEntityRow.id)))
        return [(row.id or 0, row.sort, row.body) for row in found]


def add(store: Store, sort: str, body: bytes) -> int:
    """Keep a new one; returns its id, which no other ever had."""
    with store.session() as session:
        row = StaEntityRow(sort=sort, body=body)
        session.add(row)
        session.flush()
        return row.id or 0


def change(store: Store, id: int, body: bytes) -> None:  # noqa: A002 - the table's word
    """Keep it as it is now."""
    with store.session() as session:
        session.get_one(StaEntityRow, id).body = body


def remove(store: Store, ids: list[int], *, t: int) -> None:
    """These are gone since ``t`` [ms]; their ids stay taken."""
    with store.session() as session:
        for one in ids:
            session.get_one(StaEntityRow, one).gone = max(t, 1)


def orders(store: Store, *, skip: int, top: int) -> list[str]:
    """Ids of orders, newest first."""
    with store.session() as session:
        order = (col(CommandRow.issued).desc(), col(CommandRow.id))
        return list(session.exec(select(CommandRow.id).order_by(*order).offset(skip).limit(top)))


def count_orders(store: Store) -> int:
    """How many orders were ever given."""
    with store.session() as session:
        return session.exec(select(func.count()).select_from(CommandRow)).one()


def register(store: Store, known: int) -> dict[int, tuple[str, str, str, float, float]] | None:
    """Things of the asset register: code -> sort, name, owner, lon, lat; None if there are as many as ``known``."""
    with store.session() as session:
        if session.exec(select(func.count()).select_from(AssetRow)).one() == known:
            return None
        found = session.exec(select(AssetRow))
        return {row.code: (row.sort, row.name, row.owner, row.lon, row.lat) for row in found}
