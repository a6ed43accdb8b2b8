"""The whole course of a burst: from the first doubt to the closed loop, through real connectors and stubs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from play import HARBOUR, START, Play, ScriptedSenses, burst, burst_pipe, finding_well

from brain.ground import Ground
from brain.model import (
    CommandOrdered,
    DepartmentReached,
    DepartmentUnreachable,
    EventClosed,
    EventConfirmed,
    EventDismissed,
    LevelChanged,
    Message,
    OrderGiven,
    OrderRefused,
    PlanActivated,
    StepDone,
    StepOpened,
    TaskOrdered,
    TaskUpdated,
    WarningFedBack,
    WarningIssued,
)
from brain.seats import OrderForbiddenError
from brain.state import IncidentStage, Shutdown
from datahub.connector import WorkOrder
from datahub.contract.clock import MINUTE_MS
from datahub.contract.codes import AlertStatus, TaskStage


def play_burst(play: Play, *, minutes: int = 600) -> Play:
    """Raise the burst, and let the mains recover as soon as every valve is open again."""
    if not play.brain.memory.incidents:
        play.senses.says = [burst(play.t + MINUTE_MS)]
        play.step()

    def over() -> bool:
        play.senses.is_normal = play.incident.facts.get("reopened") == 1 and play.incident.facts.get("repaired") == 1
        return not play.incident.open

    play.run(minutes, until=over)
    return play


def order_of(play: Play, kind: type[Message], step: str) -> int:
    """Place of the first message of a kind about a step."""
    return next(i for i, m in enumerate(play.said) if isinstance(m, kind) and getattr(m, "step", "") == step)


@pytest.fixture(scope="module")
def told() -> Play:
    return play_burst(Play())


def test_a_burst_is_confirmed_answered_and_closed(told: Play) -> None:
    assert told.incident.stage is IncidentStage.CLOSED
    kinds = [type(message) for message in told.said]
    marks = [EventConfirmed, PlanActivated, CommandOrdered, WarningIssued, EventClosed]
    assert [kinds.index(kind) for kind in marks] == sorted(kinds.index(kind) for kind in marks)
    (closed,) = told.heard(EventClosed)
    record = closed.record
    assert record["tasks_done_count"] == record["tasks_count"]
    assert record["reassigned_count"] == 0
    assert record["closed_s"] == (closed.t - told.incident.raised) / 1000
    assert record["lost_m3"] == pytest.approx(0.2 * record["isolated_s"], abs=0.1)
    assert record["person_hours_without_water"] > 0


def test_nothing_is_closed_before_a_patrol_has_seen_it(told: Play) -> None:
    seen = next(i for i, m in enumerate(told.said) if isinstance(m, TaskUpdated) and m.findings.get("burst_seen") == 1)
    assert order_of(told, CommandOrdered, "close_motorised") > seen
    assert told.incident.place.object == burst_pipe()


def test_the_steps_keep_the_plans_order(told: Play) -> None:
    done = {m.step: i for i, m in enumerate(told.said) if isinstance(m, StepDone)}
    plan = told.brain.office.plan_of(told.incident)
    assert plan is not None
    opened = {m.step: i for i, m in enumerate(told.said) if isinstance(m, StepOpened)}
    for step in plan.step:
        for needed in step.after:
            assert step.id not in opened or opened[step.id] > done[needed], f"{step.id} opened before {needed} was over"


def test_repair_waits_until_every_valve_is_closed_and_water_until_the_test_is_good(told: Play) -> None:
    repair = next(m for m in told.heard(TaskOrdered) if m.duty == "repair_main")
    closed = [m for m in told.said[: told.said.index(repair)] if isinstance(m, StepDone)]
    assert {"close_motorised", "close_manual"} <= {m.step for m in closed}
    good = next(i for i, m in enumerate(told.said) if isinstance(m, StepDone) and m.step == "water_quality_test")
    assert order_of(told, StepOpened, "open_motorised") > good


def test_people_cut_off_are_told_in_both_languages_and_counted(told: Play) -> None:
    first = next(m for m in told.heard(WarningIssued) if m.channel == "sms")
    assert first.status is AlertStatus.EXERCISE
    assert first.people == sum(told.incident.warned.values()) > 0
    assert str(first.people) in first.zh
    assert "within about a day and a half" in first.en
    assert "约一天半内" in first.zh
    assert first.promised_s == 36 * 3_600
    assert first.zh.startswith("【演练】")
    assert first.en.startswith("EXERCISE")
    fed_back = [m for m in told.heard(WarningFedBack) if m.id == first.id]
    assert [(m.sent, m.delivered) for m in fed_back] == [(first.people, 7)]
    texts = [order.zh for order in told.crews.seen if order.duty == "send_sms"]
    assert texts[0] == first.zh


def test_the_level_falls_when_water_is_back(told: Play) -> None:
    (activated,) = told.heard(PlanActivated)
    assert activated.level < 4
    assert told.heard(LevelChanged)[-1].level == 4


def test_a_bad_test_repeats_flushing_disinfecting_and_testing() -> None:
    tests: list[WorkOrder] = []

    def finds(order: WorkOrder) -> dict[str, float | str] | None:
        if order.duty == "water_quality_test":
            tests.append(order)
            if len(tests) == 1:
                return {"turbidity_ntu": 4.0, "free_chlorine_mg_l": 0.4, "coliform_per_100ml": 0.0}
        return finding_well(order)

    play = play_burst(Play(finds))
    assert play.incident.stage is IncidentStage.CLOSED
    again = ["flush_main", "disinfect_main", "water_quality_test"]
    assert [m.duty for m in play.heard(TaskOrdered) if m.duty in again] == again * 2
    assert [m.outcome for m in play.heard(StepDone) if m.step == "water_quality_test"] == ["failed", "done"]
    assert play.incident.record["test_rounds_count"] == 2


def test_a_valve_that_does_not_close_makes_the_segment_grow() -> None:
    manual = next(code for code in all_pipes() if len(shutdown_of(code).manual) > 1)
    stuck = shutdown_of(manual).manual[0]

    def finds(order: WorkOrder) -> dict[str, float | str] | None:
        findings = finding_well(order)
        if order.duty == "close_valve" and stuck in order.objects:
            findings["failed"] = str(stuck)
        return findings

    play = Play(finds)
    play.senses.says = [burst(pipe=manual)]
    play.step()
    play_burst(play)
    assert play.incident.stage is IncidentStage.CLOSED
    assert play.incident.failed_valves == [stuck]
    assert stuck not in play.incident.shutdown.manual
    before, after = shutdown_of(manual).people, play.brain.office.ground.shutdown(manual, failed=[stuck]).people
    assert after >= before
    assert play.incident.closed_valves == []


def all_pipes() -> list[int]:
    return [int(code) for code in HARBOUR.water.pipes.code]


def shutdown_of(pipe: int) -> Shutdown:
    return Ground(HARBOUR, ScriptedSenses(HARBOUR).movers).shutdown(pipe)


def test_a_motor_that_does_not_obey_leaves_its_valve_to_a_crew() -> None:
    play = Play()
    play.devices.refusing = {"move"}
    play_burst(play)
    assert play.incident.stage is IncidentStage.CLOSED
    motorised = play.incident.hand_operated
    assert motorised
    by_hand = [m for m in play.heard(TaskOrdered) if m.duty == "close_valve"]
    assert set(motorised) <= {code for m in by_hand for code in m.objects}


def test_a_silent_crew_loses_its_task_to_the_next() -> None:
    play = Play()
    play.crews.silent = {"water-patrol-1"}
    play_burst(play)
    assert play.incident.stage is IncidentStage.CLOSED
    patrols = [m for m in play.heard(TaskOrdered) if m.duty == "patrol_main"]
    withdrawn = [m for m in play.heard(TaskUpdated) if m.stage is TaskStage.WITHDRAWN and "why" in m.findings]
    if len(patrols) > 1:
        assert [m.attempt for m in patrols] == [1, 2]
        assert len(withdrawn) == 1
        assert withdrawn[0].t - patrols[0].t > 300_000
        assert play.incident.record["reassigned_count"] == 1
        assert withdrawn[0].id in play.crews.withdrawn


def test_the_other_patrol_is_called_off_once_one_has_seen_the_burst() -> None:
    play = Play()
    pipes = HARBOUR.water.pipes
    far = int(pipes.code[0]) if int(pipes.code[0]) != burst_pipe() else int(pipes.code[-1])
    play.crews.silent = {"water-valve-1"}  # so that a second crew sets out when the first is half done
    play.senses.says = [burst(candidates={str(burst_pipe()): 0.8, str(far): 0.1})]
    play.run(60, until=lambda: bool(play.heard(EventConfirmed)))
    last = {m.id: m for m in play.heard(TaskUpdated) if "patrol" in m.id}
    left = [m for m in last.values() if m.stage is TaskStage.WITHDRAWN and "why" not in m.findings]
    assert [(m.id[-1], m.t) for m in left] == [("2", play.t)], "the second attempt, and at once"
    assert not any(task.open for task in play.brain.memory.tasks_of(play.incident.id, "patrol"))
    play.run(1)
    assert left[0].id in play.crews.withdrawn
    play_burst(play)
    assert play.incident.stage is IncidentStage.CLOSED


def test_a_department_that_does_not_answer_is_tried_again_with_growing_pauses() -> None:
    play = Play()
    play.line.down = {"water_company"}
    play.senses.says = [burst()]
    play.run(40)
    tries = play.heard(DepartmentUnreachable)
    pauses = [later.t - earlier.t for earlier, later in pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > pauses[0]
    assert [m.failures for m in tries] == list(range(1, len(tries) + 1))
    play.line.down = set()
    play_burst(play)
    assert play.heard(DepartmentReached)[0].silent_s >= 40 * 60 - 120
    assert play.incident.stage is IncidentStage.CLOSED
    assert len({order.id for order in play.crews.seen}) == len(play.crews.seen)


def test_patrols_that_find_nothing_and_no_calls_dismiss_the_event() -> None:
    def finds(order: WorkOrder) -> dict[str, float | str] | None:
        found = finding_well(order)
        if order.duty == "patrol_main":
            return {"burst_seen": 0.0}
        return {"calls_count": 0.0, "plausible": 0.0} if order.duty == "confirm_call" else found

    play = Play(finds)
    pipes = all_pipes()
    play.senses.says = [burst(candidates={str(code): 1 / (n + 1) for n, code in enumerate(pipes[:6])})]
    play.run(300, until=lambda: bool(play.heard(EventDismissed)))
    assert play.incident.stage is IncidentStage.DISMISSED
    assert not play.heard(PlanActivated)
    assert not play.heard(CommandOrdered)
    assert play.senses.closed == [("water_main_burst", burst_pipe())]
    assert all(not task.open for task in play.brain.memory.tasks.values())


def test_a_burst_that_goes_away_before_anybody_has_seen_it_is_dismissed() -> None:
    play = Play(lambda order: None)
    play.senses.says = [burst()]
    play.senses.is_normal = True
    play.run(3)
    (dismissed,) = play.heard(EventDismissed)
    assert dismissed.why == "readings are normal again and nobody has seen water"  # type: ignore[attr-defined]
    assert play.incident.stage is IncidentStage.DISMISSED


def test_calls_that_fit_keep_the_search_going_to_the_neighbours() -> None:
    true, wrong = burst_pipe(), all_pipes()[0]

    def finds(order: WorkOrder) -> dict[str, float | str] | None:
        if order.duty == "patrol_main" and true not in order.objects:
            return {"burst_seen": 0.0}
        return finding_well(order)

    play = Play(finds)
    play.senses.says = [burst(candidates={str(wrong): 1.0})]
    play.run(400, until=lambda: bool(play.heard(EventConfirmed)))
    assert play.incident.pipe == true


def test_the_brain_goes_on_where_it_was_after_a_crash(tmp_path: Path) -> None:
    whole = play_burst(Play())
    broken = Play(directory=tmp_path)
    broken.senses.says = [burst()]
    for minute in range(600):
        broken.step()
        if minute % 7 == 3:
            broken.store.close()
            broken.open()
        facts = broken.incident.facts
        broken.senses.is_normal = facts.get("reopened") == 1 and facts.get("repaired") == 1
        if not broken.incident.open:
            break
    assert broken.said == whole.said
    assert broken.incident == whole.incident


def test_the_same_story_is_told_the_same_way_twice(told: Play) -> None:
    assert play_burst(Play()).said == told.said


def test_a_seat_may_order_what_its_role_allows_and_hears_when_it_came_too_late() -> None:
    play = Play()
    play.senses.says = [burst()]
    play.step()
    name = play.incident.id
    with pytest.raises(OrderForbiddenError, match=r"viewer.*may not 'confirm'"):
        play.brain.order(OrderGiven(t=0, seat="s1", role="viewer", order="confirm", subject=name))
    play.brain.order(OrderGiven(t=0, seat="s2", role="commander", order="activate", subject=name))
    play.brain.order(OrderGiven(t=0, seat="s3", role="operator", order="dismiss", subject=name))
    play.step()
    assert play.incident.stage is IncidentStage.CONFIRMED
    assert play.heard(PlanActivated)
    (refused,) = play.heard(OrderRefused)
    assert (refused.seat, refused.order) == ("s3", "dismiss")
    raised = OrderGiven(t=0, seat="s2", role="commander", order="set_level", subject=name, arguments={"level": 1})
    play.brain.order(raised)
    play.run(3)
    assert play.incident.level == 1


def test_a_person_may_choose_the_crew() -> None:
    play = Play()
    play.senses.says = [burst()]
    play.run(2)
    task = next(task for task in play.brain.memory.tasks.values() if task.duty == "patrol_main")
    other = "water-patrol-2" if task.crew == "water-patrol-1" else "water-patrol-1"
    order = OrderGiven(t=0, seat="s", role="operator", order="assign", subject=task.id, arguments={"crew": other})
    play.brain.order(order)
    play.step()
    assert play.brain.memory.tasks[task.id].stage is TaskStage.WITHDRAWN
    (again,) = [m for m in play.heard(TaskOrdered) if m.attempt == 2]
    assert (again.crew, again.duty) == (other, "patrol_main")
    play.step()
    assert play.brain.memory.tasks[again.id].stage in (TaskStage.SUBMITTED, TaskStage.ACCEPTED)


def test_a_quiet_brain_says_nothing() -> None:
    play = Play()
    play.run(30)
    assert play.said == []
    assert play.t == START + 30 * MINUTE_MS


def test_a_single_able_crew_that_falls_silent_is_waited_for_and_the_step_never_hangs() -> None:
    play = Play()
    play.crews.silent = {"water-lab-1", "water-island-1"}
    play.senses.says = [burst()]

    def tests() -> list[TaskOrdered]:
        return [m for m in play.heard(TaskOrdered) if m.duty == "water_quality_test"]

    play.run(400, until=lambda: bool(tests()))
    play.run(600)
    assert 3 <= len(tests()) <= 10, "now and then, for ten hours, not six times in half an hour"
    assert all(m.deadline > m.t for m in tests())
    play.crews.silent = set()
    play.senses.is_normal = True
    play.run(600, until=lambda: not play.incident.open)
    assert play.incident.stage is IncidentStage.CLOSED
    assert float(play.incident.record["lorry_brought_m3"]) > 0
    assert float(play.incident.record["lorry_wanted_m3"]) > 0


def test_a_gateway_that_does_not_answer_is_asked_again_after_minutes_until_residents_are_told() -> None:
    play = Play()
    play.crews.silent = {"sms-gateway"}
    play.senses.says = [burst()]

    def texts() -> list[TaskOrdered]:
        return [m for m in play.heard(TaskOrdered) if m.duty == "send_sms"]

    play.run(120, until=lambda: bool(texts()))
    play.run(60)
    given = [m.t for m in play.heard(TaskUpdated) if m.id in {text.id for text in texts()} and m.crew == "sms-gateway"]
    assert 5 <= len(given) <= 7
    assert max(late - early for early, late in pairwise(given)) <= 13 * MINUTE_MS
    play.crews.silent = set()
    play.run(60, until=lambda: bool(play.heard(WarningFedBack)))
    assert play.heard(WarningFedBack)


def test_lorries_leave_at_once_with_water_for_as_long_as_it_should_last(told: Play) -> None:
    lorries = [m for m in told.heard(TaskOrdered) if m.duty == "water_tanker"]
    (activated,) = told.heard(PlanActivated)
    assert {m.t for m in lorries} == {activated.t}, "before a valve is closed"
    people = sum(float(m.details["people_count"]) for m in lorries)
    wanted = sum(float(m.details["volume_m3"]) for m in lorries)
    assert wanted == pytest.approx(people * 0.015 * 2, abs=0.5), "15 L a person and day, a day and a half rounded up"
    assert told.incident.record["lorry_wanted_m3"] == told.incident.record["lorry_brought_m3"] == pytest.approx(wanted)


def test_what_a_lorry_did_not_bring_is_wanted_from_the_next_while_people_are_without_water() -> None:
    def half(order: WorkOrder) -> dict[str, float | str]:
        said = finding_well(order)
        if order.duty == "water_tanker" and "rest_of" not in order.details:
            said["volume_m3"] = float(said["volume_m3"]) / 2
        return said

    play = play_burst(Play(finds=half))
    lorries = {m.id: m for m in play.heard(TaskOrdered) if m.duty == "water_tanker"}
    rests = {str(m.details["rest_of"]): m for m in lorries.values() if "rest_of" in m.details}
    assert rests
    for of, rest in rests.items():
        assert rest.details["volume_m3"] == pytest.approx(float(lorries[of].details["volume_m3"]) / 2, abs=0.06)
        assert rest.place == lorries[of].place
    assert play.incident.stage is IncidentStage.CLOSED
