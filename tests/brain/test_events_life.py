"""The life of an incident: what is confirmed, closed or dismissed once stays so, whoever says otherwise."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.apply import apply
from brain.events.life import MOVES, move
from brain.memory import Memory
from brain.model import CaseMoved, EventClosed, EventConfirmed, EventDismissed, Place, StepDone, StepOpened
from brain.state import Case, Incident, IncidentStage, StepStage
from datahub.contract.codes import CaseStep, Certainty
from datahub.contract.errors import IllegalMove

HERE = Place(113.5, 22.2)


def held() -> Incident:
    return Incident("e", "water_main_burst", HERE, Certainty.LIKELY, raised=0)


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(IncidentStage)), max_size=8))
def test_no_walk_of_an_incident_leaves_the_table_of_moves(walk: list[IncidentStage]) -> None:
    it = held()
    for t, stage in enumerate(walk, 1):
        before = it.stage
        if stage in MOVES[before]:
            move(it, stage, t=t)
            assert it.stage is stage
            assert (it.confirmed if stage is IncidentStage.CONFIRMED else it.closed) == t
        else:
            with pytest.raises(IllegalMove, match=f"incident e is '{before}' and cannot go to '{stage}'"):
                move(it, stage, t=t)
            assert it.stage is before


def test_a_message_cannot_move_what_is_over() -> None:
    memory = Memory()
    memory.keep(held())
    apply(memory, EventConfirmed(t=1, id="e", place=HERE, by="seat"))
    with pytest.raises(IllegalMove, match="incident e is 'confirmed' and cannot go to 'dismissed'; allowed: closed"):
        apply(memory, EventDismissed(t=2, id="e", why="no"))
    apply(memory, EventClosed(t=3, id="e", record={}))
    with pytest.raises(IllegalMove, match="incident e is 'closed' and cannot go to 'confirmed'; allowed: nothing"):
        apply(memory, EventConfirmed(t=4, id="e", place=HERE, by="seat"))
    it = memory.incidents["e"]
    assert (it.stage, it.confirmed, it.closed) == (IncidentStage.CLOSED, 1, 3)


def test_a_message_cannot_end_a_step_that_never_began_nor_jump_a_cases_steps() -> None:
    memory = Memory()
    memory.keep(held())
    with pytest.raises(IllegalMove, match="step flush of e is 'waiting' and cannot go to 'done'"):
        apply(memory, StepDone(t=1, event="e", step="flush"))
    apply(memory, StepOpened(t=1, event="e", step="flush", deadline=9))
    apply(memory, StepDone(t=2, event="e", step="flush"))
    assert memory.incidents["e"].steps["flush"].stage is StepStage.DONE
    memory.keep(Case("c", "lamp_dark", "e", HERE, "lighting", collected=0))
    with pytest.raises(IllegalMove, match="case c is 'collected' and cannot go to 'closed'; allowed: collected, filed"):
        apply(memory, CaseMoved(t=1, id="c", step=CaseStep.CLOSED))
