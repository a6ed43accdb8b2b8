"""Calling data on a grant: what lies outside it is in no answer, and whether it exists is not said either."""

from __future__ import annotations

import numpy as np

from datahub.answers import Aggregates, Rows, Series
from datahub.area_queries import AreaQueries
from datahub.contract.codes import AreaLevel
from datahub.contract.observations import Ints
from datahub.queries import Queries
from datahub.resources.authorisation import Denial, Denied, Grant


class Shared:
    """Reads for the bearer of an authorisation code."""

    def __init__(self, queries: Queries, areas: AreaQueries) -> None:
        self._queries, self._areas = queries, areas

    def latest(self, grant: Grant, property: str, *, kind: str | None = None) -> Rows:  # noqa: A002
        """Latest reading of a property of every granted device that has one.

        Raises:
            Denied: if property or kind were not granted.
        """
        return self._queries.latest(property).of(self._devices(grant, property, kind=kind))

    def series(
        self,
        grant: Grant,
        device: int,
        property: str,  # noqa: A002
        *,
        start: int,
        end: int,
        every_s: float | None,
    ) -> Series:
        """A granted device's property over start <= t < end [ms] (``Queries.series``).

        Raises:
            Denied: if property or device were not granted.
        """
        if not (self._devices(grant, property) == device).any():
            raise Denied(Denial.FORBIDDEN, f"device {device} is not within grant {grant.application}")
        return self._queries.series(device, property, start=start, end=end, every_s=every_s)

    def aggregates(
        self,
        grant: Grant,
        property: str,  # noqa: A002
        *,
        by: AreaLevel,
        start: int,
        end: int,
        every_s: float,
        kind: str | None = None,
    ) -> Aggregates:
        """A property of the granted devices alone, by area (``AreaQueries.aggregates``).

        Raises:
            Denied: if property or kind were not granted.
            UsageError: as ``AreaQueries.aggregates``.
        """
        among = self._devices(grant, property, kind=kind)
        return self._areas.aggregates(property, by=by, start=start, end=end, every_s=every_s, among=among)

    def _devices(self, grant: Grant, name: str, *, kind: str | None = None) -> Ints:
        """Codes of the devices whose ``name`` may be called."""
        scope = grant.scope
        if name not in scope.properties:
            raise Denied(Denial.FORBIDDEN, f"'{name:.80}' is not within grant {grant.application}")
        if kind is not None and scope.kinds and kind not in scope.kinds:
            raise Denied(Denial.FORBIDDEN, f"kind '{kind:.80}' is not within grant {grant.application}")
        found = self._areas.devices(kinds=scope.kinds if kind is None else (kind,), areas=scope.areas)
        return np.sort(found)
