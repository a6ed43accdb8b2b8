from __future__ import annotations

import numpy as np
import pytest
from world_town import MIDNIGHT, city

from datahub.contract.clock import DAY_MS, HOUR_MS, SECOND_MS
from sensors.chance import Seeds
from sensors.world.traffic import ALL_RED, DAILY, HOUR_SHARE, PREEMPT_S, Traffic

JUNCTIONS = city().objects["signal_junction"]
ALL = np.arange(3)


def traffic(seed: int = 1, *, at: int = MIDNIGHT) -> Traffic:
    room = Traffic(JUNCTIONS, Seeds(seed), start=MIDNIGHT)
    room.advance(at)
    return room


def test_the_hours_of_a_day_share_all_its_vehicles() -> None:
    assert HOUR_SHARE.sum() == pytest.approx(1.0)
    assert 0.08 <= HOUR_SHARE.max() <= 0.10


def test_a_days_counts_add_up_to_the_daily_volume_of_the_road() -> None:
    room = traffic()
    total = np.zeros(3)
    for step in range(288):
        room.advance(MIDNIGHT + step * 300 * SECOND_MS)
        total += room.volume_count(ALL, 300)
    assert total[0] == pytest.approx(DAILY[3], rel=0.8)
    assert total[0] > total[1] > total[2] > 0
    assert (total == np.rint(total)).all()


def test_asking_twice_changes_nothing() -> None:
    room = traffic(at=MIDNIGHT + 8 * HOUR_MS)
    assert room.volume_count(ALL, 60).tolist() == room.volume_count(ALL, 60).tolist()


def test_counts_scatter_as_independent_vehicles_do() -> None:
    room = traffic()
    counts = []
    for step in range(600):
        room.advance(MIDNIGHT + 13 * HOUR_MS + step * SECOND_MS)
        counts.append(room.volume_count(ALL[:1], 60)[0])
    assert np.var(counts) == pytest.approx(np.mean(counts), rel=0.3)


def test_weekends_are_quieter() -> None:
    saturday = MIDNIGHT + 3 * DAY_MS + 8 * HOUR_MS
    assert (traffic(at=saturday).flow_veh_h(ALL) < traffic(at=MIDNIGHT + 8 * HOUR_MS).flow_veh_h(ALL)).all()


def test_nothing_passes_where_the_police_closed_the_road_until_it_is_opened() -> None:
    room = traffic(at=MIDNIGHT + 8 * HOUR_MS)
    room.close_road(114.31, 22.1, 200)
    assert room.closed(ALL).tolist() == [True, False, False]
    assert (room.volume_count(ALL, 600) > 0).tolist() == [False, True, True]
    room.open_road(114.31, 22.1)
    assert (room.volume_count(ALL, 600) > 0).all()


def test_every_phase_gets_its_green_and_all_are_red_between() -> None:
    room, seen = traffic(), []
    cycle = int(room.cycle_s(ALL)[0])
    assert 40 <= cycle <= 180
    for second in range(cycle):
        room.advance(MIDNIGHT + second * SECOND_MS)
        seen.append(int(room.phase_state(ALL)[0]))
    assert {*seen} == {ALL_RED, 1, 2, 3, 4, 11, 12, 13, 14}
    assert seen.count(11) == 3
    greens = [seen.count(phase) for phase in (1, 2, 3, 4)]
    assert min(greens) >= 7


def test_a_preemption_ends_the_running_phase_shows_red_and_then_holds_green_until_released() -> None:
    room = traffic(at=MIDNIGHT + 8 * HOUR_MS)
    running = int(room.phase_state(ALL)[0]) % 10
    wanted = running % 4 + 1
    room.preempt(0, phase_state=wanted, hold_s=600)
    began, seen = room.now, []
    for second in range(PREEMPT_S + 1):
        room.advance(began + second * SECOND_MS)
        seen.append(int(room.phase_state(ALL)[0]))
    assert seen[-1] == wanted
    assert ALL_RED in seen[:-1]
    assert wanted not in seen[:-1]
    room.advance(began + 500 * SECOND_MS)
    assert room.phase_state(ALL)[0] == wanted
    assert room.preempted(ALL).tolist() == [True, False, False]
    room.release(0)
    assert not room.preempted(ALL).any()


def test_a_preemption_ends_by_itself() -> None:
    room = traffic(at=MIDNIGHT + 8 * HOUR_MS)
    room.preempt(1, phase_state=2, hold_s=60)
    room.advance(room.now + (60 + PREEMPT_S) * SECOND_MS)
    assert not room.preempted(ALL).any()
