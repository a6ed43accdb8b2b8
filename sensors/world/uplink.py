"""Uplinks as they are: the telecom line of each cabinet, whole or cut. Who speaks through one has no other way out."""

from __future__ import annotations

import numpy as np

from datahub.contract.observations import Ints


class Uplinks:
    """Which cabinets' lines are cut, and until when; a line that was never cut is not listed."""

    def __init__(self) -> None:
        self._until: dict[int, int] = {}

    def cut(self, code: int, *, until: int) -> None:
        """The line of one cabinet (unified code) is cut until then [ms]; a longer cut is not shortened."""
        self._until[code] = max(until, self._until.get(code, 0))

    def cut_until(self, codes: Ints) -> Ints:
        """Until when the line of each cabinet is cut [ms]; 0 where it never was."""
        until = np.zeros(len(codes), np.int64)
        for code, end in self._until.items():
            until[codes == code] = end
        return until

    def any_cut(self, t: int) -> bool:
        """Whether any line is cut at ``t`` [ms]."""
        return any(t < end for end in self._until.values())
