"""Power as the street sees it: lamp feeders (lighting cabinets) have it or have it not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints


class Power:
    """Which lamp feeders are energised. They are so day and night; lamps are switched at the pole."""

    def __init__(self, feeders: Ints) -> None:
        self._codes = np.sort(np.asarray(feeders, np.int64))
        self._on: NDArray[np.bool_] = np.ones(len(self._codes), np.bool_)

    def energised(self, feeders: Ints) -> NDArray[np.bool_]:
        """Whether each feeder (unified codes, length n) has power."""
        return self._on[self._rows(np.asarray(feeders, np.int64))]

    def fail(self, feeder: int) -> None:
        """A feeder loses its power (fuse, cable, contactor)."""
        self._on[self._rows(np.array([feeder], np.int64))] = False

    def restore(self, feeder: int) -> None:
        """A feeder has its power back."""
        self._on[self._rows(np.array([feeder], np.int64))] = True

    def failed(self) -> Ints:
        """Codes of the feeders without power, ascending."""
        return self._codes[~self._on]

    def _rows(self, feeders: Ints) -> NDArray[np.intp]:
        if not len(self._codes):
            if len(feeders):
                raise UsageError(f"feeder {feeders[0]} is not in a register without lamp feeders; give the city some")
            return np.zeros(0, np.intp)
        rows = np.minimum(np.searchsorted(self._codes, feeders), len(self._codes) - 1)
        unknown = self._codes[rows] != feeders
        if unknown.any():
            raise UsageError(
                f"feeder {feeders[unknown][0]} is not in the register; take one of City.objects['lamp_feeder']"
            )
        return rows
