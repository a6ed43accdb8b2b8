"""Citizens notice low pressure and water on the road, and some of them call the water company."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import simpy

from datahub.contract.clock import DAY_MS, HOUR_MS, SECOND_MS
from datahub.contract.observations import Floats
from scenarios.agents.eyes import water_on_roads
from scenarios.agents.practice import Practice, ordinary
from scenarios.agents.team import Steps
from scenarios.agents.way import distance_m
from sensors.chance import Seeds
from sensors.world.world import World

#: Households that the rate of stray calls is declared for.
_MILLION = 1_000_000
#: Amount that weighs the passers-by of each road class 0-3.
_PASSING = ("passing_none", "passing_branch", "passing_secondary", "passing_arterial")
#: Callers of one time step stand at no more than so many places.
_PLACES = 400


@dataclass(frozen=True, slots=True)
class Call:
    """A citizen's call to the water company: when [ms], about which place [deg], and what."""

    t: int
    lon: float
    lat: float
    about: str


@dataclass(slots=True)
class Citizens:
    """All who live in the city, as far as they use a telephone for water.

    Attributes:
        calls: what the water company's desk has heard, in order of time.
    """

    env: simpy.Environment
    world: World
    seeds: Seeds
    practice: Practice = field(default_factory=ordinary)
    calls: list[Call] = field(default_factory=list)
    _usual: Floats | None = None

    def begin(self) -> None:
        """Life goes on from now."""
        self.env.process(self._live())

    def calls_near(self, lon: float, lat: float) -> list[Call]:
        """Calls of the last while about places around one place."""
        since = int(self.env.now) - round(self.practice.of("call_window_s") * SECOND_MS)
        radius = self.practice.of("call_radius_m")
        return [call for call in self.calls if call.t >= since and distance_m(call.lon, call.lat, lon, lat) <= radius]

    def _live(self) -> Steps:
        rng = self.seeds.rng("citizens")
        step = round(self.practice.of("citizens_s") * SECOND_MS)
        while True:
            yield self.env.timeout(step)
            t = int(self.env.now)
            self.world.advance(t)
            self._at_the_tap(t, step, rng)
            self._on_the_road(t, step, rng)

    def _at_the_tap(self, t: int, step: int, rng: np.random.Generator) -> None:
        nodes, water = self.world.city.water.nodes, self.world.water
        rows = np.arange(len(nodes))
        pressure = water.pressure_pa(rows)
        usual = pressure if self._usual is None else self._usual
        households = np.asarray(nodes.columns["households"], np.float64)
        short = water.supply_ratio(rows) < self.practice.of("complaint_ratio")
        short |= (pressure < (1 - self.practice.of("complaint_drop")) * usual) | water.cut_off()
        rate = households * short * self.practice.of("complaint_per_hour") * step / HOUR_MS
        rate += households / _MILLION * self.practice.of("stray_per_day") * step / DAY_MS
        self._usual = usual + (pressure - usual) * (1 - np.exp(-step / SECOND_MS / self.practice.of("habit_s")))
        callers = rng.poisson(rate)
        for row in np.flatnonzero(callers)[:_PLACES].tolist():
            self._ring(t, float(nodes.lon[row]), float(nodes.lat[row]), "low_pressure", int(callers[row]))

    def _on_the_road(self, t: int, step: int, rng: np.random.Generator) -> None:
        busy = self.world.traffic.load_ratio() * self.practice.of("passer_by_per_hour") * step / HOUR_MS
        for it in water_on_roads(self.world, self.practice):
            self._ring(
                t, it.lon, it.lat, "water_on_road", int(rng.poisson(busy * self.practice.of(_PASSING[it.road_class])))
            )

    def _ring(self, t: int, lon: float, lat: float, about: str, times: int) -> None:
        self.calls.extend(Call(t, lon, lat, about) for _ in range(times))
