"""The brain's memory on disk: what was open before a crash is open after it.

Its own tables in the city's store, with a version of their own to which the store brings older ones up. One tick is one
transaction: either all that it changed is kept, or the tick has not been. Bodies are JSON of the things themselves, so
that a field which a later version adds has its default; the columns beside them are for looking things up.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, LargeBinary, bindparam, delete, func, insert, text
from sqlmodel import Field, Session, SQLModel, col, select

from brain.memory import Memory, Thing
from brain.model import Message, Said
from brain.state import Case, CommandState, CrewState, Incident, Line, StepStage, Task, WarningState

VERSION: Final = 1
"""Of the tables below and of the bodies in them."""

#: Version -> what brings books of that version to the next; in the transaction that raises the version.
STEPS: Final[Mapping[int, Callable[[Connection], object]]] = {}

_KINDS: Final[Mapping[str, type[Thing]]] = {
    kind.__name__: kind for kind in (Incident, Task, CommandState, WarningState, Case, CrewState, Line)
}


class BrainVersionRow(SQLModel, table=True):
    """Which version of the tables lies here."""

    __tablename__ = "brain_version"
    id: int = Field(default=1, primary_key=True)
    version: int


class BrainThingRow(SQLModel, table=True):
    """One thing in mind. ``deadline``: by when something is due for it [ms]; 0: nothing."""

    __tablename__ = "brain_thing"
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    ordinal: int = Field(index=True)
    open: bool = Field(index=True)
    deadline: int = Field(index=True)
    body: bytes = Field(sa_type=LargeBinary)


class BrainSaidRow(SQLModel, table=True):
    """One message of the brain, in the order in which it was said."""

    __tablename__ = "brain_said"
    ordinal: int = Field(primary_key=True)
    t: int = Field(index=True)
    name: str
    body: bytes = Field(sa_type=LargeBinary)


class BrainBlobRow(SQLModel, table=True):
    """Arrays that the senses have learned, by name (numpy's own file format)."""

    __tablename__ = "brain_blob"
    name: str = Field(primary_key=True)
    body: bytes = Field(sa_type=LargeBinary)


class BrainTickRow(SQLModel, table=True):
    """The last tick that was kept whole [ms]."""

    __tablename__ = "brain_tick"
    id: int = Field(default=1, primary_key=True)
    t: int


_ROWS: Final = (BrainVersionRow, BrainThingRow, BrainSaidRow, BrainBlobRow, BrainTickRow)

_TICKED: Final = text("INSERT INTO brain_tick (id, t) VALUES (1, :at) ON CONFLICT (id) DO UPDATE SET t = excluded.t")

_MESSAGES: Final[msgspec.json.Decoder[Said]] = msgspec.json.Decoder(Said)


class Transactions(Protocol):
    """What gives transactions on the city's database (``datahub.store.session.Store``)."""

    def house(
        self, row: str, *, tables: Sequence[str], version: int, steps: Mapping[int, Callable[[Connection], object]]
    ) -> None:
        """Make room for tables of ours, or bring those that lie there to our version."""

    def session(self) -> AbstractContextManager[Session]:
        """One transaction: committed at the end, rolled back if anything is raised."""


class Records:
    """The brain's books.

    Args:
        store: the city's transactional database.
        version, steps: of the books, and the way to it.

    Raises:
        OutsideError: if the books were written by a newer version, or there is no way up from an older one.
    """

    def __init__(
        self,
        store: Transactions,
        *,
        version: int = VERSION,
        steps: Mapping[int, Callable[[Connection], object]] = STEPS,
    ) -> None:
        self._store = store
        names = [str(row.__tablename__) for row in _ROWS]
        store.house(str(BrainVersionRow.__tablename__), tables=names, version=version, steps=steps)
        with store.session() as session:
            self._said = session.exec(select(func.count()).select_from(BrainSaidRow)).one()
            self._blobs = {row.name: row.body for row in session.exec(select(BrainBlobRow))}
            self._ordinals = {
                (kind, key): ordinal
                for kind, key, ordinal in session.exec(
                    select(BrainThingRow.kind, BrainThingRow.id, BrainThingRow.ordinal)
                )
            }

    def recall(self) -> Memory:
        """Everything as it was at the last tick that was kept whole."""
        memory = Memory()
        with self._store.session() as session:
            for row in session.exec(select(BrainThingRow).order_by(col(BrainThingRow.ordinal))):
                memory.keep(msgspec.json.decode(row.body, type=_KINDS[row.kind]))
        memory.changed.clear()
        return memory

    def last_tick(self) -> int:
        """City time of the last tick that was kept [ms]; 0: there was none."""
        with self._store.session() as session:
            row = session.get(BrainTickRow, 1)
            return row.t if row else 0

    def keep(
        self,
        memory: Memory,
        said: Sequence[Message],
        *,
        t: int,
        blobs: Mapping[str, NDArray[np.generic]] | None = None,
    ) -> None:
        """Keep what one tick changed, what it said and, now and then, what was learned, in one transaction."""
        if not memory.changed and not said and blobs is None:
            return
        with self._store.session() as session:
            self._write_things(session, memory)
            self._write_said(session, said)
            if blobs is not None:
                self._write_blobs(session, blobs)
            session.connection().execute(_TICKED, {"at": t})
        self._said += len(said)
        memory.changed.clear()

    def blobs(self) -> dict[str, NDArray[np.generic]]:
        """What the senses had learned."""
        return {name: np.load(io.BytesIO(body), allow_pickle=False) for name, body in sorted(self._blobs.items())}

    def said(self, *, last: int) -> list[Message]:
        """The last messages, oldest first."""
        with self._store.session() as session:
            newest = select(BrainSaidRow).order_by(col(BrainSaidRow.ordinal).desc()).limit(last)
            rows = list(session.exec(newest))
        return [_MESSAGES.decode(row.body) for row in reversed(rows)]

    def _write_things(self, session: Session, memory: Memory) -> None:
        """Replace the rows of what has changed, in two statements however much it is."""
        rows = [self._row(kind, key, thing) for (kind, key), thing in memory.changed.items()]
        if not rows:
            return
        old = delete(BrainThingRow).where(
            col(BrainThingRow.kind) == bindparam("was_kind"), col(BrainThingRow.id) == bindparam("was_id")
        )
        connection = session.connection()
        connection.execute(old, [{"was_kind": row["kind"], "was_id": row["id"]} for row in rows])
        connection.execute(insert(BrainThingRow), rows)

    def _write_blobs(self, session: Session, blobs: Mapping[str, NDArray[np.generic]]) -> None:
        """Replace the arrays that differ from what lies in the books; most of what is learned changes seldom."""
        bodies = {name: _packed(array) for name, array in blobs.items()}
        fresh = {name: body for name, body in bodies.items() if self._blobs.get(name) != body}
        old = [name for name in self._blobs if name not in bodies or name in fresh]
        connection = session.connection()
        if old:
            gone = delete(BrainBlobRow).where(col(BrainBlobRow.name) == bindparam("was"))
            connection.execute(gone, [{"was": name} for name in old])
        if fresh:
            connection.execute(insert(BrainBlobRow), [{"name": name, "body": body} for name, body in fresh.items()])
        self._blobs = bodies

    def _write_said(self, session: Session, said: Sequence[Message]) -> None:
        rows = [
            {"ordinal": number, "t": message.t, "name": type(message).__name__, "body": msgspec.json.encode(message)}
            for number, message in enumerate(said, self._said + 1)
        ]
        if rows:
            session.connection().execute(insert(BrainSaidRow), rows)

    def _row(self, kind: str, key: str, thing: Thing) -> dict[str, object]:
        ordinal = self._ordinals.setdefault((kind, key), len(self._ordinals) + 1)
        return {
            "kind": kind,
            "id": key,
            "ordinal": ordinal,
            "open": bool(getattr(thing, "open", True)),
            "deadline": _due(thing),
            "body": msgspec.json.encode(thing),
        }


def _due(thing: Thing) -> int:
    """By when something is due for a thing [ms]; 0: nothing."""
    match thing:
        case Incident() if thing.open:
            return min((state.deadline for state in thing.steps.values() if state.stage is StepStage.OPEN), default=0)
        case Task() | Case() if thing.open:
            return thing.deadline
        case CommandState() if thing.open:
            return thing.expires
        case Line():
            return thing.retry
        case _:
            return 0


def _packed(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
