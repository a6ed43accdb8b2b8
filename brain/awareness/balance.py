"""The balance of volumes: what plants give beyond what zones draw and is usual runs out somewhere.

Patterns say where; how much is told better by the meters at the plants. Where demand falls with the pressure, or a hole
is large, linear patterns overstate it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from brain.algorithms.hydraulics import Mains
from brain.awareness.loggers import PLANT, Loggers
from datahub.contract.observations import Floats, Ints


@dataclass(slots=True, eq=False)
class Balance:
    """The flow meters at the plants' outlets, and which way is out: +1 from end a to end b."""

    loggers: Loggers
    mains: Mains
    signal: Ints = field(init=False)
    outward: Floats = field(init=False)

    def __post_init__(self) -> None:
        known = self.loggers
        self.signal = np.flatnonzero(known.flow & (known.place == PLANT))
        pipe = self.mains.pipe_of(known.row[self.signal])
        self.outward = np.where(np.isfinite(self.mains.fixed_m[self.mains.a[pipe]]), 1.0, -1.0)

    def loss_m3_s(self, deviation: Floats) -> float:
        """What runs out [m3/s], from deviations (s,) of a picture that is fed with what zones draw; NaN if unknown.

        A plant whose meter is silent or not believed might give any of it.
        """
        gives = deviation[self.signal] * self.outward
        return float(gives.sum()) if len(gives) and np.isfinite(gives).all() else float("nan")
