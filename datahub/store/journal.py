"""The journal: one row per commit of the intake, durable before anything is acknowledged.

The column store follows it in large pieces (small commits cost it 4 ms each, a journal row 0.1 ms). An entry stays
until the column store has its readings; after a crash what is left is taken up again, exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, delete, insert, text
from sqlmodel import col

from datahub.store.session import Store
from datahub.store.tables import InboxRow, JournalRow, RejectedRow, TickRow

REJECTED_KEPT = 10_000
"""Rows of detail kept about rejected readings; older ones give way (the ledger keeps the counts)."""


class Journal:
    """Append, read again, and trim. ``last`` is the id of the newest entry."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.transaction() as connection:
            row = connection.execute(text("SELECT max(id) FROM hub_journal")).one()
            self.last = int(row[0] or 0)
            row = connection.execute(text("SELECT max(journal) FROM hub_tick")).one()
            self.last = max(self.last, int(row[0] or 0))
            row = connection.execute(text("SELECT max(id) FROM hub_arrival")).one()
            self._kept = int(row[0] or 0)

    def keep(self, body: bytes) -> None:
        """Make messages durable as they came, before they are taken in."""
        self._kept += 1
        with self._store.transaction() as connection:
            connection.exec_driver_sql("INSERT INTO hub_arrival (id, body) VALUES (?, ?)", (self._kept, body))

    def kept(self) -> list[bytes]:
        """What is kept and was not taken in, in the order in which it came."""
        with self._store.transaction() as connection:
            found = connection.execute(text("SELECT body FROM hub_arrival WHERE id > 0 ORDER BY id"))
            return [bytes(row[0]) for row in found]

    def taken(self, connection: Connection) -> None:
        """All that was kept is taken in by this transaction."""
        connection.execute(text("DELETE FROM hub_arrival"))

    def append(
        self,
        connection: Connection,
        *,
        body: bytes | None,
        rejected: Sequence[RejectedRow],
        inbox: Sequence[bytes],
    ) -> None:
        """Add one entry (if there is a body) with the details and messages that came with it."""
        if body is not None:
            self.last += 1
            connection.exec_driver_sql("INSERT INTO hub_journal (id, body) VALUES (?, ?)", (self.last, body))
        if rejected:
            rows = [row.model_dump(exclude={"id"}) for row in rejected]
            connection.execute(insert(RejectedRow), rows)
            connection.execute(
                text("DELETE FROM hub_rejected WHERE id <= (SELECT max(id) FROM hub_rejected) - :n"),
                {"n": REJECTED_KEPT},
            )
        if inbox:
            connection.execute(insert(InboxRow), [{"body": one} for one in inbox])

    def tick(self, connection: Connection, number: int, *, t: int, digest: bytes) -> None:
        """Note that a tick at city time ``t`` [ms] has evaluated all entries so far."""
        values = (number, t, self.last, digest)
        connection.exec_driver_sql("INSERT INTO hub_tick (id, t, journal, digest) VALUES (?, ?, ?, ?)", values)

    def after(self, entry: int) -> Iterator[tuple[int, bytes]]:
        """Entries above ``entry`` in order."""
        with self._store.lock, self._store.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT id, body FROM hub_journal WHERE id > ? ORDER BY id", (entry,))
            for number, body in found:
                yield int(number), bytes(body)

    def trim(self, entry: int, *, tick: int) -> None:
        """Forget entries up to ``entry``, and ticks before ``tick``: the column store has them."""
        with self._store.transaction() as connection:
            connection.execute(delete(JournalRow).where(col(JournalRow.id) <= entry))
            connection.execute(delete(TickRow).where(col(TickRow.id) < tick))
