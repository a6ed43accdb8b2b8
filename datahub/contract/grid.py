"""Unit grids: the cells of about 10 000 m2 by which the city's managers say where something is.

A grid's code has 15 digits: district, street, community and three of a number within the community (domain.md 1.2,
V2 [S1]), counted west to east, then north to south. Nobody keeps a list of them: a community's grids are made when one
of them is asked for. They are squares of 100 m (10 000 m2, the "ten-thousand-metre grid", V [S40]) clipped to the
community's outline; where 999 of these would not cover it, squares as large as are needed (our choice).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry

from datahub.contract.city import Division
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints

SIDE_M: Final = 100.0
"""Side of a grid where people live [m]."""

MOST: Final = 999
"""Grids that three digits can number within one community."""

_METRES: Final = 6_371_008.8 * np.pi / 180
"""Metres in one degree of a great circle (IUGG mean radius)."""


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """The grids of one community: rows of squares, of which those are numbered that lie on its ground."""

    west: float
    north: float
    step_lon: float
    step_lat: float
    number: NDArray[np.int16]
    """Number of each square, array (rows from north, columns from west); 0: not on its ground."""


class UnitGrids:
    """Finds the community and the unit grid of any place, and the outline of any grid."""

    def __init__(self, divisions: Mapping[str, Division]) -> None:
        self._communities = tuple(d for d in divisions.values() if d.level == "community")
        self._shapes = [_shape(division) for division in self._communities]
        self._tree = shapely.STRtree(self._shapes)
        self._row = {division.code: row for row, division in enumerate(self._communities)}
        self._rasters: dict[int, Raster] = {}

    def community_of(self, lon: ArrayLike, lat: ArrayLike, *, nearest: bool = False) -> NDArray[np.int32]:
        """Row of the community in which each place [deg] lies; -1 outside the city, or the ``nearest`` there."""
        points = np.atleast_1d(np.asarray(shapely.points(np.asarray(lon, np.float64), np.asarray(lat, np.float64))))
        row = np.full(len(points), -1, np.int32)
        place, found = self._tree.query(points, predicate="intersects")
        order = np.lexsort((-found, place))  # on a border the community with the lower code wins
        row[place[order]] = found[order]
        if nearest and (row < 0).any():
            row[row < 0] = self._tree.nearest(points[row < 0])
        return row

    def grid_of(self, lon: float, lat: float) -> str:
        """Code of the unit grid at a place [deg]; of the nearest one where the place lies off the city's ground."""
        return f"{self.grids_of(lon, lat)[0]:015d}"

    def grids_of(self, lon: ArrayLike, lat: ArrayLike) -> Ints:
        """Codes of the unit grids at places [deg], as numbers; of the nearest where a place lies off the ground."""
        x, y = np.atleast_1d(np.asarray(lon, np.float64)), np.atleast_1d(np.asarray(lat, np.float64))
        community = self.community_of(x, y, nearest=True)
        codes = np.zeros(len(x), np.int64)
        order = np.argsort(community, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(community[order])) + 1) if len(order) else ():
            row = int(community[places[0]])
            number = _numbers(self._raster(row), x[places], y[places])
            codes[places] = int(self._communities[row].code) * 1000 + number
        return codes

    def outline(self, code: str) -> tuple[Floats, ...]:
        """Rings [deg] of a unit grid: its square, clipped to the community.

        Raises:
            UsageError: if there is no such grid.
        """
        row = self._row.get(code[:12], -1)
        raster = self._raster(row) if row >= 0 and len(code) == 15 and code.isdigit() else None
        if raster is None or not (raster.number == int(code[12:])).any() or int(code[12:]) == 0:
            raise UsageError(f"there is no unit grid '{code}'; 15 digits: community of this city and 001 to its last")
        (i,), (j,) = np.nonzero(raster.number == int(code[12:]))
        west, north = raster.west + j * raster.step_lon, raster.north - i * raster.step_lat
        square = shapely.box(west, north - raster.step_lat, west + raster.step_lon, north)
        parts = shapely.get_parts(shapely.intersection(square, self._shapes[row]))
        return tuple(shapely.get_coordinates(part) for part in parts if part.geom_type == "Polygon")

    def count(self, community: int) -> int:
        """How many unit grids a community (by row) has."""
        return int(self._raster(community).number.max())

    def _raster(self, row: int) -> Raster:
        """The grids of a community, made when first asked for."""
        if row not in self._rasters:
            shape = self._shapes[row]
            side = SIDE_M
            raster = _laid(shape, side)
            while raster.number.max() > MOST:
                side *= max(1.02, float(np.sqrt(raster.number.max() / MOST)))
                raster = _laid(shape, side)
            self._rasters[row] = raster
        return self._rasters[row]


def _numbers(raster: Raster, lon: Floats, lat: Floats) -> Ints:
    """Numbers of the squares at places [deg]; of the nearest that has one where the square lies off the ground."""
    rows, columns = raster.number.shape
    i = np.clip((raster.north - lat) // raster.step_lat, 0, rows - 1).astype(np.int64)
    j = np.clip((lon - raster.west) // raster.step_lon, 0, columns - 1).astype(np.int64)
    number = raster.number[i, j].astype(np.int64)
    off = np.flatnonzero(number == 0)
    if len(off):
        ys, xs = np.nonzero(raster.number)
        for k in off.tolist():
            number[k] = raster.number[ys, xs][np.argmin((ys - i[k]) ** 2 + (xs - j[k]) ** 2)]
    return number


def _shape(division: Division) -> BaseGeometry:
    """Area of a division [deg]."""
    rings = division.rings or (np.array([[division.lon, division.lat]] * 4),)
    shape: BaseGeometry = shapely.MultiPolygon([shapely.Polygon(ring) for ring in rings])
    return shape if shape.is_valid else shape.buffer(0)


def _laid(shape: BaseGeometry, side_m: float) -> Raster:
    """Squares of one side over a community, those numbered that share ground with it (more than a ten-thousandth)."""
    west, south, east, north = shape.bounds
    step_lat = side_m / _METRES
    step_lon = step_lat / float(np.cos(np.radians((south + north) / 2)))
    columns = max(int(np.ceil((east - west) / step_lon)), 1)
    rows = max(int(np.ceil((north - south) / step_lat)), 1)
    j, i = np.meshgrid(np.arange(columns), np.arange(rows))
    x, y = west + j * step_lon, north - i * step_lat
    squares = shapely.box(x, y - step_lat, x + step_lon, y)
    shapely.prepare(shape)
    taken = shapely.intersects(shape, squares)
    edge = taken & ~shapely.contains_properly(shape, squares)
    shared = shapely.area(shapely.intersection(shape, squares[edge]))
    taken[edge] = shared > 1e-4 * step_lon * step_lat
    if not taken.any():
        taken[0, 0] = True
    numbers = np.where(taken, np.cumsum(taken).reshape(taken.shape), 0)
    if numbers.max() > np.iinfo(np.int16).max:
        numbers = np.minimum(numbers, np.iinfo(np.int16).max)
    return Raster(west, north, step_lon, step_lat, numbers.astype(np.int16))
