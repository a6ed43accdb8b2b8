"""The simulated world's water, read through loggers as accurate as their kinds declare; only tests join the two."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from brain.awareness.bands import BandRules
from brain.awareness.loggers import INLET, Loggers, loggers
from brain.awareness.supply import SupplyRules, SupplyWatch
from brain.awareness.zones import ZoneRules
from brain.parameter import bind
from datahub.contract.city import City
from datahub.contract.clock import MINUTE_MS
from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds
from sensors.world.water import Water


def equip(city: City) -> Loggers:
    """The survey's logging points with one device each; here a device bears the code of what it watches."""
    pressure, flow = city.objects["pressure_point"].code, city.objects["flow_point"].code
    return loggers(city, pressure=(pressure, pressure), flow=(flow, flow))


def watch_of(city: City) -> SupplyWatch:
    return SupplyWatch(
        city.water,
        equip(city),
        bind(SupplyRules, "supply", day=date(2025, 6, 9)),
        bind(BandRules, "bands", day=date(2025, 6, 9)),
        bind(ZoneRules, "zones", day=date(2025, 6, 9)),
    )


@dataclass
class Reader:
    """Samples the world once a minute; the world stands still within a window but for what is done to it."""

    water: Water
    loggers: Loggers
    seed: int
    rng: np.random.Generator = field(init=False)
    bias: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.rng = Seeds(self.seed).rng("reader")
        self.bias = Seeds(self.seed).rng("bias").normal(0, 1, len(self.loggers))

    def minute(self, t: int) -> tuple[Ints, Ints, Floats]:
        self.water.advance(t)
        flow, row = self.loggers.flow, self.loggers.row
        truth = np.empty(len(row))
        truth[flow] = self.water.flow_m3_s(row[flow])
        truth[~flow] = self.water.pressure_pa(row[~flow])
        scatter = np.where(flow, np.hypot(0.003 * truth, 5e-5), 500.0)
        constant = np.where(flow, 0.0025 * truth, 4000.0) * self.bias
        step = np.where(flow, 1e-5, 100.0)
        shown = np.round((truth + constant + scatter * self.rng.normal(0, 1, len(row))) / step) * step
        told = (self.loggers.place != INLET) | ((t // MINUTE_MS) % 5 <= row % 5)
        heard = told & (self.rng.random(len(row)) > 0.02)
        return self.loggers.device[heard], np.full(int(heard.sum()), t), shown[heard]


def run(watch: SupplyWatch, reader: Reader, start: int, end: int) -> list[tuple[int, object]]:
    found: list[tuple[int, object]] = []
    for t in range(start, end, MINUTE_MS):
        watch.take(*reader.minute(t))
        if (one := watch.tick(t + MINUTE_MS)) is not None:
            found.append((t + MINUTE_MS, one))
    return found
