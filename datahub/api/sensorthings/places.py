"""Geometries of $filter: points, lines and areas in lon, lat (WGS 84), compared in the plane as the standard does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import shapely
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from datahub.api.sensorthings.grammar import Shape, wrong
from datahub.queries import distance_m

_TESTS: Final[Mapping[str, Callable[[BaseGeometry, BaseGeometry], bool]]] = {
    "geo.intersects": lambda a, b: bool(a.intersects(b)),
    "st_intersects": lambda a, b: bool(a.intersects(b)),
    "st_equals": lambda a, b: bool(a.equals(b)),
    "st_disjoint": lambda a, b: bool(a.disjoint(b)),
    "st_touches": lambda a, b: bool(a.touches(b)),
    "st_within": lambda a, b: bool(a.within(b)),
    "st_overlaps": lambda a, b: bool(a.overlaps(b)),
    "st_crosses": lambda a, b: bool(a.crosses(b)),
    "st_contains": lambda a, b: bool(a.contains(b)),
}


def geometry(value: object) -> BaseGeometry | None:
    """The geometry that a literal or a GeoJSON object tells; None if it tells none.

    Raises:
        Problem: 400, if a literal is no WKT.
    """
    if isinstance(value, Shape):
        return _written(value.wkt)
    if isinstance(value, dict):
        inner = value.get("geometry", value)
        try:
            return shape(inner)
        except (GEOSException, ValueError, TypeError, AttributeError, KeyError, IndexError):
            return None
    return None


@lru_cache(maxsize=64)
def _written(wkt: str) -> BaseGeometry:
    try:
        return shapely.from_wkt(wkt)
    except GEOSException as error:
        raise wrong(f"'{wkt:.60}' is no WKT; write it like POINT (113.58 22.27)") from error


def compared(name: str, one: object, other: object) -> bool | float | None:
    """What a geometry function says of two values; distances in metres between points, else between what is nearest."""
    a, b = geometry(one), geometry(other)
    if a is None or b is None:
        return None
    if name != "geo.distance":
        return _TESTS[name](a, b)
    p, q = shapely.shortest_line(a, b).coords
    return float(distance_m(np.array([p[0]]), np.array([p[1]]), lon=float(q[0]), lat=float(q[1]))[0])


def length_m(value: object) -> float | None:
    """Length of a line [m], on a sphere."""
    line = geometry(value)
    if line is None or line.geom_type != "LineString":
        return None
    at = np.asarray(line.coords)
    legs = [distance_m(at[i : i + 1, 0], at[i : i + 1, 1], lon=q[0], lat=q[1])[0] for i, q in enumerate(at[1:])]
    return float(sum(legs))
