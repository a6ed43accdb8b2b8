"""The city as both sides know it: divisions, and the asset register.

The register says what exists, where, how it is connected and whose it is, as a real city's survey does. States,
leaks and demands are not in it: those the world alone has, and the platform learns them from devices and people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """A district, street (town) or community with its official code (GB/T 2260, GB/T 10114).

    ``rings`` are the outlines of its parts, each an array (k, 2) of lon, lat [deg, WGS 84], closed.
    """

    code: str
    level: str
    zh: str
    en: str
    parent: str
    population: int
    lon: float
    lat: float
    rings: tuple[Floats, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ObjectTable:
    """All managed objects of one class, in columns of length n.

    Attributes:
        name: class of object, such as ``pole``, ``hydrant``, ``meter_point``, ``signal_junction``.
        code: unified codes, ascending, each once.
        lon, lat: position [deg, WGS 84].
        community: row of the community in ``City.communities``.
        owner: code of the department that owns them.
        columns: what else the survey holds of this class (unit in the name).
    """

    name: str
    code: Ints
    lon: Floats
    lat: Floats
    community: NDArray[np.int32]
    owner: str
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.code)


@dataclass(frozen=True, slots=True, eq=False)
class WaterNetwork:
    """The surveyed supply network. Rows are referred to by their index.

    nodes (ObjectTable ``water_node``): elevation_m, source (bool: a plant or reservoir), head_m (of a source; else
        NaN), zone (row in ``zones``, the district-metered area; -1 on trunk mains and sources), households (int: how
        many the node supplies; they sum up to each community's), system (int: 0 mainland, 1.. islands).
    pipes (``pipe``): a, b (node rows), length_m, diameter_m, roughness (Hazen-Williams C), trunk (bool),
        zone (-1: none), road_class (0 none, 1 branch, 2 secondary, 3 arterial); position is the middle.
    valves (``valve``): pipe (row), end (0: at a, 1: at b), motorised (bool). Normally open.
    zones (``zone``): inlet (row of the metered inlet pipe), households.
    """

    nodes: ObjectTable
    pipes: ObjectTable
    valves: ObjectTable
    zones: ObjectTable


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """One city: its divisions, and its asset register.

    Attributes:
        name: short name used in topics and on the command line.
        adcode: six-digit code of the city (GB/T 2260).
        divisions: every division by code, districts before streets before communities.
        communities: codes of the communities; objects refer to them by row.
        outline: rings of the whole city [deg].
        objects: the asset register by class (poles, hydrants, meter points, junctions, hospitals, feeders ...).
        departments: what the city's offices are and have (stations, crews, vendor they speak to), by code.
        hash: SHA-256 of everything the city was built from.
        clouds: vendors' clouds that may speak for devices, by vendor.
    """

    name: str
    adcode: str
    zh: str
    en: str
    divisions: Mapping[str, Division]
    communities: tuple[str, ...]
    outline: tuple[Floats, ...]
    objects: Mapping[str, ObjectTable]
    water: WaterNetwork
    departments: Mapping[str, Department]
    hash: str
    clouds: Mapping[str, CloudFleet] = field(default_factory=dict)

    def of_level(self, level: str) -> tuple[Division, ...]:
        """Divisions of one level, in the order of their codes."""
        return tuple(division for division in self.divisions.values() if division.level == level)


@dataclass(frozen=True, slots=True)
class Crew:
    """A team that can be sent: where it starts and what it can do."""

    code: str
    zh: str
    en: str
    lon: float
    lat: float
    skills: tuple[str, ...]
    vehicle: str


@dataclass(frozen=True, slots=True)
class Department:
    """An office or company with its duty desk.

    Attributes:
        speaks: name of the connector (vendor dialect) its system understands.
        duties: kinds of task it answers for.
    """

    code: str
    zh: str
    en: str
    speaks: str
    duties: tuple[str, ...]
    crews: tuple[Crew, ...]


@dataclass(frozen=True, slots=True)
class CloudFleet:
    """Devices for which a vendor's cloud speaks, if the city is run with its bridges.

    Attributes:
        ordinal: number of the bridge among the city's bridges, from 1.
        poll_s: how often a cloud that is asked is asked [s].
        devices: unified code of each device by the vendor's own id.
    """

    vendor: str
    ordinal: int
    poll_s: float
    devices: Mapping[str, int]
