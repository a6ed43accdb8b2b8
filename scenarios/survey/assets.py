"""The asset register of a city: the supply network first, for streets and homes are found along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable, WaterNetwork
from datahub.contract.grid import UnitGrids
from datahub.contract.observations import Floats, Ints
from scenarios.survey.declared import CityFile, Fleets
from scenarios.survey.divisions import Ground
from scenarios.survey.homes import lay_meters
from scenarios.survey.network import PlantSpec, lay_network
from scenarios.survey.people import households
from scenarios.survey.register import coded
from scenarios.survey.roads import lay_junctions, lay_poles
from scenarios.survey.waterworks import lay_hydrants, lay_loggers, lay_plants, lay_valve_drives
from sensors.chance import Seeds


@dataclass(slots=True)
class Survey:
    """One survey under way: the network is laid at once, the rest when ``objects`` is asked for."""

    declared: CityFile
    fleets: Fleets
    ground: Ground
    seeds: Seeds
    scale: float
    households: Ints
    water: WaterNetwork

    def __init__(self, declared: CityFile, fleets: Fleets, ground: Ground, seeds: Seeds, scale: float) -> None:
        self.declared, self.fleets, self.ground, self.seeds, self.scale = declared, fleets, ground, seeds, scale
        people = np.array([d.population for d in ground.communities], np.int64)
        self.households = households(people, household_size=declared.census.household_size)
        self.water = lay_network(
            adcodes=[d.code[:6] for d in ground.communities],
            communities=ground.communities,
            households=self.households,
            system=self._systems(),
            plants=[PlantSpec(p.name, p.zh, p.en, p.lon, p.lat, p.head_m, p.system) for p in declared.plant],
            rng=seeds.rng("survey", "network"),
        )

    def objects(self) -> list[ObjectTable]:
        """Every table of the register but the network's own."""
        fleets, water, places = self.fleets, self.water, self.ground.communities
        grids = UnitGrids(self.ground.divisions)
        feeders, poles = lay_poles(
            water=water,
            communities=places,
            grids=grids,
            density=self._density(),
            plane=self.ground.plane,
            fleet=fleets.pole,
            scale=self.scale,
        )
        pressure, flow = lay_loggers(water=water, communities=places, fleet=fleets.logger)
        owner = fleets.logger.owner
        return [
            poles,
            feeders,
            lay_junctions(water=water, communities=places, density=self._density(), fleet=fleets.signal_junction),
            self._meters(),
            self._hydrants(),
            pressure,
            flow,
            lay_valve_drives(water=water, communities=places, owner=owner),
            lay_plants(self.declared.plant, water=water, communities=places, plane=self.ground.plane, owner=owner),
            self._hospitals(grids),
        ]

    def _systems(self) -> NDArray[np.int32]:
        """Supply system of each community: 0 on the mainland."""
        of = {code: i for i, one in enumerate(self.declared.island_system, 1) for code in one.communities}
        return np.array([of.get(d.code, 0) for d in self.ground.communities], np.int32)

    def _density(self) -> Floats:
        """People per square metre of each community."""
        return np.array(
            [d.population / s.area for d, s in zip(self.ground.communities, self.ground.shapes, strict=True)]
        )

    def _meters(self) -> ObjectTable:
        fleet = self.fleets.meter_point
        return lay_meters(
            communities=self.ground.communities,
            shapes=self.ground.shapes,
            water=self.water,
            plane=self.ground.plane,
            owner=fleet.owner,
            households_per_building=fleet.households_per_building,
            density_per_km2=self.declared.settling.density_per_km2,
            ratio=fleet.metered_ratio * self.scale,
            rng=self.seeds.rng("survey", "meters"),
        )

    def _hydrants(self) -> ObjectTable:
        return lay_hydrants(
            water=self.water,
            communities=self.ground.communities,
            households=self.households,
            fleet=self.fleets.hydrant,
            scale=self.scale,
            rng=self.seeds.rng("survey", "hydrants"),
        )

    def _hospitals(self, grids: UnitGrids) -> ObjectTable:
        """The hospitals, each with the nearest node that supplies homes."""
        listed, nodes, plane = self.declared.hospital, self.water.nodes, self.ground.plane
        lon, lat = np.array([h.lon for h in listed]), np.array([h.lat for h in listed])
        rows = np.flatnonzero(np.asarray(nodes.columns["households"]) > 0)
        away = plane.xy(lon, lat)[:, None] - plane.xy(nodes.lon[rows], nodes.lat[rows])[None]
        table, _ = coded(
            "hospital",
            communities=self.ground.communities,
            community=grids.community_of(lon, lat, nearest=True),
            lon=lon,
            lat=lat,
            owner="",
            columns={
                "node": rows[(away**2).sum(axis=2).argmin(axis=1)].astype(np.int32),
                "beds": np.array([h.beds for h in listed], np.int32),
                "zh": np.array([h.zh for h in listed]),
                "en": np.array([h.en for h in listed]),
            },
        )
        return table
