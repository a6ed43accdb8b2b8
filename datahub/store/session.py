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

from datahub.store.migrations import HUB, Schema, Step, bring_up

FILE = "city.sqlite"

#: Large pages, because the journal writes blobs of a megabyte (measured: a third of the time that 4 kB pages take).
_PRAGMAS = ("page_size=16384", "journal_mode=WAL", "foreign_keys=ON", "cache_size=-8000")


class Store:
    """The city's transactional database, shared by hub and brain.

    Args:
        directory: where the file lies; None keeps everything in memory.
        city: name of the city; a database of another city is refused.
        power_safe: every commit waits for the disk. Without it a commit still survives the end of the process, however
            sudden, but not a power cut.
    """

    def __init__(self, directory: Path | None, *, city: str, power_safe: bool = True) -> None:
        self.engine = _engine(directory, power_safe=power_safe)
        self.lock = threading.RLock()
        self._place = str(directory / FILE) if directory else "memory"
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
        """One transaction: committed at the end, rolled back if anything is raised."""
        with self.lock, Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction on the connection that stays open: the journal commits a hundred times a second."""
        with self.lock, self._line.begin():
            yield self._line

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
        engine = create_engine(f"sqlite:///{directory / FILE}", connect_args=arguments | {"timeout": 30})

    def settings(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in (*_PRAGMAS, f"synchronous={'FULL' if power_safe else 'OFF'}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", settings)
    return engine
