"""The brain's books: what one tick changed is kept whole or not at all, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from play import Play, burst
from sqlalchemy import Connection, text
from sqlmodel import col, select

from brain.memory import Memory
from brain.model import EventDismissed, Place, TaskOrdered
from brain.records import VERSION, BrainThingRow, BrainVersionRow, Records
from brain.state import Case, CrewState, Incident, Line, StepStage, StepState, Task
from datahub.contract.codes import Certainty, TaskStage
from datahub.contract.errors import OutsideError
from datahub.store.session import Store


def store(directory: Path | None = None) -> Store:
    return Store(directory, city="harbour")


def full() -> Memory:
    memory = Memory()
    incident = Incident("e", "water_main_burst", Place(1, 2), Certainty.LIKELY, raised=5, candidates={"7": 0.5})
    incident.steps["patrol"] = StepState(StepStage.OPEN, deadline=90)
    incident.closed_valves = [3]
    memory.keep(incident)
    memory.keep(Task("t", "e", "patrol", "d", "patrol_main", Place(1, 2), deadline=80, ordered=1, moved=1))
    memory.keep(Case("c", "lamp_dark", "x", Place(0, 0), "lighting", collected=1, deadline=70))
    memory.keep(CrewState("k", "d", 1.0, 2.0, ("patrol_main",)))
    memory.keep(Line("d", after=12))
    return memory


def test_everything_in_mind_comes_back_as_it_was(tmp_path: Path) -> None:
    memory = full()
    blobs = {"bands.low": np.arange(6.0).reshape(2, 3), "own": np.array([1, 2], np.int64)}
    said = [EventDismissed(t=9, id="e", why="no")]
    Records(store(tmp_path)).keep(memory, said, t=9, blobs=blobs)
    again = Records(store(tmp_path))
    back = again.recall()
    assert (back.incidents, back.tasks, back.cases) == (memory.incidents, memory.tasks, memory.cases)
    assert (back.crews, back.lines) == (memory.crews, memory.lines)
    assert back.changed == {}
    assert again.last_tick() == 9
    assert again.said(last=5) == said
    found = again.blobs()
    assert {name: found[name].tolist() for name in found} == {name: blobs[name].tolist() for name in blobs}


def test_only_what_changed_is_written_and_the_order_stays() -> None:
    books, memory = Records(store()), Memory()
    for name in "cab":
        memory.keep(Line(name))
    books.keep(memory, (), t=1)
    memory.lines["c"].after = 5
    memory.keep(memory.lines["c"])
    assert list(memory.changed) == [("Line", "c")]
    books.keep(memory, (), t=2)
    assert [(line.department, line.after) for line in books.recall().lines.values()] == [("c", 5), ("a", 0), ("b", 0)]


def test_deadlines_are_rows() -> None:
    held = store()
    Records(held).keep(full(), (), t=1)
    with held.session() as session:
        due = select(BrainThingRow).where(BrainThingRow.deadline > 0)
        rows = session.exec(due.order_by(col(BrainThingRow.deadline)))
        assert [(row.kind, row.deadline) for row in rows] == [("Case", 70), ("Task", 80), ("Incident", 90)]


def test_a_tick_that_fails_leaves_no_trace() -> None:
    books, memory = Records(store()), full()
    bad = TaskOrdered(
        t=10**30, id="x", event="e", step="s", department="d", duty="p", crew="", deadline=1, place=Place(0, 0)
    )
    with pytest.raises(Exception, match=r"(?i)int|overflow|large"):
        books.keep(memory, [bad], t=1)
    assert books.recall() == Memory()
    assert books.last_tick() == 0
    books.keep(memory, (), t=2)
    assert books.recall().tasks == memory.tasks


def test_books_of_a_newer_version_are_refused_in_one_sentence() -> None:
    held = store()
    Records(held)
    with held.session() as session:
        row = session.get(BrainVersionRow, 1)
        assert row is not None
        row.version = VERSION + 1
        session.add(row)
    with pytest.raises(OutsideError) as refused:
        Records(held)
    assert str(refused.value) == (
        f"memory has schema version {VERSION + 1}, this program knows up to {VERSION}; "
        "use the newer program or another directory"
    )


def test_books_of_an_older_version_are_brought_up_by_their_steps(tmp_path: Path) -> None:
    held = store(tmp_path)
    Records(held, version=1).keep(full(), (), t=9)

    def rename(connection: Connection) -> None:
        connection.execute(text("UPDATE brain_thing SET body = replace(body, 'patrol_main', 'walk_main')"))

    again = Records(held, version=2, steps={1: rename})
    assert again.recall().tasks["t"].duty == "walk_main"
    assert again.last_tick() == 9
    with held.session() as session:
        assert session.get_one(BrainVersionRow, 1).version == 2
    with pytest.raises(OutsideError, match="no migration from 2 is known"):
        Records(held, version=3, steps={1: rename})


def test_books_that_do_not_say_their_version_are_refused(tmp_path: Path) -> None:
    held = store(tmp_path)
    Records(held)
    with held.session() as session:
        session.connection().execute(text("DROP TABLE brain_version"))
    with pytest.raises(OutsideError, match="tables of a brain but no schema version"):
        Records(held)


def test_a_quiet_tick_writes_nothing() -> None:
    books = Records(store())
    books.keep(Memory(), (), t=5)
    assert books.last_tick() == 0


@settings(deadline=None, max_examples=15)
@given(st.lists(st.sampled_from(list(TaskStage)), min_size=1, max_size=8))
def test_the_last_word_on_a_thing_is_what_comes_back(stages: list[TaskStage]) -> None:
    books, memory = Records(store()), full()
    for t, stage in enumerate(stages, 1):
        memory.tasks["t"].stage = stage
        memory.keep(memory.tasks["t"])
        books.keep(memory, (), t=t)
    assert books.recall().tasks["t"].stage is stages[-1]


def test_what_was_learned_is_kept_when_the_brain_closes(tmp_path: Path) -> None:
    play = Play(directory=tmp_path)
    play.senses.says = [burst()]
    play.run(3)
    play.brain.close()
    play.store.close()
    again = Records(store(tmp_path))
    assert again.blobs()["learned"].tolist() == [0, 1, 2]
    assert again.recall().incidents == play.brain.memory.incidents
    assert again.said(last=1_000) == play.said
