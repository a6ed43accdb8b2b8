"""The judge of grid cases: a case is true if its lamp or feeder really was dark, and false if it burned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from brain.model import CaseFiled, CaseMoved, Message, Place
from datahub.contract.clock import HOUR_MS
from datahub.contract.codes import CaseStep
from datahub.transport.local import LocalBus
from scenarios import outside as field_side
from scenarios import scenario as declared
from scenarios.judge import cases_of
from scenarios.survey.city import load_city
from scenarios.truth import Truth

LIT, BROKEN, UNFED = 0, 1, 2


@pytest.fixture(scope="module")
def truth() -> Iterator[Truth]:
    """A street that was looked at once: one lamp burns, one is broken, one hangs on a feeder without power."""
    overlay = {"city": "harbour", "warmup": {"duration": "5m", "kinds": []}, "disturbance": []}
    outside = field_side.assemble(
        declared.load("calm_day", overlay=overlay), load_city("harbour"), LocalBus().field_end, seed=1
    )
    world, truth = outside.world, Truth(outside)
    poles, (lit, broken, unfed) = world.city.objects["pole"], rows_of(truth)
    world.street.fail(broken)
    world.power.fail(int(poles.columns["feeder"][unfed]))
    truth.look()
    assert world.street.lit(np.array([lit, broken, unfed]), test=True).tolist() == [True, False, False]
    yield truth
    world.water.close()


def rows_of(truth: Truth) -> tuple[int, int, int]:
    """Poles on the first two feeders: two that share one, and one on the other."""
    feeder = np.asarray(truth.outside.world.city.objects["pole"].columns["feeder"])
    first, second = np.unique(feeder)[:2]
    lit, broken = np.flatnonzero(feeder == first)[:2]
    return int(lit), int(broken), int(np.flatnonzero(feeder == second)[0])


def case(truth: Truth, which: int, *, type_: str = "lamp_dark") -> CaseFiled:
    """A case about one of the three poles, or about the feeder it hangs on."""
    poles, row, t = truth.outside.world.city.objects["pole"], rows_of(truth)[which], int(truth.outside.env.now)
    thing = int(poles.code[row]) if type_ == "lamp_dark" else int(poles.columns["feeder"][row])
    place = Place(float(poles.lon[row]), float(poles.lat[row]), thing)
    return CaseFiled(
        t=t, id=f"{type_}-{which}", type=type_, place=place, source="device", department="light", deadline=t + HOUR_MS
    )


def test_a_case_for_a_lamp_that_burns_is_false(truth: Truth) -> None:
    counts = cases_of([case(truth, LIT)], truth)
    assert (counts["filed"], counts["true"], counts["false"]) == (1, 0, 1)


@pytest.mark.parametrize("which", [BROKEN, UNFED])
def test_a_case_for_a_lamp_that_does_not_burn_is_true(truth: Truth, which: int) -> None:
    counts = cases_of([case(truth, which)], truth)
    assert (counts["filed"], counts["true"], counts["false"]) == (1, 1, 0)


def test_a_feeder_is_not_dark_because_one_of_its_lamps_is(truth: Truth) -> None:
    counts = cases_of([case(truth, which, type_="feeder_dark") for which in (BROKEN, UNFED)], truth)
    assert (counts["true"], counts["false"]) == (1, 1)


def test_a_case_handled_after_its_deadline_or_twice_is_counted_as_such(truth: Truth) -> None:
    one = case(truth, BROKEN)
    steps = [CaseStep.DISPATCHED, CaseStep.HANDLING, CaseStep.HANDLING, CaseStep.FED_BACK, CaseStep.CLOSED]
    late: list[Message] = [CaseMoved(t=one.deadline + 1, id=one.id, step=step) for step in steps]
    counts = cases_of([one, *late], truth)
    assert {key: counts[key] for key in ("dispatched", "rework", "handled", "on_time", "closed")} == {
        "dispatched": 1,
        "rework": 1,
        "handled": 1,
        "on_time": 0,
        "closed": 1,
    }
    in_time: list[Message] = [CaseMoved(t=one.deadline, id=one.id, step=step) for step in steps]
    assert cases_of([one, *in_time], truth)["on_time"] == 1
