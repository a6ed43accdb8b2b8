"""Who sent what came to the door, and where it went: the ledger in parts, whose sums are the whole.

A part is (node, device, fate). Device 0 stands for what no device of the node can answer for: readings of devices that
are unknown or that another node speaks for, and sequences that the node declared lost. What is unattributed has no
part: its node is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Ints
from datahub.devices.registry import Registry


class Fate(IntEnum):
    """Where a reading went; the numbers stand in the store (ours)."""

    STORED = 0
    REJECTED = 1
    DUPLICATE = 2
    LOST = 3


@dataclass(frozen=True, slots=True, eq=False)
class Accounts:
    """Readings by who and where, in columns of length k; the same part may stand there more than once."""

    node: Ints
    device: Ints
    fate: NDArray[np.uint8]
    count: Ints

    def __len__(self) -> int:
        return len(self.node)


def no_accounts() -> Accounts:
    """Nothing was counted."""
    ints = np.zeros(0, np.int64)
    return Accounts(ints, ints, np.zeros(0, np.uint8), ints)


def runs(node: Ints, device: Ints, fate: Fate) -> Accounts:
    """Readings of one fate (columns of length n), counted once per run of the same node and device."""
    new = np.ones(len(node), np.bool_)
    new[1:] = (node[1:] != node[:-1]) | (device[1:] != device[:-1])
    first = np.flatnonzero(new)
    count = np.diff(first, append=len(node))
    return Accounts(node[first], device[first], np.full(len(first), fate, np.uint8), count)


def answering(registry: Registry, node: Ints, device: Ints) -> Ints:
    """For each reading the device, or 0 if there is none such behind its node."""
    row = registry.rows(device)
    known = row >= 0
    known[known] = registry.node[row[known]] == node[known]
    return np.where(known, device, 0)


def join(parts: Sequence[Accounts]) -> Accounts:
    """All of them, each part once, by node, device and fate."""
    if not parts:
        return no_accounts()
    node, device, count = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("node", "device", "count")
    )
    fate = np.concatenate([part.fate for part in parts])
    order = np.lexsort((fate, device, node))
    node, device, fate, count = node[order], device[order], fate[order], count[order]
    new = np.ones(len(node), np.bool_)
    new[1:] = (node[1:] != node[:-1]) | (device[1:] != device[:-1]) | (fate[1:] != fate[:-1])
    first = np.flatnonzero(new)
    total = np.add.reduceat(count, first) if len(first) else count
    return Accounts(node[first], device[first], fate[first], total)
