"""A city from its folder: ``load_city`` surveys it anew each time, from declarations and a seed of its own.

The survey does not depend on a scenario's seed: the same city, to the last meter, in every run.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import City, ObjectTable, WaterNetwork
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from datahub.devices.coding import recode
from datahub.devices.grid import UnitGrids
from scenarios.declarations import read, unknown
from scenarios.survey.declared import CityFile, Fleets
from scenarios.survey.divisions import Ground, survey_ground
from scenarios.survey.homes import lay_meters
from scenarios.survey.network import PlantSpec, lay_network
from scenarios.survey.offices import read_departments
from scenarios.survey.people import households
from scenarios.survey.register import coded
from scenarios.survey.roads import lay_junctions, lay_poles
from scenarios.survey.waterworks import lay_hydrants, lay_loggers, lay_plants, lay_valve_drives
from sensors.chance import Seeds
from sensors.kind import Kind, Sites


def city_names() -> tuple[str, ...]:
    """Every city that is declared, by name."""
    return tuple(sorted(it.name for it in _cities().iterdir() if it.is_dir() and (it / "city.toml").is_file()))


def load_city(name: str, *, scale: float = 1.0, folder: Traversable | None = None) -> City:
    """A city with its whole asset register.

    Args:
        name: name of the city's folder.
        scale: share of the numerous objects that is kept (meter points, poles with whole feeders, hydrants), in
            (0, 1]; what is kept at a smaller scale has the same code and place at a larger one.
        folder: where the city lies, if not among those that come with the package.

    Raises:
        UsageError: for an unknown city or an impossible scale.
        DeclarationError: for a broken declaration, with file, line, rule and remedy.
    """
    if folder is None and name not in city_names():
        raise UsageError(f"there is no city '{name}'; there are {', '.join(city_names())}")
    if not 0 < scale <= 1:
        raise UsageError(f"scale {scale} is outside (0, 1]; it is the share of meters, poles and hydrants kept")
    home = folder if folder is not None else _cities() / name
    declared = read(home / "city.toml", CityFile)
    fleets = read(home / "fleets.toml", Fleets)
    departments = read_departments(home / "departments", connectors=_connectors())
    for key in ("pole", "meter_point", "hydrant", "signal_junction", "logger"):
        owner = getattr(fleets, key).owner
        if owner not in departments:
            raise unknown("department", owner, departments, path=home / "fleets.toml", keys=(key, "owner"))
    seeds = Seeds(declared.seed)
    ground = survey_ground(home, declared, rng=seeds.rng("survey", "ground"))
    survey = _Survey(declared, fleets, ground, seeds, scale)
    return City(
        name=declared.name,
        adcode=declared.adcode,
        zh=declared.zh,
        en=declared.en,
        divisions=ground.divisions,
        communities=tuple(division.code for division in ground.communities),
        outline=ground.outline,
        objects={table.name: table for table in survey.objects()},
        water=survey.water,
        departments=departments,
        hash=_digest(home, scale),
    )


def sites(city: City, kind: Kind) -> Sites:
    """Where the devices of one kind stand: one on each object of its class.

    Raises:
        UsageError: if the city has no such objects, or they do not name the gateway.
    """
    table = city.objects.get(kind.mounts_on)
    if table is None:
        raise UsageError(f"kind {kind.name} mounts on '{kind.mounts_on}', of which {city.name} has no survey")
    if kind.behind and kind.behind not in table.columns:
        raise UsageError(f"kind {kind.name} stands behind '{kind.behind}', which is no column of '{table.name}'")
    behind = table.columns[kind.behind] if kind.behind else None
    return Sites(
        device=recode(table.code, kind.code),
        object=table.code,
        row=np.arange(len(table), dtype=np.int64),
        lon=table.lon,
        lat=table.lat,
        community=table.community,
        columns=table.columns,
        node=None if behind is None else recode(behind.astype(np.int64), kind.gateway_code),
    )


@dataclass(slots=True)
class _Survey:
    """One survey under way."""

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


def _cities() -> Traversable:
    """The folder of cities that comes with the package."""
    return files("scenarios") / "cities"


def _connectors() -> tuple[str, ...]:
    """Vendor dialects that there are: the folders of ``datahub/connectors/``."""
    home = files("datahub") / "connectors"
    return tuple(sorted(it.name for it in home.iterdir() if (it / "connector.py").is_file())) if home.is_dir() else ()


def _digest(folder: Traversable, scale: float) -> str:
    """SHA-256 over the names and bytes of a city's files, and the scale."""
    digest = hashlib.sha256(f"scale={scale!r}".encode())
    for name, file in sorted(_files(folder, "")):
        digest.update(f"\0{name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _files(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    """Every file below a folder, with its path."""
    found: list[tuple[str, Traversable]] = []
    for it in folder.iterdir():
        path = f"{prefix}{it.name}"
        if it.is_dir():
            found.extend(_files(it, path + "/"))
        elif it.name.endswith((".toml", ".csv", ".geojson")):
            found.append((path, it))
    return found
