"""Who is sent, what a task may become, and how long silence is borne: by literals."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.dispatch.choice import Choice, Practice, choose, travel_s
from brain.dispatch.life import MOVES, move
from brain.dispatch.silence import pause_ms, rest_ms, silent_why
from brain.model import Place, TaskUpdated
from brain.parameter import bind, parameters
from brain.state import CrewState, Task
from datahub.contract.codes import TaskStage
from datahub.contract.errors import IllegalMove

PRACTICE = bind(Practice, "dispatch", day=date(2025, 6, 9))
HERE = Place(113.5, 22.2)


def crew(
    code: str, lon: float, *, skills: tuple[str, ...] = ("patrol_main",), silent: int = 0, system: int = 0
) -> CrewState:
    return CrewState(code, "water_company", lon, 22.2, skills, system=system, silent=silent)


def pick(*crews: CrewState, busy: tuple[str, ...] = (), tried: tuple[str, ...] = (), system: int = 0) -> str | None:
    choice = choose("patrol_main", HERE, crews, busy=busy, tried=tried, practice=PRACTICE, system=system)
    return None if choice is None else choice.crew


def task(stage: TaskStage = TaskStage.ORDERED, **fields: object) -> Task:
    held = Task("t", "e", "s", "d", "patrol_main", HERE, deadline=3_600_000, ordered=0, moved=0, stage=stage)
    for name, value in fields.items():
        setattr(held, name, value)
    return held


def test_the_nearest_able_free_crew_is_sent() -> None:
    near, far = crew("b", 113.51), crew("a", 113.6)
    assert pick(far, near) == "b"
    assert pick(far, near, busy=("b",)) == "a"
    assert pick(far, crew("c", 113.5, skills=("repair_main",))) == "a"


def test_one_that_had_it_before_goes_last_and_a_silent_one_is_waited_for() -> None:
    assert pick(crew("a", 113.5, silent=1), crew("b", 113.6)) == "b"
    assert pick(crew("a", 113.5, silent=1), crew("b", 113.6), busy=("b",)) is None
    assert pick(crew("a", 113.5), crew("b", 113.6), tried=("a",)) == "b"
    assert pick(crew("a", 113.5), tried=("a",)) == "a"
    assert pick(crew("a", 113.5, silent=1)) is None


def test_nobody_drives_over_the_sea_while_there_is_a_crew_on_this_side() -> None:
    island, desk = crew("a", 113.5, system=1), crew("z", 113.9, system=-1)
    assert pick(island, crew("b", 113.6)) == "b"
    assert pick(island, desk) == "z"
    assert pick(island) == "a"


def test_ties_go_by_code_and_a_department_without_the_skill_chooses_itself() -> None:
    assert pick(crew("b", 113.5), crew("a", 113.5)) == "a"
    assert choose("send_sms", HERE, [crew("a", 113.5)], busy=(), tried=(), practice=PRACTICE) == Choice("")
    assert pick(crew("a", 113.5), busy=("a",)) is None


def test_a_crew_needs_the_time_of_the_way_by_road() -> None:
    # 0.1 deg of longitude at 22.2 deg N is 10 295 m; times the road factor, over 30 km/h.
    assert travel_s(crew("a", 113.6), HERE, PRACTICE) == pytest.approx(10_295 * 1.6 / 8.3, rel=1e-3)


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(TaskStage)), max_size=12))
def test_no_walk_of_a_task_leaves_the_table_of_moves(walk: list[TaskStage]) -> None:
    held = task()
    for t, stage in enumerate(walk, 1):
        before = held.stage
        if stage in MOVES[before]:
            move(held, TaskUpdated(t=t, id="t", stage=stage))
            assert (held.stage, held.moved) == (stage, t)
        else:
            with pytest.raises(IllegalMove, match=f"task t is '{before}' and cannot go to '{stage}'"):
                move(held, TaskUpdated(t=t, id="t", stage=stage))
            assert held.stage is before


def test_findings_gather_and_the_crew_stays_known() -> None:
    held = task()
    move(held, TaskUpdated(t=1, id="t", stage=TaskStage.ACCEPTED, crew="a", findings={"x": 1.0}))
    move(held, TaskUpdated(t=2, id="t", stage=TaskStage.DONE, findings={"y": 2.0}))
    assert (held.crew, held.findings, held.accepted, held.finished) == ("a", {"x": 1.0, "y": 2.0}, 1, 2)


@pytest.mark.parametrize(
    ("held", "limit_s"),
    [
        (task(TaskStage.SUBMITTED), 300),
        (task(TaskStage.ACCEPTED), 900),
        (task(TaskStage.ACCEPTED, duty="send_sms"), 300),
        (task(TaskStage.EN_ROUTE, assigned=0, eta=600_000), 2 * 600 + 900),
        (task(TaskStage.ON_SITE), 2 * 3_600),
    ],
    ids=lambda value: value.stage.value if isinstance(value, Task) else "",
)
def test_silence_is_borne_up_to_its_limit(held: Task, limit_s: int) -> None:
    assert silent_why(held, t=limit_s * 1_000, practice=PRACTICE) == ""
    assert silent_why(held, t=limit_s * 1_000 + 1, practice=PRACTICE) != ""


def test_what_waits_for_a_crew_or_is_over_is_not_silent() -> None:
    for stage in (TaskStage.ORDERED, TaskStage.DONE, TaskStage.FAILED, TaskStage.WITHDRAWN):
        assert silent_why(task(stage), t=10**12, practice=PRACTICE) == ""


def test_pauses_double_up_to_their_limit() -> None:
    assert [pause_ms(n, PRACTICE) for n in (1, 2, 3, 4, 5, 20)] == [60_000, 120_000, 240_000, 480_000, 900_000, 900_000]


def test_what_failed_twice_waits_before_it_is_tried_again() -> None:
    rests = [rest_ms(attempt, PRACTICE) / 1_000 for attempt in (2, 3, 4, 5, 6, 7, 40)]
    assert rests == [0, 600, 1_200, 2_400, 4_800, 7_200, 7_200]
    assert [rest_ms(attempt, PRACTICE, desk=True) / 1_000 for attempt in (2, 3, 9)] == [0, 300, 300]


def test_a_crews_time_begins_when_it_is_chosen() -> None:
    held = task()
    move(held, TaskUpdated(t=10_000_000, id="t", stage=TaskStage.ORDERED, crew="a"))
    assert held.deadline == 10_000_000 + 3_600_000


def test_every_number_of_the_practice_is_sourced() -> None:
    assert all(parameter.source for parameter in parameters("dispatch").values())
