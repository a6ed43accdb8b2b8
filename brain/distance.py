"""How far it is from one place to another."""

from __future__ import annotations

from math import cos, hypot, radians
from typing import Final, Protocol

_METRES_PER_DEGREE: Final = 111_195.0
"""Length of one degree of a great circle [m]: 6 371 km x pi / 180 (mean earth radius, IUGG)."""


class Somewhere(Protocol):
    """Anything with a position [deg, WGS 84]."""

    @property
    def lon(self) -> float:
        """Longitude [deg]."""

    @property
    def lat(self) -> float:
        """Latitude [deg]."""


def distance_m(a: Somewhere, b: Somewhere) -> float:
    """Distance as the crow flies [m], on a locally flat earth."""
    east = (b.lon - a.lon) * cos(radians((a.lat + b.lat) / 2))
    return hypot(east, b.lat - a.lat) * _METRES_PER_DEGREE
