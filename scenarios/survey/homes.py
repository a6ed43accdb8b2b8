"""Homes and their water meters: a million rows, so only columns.

A household lives in a building of its community; where a community has room to spare its buildings crowd around the
middle. A building hangs on the ring main's node in whose sector (seen from the middle) it stands, so that each node
supplies exactly the households that the network was laid for.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from datahub.contract.city import Division, ObjectTable, WaterNetwork
from datahub.contract.observations import Floats, Ints
from scenarios.survey.partition import scattered
from scenarios.survey.plane import Plane
from scenarios.survey.register import chosen, coded, taken

DOOR_M = 8.0
"""How far doors of one building lie from its middle [m] (assumed; a point on the map, nothing depends on it)."""


def lay_meters(
    *,
    communities: Sequence[Division],
    shapes: Sequence[BaseGeometry],
    water: WaterNetwork,
    plane: Plane,
    owner: str,
    households_per_building: float,
    density_per_km2: float,
    ratio: float,
    rng: np.random.Generator,
) -> ObjectTable:
    """One meter point for each household, of which ``ratio`` is kept (share that has a meter, times scale).

    ``shapes`` are the areas of the communities [m].
    """
    supplied: Ints = np.asarray(water.nodes.columns["households"], np.int64)
    middle = plane.xy([d.lon for d in communities], [d.lat for d in communities])
    node_xy = plane.xy(water.nodes.lon, water.nodes.lat)
    places: list[Floats] = []
    nodes: list[NDArray[np.int32]] = []
    for c, division in enumerate(communities):
        rows = np.flatnonzero((water.nodes.community == c) & (supplied > 0))
        rows = rows[np.argsort(_angle(node_xy[rows], middle[c]), kind="stable")]
        homes = int(supplied[rows].sum())
        radius = 1_000 * float(np.sqrt(division.population / density_per_km2 / np.pi))
        count = max(int(homes / households_per_building), 1)
        buildings = crowded(_home_land(shapes[c], middle[c]), count, middle=middle[c], radius=radius, rng=rng)
        start = _angle(node_xy[rows[:1]], middle[c])[0] - np.pi / max(len(rows), 1)
        turn = np.mod(_angle(buildings, middle[c]) - start, 2 * np.pi)
        buildings = buildings[np.argsort(turn, kind="stable")]
        places.append(np.repeat(buildings, _shares(homes, count), axis=0))
        nodes.append(np.repeat(rows, supplied[rows]).astype(np.int32))
    xy = np.concatenate(places)
    xy += rng.uniform(-DOOR_M, DOOR_M, xy.shape)
    degrees = plane.degrees(xy)
    community = np.repeat(np.arange(len(communities), dtype=np.int32), [len(place) for place in places])
    columns = {"node": np.concatenate(nodes)}
    table, _ = coded(
        "meter_point",
        communities=communities,
        community=community,
        lon=degrees[:, 0],
        lat=degrees[:, 1],
        owner=owner,
        columns=columns,
    )
    return taken(table, chosen(table.code, ratio))


def crowded(area: BaseGeometry, count: int, *, middle: Floats, radius: float, rng: np.random.Generator) -> Floats:
    """``count`` places within an area [m], crowded around its middle by a normal law of ``radius`` [m]."""
    points = scattered(area, 8 * count + 64, rng=rng)
    away = ((points - middle) ** 2).sum(axis=1)
    weight = 1e-3 + np.exp(-away / (2 * radius**2))
    lots = np.log(rng.uniform(size=len(points))) / weight  # Efraimidis & Spirakis 2006: weighted, without replacement
    return points[np.argsort(-lots, kind="stable")[:count]]


def _home_land(shape: BaseGeometry, middle: Floats) -> BaseGeometry:
    """The land of a community on which its middle lies: nobody lives on its islets and artificial islands."""
    lands = shapely.get_parts(shape)
    home: BaseGeometry = lands[shapely.distance(lands, shapely.Point(middle)).argmin()]
    return home


def _shares(total: int, count: int) -> Ints:
    """``total`` things in ``count`` shares that differ by one at most."""
    return np.diff(np.arange(count + 1, dtype=np.int64) * total // count)


def _angle(xy: Floats, middle: Floats) -> Floats:
    """Direction of places seen from a middle [rad]."""
    away = xy - middle
    return np.arctan2(away[..., 1], away[..., 0])
