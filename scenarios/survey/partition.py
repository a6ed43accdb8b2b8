"""Streets and communities as areas: nobody publishes their outlines, so the district is divided by seeded cells.

A district falls to its streets by Voronoi cells of the streets' seeds (city.toml: real centres, several seeds where a
street is long), a street to its communities by Voronoi cells of points that lie closer together towards the street's
centre, so that central communities are small and outlying ones large. A piece that an inlet cuts off from its cell
goes to the neighbour with which it shares most border, so that what is one on land stays one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPoint
from shapely.geometry.base import BaseGeometry

from datahub.contract.observations import Floats

CANDIDATES: Final = 80
"""Points drawn for each community, of which its cell's middle is found."""

ROUNDS: Final = 12
"""Rounds of Lloyd's algorithm; more do not move the middles visibly."""


def cells(area: BaseGeometry, seeds: Sequence[Floats]) -> list[BaseGeometry]:
    """The area divided among owners: each land among those with a seed on it, by the nearest seed.

    An islet without a seed goes whole to the owner of the nearest one. A seed that lies off the coast counts for the
    nearest land.

    Args:
        area: polygon or multipolygon [m].
        seeds: for each owner an array (k, 2) of its seeds [m].
    """
    if len(seeds) == 1:
        return [area]
    points = np.concatenate(seeds)
    owner = np.repeat(np.arange(len(seeds)), [len(own) for own in seeds])
    lands, places = shapely.get_parts(area), np.array([shapely.Point(point) for point in points])
    land_of = np.asarray(shapely.distance(places[:, None], lands[None, :])).argmin(axis=1)
    shares: list[list[BaseGeometry]] = [[] for _ in seeds]
    for number, land in enumerate(lands):
        here = np.flatnonzero(land_of == number)
        if len(here) == 0:
            here = np.array([np.asarray(shapely.distance(places, land)).argmin()])
        for k, share in _shared_out(land, points[here], owner[here]).items():
            shares[k].append(share)
    return [polygonal(shapely.union_all(share)) for share in shares]


def _shared_out(land: BaseGeometry, points: Floats, owner: NDArray[np.intp]) -> dict[int, BaseGeometry]:
    """One land among the owners of the points, healed."""
    owners = np.unique(owner).tolist()
    if len(owners) == 1:
        return {owners[0]: land}
    pieces = shapely.voronoi_polygons(MultiPoint(points), extend_to=land.envelope.buffer(1.0), ordered=True).geoms
    wholes = [shapely.union_all([pieces[i] for i in np.flatnonzero(owner == k)]) for k in owners]
    return dict(zip(owners, healed([polygonal(whole.intersection(land)) for whole in wholes]), strict=True))


def healed(shapes: list[BaseGeometry]) -> list[BaseGeometry]:
    """The same area with every cut-off piece given to the neighbour with which it shares most border.

    A piece that touches no other cell stays where it is.
    """
    owned = [sorted(shapely.get_parts(shape), key=lambda part: -part.area) for shape in shapes]
    moved: list[list[BaseGeometry]] = [[] for _ in shapes]
    for i, parts in enumerate(owned):
        for part in parts[1:]:
            borders = [part.intersection(shape).length if k != i else 0.0 for k, shape in enumerate(shapes)]
            best = int(np.argmax(borders))
            moved[best if borders[best] > 0 else i].append(part)
    return [polygonal(shapely.union_all([*parts[:1], *moved[i]])) for i, parts in enumerate(owned)]


def middles(area: BaseGeometry, count: int, *, centre: Floats, rng: np.random.Generator) -> Floats:
    """Middles of ``count`` communities within a street, closer together towards its centre: array (count, 2) [m]."""
    land = max(shapely.get_parts(area), key=lambda part: float(part.area))
    points = scattered(land, CANDIDATES * count, rng=rng)
    reach = 0.35 * np.sqrt(land.area)
    weight = 0.02 + np.exp(-np.hypot(*(points - centre).T) / reach)
    chosen = points[rng.choice(len(points), count, replace=False, p=weight / weight.sum())]
    for _ in range(ROUNDS):
        nearest = _nearest(points, chosen)
        mass = np.bincount(nearest, weight, count)
        sums = np.stack([np.bincount(nearest, weight * points[:, axis], count) for axis in (0, 1)], axis=1)
        chosen = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-12)[:, None], chosen)
    inside = shapely.contains_xy(land, chosen[:, 0], chosen[:, 1])
    back = points[_nearest(chosen, points)]
    return np.where(inside[:, None], chosen, back)


def scattered(area: BaseGeometry, count: int, *, rng: np.random.Generator) -> Floats:
    """``count`` points drawn evenly over an area: array (count, 2) [m]."""
    west, south, east, north = area.bounds
    shapely.prepare(area)
    kept: list[Floats] = []
    while sum(map(len, kept)) < count:
        drawn = rng.uniform((west, south), (east, north), (2 * count + 16, 2))
        kept.append(drawn[shapely.contains_xy(area, drawn[:, 0], drawn[:, 1])])
    return np.concatenate(kept)[:count]


def polygonal(shape: BaseGeometry) -> BaseGeometry:
    """The areas of a shape, without the points and lines that an intersection leaves."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon"]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def rings(shape: BaseGeometry) -> tuple[Floats, ...]:
    """Outlines of a shape's parts, largest first; a part with a hole is cut through the hole, for a ring has none."""
    return tuple(shapely.get_coordinates(part.exterior) for part in _whole(shape))


def _whole(shape: BaseGeometry) -> list[shapely.Polygon]:
    """Polygons without holes that make up a shape."""
    done: list[shapely.Polygon] = []
    rest = list(shapely.get_parts(shape))
    while rest:
        part = rest.pop()
        if not part.interiors:
            done.append(part)
            continue
        west, south, east, north = part.bounds
        across = shapely.Polygon(part.interiors[0]).centroid.x
        halves = (shapely.box(west, south, across, north), shapely.box(across, south, east, north))
        rest.extend(p for half in halves for p in shapely.get_parts(polygonal(part.intersection(half))))
    return sorted(done, key=lambda part: -part.area)


def _nearest(points: Floats, seeds: Floats) -> NDArray[np.intp]:
    """For each point the row of the nearest seed."""
    squares: Floats = ((points[:, None, :] - seeds[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(squares.argmin(axis=1))
