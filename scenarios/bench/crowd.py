"""Two thousand loggers that speak one reading a message, with real outboxes and values that follow from the number.

So whoever reads the store can say what should stand there.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.messages import BirthBatch
from datahub.contract.observations import Floats, Ints, ObservationBatch
from sensors.gateway import Nodes
from sensors.kind import Sites
from sensors.kinds.pressure_logger import KIND
from sensors.outbox import Outbox

T0: Final = 1_763_793_120_000
"""Time at which the loggers are switched on [ms]; any would do."""

NODES: Final = 2_000
RESEND_S: Final = 10.0
"""What is not acknowledged goes up again after so long [s]."""

_FIRST: Final = 440_402_220_300_000_000


def value_of(row: Ints, sequence: Ints) -> Floats:
    """The pressure [Pa] that a logger's reading of this number says, in steps of its resolution."""
    return np.asarray(250_000 + 100 * ((row * 31 + sequence * 7) % 1_000), np.float64)


class Crowd:
    """The loggers.

    Attributes:
        nodes, outbox: who they are, and what they have said and nobody acknowledged.
    """

    def __init__(self) -> None:
        device = _FIRST + 10 * np.arange(NODES, dtype=np.int64)
        place = np.linspace(113.0, 114.0, NODES)
        row = np.arange(NODES, dtype=np.int64)
        sites = Sites(device, device + 1, row, place, place - 91.0, np.zeros(NODES, np.int32))
        self.nodes = Nodes(KIND, sites, epoch=T0)
        self.outbox = Outbox(self.nodes, resend_s=RESEND_S)
        self._turn = 0

    def births(self, codes: Ints | None = None) -> BirthBatch:
        """These loggers (None: all) say that they are there."""
        return self.nodes.births(None if codes is None else self.row(codes))

    def row(self, device: Ints) -> Ints:
        """Which logger each device code is."""
        return np.searchsorted(self.nodes.code, device).astype(np.int64)

    def speak(self, count: int, t: int) -> ObservationBatch:
        """The next ``count`` loggers in turn measure at ``t`` [ms] and say so, one reading each."""
        rows = (self._turn + np.arange(count)) % NODES
        self._turn += count
        rows.sort()
        value = value_of(rows, self.nodes.next[rows])
        columns: list[NDArray[Any]] = [
            self.nodes.code[rows],
            np.zeros(count, np.int16),
            np.full(count, t, np.int64),
            value,
        ]
        batch = self.nodes.pack(rows, np.ones(count, np.int64), t=t, columns=columns)
        return self.outbox.lay(batch, rows, t)
