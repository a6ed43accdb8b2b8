"""Ways on the ground: how far, how long, and where on the way somebody is at a given time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Final, Protocol

import numpy as np

from datahub.contract.clock import SECOND_MS
from datahub.contract.errors import UsageError
from scenarios.agents.practice import Practice

EARTH_M: Final = 6_371_008.8
"""Mean radius of the earth [m] (IUGG)."""


class Closed(Protocol):
    """A stretch of road that is closed (``sensors.world.traffic.Closure``)."""

    @property
    def lon(self) -> float:
        """Middle [deg]."""

    @property
    def lat(self) -> float:
        """Middle [deg]."""

    @property
    def radius_m(self) -> float:
        """How far around the middle [m]."""


@dataclass(frozen=True, slots=True)
class Way:
    """One trip: from a place and time to a place and time [deg, ms], along a line."""

    lon: float
    lat: float
    start: int
    to_lon: float
    to_lat: float
    end: int

    def place(self, t: int) -> tuple[float, float]:
        """Where one is at ``t`` [ms] (lon, lat [deg])."""
        if t >= self.end:
            return self.to_lon, self.to_lat
        part = max(0.0, (t - self.start) / (self.end - self.start))
        return self.lon + part * (self.to_lon - self.lon), self.lat + part * (self.to_lat - self.lat)

    def eta_s(self, t: int) -> float:
        """How long it still takes at ``t`` [ms] [s]."""
        return max(0, self.end - t) / SECOND_MS


def distance_m(lon: float, lat: float, to_lon: float, to_lat: float) -> float:
    """Great-circle distance of two places [m] (haversine)."""
    north, east = radians(to_lat - lat) / 2, radians(to_lon - lon) / 2
    half = sin(north) ** 2 + cos(radians(lat)) * cos(radians(to_lat)) * sin(east) ** 2
    return 2 * EARTH_M * asin(min(1.0, sqrt(half)))


def off_line_m(lon: float, lat: float, *, a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of a place from the straight line between two others [m], on a plane around it."""
    scale = EARTH_M * radians(1)
    east = scale * cos(radians(lat))
    ax, ay = (a[0] - lon) * east, (a[1] - lat) * scale
    bx, by = (b[0] - lon) * east, (b[1] - lat) * scale
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    part = 0.0 if length == 0 else min(1.0, max(0.0, -(ax * dx + ay * dy) / length))
    return float(np.hypot(ax + part * dx, ay + part * dy))


def drive(
    start: tuple[float, float],
    end: tuple[float, float],
    *,
    t: int,
    vehicle: str,
    practice: Practice,
    closed: Sequence[Closed],
    rng: np.random.Generator,
) -> Way:
    """The trip of a vehicle that leaves at ``t`` [ms]: crow's distance times road factor, at the hour's speed.

    A closed stretch across the line costs a detour, unless it lies around the start or the end (one's own work).

    Raises:
        UsageError: if the vehicle does not move.
    """
    way_m = distance_m(*start, *end) * rng.uniform(practice.of("road_ratio_low"), practice.of("road_ratio_high"))
    if any(_across(it, start, end) for it in closed):
        way_m *= practice.of("detour_ratio")
    speed = practice.speed_m_s(vehicle, t)
    if speed <= 0:
        raise UsageError(f"a {vehicle} goes nowhere; give the crew a vehicle")
    took = round(way_m / speed * SECOND_MS)
    return Way(*start, t, *end, t + took)


def _across(it: Closed, start: tuple[float, float], end: tuple[float, float]) -> bool:
    ends = (distance_m(it.lon, it.lat, *start), distance_m(it.lon, it.lat, *end))
    return min(ends) > it.radius_m and off_line_m(it.lon, it.lat, a=start, b=end) <= it.radius_m
