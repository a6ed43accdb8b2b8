"""What the files of a city's folder may say: ``city.toml``, ``fleets.toml``, ``departments/<code>.toml``."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from scenarios.declarations import Declaration

Degrees = Annotated[float, Field(ge=-180, le=180)]
Positive = Annotated[float, Field(gt=0)]
Point = tuple[Degrees, Degrees]


class Sourced(Declaration):
    """A number of policy or of the survey says where it comes from and whether anybody has checked it."""

    source: str
    unverified: bool = False


class Census(Sourced):
    """People of the city, and the shares of its districts (scaled so that they add up to the total)."""

    date: date
    total: Annotated[int, Field(gt=0)]
    districts: dict[str, Annotated[int, Field(gt=0)]]
    household_size: Positive


class Settling(Sourced):
    """How a district's people are spread over its communities.

    In proportion to a weight by the kind of committee (digits 10-12 of its code: below 200 residents', below 400
    villagers', else a park or works), times the weights that city.toml gives single streets and places, times a
    seeded log-normal factor of width ``spread``. ``density_per_km2``: how closely people live around the middle of
    a community that has room to spare.
    """

    residents_weight: Positive
    villagers_weight: Positive
    park_weight: Positive
    spread: Annotated[float, Field(ge=0, le=1)]
    density_per_km2: Positive


class StreetSeed(Declaration):
    """Where a street or town lies: the first seed is its centre, further ones give its shape."""

    code: str
    seeds: Annotated[tuple[Point, ...], Field(min_length=1)]
    weight: Positive = 1.0


class PlaceSeed(Declaration):
    """Where one community lies, where chance must not decide (islands)."""

    code: str
    lon: Degrees
    lat: Degrees
    weight: Positive = 1.0


class IslandSystem(Declaration):
    """Communities with a supply network of their own."""

    zh: str
    en: str
    communities: Annotated[tuple[str, ...], Field(min_length=1)]


class Plant(Sourced):
    """A water works or service reservoir: ``system`` 0 is the mainland, 1 the first island system, and so on."""

    name: str
    zh: str
    en: str
    lon: Degrees
    lat: Degrees
    head_m: Positive
    system: Annotated[int, Field(ge=0)] = 0


class Hospital(Sourced):
    """A hospital with beds."""

    zh: str
    en: str
    lon: Degrees
    lat: Degrees
    beds: Annotated[int, Field(gt=0)]


class CityFile(Declaration):
    """``city.toml``."""

    name: str
    adcode: Annotated[str, Field(pattern=r"^\d{6}$")]
    zh: str
    en: str
    seed: int
    sources: dict[str, str]
    census: Census
    settling: Settling
    street: tuple[StreetSeed, ...]
    place: tuple[PlaceSeed, ...] = ()
    island_system: tuple[IslandSystem, ...] = ()
    plant: Annotated[tuple[Plant, ...], Field(min_length=1)]
    hospital: tuple[Hospital, ...] = ()


class PoleFleet(Sourced):
    """Smart poles along the streets, in whole feeders."""

    owner: str
    count: Annotated[int, Field(gt=0)]
    per_feeder: Annotated[int, Field(gt=0)]
    spacing_m: Positive
    lamp_w: dict[str, Positive]
    height_m: dict[str, Positive]


class MeterFleet(Sourced):
    """Water meters: the share of households that has one, and how many live in one building."""

    owner: str
    metered_ratio: Annotated[float, Field(gt=0, le=1)]
    households_per_building: Positive


class HydrantFleet(Sourced):
    """Hydrants on the distribution mains."""

    owner: str
    count: Annotated[int, Field(gt=0)]


class JunctionFleet(Sourced):
    """Junctions with signals, where main roads meet."""

    owner: str
    count: Annotated[int, Field(gt=0)]


class LoggerFleet(Sourced):
    """Pressure and flow points: at every plant outlet and zone inlet, and on the trunk mains from a width up."""

    owner: str
    trunk_flow_from_m: Positive


class Fleets(Declaration):
    """``fleets.toml``: how many of each, with the source of each number."""

    pole: PoleFleet
    meter_point: MeterFleet
    hydrant: HydrantFleet
    signal_junction: JunctionFleet
    logger: LoggerFleet


class CrewFile(Declaration):
    """A crew and the station it starts from."""

    code: str
    zh: str
    en: str
    lon: Degrees
    lat: Degrees
    skills: Annotated[tuple[str, ...], Field(min_length=1)]
    vehicle: str


class DepartmentFile(Sourced):
    """``departments/<code>.toml``: an office with its duty desk."""

    code: str
    zh: str
    en: str
    speaks: str
    duties: Annotated[tuple[str, ...], Field(min_length=1)]
    crew: tuple[CrewFile, ...] = ()


class CloudFile(Sourced):
    """``clouds/<vendor>.toml``: a vendor's cloud; its devices stand beside it in ``<vendor>.csv``.

    ``ordinal`` numbers the bridges of a city, ``poll_s`` is how often a cloud that is asked is asked [s].
    """

    vendor: str
    ordinal: Annotated[int, Field(ge=1, le=999)]
    poll_s: Positive = 900.0
