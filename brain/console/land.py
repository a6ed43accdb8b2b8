"""The land under the map: outlines, mains and landmarks from the city's register, as one document."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
import shapely
from numpy.typing import NDArray

from brain.console.shown import Json, Panel
from brain.views import Name
from datahub.contract.city import City, Division, ObjectTable
from datahub.contract.observations import Floats

_DECIMALS: Final = 5
"""A hundred-thousandth of a degree is about a metre."""

_NEAR_DEG: Final = 0.01
"""As near to a water works as its outlet is [deg]."""


@dataclass(frozen=True)
class Land:
    """The map's ground of one city."""

    city: City

    @cached_property
    def document(self) -> Panel:
        """Outlines of city, districts, streets and communities [lat, lon], trunk mains, plants and hospitals."""
        city = self.city
        return {
            "view": self._view(),
            "outline": _rings(boundary(city.outline)),
            "districts": [
                _division(each) | {"rings": _rings(boundary(each.rings))} for each in city.of_level("district")
            ],
            "streets": [_division(each) for each in city.of_level("street")],
            "communities": {each.code: _division(each) for each in city.of_level("community")},
            "mains": _mains(city),
            "plants": _landmarks(city, "plant"),
            "hospitals": _landmarks(city, "hospital"),
        }

    @staticmethod
    def short(name: str) -> str:
        """A division's name as people say it: without the office that stands for it."""
        for tail in ("社区居民委员会", "居民委员会", "村民委员会", " Community", " Village"):
            name = name.removesuffix(tail)
        return name

    @cached_property
    def packed(self) -> bytes:
        """The document as gzipped JSON."""
        return gzip.compress(msgspec.json.encode(self.document), compresslevel=6, mtime=0)

    def _view(self) -> Json:
        """Corners [lat, lon] around the whole city, its islands too."""
        points = np.concatenate(self.city.outline) if self.city.outline else self._middles
        if not len(points):
            return []
        (west, south), (east, north) = np.round([points.min(axis=0), points.max(axis=0)], _DECIMALS).tolist()
        return [[south, west], [north, east]]

    def near(self, lon: float, lat: float) -> Division | None:
        """The community around a place: the one whose middle is nearest."""
        places = self._middles
        if not len(places):
            return None
        away = np.square((places[:, 0] - lon) * np.cos(np.radians(lat))) + np.square(places[:, 1] - lat)
        return self.city.divisions[self.city.communities[int(np.argmin(away))]]

    def plant(self, lon: float, lat: float) -> Name | None:
        """The water works at a place; None if there is none within about a kilometre."""
        table = self.city.objects.get("plant")
        if table is None or not len(table) or "zh" not in table.columns:
            return None
        away = np.abs(table.lon - lon) + np.abs(table.lat - lat)
        row = int(np.argmin(away))
        return Name(str(table.columns["zh"][row]), str(table.columns["en"][row])) if away[row] < _NEAR_DEG else None

    @cached_property
    def _middles(self) -> Floats:
        divisions = [self.city.divisions[code] for code in self.city.communities]
        return np.array([(each.lon, each.lat) for each in divisions], np.float64).reshape(-1, 2)


def boundary(rings: Iterable[Floats]) -> tuple[Floats, ...]:
    """The outlines of what ``rings`` make up together [deg], largest first.

    A ring has no hole, so land around one is held as parts that share a seam; a map shows no seam.
    """
    whole = shapely.get_parts(shapely.union_all([shapely.Polygon(ring) for ring in rings]))
    lines = [line for part in whole for line in (part.exterior, *part.interiors)]
    ordered = sorted(lines, key=lambda line: shapely.Polygon(line).area, reverse=True)
    return tuple(shapely.get_coordinates(line) for line in ordered)


def _points(ring: NDArray[np.float64]) -> Json:
    return [[lat, lon] for lon, lat in np.round(ring, _DECIMALS).tolist()]


def _rings(rings: Iterable[Floats]) -> Json:
    return [_points(ring) for ring in rings]


def _division(each: Division) -> Panel:
    return {
        "zh": each.zh,
        "en": each.en,
        "at": [round(each.lat, _DECIMALS), round(each.lon, _DECIMALS)],
        "rings": _rings(each.rings),
    }


def _mains(city: City) -> Json:
    """Trunk mains as [lat, lon, lat, lon, diameter in mm, code]."""
    pipes, nodes = city.water.pipes, city.water.nodes
    trunk = np.flatnonzero(np.asarray(pipes.columns["trunk"], np.bool_))
    a, b = (np.asarray(pipes.columns[name])[trunk].astype(np.int64) for name in ("a", "b"))
    ends = np.round(np.stack([nodes.lat[a], nodes.lon[a], nodes.lat[b], nodes.lon[b]], axis=1), _DECIMALS)
    width = np.round(np.asarray(pipes.columns["diameter_m"], np.float64)[trunk] * 1_000)
    return [
        [*four, int(mm), str(code)]
        for four, mm, code in zip(ends.tolist(), width.tolist(), pipes.code[trunk].tolist(), strict=True)
    ]


def _landmarks(city: City, name: str) -> Json:
    table: ObjectTable | None = city.objects.get(name)
    if table is None:
        return []
    zh, en = (table.columns.get(key, table.code.astype(np.str_)) for key in ("zh", "en"))
    return [
        {"at": [round(lat, _DECIMALS), round(lon, _DECIMALS)], "zh": str(z), "en": str(e)}
        for lat, lon, z, e in zip(table.lat.tolist(), table.lon.tolist(), zh, en, strict=True)
    ]
