"""A flat map of one city, so that lengths and areas are metres.

Equirectangular about the city's middle: over 130 km at 22 degrees north a length is right within 0.5 %, which is less
than the outlines themselves are simplified by (about 50 m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import ArrayLike
from shapely.geometry.base import BaseGeometry

from datahub.contract.observations import Floats

METRES_PER_DEGREE: Final = 6_371_008.8 * np.pi / 180
"""One degree of a great circle on the mean sphere (IUGG mean radius 6 371 008.8 m) [m/deg]."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Metres east and north of a point [deg]."""

    lon: float
    lat: float

    @property
    def shrink(self) -> float:
        """Length of a degree of longitude over that of latitude."""
        return float(np.cos(np.radians(self.lat)))

    def xy(self, lon: ArrayLike, lat: ArrayLike) -> Floats:
        """Positions [deg] as array (n, 2) [m]."""
        east = (np.asarray(lon, np.float64) - self.lon) * self.shrink
        north = np.asarray(lat, np.float64) - self.lat
        return np.stack((east, north), axis=-1) * METRES_PER_DEGREE

    def degrees(self, xy: Floats) -> Floats:
        """Positions (n, 2) [m] as lon, lat [deg]."""
        scaled = np.asarray(xy, np.float64) / METRES_PER_DEGREE
        return np.stack((scaled[..., 0] / self.shrink + self.lon, scaled[..., 1] + self.lat), axis=-1)

    def flat(self, shape: BaseGeometry) -> BaseGeometry:
        """A shape in degrees, in metres."""
        return shapely.transform(shape, lambda points: self.xy(points[:, 0], points[:, 1]))

    def round(self, shape: BaseGeometry) -> BaseGeometry:
        """A shape in metres, in degrees."""
        return shapely.transform(shape, self.degrees)
