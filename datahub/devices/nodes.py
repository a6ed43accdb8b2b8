"""The nodes that speak to the hub (devices, or gateways for many), in columns sorted by code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Floats, Ints

_COLUMNS = (
    *("epoch", "next", "heard", "tolerated_ms", "gap", "silent"),
    *("dead", "died", "rate", "allowance", "allowed_at", "quarantined"),
)


class Nodes:
    """What the hub keeps of every node. All columns have length m and refer to the same rows.

    Attributes:
        node: unified code, ascending.
        epoch: birth epoch in force [ms].
        next: below this sequence everything of the epoch has come, if ``gap`` is false or not.
        gap: something came beyond a missing pack.
        heard: latest time at which the node said anything, by its own clock [ms].
        tolerated_ms: how long it may say nothing before it counts as silent [ms]; ``FOR_EVER``: speaks on events only.
        silent: no word for longer than tolerated.
        dead: said farewell, or its last will did, and has not been heard since.
        died: city time at which that was known [ms].
        rate: readings that the kinds behind it promise [1/s].
        allowance, allowed_at: what it may still send (``Guard``), as of then [ms]; 0: not reckoned yet.
        quarantined: nothing that it says is taken.
    """

    def __init__(self) -> None:
        self.node: Ints = np.zeros(0, np.int64)
        self.epoch: Ints = np.zeros(0, np.int64)
        self.next: Ints = np.zeros(0, np.int64)
        self.heard: Ints = np.zeros(0, np.int64)
        self.tolerated_ms: Ints = np.zeros(0, np.int64)
        self.gap: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.silent: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.dead: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.died: Ints = np.zeros(0, np.int64)
        self.rate: Floats = np.zeros(0)
        self.allowance: Floats = np.zeros(0)
        self.allowed_at: Ints = np.zeros(0, np.int64)
        self.quarantined: NDArray[np.bool_] = np.zeros(0, np.bool_)

    def __len__(self) -> int:
        return len(self.node)

    def rows(self, node: Ints) -> Ints:
        """Row of each code; -1 for one never heard of."""
        return find(self.node, node)

    def row(self, node: int) -> int:
        """Row of one code, or -1."""
        at = int(np.searchsorted(self.node, node))
        return at if at < len(self.node) and self.node[at] == node else -1

    def admit(self, node: Ints) -> NDArray[np.int64]:
        """Make rows for new codes; returns for every former row where it is now."""
        former = self.node
        merged = np.sort(np.concatenate((former, node)))
        once = np.ones(len(merged), np.bool_)
        once[1:] = merged[1:] != merged[:-1]
        merged = merged[once]
        place = np.searchsorted(merged, former)
        for name in _COLUMNS:
            column = getattr(self, name)
            grown = np.zeros(len(merged), column.dtype)
            grown[place] = column
            setattr(self, name, grown)
        self.node = merged
        return place


def find(table: Ints, wanted: Ints) -> Ints:
    """Row of each wanted code in an ascending table; -1 where it is missing."""
    if not len(table):
        return np.full(len(wanted), -1, np.int64)
    at = np.searchsorted(table, wanted)
    np.minimum(at, len(table) - 1, out=at)
    at[table[at] != wanted] = -1
    return at
