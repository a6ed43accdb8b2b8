from __future__ import annotations

import numpy as np
import pytest
from world_town import MIDNIGHT, city

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS
from datahub.contract.errors import UsageError
from sensors.chance import Seeds
from sensors.world.disturbance import Disturbance
from sensors.world.world import World

TOWN = city()
MAIN = int(np.flatnonzero(np.asarray(TOWN.water.pipes.columns["trunk"]))[3])
CODE = int(TOWN.water.pipes.code[MAIN])


def test_a_burst_happens_at_its_minute_even_when_time_moves_by_the_hour() -> None:
    at = MIDNIGHT + 90 * MINUTE_MS
    world = World(TOWN, [Disturbance("main_burst", at, CODE, 0.01)], Seeds(1), start=MIDNIGHT)
    world.advance(MIDNIGHT + HOUR_MS)
    assert world.water.bursts == {}
    world.advance(MIDNIGHT + 3 * HOUR_MS)
    burst = world.water.bursts[MAIN]
    assert burst.since == at
    assert burst.lost_m3 == pytest.approx(burst.leak_m3_s * 5_400, rel=0.1)


def test_all_rooms_stand_at_the_worlds_time() -> None:
    world = World(TOWN, (), Seeds(1), start=MIDNIGHT)
    world.advance(MIDNIGHT + 5 * HOUR_MS)
    rooms = (world.weather, world.sun, world.street, world.traffic, world.water)
    assert {room.now for room in rooms} == {world.now}


def test_time_does_not_run_back() -> None:
    world = World(TOWN, (), Seeds(1), start=MIDNIGHT)
    with pytest.raises(UsageError, match="cannot go back"):
        world.advance(MIDNIGHT - 1)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (Disturbance("earthquake", MIDNIGHT, CODE), "earthquake"),
        (Disturbance("main_burst", MIDNIGHT, 4711, 0.01), "4711"),
        (Disturbance("lamp_failure", MIDNIGHT, 4711), "4711"),
    ],
)
def test_a_disturbance_that_cannot_be_is_refused(wrong: Disturbance, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        World(TOWN, [wrong], Seeds(1), start=MIDNIGHT).advance(MIDNIGHT + 1)


def test_the_same_seed_tells_the_same_day_whatever_the_pace() -> None:
    def day(step_ms: int) -> list[float]:
        world = World(TOWN, (), Seeds(8), start=MIDNIGHT)
        for t in range(MIDNIGHT, MIDNIGHT + DAY_MS + 1, step_ms):
            world.advance(t)
        poles, here = np.arange(8), (np.array([114.31]), np.array([22.1]))
        return [
            *world.weather.air_temperature_c(*here).tolist(),
            *world.street.pm2_5_ug_m3(poles).tolist(),
            *world.street.lamp_power_w(poles).tolist(),
            *world.traffic.volume_count(np.arange(3), 60).tolist(),
        ]

    assert day(HOUR_MS) == day(6 * HOUR_MS)
