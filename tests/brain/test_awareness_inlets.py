"""What a zone draws when its meter is silent or wrong: what is usual for it, or its share of what the city draws."""

from __future__ import annotations

import numpy as np
import pytest

from brain.awareness.inlets import Inlets, Meters
from brain.awareness.loggers import INLET, TRUNK, Loggers
from datahub.contract.city import ObjectTable, WaterNetwork
from datahub.contract.observations import Floats

HOUSEHOLDS = np.array([1000.0, 3000.0, 2000.0])
ALL = np.ones(4, np.bool_)


def table(name: str, **columns: np.ndarray) -> ObjectTable:
    size = max((len(column) for column in columns.values()), default=0)
    nothing = np.zeros(size)
    return ObjectTable(name, np.arange(size), nothing, nothing, np.zeros(size, np.int32), "water_company", columns)


@pytest.fixture
def inlets() -> Inlets:
    water = WaterNetwork(table("node"), table("pipe"), table("valve"), table("zone", households=HOUSEHOLDS))
    place = np.array([TRUNK, INLET, INLET, INLET])
    known = Loggers(
        device=np.arange(4),
        flow=np.ones(4, np.bool_),
        place=place,
        row=np.arange(4),
        zone=np.array([-1, 0, 1, 2]),
        inward=np.array([1.0, 1.0, -1.0, 1.0]),
    )
    return Inlets(water, known, pace=0.01, fading=0.5)


def read(inlets: Inlets, drawn: Floats, *, level: Floats | None = None, ok: np.ndarray = ALL) -> Meters:
    """One window in which the three zones draw so much; the second one's meter counts outward flow as positive."""
    unknown = np.full(4, np.nan)
    value = np.concatenate(([9.0], drawn)) * np.array([1.0, 1.0, -1.0, 1.0])
    return inlets.read(value, level=unknown if level is None else level, scale=np.full(4, 0.1), ok=ok)


def test_what_a_meter_says_is_what_its_zone_draws(inlets: Inlets) -> None:
    meters = read(inlets, np.array([0.01, 0.03, 0.02]))
    assert meters.drawn.tolist() == pytest.approx([0.01, 0.03, 0.02])
    assert meters.zone.tolist() == [0, 1, 2]


def test_a_zone_of_which_nothing_is_known_at_this_hour_draws_its_share_of_the_city(inlets: Inlets) -> None:
    for _ in range(400):  # its people are twice as thirsty as the others
        read(inlets, np.array([0.01, 0.03, 0.04]))
    meters = read(inlets, np.array([0.02, 0.06, np.nan]))
    assert meters.usual[2] == pytest.approx(0.08, rel=0.05)


def test_a_silent_meter_leaves_what_is_usual_as_soon_as_its_last_excess_has_faded(inlets: Inlets) -> None:
    level = np.array([9.0, 0.01, -0.03, 0.02])
    read(inlets, np.array([0.01, 0.03, 0.028]), level=level)
    drawn = [float(read(inlets, np.array([0.01, 0.03, np.nan]), level=level).drawn[2]) for _ in range(6)]
    assert drawn[0] == pytest.approx(0.024, rel=0.01)
    assert drawn[-1] == pytest.approx(0.02, rel=0.01)


def test_a_meter_that_is_not_believed_is_heard_by_nobody(inlets: Inlets) -> None:
    level, ok = np.array([9.0, 0.01, -0.03, 0.02]), np.array([True, True, True, False])
    meters = read(inlets, np.array([0.02, 0.06, 0.001]), level=level, ok=ok)
    assert meters.drawn.tolist() == pytest.approx([0.02, 0.06, 0.04]), "twice the usual, as everywhere today"
    assert inlets.share[2] == 1.0
