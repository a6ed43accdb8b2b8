"""The city's memory of readings: DuckDB, in columns.

It follows the journal: what it holds always ends at a journal entry that has been evaluated, and it says at which
(``progress``), in the same transaction. Rows lie in the order of evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Final, TypeAlias, TypeVar

import duckdb
import numpy as np
from numpy.typing import NDArray

from datahub.store import rollups
from datahub.store.failure import StoreFailed, words_of
from datahub.store.migrations import StoreRefused, refuse_unless

FILE = "observations.duckdb"
VERSION: Final = 2

FORGET_ROWS: Final = 1_000_000
"""New rows after which what was written is let go of from memory: some 7 MB of pages that nobody has asked for."""

LEAST_MB: Final = 16
"""What DuckDB keeps of its pages when it lets go [MB]."""

R = TypeVar("R")

Columns: TypeAlias = Mapping[str, NDArray[np.generic]]

# who sent what, and where it went (``ingest.accounts``); the same part may stand there more than once
_ACCOUNT: Final = (
    "CREATE TABLE account (node BIGINT NOT NULL, device BIGINT NOT NULL, fate UTINYINT NOT NULL, count BIGINT NOT NULL)"
)

ACCOUNTS: Final = "SELECT node, device, fate, sum(count)::BIGINT AS count FROM account GROUP BY ALL"
"""Every part of the ledger once."""

#: Statements that bring a database of this version to the next.
STEPS: Mapping[int, tuple[str, ...]] = {1: (_ACCOUNT, *rollups.FROM_1)}

TABLES = (
    _ACCOUNT,
    # held_s: how long the value had stood still when it was read [s]
    "CREATE TABLE observation (device BIGINT NOT NULL, property SMALLINT NOT NULL, phenomenon_time BIGINT NOT NULL,"
    " value DOUBLE NOT NULL, quality UTINYINT NOT NULL, sequence BIGINT NOT NULL, held_s INTEGER NOT NULL)",
    "CREATE TABLE pack (node BIGINT NOT NULL, epoch BIGINT NOT NULL, first BIGINT NOT NULL, count BIGINT NOT NULL,"
    " result_time BIGINT NOT NULL, arrived BIGINT NOT NULL)",
    "CREATE TABLE progress (journal BIGINT NOT NULL, tick BIGINT NOT NULL, t BIGINT NOT NULL, ledger VARCHAR NOT NULL)",
    "CREATE TABLE hub_schema (version INTEGER NOT NULL)",
    *rollups.TABLES,
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the column store follows: journal entry, tick, city time of that tick [ms], ledger totals (JSON)."""

    journal: int
    tick: int
    t: int
    ledger: bytes


class Snapshot:
    """The column store as of one moment. ``marks``: which readings lie where."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self.marks = rollups.Marks(cursor)

    def ask(self, statement: str, values: Sequence[object] = (), **columns: Columns) -> Columns:
        """Answer of a query as numpy columns; ``columns`` are tables that it may name."""
        for name, table in columns.items():
            self._cursor.register(name, dict(table))
        return self._cursor.execute(statement, list(values)).fetchnumpy()


class Observations:
    """The column store of one city.

    Args:
        directory: where the file lies; None keeps everything in memory.
        memory_mb: what DuckDB may use for its buffers [MB].
        forget_rows: after so many new rows what was written is let go of from memory.

    Attributes:
        failed: what could not be written; the rows are in the journal only.
    """

    def __init__(self, directory: Path | None, *, memory_mb: int = 96, forget_rows: int = FORGET_ROWS) -> None:
        self._place = str(directory / FILE) if directory else "memory"
        self.failed: StoreFailed | None = None
        self._memory_mb, self._on_disk = memory_mb, directory is not None
        self._forget_rows, self._fresh = forget_rows, 0
        self._door, self._readers = RLock(), 0
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1,
            "memory_limit": f"{memory_mb}MB",
            "checkpoint_threshold": "64MB",
        }
        try:
            self._connection = duckdb.connect(self._place if directory else ":memory:", config=settings)
        except duckdb.Error as error:
            raise StoreRefused(
                f"{self._place} cannot be opened ({str(error).splitlines()[0]}); "
                "end the process that uses it, or move it away"
            ) from error
        self._bring_up()
        self.marks = rollups.Marks(self._connection)

    def _bring_up(self, *, version: int = VERSION, steps: Mapping[int, tuple[str, ...]] = STEPS) -> None:
        run = self._connection.execute
        names = {str(row[0]) for row in run("SELECT table_name FROM information_schema.tables").fetchall()}
        if not names:
            run("BEGIN")
            for statement in TABLES:
                run(statement)
            run("INSERT INTO hub_schema VALUES (?)", [version])
            run("COMMIT")
            return
        rows = run("SELECT version FROM hub_schema").fetchall() if "hub_schema" in names else []
        if len(rows) != 1:
            raise StoreRefused(f"{self._place} does not say which schema version it has; move it away")
        found = int(rows[0][0])
        refuse_unless(found, version=version, steps=tuple(steps), place=self._place)
        for step in range(found, version):
            run("BEGIN")
            for statement in steps[step]:
                run(statement)
            run("UPDATE hub_schema SET version = ?", [step + 1])
            run("COMMIT")

    def append(self, *, observation: Columns, pack: Columns, account: Columns, progress: Progress) -> None:
        """Add evaluated rows and say how far the store now follows, in one transaction.

        numpy columns are scanned where they lie; no copy through Python objects.

        Raises:
            StoreFailed: if it cannot be done now. Nothing was added, or all was and the store must be opened again:
                ``progress`` then says which.
        """
        with self._writing() as run:
            if len(observation["device"]):
                self._connection.register("new_rows", observation)
                run("INSERT INTO observation SELECT * FROM new_rows")
                rollups.take(self._connection, self.marks, observation, t=progress.t)
            if len(pack["node"]):
                self._connection.register("new_packs", pack)
                run("INSERT INTO pack SELECT * FROM new_packs")
            if len(account["node"]):
                self._connection.register("new_accounts", account)
                run("INSERT INTO account SELECT * FROM new_accounts")
            values = [progress.journal, progress.tick, progress.t, progress.ledger.decode()]
            run("INSERT INTO progress VALUES (?, ?, ?, ?)", values)
        self._fresh += len(observation["device"])
        if self._fresh >= self._forget_rows and self._let_go():
            self._fresh = 0

    def _let_go(self) -> bool:
        """Free the pages that were written; False if that must wait, as somebody reads.

        DuckDB keeps every page it has written until its memory is full, and nothing but a smaller limit makes it let
        go. A reader must not meet the smaller limit, so it is there only while none is in; where readers overlap
        without end, DuckDB's own limit is what bounds it. What is not in the file yet is put there first: under a
        smaller limit it would be laid aside in a file of its own.

        Raises:
            StoreFailed: if the file cannot be put in order now; all rows are in the log.
        """
        with self._door:
            if self._readers:
                return False
            if not self._on_disk:
                return True
            if not self.settle():
                return False
            with suppress(duckdb.OutOfMemoryException):  # what cannot be freed stays
                self._connection.execute(f"SET memory_limit = '{LEAST_MB}MB'")
            self._connection.execute(f"SET memory_limit = '{self._memory_mb}MB'")
        return True

    def kept_mb(self) -> float:
        """What DuckDB holds in memory now: pages, and rows that are not in its file yet [MB]."""
        found = self.ask("SELECT coalesce(sum(memory_usage_bytes), 0)::BIGINT AS bytes FROM duckdb_memory()")
        return float(found["bytes"][0]) / 2**20

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A line for questions, safe from any thread."""
        with self._door:
            self._readers += 1
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        finally:
            with self._door:
                self._readers -= 1

    @contextmanager
    def _writing(self) -> Iterator[Callable[..., object]]:
        """One transaction; yields what runs a statement in it."""
        run = self._connection.execute
        try:
            run("BEGIN")
            yield run
            run("COMMIT")
        except duckdb.Error as error:
            failed = self._failing(error)
            with suppress(duckdb.Error):  # a commit that failed for want of room has ended the transaction itself
                run("ROLLBACK")
                self.marks.read()
            raise failed from error

    def _failing(self, error: duckdb.Error) -> StoreFailed:
        self.failed = StoreFailed(words_of(str(error)), str(error).splitlines()[0], place=self._place)
        return self.failed

    def work(self, piece: Callable[[rollups.Line, rollups.Marks], R]) -> R:
        """Do one piece of work on the steps (``rollups``) in a transaction."""
        with self._writing():
            return piece(self._connection, self.marks)

    def settle(self) -> bool:
        """Write what is in the log to its place now, while it is little; False if somebody reads, then later.

        Raises:
            StoreFailed: if it cannot be done now; the log still has it.
        """
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:
            return False
        except duckdb.Error as error:
            raise self._failing(error) from error
        return True

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Everything as of one moment, for several questions; safe from any thread."""
        with self._reading() as cursor:
            cursor.execute("BEGIN")
            try:
                yield Snapshot(cursor)
            finally:
                cursor.execute("ROLLBACK")

    def progress(self) -> Progress | None:
        """How far the store follows; None if nothing was ever added."""
        row = self._connection.execute("SELECT * FROM progress ORDER BY journal DESC, tick DESC LIMIT 1").fetchone()
        return Progress(int(row[0]), int(row[1]), int(row[2]), str(row[3]).encode()) if row else None

    def packs(self) -> Columns:
        """Every delivered run of sequences, by node, epoch and first."""
        return self.ask("SELECT * FROM pack ORDER BY node, epoch, first")

    def pack_rows(self) -> int:
        """How many rows the pack journal has."""
        row = self._connection.execute("SELECT count(*) FROM pack").fetchone()
        return int(row[0]) if row else 0

    def scan(self, *, step: int = 1_000_000) -> Iterator[Columns]:
        """All rows in the order of evaluation, in pieces."""
        with self._reading() as cursor:
            row = cursor.execute("SELECT max(rowid) FROM observation").fetchone()
            last = -1 if row is None or row[0] is None else int(row[0])
            for start in range(0, last + 1, step):
                yield cursor.execute(
                    "SELECT * FROM observation WHERE rowid >= ? AND rowid < ?", [start, start + step]
                ).fetchnumpy()

    def ask(self, statement: str, values: list[int | float | str] | None = None) -> Columns:
        """Answer of a query as numpy columns; safe from any thread."""
        with self._reading() as cursor:
            return cursor.execute(statement, values or []).fetchnumpy()

    def compact(self, pack: Columns) -> None:
        """Replace the pack journal by the same windows told in fewer rows, and add up the accounts.

        Raises:
            StoreFailed: if it cannot be done now; all is as it was.
        """
        with self._writing() as run:
            run("DELETE FROM pack")
            if len(pack["node"]):
                self._connection.register("new_packs", pack)
                run("INSERT INTO pack SELECT * FROM new_packs")
            run(f"CREATE TEMP TABLE total AS {ACCOUNTS}")
            run("DELETE FROM account")
            run("INSERT INTO account SELECT * FROM total ORDER BY ALL")
            run("DROP TABLE total")
            run("DELETE FROM progress WHERE journal < (SELECT max(journal) FROM progress)")

    def close(self) -> None:
        """Write what is in the log to its place and let go."""
        self._connection.close()
