"""Loggers that are not to be believed: out of line alone for long, or not moving at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Floats, Ints


@dataclass(slots=True, eq=False)
class Health:
    """Windows in a row that speak against each of s signals.

    Attributes:
        fault_count: windows out of line alone after which a signal is faulty; as many in line mend it.
        still_count: windows without any movement after which it is stuck.
        bound_sigma: from here on it is out of line.
        alone_count: if more than so many are out of line together, something is wrong with the city and none is blamed.
    """

    signals: int
    fault_count: int
    still_count: int
    bound_sigma: float
    alone_count: int
    last: Floats = field(init=False)
    still: Ints = field(init=False)
    alone: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.last = np.full(self.signals, np.nan)
        self.still, self.alone = np.zeros(self.signals, np.int64), np.zeros(self.signals, np.int64)

    def see(self, value: Floats) -> None:
        """A window's values; one that did not come says nothing."""
        came = np.isfinite(value)
        self.still = np.where(came, np.where(value == self.last, self.still + 1, 0), self.still)
        self.last = np.where(came, value, self.last)

    def compare(self, z: Floats) -> None:
        """How far each signal was out of line in a window in which the city was calm."""
        out = np.abs(z) > self.bound_sigma
        if out.sum() > self.alone_count:
            return
        step = np.where(out, 1, -1)
        self.alone = np.clip(np.where(np.isfinite(z), self.alone + step, self.alone), 0, 2 * self.fault_count)

    def accuse(self, signal: int) -> None:
        """Other loggers prove this one wrong."""
        self.alone[signal] = 2 * self.fault_count

    def ok(self) -> NDArray[np.bool_]:
        """Which signals are believed."""
        result: NDArray[np.bool_] = (self.alone < self.fault_count) & (self.still < self.still_count)
        return result
