"""A small town with a surrogate field for the tests of awareness: its own hydraulics with other pipes than surveyed.

Not the world of the simulation (that is tested in ``test_location_real.py``), but independent demands, noise and
faults, quick enough for many seeds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.hydraulics import Mains, Solver, draws, inlet_losses, mains
from brain.algorithms.location import at_points
from brain.awareness.bands import BandRules
from brain.awareness.loggers import INLET, PLANT, TRUNK, Loggers
from brain.awareness.picture import points_of
from brain.awareness.supply import SupplyRules, SupplyWatch
from brain.awareness.zones import ZoneRules
from brain.parameter import bind
from datahub.contract.city import Division, WaterNetwork
from datahub.contract.clock import CITY_ZONE, DAY_MS, HOUR_MS, MINUTE_MS, from_datetime, of_day
from datahub.contract.observations import Floats, Ints
from datahub.contract.units import PASCAL_PER_METRE
from scenarios.survey.network import PlantSpec, lay_network
from sensors.chance import Seeds

START = from_datetime(datetime(2025, 6, 9, tzinfo=CITY_ZONE))
SHAPE = np.array([4, 4, 4, 4, 4, 5, 9, 14, 14, 13, 12, 12, 12, 9, 9, 9, 10, 12, 13, 15, 15, 15, 12, 7]) / 10.4


def town(*, communities: int = 14, seed: int = 1) -> WaterNetwork:
    """About six by six kilometres, one plant in the north and one in the south."""
    rng = Seeds(seed).rng("town")
    lon, lat = 113.5 + rng.uniform(0, 0.06, communities), 22.2 + rng.uniform(0, 0.06, communities)
    places = [
        Division(
            f"4404020010{i:02d}", "community", f"社区{i}", f"C{i}", "440402001", 6000, float(lon[i]), float(lat[i])
        )
        for i in range(communities)
    ]
    return lay_network(
        adcodes=["440402"] * communities,
        communities=places,
        households=rng.integers(2500, 6000, communities),
        system=np.zeros(communities, np.int32),
        plants=[
            PlantSpec(name="north", zh="北厂", en="North", lon=113.53, lat=22.265, head_m=50.0),
            PlantSpec(name="south", zh="南厂", en="South", lon=113.53, lat=22.195, head_m=50.0),
        ],
        rng=rng,
    )


def equip(water: WaterNetwork, *, trunk_from_m: float = 0.3) -> Loggers:
    """Loggers as the survey places them: plant outlets, wide trunk mains, zone inlets."""
    columns = water.pipes.columns
    a, b = np.asarray(columns["a"]).astype(np.int64), np.asarray(columns["b"]).astype(np.int64)
    source = np.asarray(water.nodes.columns["source"]).astype(bool)
    outlet = np.flatnonzero(source[a] | source[b])
    behind = np.where(source[a[outlet]], b[outlet], a[outlet])
    wide = np.asarray(columns["trunk"]).astype(bool) & (np.asarray(columns["diameter_m"]) >= trunk_from_m)
    trunk = np.setdiff1d(np.flatnonzero(wide), outlet)
    joined = np.setdiff1d(np.unique(np.concatenate((a[trunk], b[trunk]))), behind)
    inlet = np.asarray(water.zones.columns["inlet"]).astype(np.int64)
    zones = np.arange(len(inlet))
    row = np.concatenate((behind, joined, b[inlet], outlet, trunk, inlet))
    sizes = [len(behind), len(joined), len(inlet), len(outlet), len(trunk), len(inlet)]
    zone = np.full(len(row), -1)
    zone[np.repeat([0, 0, 1, 0, 0, 1], sizes).astype(bool)] = np.tile(zones, 2)
    place = np.repeat([PLANT, TRUNK, INLET, PLANT, TRUNK, INLET], sizes)
    return Loggers(
        device=np.arange(1, len(row) + 1, dtype=np.int64) * 10,
        flow=np.arange(len(row)) >= sum(sizes[:3]),
        place=place.astype(np.int64),
        row=row.astype(np.int64),
        zone=zone.astype(np.int64),
        inward=np.ones(len(row)),
    )


def watch_of(water: WaterNetwork, loggers: Loggers) -> SupplyWatch:
    return SupplyWatch(
        water,
        loggers,
        bind(SupplyRules, "supply", day=date(2025, 6, 9)),
        bind(BandRules, "bands", day=date(2025, 6, 9)),
        bind(ZoneRules, "zones", day=date(2025, 6, 9)),
    )


@dataclass
class Faulty:
    """Which signals misbehave, from when."""

    drift: dict[int, float] = field(default_factory=dict)
    stuck: list[int] = field(default_factory=list)
    jump: dict[int, float] = field(default_factory=dict)
    since: int = 0


@dataclass
class Field:
    """The town's water, in steps of a quarter of an hour, and what loggers say of it in windows of five minutes.

    Attributes:
        leak: model row of a main that loses so much [m3/s].
        zone_leak: zone inside which so much is lost [m3/s].
    """

    water: WaterNetwork
    loggers: Loggers
    seed: int
    truth: Solver = field(init=False)
    network: Mains = field(init=False)
    leak: tuple[int, float] | None = None
    zone_leak: tuple[int, float] | None = None
    faulty: Faulty = field(default_factory=Faulty)

    def __post_init__(self) -> None:
        self.rng = Seeds(self.seed).rng("field")
        self.network = mains(self.water)
        survey_error = Seeds(99).rng("survey").normal(1, 0.08, len(self.network.pipe))
        self.truth = Solver(self._rough(survey_error))
        outlets = np.isfinite(self.network.fixed_m[self.network.a]) | np.isfinite(self.network.fixed_m[self.network.b])
        self.truth.pump[outlets] = 15.0
        self.points = points_of(self.water, self.loggers, self.network)
        zones = len(self.water.zones)
        self.households = np.asarray(self.water.zones.columns["households"], float)
        self.way = np.zeros(zones)
        self.bias = Seeds(7).rng("bias").normal(0, 1, len(self.loggers))
        self.shown = np.full(len(self.loggers), np.nan)
        self.day_factor = 1.0

    def _rough(self, error: Floats) -> Mains:
        m = self.network
        return replace(m, resistance=m.resistance * error)

    def true_values(self, t: int) -> Floats:
        """What perfect loggers would read."""
        hour = of_day(t) / HOUR_MS
        shape = float(np.interp(hour, np.arange(25), np.append(SHAPE, SHAPE[0])))
        if of_day(t) == 0:
            self.day_factor = float(np.exp(self.rng.normal(0, 0.03)))
        if t % (15 * MINUTE_MS) == 0:
            self.way = 0.9 * self.way + self.rng.normal(0, 0.06 * np.sqrt(1 - 0.81), len(self.way))
        drawn = self.households * 1.1e-5 * shape * self.day_factor * np.exp(self.way)
        if self.zone_leak is not None:
            drawn[self.zone_leak[0]] += self.zone_leak[1]
        draw = draws(self.network, drawn)
        extra = np.zeros(len(self.points.at))
        if self.leak is not None:
            pipe, size = self.leak
            draw[self.network.a[pipe]] += 0.6 * size
            draw[self.network.b[pipe]] += 0.4 * size
            extra[self.points.flow & (self.points.at == pipe)] = 0.4 * size
        state = self.truth.solve(draw)
        values = at_points(self.points, state.head_m, state.flow_m3_s) + extra
        inlet, gauge = self.loggers.zone >= 0, ~self.loggers.flow
        lost = 0.9 * inlet_losses(self.network, drawn) * PASCAL_PER_METRE
        values[inlet & gauge] -= lost[self.loggers.zone[inlet & gauge]]
        values[inlet & ~gauge] = drawn[self.loggers.zone[inlet & ~gauge]]
        return values

    def window(self, t: int) -> tuple[Ints, Ints, Floats]:
        """Readings of the five minutes from ``t``: one a minute, some lost; of inlets only what is sent by then."""
        truth = self.true_values(t)
        n = len(truth)
        flow = self.loggers.flow
        device, times, values = [], [], []
        for minute in range(5):
            scatter = np.where(flow, np.maximum(0.003 * np.abs(truth), 5e-5), 500.0)
            constant = np.where(flow, 0.0025 * np.abs(truth), 4000.0) * self.bias
            shown = truth + constant + scatter * self.rng.normal(0, 1, n) + self._wrong(t)
            resolution = np.where(flow, 1e-5, 100.0)
            shown = np.round(shown / resolution) * resolution
            self.shown = np.where(np.isnan(self.shown), shown, self.shown)
            stuck = np.isin(np.arange(n), self.faulty.stuck) & (t >= self.faulty.since)
            self.shown = np.where(stuck, self.shown, shown)
            told = ~(self.loggers.place == INLET) | (minute <= self.loggers.row % 5)
            heard = told & (self.rng.random(n) > 0.02)
            device.append(self.loggers.device[heard])
            times.append(np.full(int(heard.sum()), t + minute * MINUTE_MS))
            values.append(self.shown[heard])
        return np.concatenate(device), np.concatenate(times), np.concatenate(values)

    def _wrong(self, t: int) -> Floats:
        wrong = np.zeros(len(self.points.at))
        if t >= self.faulty.since:
            for signal, per_day in self.faulty.drift.items():
                wrong[signal] += per_day * (t - self.faulty.since) / DAY_MS
            for signal, size in self.faulty.jump.items():
                wrong[signal] += size
        return wrong


def run(watch: SupplyWatch, world: Field, start: int, end: int) -> list[tuple[int, object]]:
    """Let the watch see what the field says from ``start`` to ``end`` [ms]; what it found, with the time."""
    found: list[tuple[int, object]] = []
    for t in range(start, end, 5 * MINUTE_MS):
        watch.take(*world.window(t))
        for minute in range(1, 6):
            if (one := watch.tick(t + minute * MINUTE_MS)) is not None:
                found.append((t + minute * MINUTE_MS, one))
    return found


def mains_rows(world: Field) -> NDArray[np.int64]:
    """Model rows of the trunk mains that are no plant outlets."""
    m = world.network
    trunk = np.asarray(world.water.pipes.columns["trunk"]).astype(bool)[m.pipe]
    return np.flatnonzero(trunk & ~np.isfinite(m.fixed_m[m.a]) & ~np.isfinite(m.fixed_m[m.b]))
