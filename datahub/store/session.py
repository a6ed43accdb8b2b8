"""The transactional database: opened, brought up to date, and locked for one writer at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool
from sqlmodel import Session, create_engine

from datahub.store.failure import StoreFailed, named
from datahub.store.migrations import HUB, Schema, Step, bring_up

FILE = "city.sqlite"

BUSY_S = 2.0
"""How long a statement waits for a lock that another process holds [s]; longer, and the hub is in trouble. Ours."""

#: Large pages, because the journal writes blobs of a megabyte (measured: a third of the time that 4 kB pages take).
_PRAGMAS = ("page_size=16384", "journal_mode=WAL", "foreign_keys=ON", "cache_size=-8000")

_PROBE = (
    "INSERT OR REPLACE INTO hub_arrival (id, body) VALUES (-1, zeroblob(1048576))",
    "DELETE FROM hub_arrival WHERE id = -1",
)
"""A commit of a megabyte and its undoing; an arrival below 1 is nobody's."""


class Store:
    """The city's transactional database, shared by hub and brain.

    Args:
        directory: where the file lies; None keeps everything in memory.
        city: name of the city; a database of another city is refused.
        power_safe: every commit waits for the disk. Without it a commit still survives the end of the process, however
            sudden, but not a power cut.

    Attributes:
        failed: what the database could not do; what is in memory may then be ahead of what is durable.
    """

    def __init__(self, directory: Path | None, *, city: str, power_safe: bool = True) -> None:
        self.engine = _engine(directory, power_safe=power_safe)
        self.lock = threading.RLock()
        self.failed: StoreFailed | None = None
        self._place = str(directory / FILE) if directory else "memory"
        with named(self._place):
            bring_up(self.engine, HUB, place=self._place, city=city)
            self._line = self.engine.connect()

    def house(self, row: str, *, tables: Sequence[str], version: int, steps: Mapping[int, Step]) -> None:
        """Make room for another room's tables, or bring those that lie here to its version (``migrations.Schema``).

        Raises:
            StoreRefused: if they are newer, or there is no way up from them.
        """
        with self.lock:
            bring_up(self.engine, Schema(row, tuple(tables), version, steps), place=self._place)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back if anything is raised.

        Raises:
            StoreFailed: if the database cannot do it now.
        """
        with self._watched(), self.lock, Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction on the connection that stays open: the journal commits a hundred times a second.

        Once the database has failed anybody there is no other: what is in memory may be ahead of what is durable, and
        must not be taken for it (a reading whose commit failed would come again as a duplicate).

        Raises:
            StoreFailed: if the database cannot do it now, or could not do something before.
        """
        with self._watched(), self.lock:
            if self.failed is not None:
                raise self.failed
            with self._line.begin():
                yield self._line

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Remember that the database failed, whoever asked."""
        try:
            with named(self._place):
                yield
        except StoreFailed as error:
            self.failed = error
            raise

    def probe(self) -> None:
        """Write so much, and delete it again, as a commit of the intake may need.

        Raises:
            StoreFailed: if that cannot be done now.
        """
        for statement in _PROBE:
            with self.transaction() as connection:
                connection.exec_driver_sql(statement)

    def close(self) -> None:
        """Let go of the file."""
        self._line.close()
        self.engine.dispose()


def _engine(directory: Path | None, *, power_safe: bool) -> Engine:
    arguments = {"check_same_thread": False}
    if directory is None:
        engine = create_engine("sqlite://", connect_args=arguments, poolclass=StaticPool)
    else:
        directory.mkdir(parents=True, exist_ok=True)
        engine = create_engine(f"sqlite:///{directory / FILE}", connect_args=arguments | {"timeout": BUSY_S})

    def settings(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in (*_PRAGMAS, f"synchronous={'FULL' if power_safe else 'OFF'}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", settings)
    return engine
