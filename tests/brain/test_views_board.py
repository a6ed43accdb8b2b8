"""What people see while a burst is answered: immutable, complete in both languages, made by the tick."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from play import Play, burst

from brain.model import EventConfirmed, PlanActivated, Said, StepOpened, TaskUpdated
from brain.views import Freshness, Name, Vital
from brain.wording import ticker_line
from datahub.contract.codes import TaskStage


@pytest.fixture(scope="module")
def watched() -> Play:
    play = Play(watched=True)
    play.senses.says = [burst()]
    play.run(45)
    return play


def test_the_checklist_shows_every_step_with_owner_clock_and_state(watched: Play) -> None:
    (incident,) = watched.brain.board.situation.incidents
    plan = watched.brain.office.plan_of(watched.incident)
    assert plan is not None
    assert [step.id for step in incident.steps] == [step.id for step in plan.step]
    assert all(step.owner.zh and step.owner.en and step.name.zh and step.name.en for step in incident.steps)
    stages = {step.id: step.stage for step in incident.steps}
    assert stages["patrol"] == "done"
    assert stages["repair"] in ("open", "done")
    assert stages["all_clear"] == "waiting"
    opened = [step.deadline for step in incident.steps if step.stage == "open"]
    assert incident.next_deadline == min(opened)


def test_an_incident_shows_its_area_valves_and_what_a_seat_may_order(watched: Play) -> None:
    situation = watched.brain.board.situation
    (incident,) = situation.incidents
    assert situation.at_war
    assert incident.people == sum(people for _, people in incident.area) > 0
    assert [spot.code for spot in incident.closed_valves] == watched.incident.closed_valves
    assert incident.orders == ("set_level",)
    assert incident.where.zh
    assert incident.where.en


def test_crews_show_their_task_and_when_they_should_arrive(watched: Play) -> None:
    situation = watched.brain.board.situation
    tasks = {task.id: task for task in situation.tasks if task.open}
    working = [crew for crew in situation.crews if crew.task]
    assert {crew.task for crew in working} == {task.id for task in tasks.values() if task.crew}
    assert all(crew.eta > 0 for crew in working)
    assert all(crew.name.zh != crew.code for crew in situation.crews)


def test_the_ticker_reads_in_both_languages(watched: Play) -> None:
    lines = watched.brain.board.situation.ticker
    assert lines[0].text.zh.startswith("研判")
    assert any(line.kind == "PlanActivated" and 1 <= line.grade <= 4 for line in lines)
    for line in lines:
        assert line.text.zh
        assert line.text.en
        assert not any("\u4e00" <= letter <= "\u9fff" for letter in line.text.en), line.text.en


def test_a_situation_cannot_be_changed_and_stays_as_it_was(watched: Play) -> None:
    before = watched.brain.board.situation
    with pytest.raises(FrozenInstanceError):
        before.t = 0  # type: ignore[misc]
    kept = before.incidents[0].steps
    watched.run(3)
    assert watched.brain.board.situation is not before
    assert watched.brain.board.situation.t == before.t + 3 * 60_000
    assert before.incidents[0].steps == kept


def test_every_kind_of_message_has_words_or_is_left_out_on_purpose() -> None:
    silent = {"EventUpdated"}
    from brain import wording

    source = Path(wording.__file__).read_text("utf-8")
    spoken = {kind.__name__ for kind in Said.__args__}
    assert {name for name in spoken if f"case {name}(" not in source} == silent


def test_a_vital_sign_knows_when_it_is_outside_its_band() -> None:
    sign = Vital("k", Name("压力", "pressure"), "Pa", 17.0, low=21.0, high=26.0)
    assert sign.outside
    assert not Vital("k", sign.name, "Pa", None, low=21.0).outside
    assert not Vital("k", sign.name, "Pa", 22.0, low=21.0, high=26.0).outside


def test_the_age_of_data_is_told_and_missing_data_are_not_fresh() -> None:
    fresh = Freshness(10_000, (("pressure_pa", 4_000),))
    assert fresh.age_s("pressure_pa") == 6.0
    assert fresh.age_s("flow_m3_s") is None


def test_a_routine_word_of_the_desk_is_not_news() -> None:
    handed_in = TaskUpdated(t=0, id="x", stage=TaskStage.SUBMITTED)
    assert ticker_line(handed_in, lambda kind, key: Name(key, key)) is None
    for message in (
        EventConfirmed(t=0, id="e", place=burst().place, by="x"),
        PlanActivated(t=0, event="e", plan="p", level=2),
        StepOpened(t=0, event="e", step="s", deadline=1),
    ):
        assert ticker_line(message, lambda kind, key: Name(key, key)) is not None
