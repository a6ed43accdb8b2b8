"""Reading by area: what the devices of a unit grid, community, street or district say together, and who stands where.

Safe from any thread, as ``queries``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from datahub.aggregates import Asked, aggregate
from datahub.answers import Aggregates
from datahub.contract.city import City
from datahub.contract.codes import AreaLevel
from datahub.contract.observations import Ints
from datahub.places import Places

if TYPE_CHECKING:
    from datahub.hub import Hub


class AreaQueries:
    """Reads one hub by the areas of its city."""

    def __init__(self, hub: Hub, city: City | None) -> None:
        self._hub = hub
        self._places = Places(hub.registry, city)

    def aggregates(
        self,
        property: str,  # noqa: A002 - the contract's word
        *,
        by: AreaLevel,
        start: int,
        end: int,
        every_s: float,
        kind: str | None = None,
        among: Ints | None = None,
    ) -> Aggregates:
        """A property over areas of a level, start <= t < end [ms], in steps of ``every_s`` [s] from ``start`` on.

        Args:
            kind: of these devices only.
            among: of these devices (codes) only.

        Raises:
            UsageError: if there is no city, or more is asked than one answer can hold.
        """
        with self._hub.store.lock:
            registry = self._hub.registry
            area = self._places.of(by)
            rows, _ = registry.observers(property)
            keep = np.ones(len(rows), np.bool_)
            if kind is not None:
                keep &= registry.kind[rows] == registry.kinds.kind_number(kind)
            if among is not None:
                keep &= np.isin(registry.device[rows], among)
            rows = rows[keep]
            asked = Asked(
                number=registry.kinds.number(property),
                name=property,
                device=registry.device[rows],
                area=area[rows],
                start=start,
                end=end,
                step_ms=round(every_s * 1000),
            )
        self._hub.flush()
        return aggregate(self._hub.observations, asked)

    def level(self, code: str) -> AreaLevel:
        """Which level of area a code stands for.

        Raises:
            UsageError: if there is no such area, or no city.
        """
        return self._places.level(code)

    def around(self, code: str) -> tuple[str, ...]:
        """Codes of an area and of all that it lies in, the smallest first.

        Raises:
            UsageError: if there is no such area, or no city.
        """
        return self._places.around(code)

    def name(self, code: str) -> str:
        """What people call an area; a unit grid has only its code."""
        return self._places.name(code)

    def devices(self, *, kinds: Sequence[str] = (), areas: Sequence[str] = ()) -> Ints:
        """Codes of the devices of some kinds in some areas; none named means any."""
        with self._hub.store.lock:
            registry = self._hub.registry
            registry.settle()
            keep = np.ones(len(registry), np.bool_)
            if kinds:
                keep &= np.isin(registry.kind, [registry.kinds.kind_number(kind) for kind in kinds])
            if areas:
                keep &= self._places.inside(areas)
            found: Ints = registry.device[keep]
            return found
