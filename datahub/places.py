"""In which unit grid, community, street and district every device stands: the city's divisions over the registry."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import City
from datahub.contract.codes import AreaLevel
from datahub.contract.errors import UsageError
from datahub.contract.grid import UnitGrids
from datahub.contract.observations import Ints
from datahub.devices.registry import Registry

_CODE = re.compile(r"[0-9]{6}|[0-9]{9}|[0-9]{12}|[0-9]{15}")

_UPWARD = (AreaLevel.COMMUNITY, AreaLevel.STREET, AreaLevel.DISTRICT)


class Places:
    """Finds the areas of devices. What lies off the city's ground counts to the community that is nearest.

    To be asked under the store's lock, as the registry.

    Args:
        city: whose divisions count; None where the hub serves no city that we have a map of.
    """

    def __init__(self, registry: Registry, city: City | None) -> None:
        self._registry, self._city = registry, city
        self._grids = None if city is None else UnitGrids(city.divisions)
        self._version = -1
        self._known: dict[AreaLevel, Ints] = {}

    def of(self, level: AreaLevel) -> Ints:
        """Code of the area of each device, by registry row.

        Raises:
            UsageError: if there is no city.
        """
        city, grids = self._there()
        registry = self._registry
        registry.settle()
        if registry.version != self._version:
            self._known, self._version = {}, registry.version
        if level not in self._known:
            if level is AreaLevel.CITY:
                found = np.full(len(registry), int(city.adcode), np.int64)
            elif level is AreaLevel.GRID:
                found = grids.grids_of(registry.lon, registry.lat)
            else:
                row = grids.community_of(registry.lon, registry.lat, nearest=True)
                found = _upward(city, level)[row]
            self._known[level] = found
        return self._known[level]

    def inside(self, areas: Sequence[str]) -> NDArray[np.bool_]:
        """Which devices, by registry row, stand in any of some areas of any level.

        Raises:
            UsageError: if one is no area of the city.
        """
        keep = np.zeros(len(self.of(AreaLevel.CITY)), np.bool_)
        for code in areas:
            keep |= self.of(self.level(code)) == int(code)
        return keep

    def level(self, code: str) -> AreaLevel:
        """Which level of area a code stands for.

        Raises:
            UsageError: if there is no such area.
        """
        city, grids = self._there()
        if code == city.adcode:
            return AreaLevel.CITY
        if _CODE.fullmatch(code) and code in city.divisions:
            return AreaLevel(city.divisions[code].level)
        if _CODE.fullmatch(code) and len(code) == 15:
            grids.outline(code)
            return AreaLevel.GRID
        raise UsageError(
            f"'{code:.20}' is no area of {city.en}; give the city's code or one of its divisions or unit grids"
        )

    def around(self, code: str) -> tuple[str, ...]:
        """Codes of an area and of all that it lies in, the smallest first.

        Raises:
            UsageError: if there is no such area.
        """
        city, _ = self._there()
        level = self.level(code)
        found = [code]
        if level is AreaLevel.GRID:
            found.append(code[:12])
        while found[-1] in city.divisions and city.divisions[found[-1]].parent in city.divisions:
            found.append(city.divisions[found[-1]].parent)
        return tuple(found) if level is AreaLevel.CITY else (*found, city.adcode)

    def name(self, code: str) -> str:
        """What people call an area; a unit grid has only its code."""
        city, _ = self._there()
        if code == city.adcode:
            return city.zh
        return city.divisions[code].zh if code in city.divisions else code

    def _there(self) -> tuple[City, UnitGrids]:
        if self._city is None or self._grids is None:
            raise UsageError("this hub has no map of a city, so it knows no areas; start it with one (--city)")
        return self._city, self._grids


def _upward(city: City, level: AreaLevel) -> Ints:
    """For each community, in the order in which unit grids count them, the code of its area of a level."""
    codes = []
    for community in city.of_level("community"):
        area = community
        for _ in range(_UPWARD.index(level)):
            area = city.divisions[area.parent]
        codes.append(int(area.code))
    return np.array(codes, np.int64)
