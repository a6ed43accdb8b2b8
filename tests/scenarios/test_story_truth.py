"""What the judge knows: when a lamp was dark, and whom a main's shutdown leaves without water."""

from __future__ import annotations

import numpy as np
import pytest

from brain.algorithms.network import affected, isolation
from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.errors import UsageError
from scenarios.place import pipe_for
from scenarios.scenario import Where
from scenarios.survey.city import load_city
from scenarios.survey.segments import people_behind
from scenarios.truth import SHORTLY_MS, Spans
from sensors.chance import Seeds

T0 = 1_749_546_000_000


def test_a_case_is_true_only_while_the_thing_was_so_or_shortly_after() -> None:
    spans = Spans(3)
    dark = np.array([False, True, False])
    spans.look(dark, T0)
    spans.look(dark, T0 + MINUTE_MS)
    assert spans.held(1, T0 + MINUTE_MS)
    assert not spans.held(0, T0 + MINUTE_MS)
    assert not spans.held(1, T0 - 1), "not before it failed"
    spans.look(~dark, T0 + HOUR_MS)
    assert spans.held(1, T0 + HOUR_MS + SHORTLY_MS)
    assert not spans.held(1, T0 + HOUR_MS + SHORTLY_MS + 1)
    assert spans.held(0, T0 + 2 * HOUR_MS)


def test_whom_a_shutdown_cuts_off_is_what_the_brain_works_out_by_itself() -> None:
    city = load_city("harbour")
    mains = np.flatnonzero(city.water.pipes.columns["trunk"].astype(bool))
    brains = [affected(city, isolation(city.water, int(main)).cut_off).total for main in mains]
    assert people_behind(city, mains) == pytest.approx(brains, abs=len(city.communities))
    assert max(brains) > 1_000


def test_a_story_seeks_a_main_that_people_hang_on_and_says_so_when_there_is_none() -> None:
    city = load_city("harbour")
    rng = Seeds(1).rng("place")
    row = pipe_for(city, Where(trunk=True, people_cut_off=1_000), rng=rng)
    assert people_behind(city, np.array([row]))[0] >= 1_000
    with pytest.raises(UsageError, match="leaves 13000 people without water when it is shut; the most is"):
        pipe_for(city, Where(trunk=True, people_cut_off=13_000), rng=rng)
