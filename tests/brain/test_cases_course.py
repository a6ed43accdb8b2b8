"""Grid cases walk their seven steps, come back when verification fails, and are judged by their limit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from play import HARBOUR, START, Play, finding_well

from brain.cases.course import MOVES, check, duplicate_of
from brain.cases.kinds import case_types
from brain.model import CaseFiled, CaseMoved, EventClosed, EventDismissed, EventRaised, Place, TaskOrdered
from brain.state import Case
from datahub.connector import WorkOrder
from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.codes import CaseStep, Certainty
from datahub.contract.errors import DeclarationError, IllegalMove

POLE = int(HARBOUR.objects["pole"].code[3])
FEEDER = int(HARBOUR.objects["lamp_feeder"].code[0])


def dark(type_: str = "lamp_dark", code: int = POLE, t: int = START + MINUTE_MS) -> EventRaised:
    table = HARBOUR.objects["pole" if type_ == "lamp_dark" else "lamp_feeder"]
    row = int(table.code.searchsorted(code))
    place = Place(lon=float(table.lon[row]), lat=float(table.lat[row]), object=code)
    return EventRaised(t=t, id=f"{type_}-{code}-{t}", type=type_, place=place, certainty=Certainty.LIKELY)


def steps(play: Play) -> list[CaseStep]:
    return [message.step for message in play.heard(CaseMoved)]


SEVEN = [
    CaseStep.COLLECTED,
    CaseStep.FILED,
    CaseStep.DISPATCHED,
    CaseStep.HANDLING,
    CaseStep.FED_BACK,
    CaseStep.CLOSED,
    CaseStep.EVALUATED,
]


@pytest.mark.parametrize(
    ("type_", "code", "duty"), [("lamp_dark", POLE, "repair_lamp"), ("feeder_dark", FEEDER, "inspect_feeder")]
)
def test_a_case_walks_the_seven_steps_to_lighting_and_back(type_: str, code: int, duty: str) -> None:
    play = Play()
    play.senses.says = [dark(type_, code)]
    play.run(120, until=lambda: bool(play.heard(EventClosed)))
    assert steps(play) == SEVEN
    assert [(m.department, m.duty, m.objects) for m in play.heard(TaskOrdered)] == [
        ("lighting", duty, (code,)),
        ("supervision_centre", "verify_case", (code,)),
    ]
    (filed,) = play.heard(CaseFiled)
    assert filed.deadline == filed.t + round(case_types()[type_].limit_s.value * 1000)
    (case,) = play.brain.memory.cases.values()
    assert case.on_time
    assert play.senses.closed == [(type_, code)]


def test_the_same_dark_lamp_is_filed_once() -> None:
    play = Play()
    play.senses.says = [dark(), dark(t=START + 5 * MINUTE_MS)]
    play.run(10)
    assert len(play.heard(CaseFiled)) == 1
    (dismissed,) = play.heard(EventDismissed)
    assert "is open on the same object" in dismissed.why


def test_a_failed_verification_sends_the_crew_back() -> None:
    looks: list[WorkOrder] = []

    def finds(order: WorkOrder) -> dict[str, float | str] | None:
        if order.duty == "verify_case":
            looks.append(order)
            return {"solved": float(len(looks) > 1)}
        return finding_well(order)

    play = Play(finds)
    play.senses.says = [dark()]
    play.run(200, until=lambda: bool(play.heard(EventClosed)))
    assert steps(play) == [*SEVEN[:5], CaseStep.DISPATCHED, CaseStep.HANDLING, *SEVEN[4:]]
    (closed,) = play.heard(EventClosed)
    assert closed.record["reworks_count"] == 1


def test_a_repair_that_did_not_light_the_lamp_is_done_again() -> None:
    tries: list[WorkOrder] = []

    def finds(order: WorkOrder) -> dict[str, float | str] | None:
        if order.duty == "repair_lamp":
            tries.append(order)
            return {"lamp_lit": float(len(tries) > 1), "cause": "driver"}
        return finding_well(order)

    play = Play(finds)
    play.senses.says = [dark()]
    play.run(200, until=lambda: bool(play.heard(EventClosed)))
    assert len(tries) == 2
    assert CaseStep.CLOSED in steps(play)


def test_a_case_waits_for_the_lamps_own_readings() -> None:
    play = Play()
    play.senses.is_well = None
    play.senses.says = [dark()]
    play.run(180)
    assert steps(play)[-1] is CaseStep.FED_BACK
    play.senses.is_well = True
    play.run(2)
    assert steps(play)[-2:] == [CaseStep.CLOSED, CaseStep.EVALUATED]


def test_readings_that_contradict_a_good_verification_for_too_long_bring_the_case_back() -> None:
    play = Play()
    play.senses.is_well = False
    play.senses.says = [dark()]
    play.run(60)
    play.t += 31 * HOUR_MS
    play.step()
    assert steps(play)[-1] is CaseStep.DISPATCHED


def test_a_late_repair_is_closed_but_not_on_time() -> None:
    play = Play()
    play.crews.silent = {"lighting-1", "lighting-2"}
    play.senses.says = [dark("feeder_dark", FEEDER)]
    play.run(5)
    play.t += 5 * HOUR_MS
    play.crews.silent = set()
    play.run(300, until=lambda: bool(play.heard(EventClosed)))
    (closed,) = play.heard(EventClosed)
    assert closed.record["on_time"] == 0
    assert float(closed.record["handling_h"]) > 4


def test_a_silent_device_is_never_a_case() -> None:
    play = Play()
    play.senses.says = [
        EventRaised(
            t=START + 1, id="s", type="device_silent", place=Place(0, 0, object=POLE), certainty=Certainty.LIKELY
        )
    ]
    play.run(5)
    assert play.said[0].id == "s"  # type: ignore[attr-defined]
    assert play.brain.memory.cases == {}
    assert play.brain.memory.incidents == {}


@settings(deadline=None)
@given(st.lists(st.sampled_from(list(CaseStep)), max_size=12))
def test_no_walk_leaves_the_table_of_moves(walk: list[CaseStep]) -> None:
    case = Case(id="c", type="lamp_dark", event="e", place=Place(0, 0), department="lighting", collected=0)
    for step in walk:
        if step in MOVES[case.step]:
            check(case, step)
            case.step = step
        else:
            with pytest.raises(IllegalMove, match=f"c is '{case.step}' and cannot go to '{step}'"):
                check(case, step)
    assert case.open == (case.step not in (CaseStep.CLOSED, CaseStep.EVALUATED))


def test_a_closed_case_is_no_duplicate() -> None:
    case = Case(id="c", type="lamp_dark", event="e", place=Place(0, 0, object=7), department="lighting", collected=0)
    assert duplicate_of([case], type="lamp_dark", object=7) is case
    assert duplicate_of([case], type="feeder_dark", object=7) is None
    case.step = CaseStep.CLOSED
    assert duplicate_of([case], type="lamp_dark", object=7) is None


def test_a_wrong_case_type_is_refused_with_its_line() -> None:
    text = '[[type]]\nname = "x"\n'
    with pytest.raises(DeclarationError, match=r"types\.toml:1: .*missing required field"):
        case_types(text)
