"""The books of one bridge: what it was told, numbered for the intake and kept until that has it.

A word of a vendor is taken in one transaction: its id is noted, its readings get their sequences and lie in the
outbox, and the cursor moves. So after a crash nothing is missing and nothing has two numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, update
from sqlmodel import col

from datahub.store.bridge_tables import BridgeOutRow, BridgeRow, BridgeSeenRow
from datahub.store.session import Store
from datahub.store.tables import AuditRow

_CHUNK = 400
"""Ids asked for in one statement: SQLite takes at least 999 parameters."""


class Standing(msgspec.Struct, frozen=True):
    """How far a vendor has been heard. Times in ms of city time.

    Attributes:
        next: sequence of the next reading of the bridge's node: as many readings were told.
        out: id of the newest message in the outbox.
        cursor: from where to read on, in the vendor's words.
        due: when to ask next.
        heard: when the vendor last said something.
        repeated: words that had come before.
        held: values that were repeated without having been measured.
        refused: what was not taken, by reason.
    """

    next: int = 0
    out: int = 0
    cursor: str = ""
    due: int = 0
    heard: int = 0
    repeated: int = 0
    held: int = 0
    refused: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the bridge's node as the wire knows it: ``last`` is its last sequence (-1: no readings)."""

    id: int
    topic: str
    payload: bytes
    last: int = -1
    count: int = 0


class BridgeBook:
    """The books of one vendor's bridge.

    Attributes:
        epoch: birth epoch of the bridge's node [ms]; 0 before the vendor has told of any device.
        standing: how far the vendor has been heard.
    """

    def __init__(self, store: Store, vendor: str, *, node: int) -> None:
        self._store, self._vendor = store, vendor
        self.epoch, self.standing = 0, Standing()
        asked = select(col(BridgeRow.epoch), col(BridgeRow.body)).where(col(BridgeRow.vendor) == vendor)
        with store.transaction() as connection:
            row = connection.execute(asked).one_or_none()
            if row is None:
                values = {"vendor": vendor, "node": node, "epoch": 0, "body": msgspec.json.encode(self.standing)}
                connection.execute(insert(BridgeRow), [values])
        if row is not None:
            self.epoch, self.standing = int(row[0]), msgspec.json.decode(row[1], type=Standing)

    def begin(self, t: int) -> None:
        """The bridge's node is born, at ``t`` [ms]."""
        with self._store.transaction() as connection:
            connection.execute(update(BridgeRow).where(col(BridgeRow.vendor) == self._vendor).values(epoch=t))
        self.epoch = t

    def waiting(self) -> list[Letter]:
        """The outbox, oldest first."""
        row = BridgeOutRow
        columns = (col(row.id), col(row.topic), col(row.payload), col(row.last), col(row.count))
        asked = select(*columns).where(col(row.vendor) == self._vendor).order_by(col(row.id))
        with self._store.transaction() as connection:
            return [Letter(*found) for found in connection.execute(asked)]

    def kept(self) -> int:
        """Readings in the outbox."""
        asked = select(func.coalesce(func.sum(col(BridgeOutRow.count)), 0))
        with self._store.transaction() as connection:
            found = connection.execute(asked.where(col(BridgeOutRow.vendor) == self._vendor)).scalar_one()
        return int(found)

    def seen(self, ids: Sequence[str]) -> set[str]:
        """Which of these words have been taken before."""
        found: set[str] = set()
        with self._store.transaction() as connection:
            for start in range(0, len(ids), _CHUNK):
                asked = select(col(BridgeSeenRow.id)).where(
                    col(BridgeSeenRow.vendor) == self._vendor, col(BridgeSeenRow.id).in_(ids[start : start + _CHUNK])
                )
                found.update(connection.execute(asked).scalars())
        return found

    def commit(
        self,
        standing: Standing,
        *,
        letters: Sequence[Letter] = (),
        seen: Sequence[str] = (),
        audit: Sequence[AuditRow] = (),
        t: int,
    ) -> None:
        """Make it durable that the vendor has been heard so far, with all that follows from it, or nothing of it."""
        with self._store.transaction() as connection:
            if letters:
                connection.execute(insert(BridgeOutRow), [self._row(letter) for letter in letters])
            if seen:
                connection.execute(insert(BridgeSeenRow), [{"vendor": self._vendor, "id": one, "t": t} for one in seen])
            if audit:
                connection.execute(insert(AuditRow), [one.model_dump(exclude={"id"}) for one in audit])
            self._note(connection, standing)
        self.standing = standing

    def _row(self, letter: Letter) -> dict[str, object]:
        return {
            "vendor": self._vendor,
            "id": letter.id,
            "topic": letter.topic,
            "payload": letter.payload,
            "last": letter.last,
            "count": letter.count,
        }

    def _note(self, connection: Connection, standing: Standing) -> None:
        body = msgspec.json.encode(standing)
        connection.execute(update(BridgeRow).where(col(BridgeRow.vendor) == self._vendor).values(body=body))

    def release(self, sequence: int) -> None:
        """The hub has every reading up to this sequence."""
        held = delete(BridgeOutRow).where(col(BridgeOutRow.vendor) == self._vendor)
        with self._store.transaction() as connection:
            connection.execute(held.where(col(BridgeOutRow.last) >= 0, col(BridgeOutRow.last) <= sequence))

    def drop(self, letter: int) -> None:
        """The hub has this message, which holds no readings."""
        held = delete(BridgeOutRow).where(col(BridgeOutRow.vendor) == self._vendor)
        with self._store.transaction() as connection:
            connection.execute(held.where(col(BridgeOutRow.id) == letter))

    def forget(self, before: int) -> None:
        """Forget words taken before this time [ms]: the vendor has promised not to repeat them."""
        with self._store.transaction() as connection:
            connection.execute(
                delete(BridgeSeenRow).where(col(BridgeSeenRow.vendor) == self._vendor, col(BridgeSeenRow.t) < before)
            )
