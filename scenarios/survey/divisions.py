"""The divisions of a city: official codes and names from its table, outlines from its map and the seeded partition."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Final

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from datahub.contract.city import Division
from datahub.contract.errors import DeclarationError
from datahub.contract.observations import Floats
from scenarios.declarations import text_of, unknown
from scenarios.survey.declared import CityFile
from scenarios.survey.partition import cells, middles, rings
from scenarios.survey.people import populations
from scenarios.survey.plane import Plane

LEVELS: Final = {"district": 6, "street": 9, "community": 12}
"""Levels of division and the digits of their codes."""

COLUMNS: Final = ["code", "level", "zh", "en", "parent"]


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """The city's divisions, and the areas of its communities [m] in the order of ``communities``."""

    divisions: Mapping[str, Division]
    communities: tuple[Division, ...]
    shapes: tuple[BaseGeometry, ...]
    outline: tuple[Floats, ...]
    plane: Plane


def survey_ground(folder: Traversable, declared: CityFile, *, rng: np.random.Generator) -> Ground:
    """Divide the city's ground among its divisions, and its people among its communities."""
    table = read_table(folder / "divisions.csv", adcode=declared.adcode)
    outlines = read_map(folder / "map.geojson", [declared.adcode, *(d.code for d in table if d.level == "district")])
    west, south, east, north = outlines[declared.adcode].bounds
    plane = Plane((west + east) / 2, (south + north) / 2)
    check_references(folder / "city.toml", declared, table)
    areas: dict[str, BaseGeometry] = {}
    middle: dict[str, Floats] = {}
    pinned = {place.code: plane.xy(place.lon, place.lat) for place in declared.place}
    for district in _of(table, "district"):
        areas[district.code] = plane.flat(outlines[district.code])
        _divide_district(district.code, table, declared, plane, areas, middle, pinned, rng)
    codes = [d.code for d in table if d.level == "community"]
    weights = {street.code: street.weight for street in declared.street}
    weights.update({place.code: place.weight for place in declared.place})
    people = populations(codes, census=declared.census, settling=declared.settling, weights=weights, rng=rng)
    divisions = _finished(table, areas, middle, dict(zip(codes, people.tolist(), strict=True)), plane)
    return Ground(
        divisions=divisions,
        communities=tuple(d for d in divisions.values() if d.level == "community"),
        shapes=tuple(areas[code] for code in codes),
        outline=rings(outlines[declared.adcode]),
        plane=plane,
    )


def read_table(path: Traversable, *, adcode: str) -> tuple[Division, ...]:
    """The table of divisions: districts, then streets, then communities, each in the order of their codes.

    Raises:
        DeclarationError: for a wrong heading, level, code or parent, with its line.
    """
    reader = csv.reader(text_of(path).splitlines())
    found: dict[str, Division] = {}
    for line, row in enumerate(reader, 1):
        if line == 1 and row == COLUMNS:
            continue
        if line == 1 or len(row) != len(COLUMNS):
            raise DeclarationError(
                f"{len(row)} columns", file=str(path), line=line, remedy=f"give {', '.join(COLUMNS)}"
            )
        code, level, zh, en, parent = row
        above = adcode if level == "district" else code[: {"street": 6, "community": 9}.get(level, 0)]
        if level not in LEVELS or not (code.isdigit() and len(code) == LEVELS[level]) or code in found:
            rule = f"'{code}' is no new {level} code"
            raise DeclarationError(rule, file=str(path), line=line, remedy="6, 9 or 12 digits, each code once")
        if parent != above or (level != "district" and parent not in found):
            rule = f"parent of '{code}' is '{parent}'"
            raise DeclarationError(rule, file=str(path), line=line, remedy=f"write '{above}' and list it first")
        found[code] = Division(code, level, zh, en, parent, 0, np.nan, np.nan)
    return tuple(sorted(found.values(), key=lambda d: (LEVELS[d.level], d.code)))


def read_map(path: Traversable, codes: Sequence[str]) -> dict[str, BaseGeometry]:
    """Outlines [deg] by code.

    Raises:
        DeclarationError: if the map is no GeoJSON or lacks one of the ``codes``.
    """
    try:
        features = json.loads(text_of(path))["features"]
        shapes = {f["properties"]["code"]: shapely.from_geojson(json.dumps(f["geometry"])) for f in features}
    except (ValueError, KeyError, TypeError, shapely.GEOSException) as error:
        rule = f"this is no GeoJSON with a code for each feature ({error})"
        raise DeclarationError(rule, file=str(path), remedy="write a FeatureCollection (RFC 7946)") from error
    for code in codes:
        if code not in shapes:
            raise DeclarationError(f"there is no outline of '{code}'", file=str(path), remedy="add a feature")
    return {code: shape if shape.is_valid else shape.buffer(0) for code, shape in shapes.items()}


def check_references(path: Traversable, declared: CityFile, table: Sequence[Division]) -> None:
    """See that city.toml speaks of divisions that there are, and forgets none.

    Raises:
        DeclarationError: about the first that does not fit.
    """
    known = {level: [d.code for d in table if d.level == level] for level in LEVELS}
    for i, street in enumerate(declared.street):
        if street.code not in known["street"]:
            raise unknown("street", street.code, known["street"], path=path, keys=("street", i, "code"))
    for i, place in enumerate(declared.place):
        if place.code not in known["community"]:
            raise unknown("community", place.code, known["community"], path=path, keys=("place", i, "code"))
    for i, system in enumerate(declared.island_system):
        for code in system.communities:
            if code not in known["community"]:
                keys = ("island_system", i, "communities")
                raise unknown("community", code, known["community"], path=path, keys=keys)
    for code in declared.census.districts:
        if code not in known["district"]:
            raise unknown("district", code, known["district"], path=path, keys=("census", "districts", code))
    seeded = {street.code for street in declared.street}
    for code in known["street"]:
        if code not in seeded:
            raise DeclarationError(
                f"street '{code}' has no seed", file=str(path), remedy=f"add a [[street]] for {code}"
            )
    for code in known["district"]:
        if code not in declared.census.districts:
            rule = f"the census has no people for district '{code}'"
            raise DeclarationError(rule, file=str(path), remedy="add it to census.districts")


def _divide_district(
    district: str,
    table: Sequence[Division],
    declared: CityFile,
    plane: Plane,
    areas: dict[str, BaseGeometry],
    middle: dict[str, Floats],
    pinned: Mapping[str, Floats],
    rng: np.random.Generator,
) -> None:
    """Areas and middles of a district's streets and communities."""
    seeds = {street.code: plane.xy(*np.array(street.seeds).T) for street in declared.street}
    streets = [d.code for d in table if d.level == "street" and d.parent == district]
    for street, area in zip(streets, cells(areas[district], [seeds[code] for code in streets]), strict=True):
        areas[street], middle[street] = area, seeds[street][0]
        inside = [d.code for d in table if d.level == "community" and d.parent == street]
        free = [code for code in inside if code not in pinned]
        drawn = middles(area, len(free), centre=seeds[street][0], rng=rng) if free else np.zeros((0, 2))
        middle.update({**dict(zip(free, drawn, strict=True)), **{c: pinned[c] for c in inside if c in pinned}})
        shares = cells(area, [middle[code][None] for code in inside])
        areas.update(zip(inside, shares, strict=True))


def _finished(
    table: Sequence[Division],
    areas: Mapping[str, BaseGeometry],
    middle: Mapping[str, Floats],
    people: Mapping[str, int],
    plane: Plane,
) -> dict[str, Division]:
    """The divisions with their outlines, middles and people."""
    total = dict(people)
    for code, count in people.items():
        for above in (code[:6], code[:9]):
            total[above] = total.get(above, 0) + count
    divisions: dict[str, Division] = {}
    for division in table:
        area = areas[division.code]
        inner = shapely.get_coordinates(area.representative_point())[0]
        lon, lat = plane.degrees(middle.get(division.code, inner)).tolist()
        divisions[division.code] = replace(
            division,
            population=total[division.code],
            lon=round(lon, 6),
            lat=round(lat, 6),
            rings=tuple(np.round(plane.degrees(ring), 6) for ring in rings(area)),
        )
    return divisions


def _of(table: Sequence[Division], level: str) -> list[Division]:
    return [division for division in table if division.level == level]
