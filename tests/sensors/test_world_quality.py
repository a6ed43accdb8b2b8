from __future__ import annotations

import numpy as np
import pytest
from test_world_water import EVENING, EVERY, main, valves_around, water

from datahub.contract.clock import HOUR_MS
from sensors.world.quality import CHLORINE_MG_L, TURBIDITY_NTU, Stretch
from sensors.world.water import Water


def repaired() -> tuple[Water, int, list[int]]:
    room, pipe = water(at=EVENING), main(valves=1)
    room.burst(pipe, 0.02)
    around = valves_around(pipe)
    for valve in around:
        room.set_valve(valve, 0.0)
    room.repair(pipe)
    return room, pipe, around


def test_ordinary_water_is_clear_chlorinated_and_free_of_germs() -> None:
    sample = water().quality(EVERY)
    assert (sample.turbidity_ntu < 1).all()
    assert (sample.free_chlorine_mg_l >= 0.05).all()
    assert not sample.coliform_per_100ml.any()


def test_a_repair_leaves_dirt_in_the_dry_stretch_and_nowhere_else() -> None:
    room, pipe, _ = repaired()
    sample = room.quality(EVERY)
    dirty = sample.turbidity_ntu > TURBIDITY_NTU
    assert dirty.any()
    assert room.cut_off()[dirty].all()
    assert (sample.turbidity_ntu[dirty] > 5).all()
    assert (sample.coliform_per_100ml[dirty] > 0).all()
    assert not sample.free_chlorine_mg_l[dirty].any()
    assert not sample.coliform_per_100ml[~dirty].any()
    assert room.quality_of_pipe(pipe).turbidity_ntu[0] > 5


def test_a_little_flushing_is_not_enough_and_more_is() -> None:
    room, pipe, _ = repaired()
    content = room.stretch_m3(pipe)
    assert room.flush(pipe, content).turbidity_ntu[0] > 1
    assert room.flush(pipe, 6 * content).turbidity_ntu[0] < 1


def test_flushed_and_disinfected_the_water_passes() -> None:
    room, pipe, _ = repaired()
    room.flush(pipe, 6 * room.stretch_m3(pipe))
    sample = room.disinfect(pipe, dose_mg_l=20.0, contact_s=3_600)
    assert sample.turbidity_ntu[0] <= 1.0
    assert 0.05 <= sample.free_chlorine_mg_l[0] <= 2.0
    assert sample.coliform_per_100ml[0] == 0


def test_chlorine_kills_by_dose_and_time_and_decays_meanwhile() -> None:
    def germs(chlorine: float, hours: float) -> float:
        stretch = Stretch(np.array([0]), np.array([0]), 10.0, 5.0, chlorine, 1_000.0)
        stretch.rest(hours)
        return stretch.coliform

    assert germs(0.0, 5) == 1_000
    assert germs(0.05, 0.5) > germs(0.05, 1.0) > germs(0.1, 1.0)
    assert germs(10.0, 1 / 60) == pytest.approx(0.1, rel=0.02)
    stretch = Stretch(np.array([0]), np.array([0]), 10.0, 5.0, 1.0, 0.0)
    stretch.rest(24)
    assert stretch.chlorine_mg_l == pytest.approx(np.exp(-0.05 * 24))


def test_once_the_valves_are_open_the_network_washes_the_rest_out() -> None:
    room, pipe, around = repaired()
    for valve in around:
        room.set_valve(valve, 1.0)
    room.advance(EVENING + 24 * HOUR_MS)
    assert room.quality_of_pipe(pipe).turbidity_ntu[0] == pytest.approx(TURBIDITY_NTU, abs=0.05)
    assert room.quality(EVERY).free_chlorine_mg_l == pytest.approx(CHLORINE_MG_L, abs=0.05)


def test_a_dirty_stretch_that_stays_shut_stays_dirty() -> None:
    room, pipe, _ = repaired()
    room.advance(EVENING + 24 * HOUR_MS)
    assert room.quality_of_pipe(pipe).turbidity_ntu[0] > 5
