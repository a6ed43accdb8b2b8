"""What a person on the spot can see. Nothing else of the world's truth reaches a report or a call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datahub.contract.city import City
from scenarios.agents.practice import Practice
from scenarios.agents.way import off_line_m
from sensors.world.world import World


@dataclass(frozen=True, slots=True)
class WaterOnRoad:
    """Water that comes up out of a road: over which main (row), where [deg], how much [m3/s]."""

    pipe: int
    lon: float
    lat: float
    flow_m3_s: float
    road_class: int


def water_on_roads(world: World, practice: Practice) -> list[WaterOnRoad]:
    """All places where so much water runs out that it can be seen on the road."""
    pipes = world.city.water.pipes
    seen = []
    for pipe in sorted(world.water.bursts):
        flow = world.water.leak_m3_s(pipe)
        if flow >= practice.of("seen_m3_s"):
            road = int(np.asarray(pipes.columns["road_class"])[pipe])
            seen.append(WaterOnRoad(pipe, float(pipes.lon[pipe]), float(pipes.lat[pipe]), flow, road))
    return seen


def line_of(city: City, pipe: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Ends of a main (row) as surveyed (lon, lat [deg])."""
    nodes, columns = city.water.nodes, city.water.pipes.columns
    a, b = int(np.asarray(columns["a"])[pipe]), int(np.asarray(columns["b"])[pipe])
    return (float(nodes.lon[a]), float(nodes.lat[a])), (float(nodes.lon[b]), float(nodes.lat[b]))


def seen_along(
    world: World, practice: Practice, *, start: tuple[float, float], end: tuple[float, float]
) -> WaterOnRoad | None:
    """The first water on the road that is seen when going from ``start`` to ``end``, or None."""
    near = [
        (round(off_line_m(it.lon, it.lat, a=start, b=start)), it.pipe, it)
        for it in water_on_roads(world, practice)
        if off_line_m(it.lon, it.lat, a=start, b=end) <= practice.of("sight_m")
    ]
    return min(near, key=lambda one: one[:2])[2] if near else None


def blocks_road(it: WaterOnRoad, practice: Practice) -> bool:
    """Whether so much water stands on a street that vehicles cannot pass."""
    return it.road_class >= 1 and it.flow_m3_s >= practice.of("blocking_m3_s")


def lamp_sound(world: World, pole: int) -> bool:
    """Whether the lamp of a pole (row) burns when it is switched on for a test."""
    return bool(world.street.lit(np.array([pole]), test=True)[0])
