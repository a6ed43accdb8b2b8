from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from world_town import MIDNIGHT

from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS
from datahub.contract.units import PASCAL_PER_METRE
from scenarios.survey.city import load_city
from sensors.chance import Seeds
from sensors.world.demand import STEP_MS
from sensors.world.world import World

MORNING = MIDNIGHT + 9 * HOUR_MS


@cache
def zhuhai() -> City:
    return load_city("zhuhai", scale=0.01)


@pytest.fixture(scope="module")
def morning() -> World:
    """A working day from five o'clock to the peak of the morning."""
    world = World(zhuhai(), (), Seeds(7), start=MIDNIGHT + 5 * HOUR_MS)
    for t in range(world.now, MORNING + HOUR_MS, STEP_MS):
        world.advance(t)
    return world


def test_at_the_peak_all_zhuhai_has_the_pressure_of_a_healthy_network(morning: World) -> None:
    nodes, pipes = zhuhai().water.nodes, zhuhai().water.pipes
    tap = ~np.asarray(nodes.columns["source"])
    head = morning.water.pressure_pa(np.arange(len(nodes)))[tap] / PASCAL_PER_METRE
    assert head.min() > 14.0
    assert np.quantile(head, 0.05) > 20.0
    assert np.quantile(head, 0.95) < 50.0
    wide = np.flatnonzero(np.asarray(pipes.columns["trunk"]) & (np.asarray(pipes.columns["diameter_m"]) >= 0.5))
    velocity = morning.water.velocity_m_s(wide)
    assert 0.4 < np.median(velocity) < 1.0
    assert velocity.max() < 1.6
    assert morning.water.engine_warnings == 0


def test_its_supply_is_about_a_million_cubic_metres_a_day(morning: World) -> None:
    # domain.md 6.1: 1.0-1.2 million m3/d (G); built up from households it comes to 0.98; this hour is 1.4 of the mean
    supplied = morning.water.supplied_m3_s()
    assert 0.9 < supplied * 86_400 / 1e6 / 1.4 < 1.2
    leaking = float(morning.water.leaking_m3_s(np.arange(len(zhuhai().water.nodes))).sum()) / supplied
    assert 0.07 < leaking < 0.13


def test_a_burst_dn600_in_xiangzhou_is_felt_nearby_and_not_on_the_islands() -> None:
    city = zhuhai()
    nodes, pipes = city.water.nodes, city.water.pipes
    district = np.array([code[:6] for code in city.communities])[pipes.community]
    wanted = (np.asarray(pipes.columns["diameter_m"]) == 0.6) & (district == "440402")
    rows = np.flatnonzero(wanted & np.asarray(pipes.columns["trunk"]))
    assert len(rows) >= 10
    world = World(city, (), Seeds(7), start=MIDNIGHT + 20 * HOUR_MS)
    every = np.arange(len(nodes))
    before = world.water.pressure_pa(every)
    pipe = int(rows[np.argmax(world.water.velocity_m_s(rows))])
    world.water.burst(pipe, 0.03)
    assert 1_000 < world.water.leak_m3_s(pipe) * 3_600 < 3_000
    drop = (before - world.water.pressure_pa(every)) / PASCAL_PER_METRE
    ends = [int(pipes.columns[end][pipe]) for end in ("a", "b")]
    assert drop[ends].max() > 1.5
    assert np.median(drop) < 0.5 * drop[ends].max()
    assert np.abs(drop[np.asarray(nodes.columns["system"]) > 0]).max() < 1e-3
