"""Observations as they travel: columns, not objects, because a city has a million devices."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from datahub.contract.errors import CitybrainError

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]


class MalformedBatch(CitybrainError):
    """The columns of a batch do not fit together."""


@dataclass(frozen=True, slots=True, eq=False)
class ObservationBatch:
    """Readings of many devices, grouped into the packs in which their nodes sent them.

    A node is a device or an edge gateway; it numbers its readings from 0 in each birth epoch, so that
    ``(node, epoch, sequence)`` names one reading for ever. Row ``i`` of pack ``p`` has the sequence
    ``first[p] + i - offset[p]``.

    Pack columns (length k):
        node: unified code of the sender.
        epoch: birth epoch of the sender [ms since 1970, when it was switched on].
        first: sequence of the pack's first reading.
        result_time: when the device said so [ms].
        offset: row at which each pack starts; length k + 1, ends with n.

    Row columns (length n):
        device: unified code of the device that measured.
        property: index into ``properties``.
        phenomenon_time: when it was so [ms].
        value: in the property's SI unit, rounded to the sensor's resolution, never NaN.
    """

    properties: tuple[str, ...]
    node: Ints
    epoch: Ints
    first: Ints
    result_time: Ints
    offset: Ints
    device: Ints
    property: NDArray[np.int16]
    phenomenon_time: Ints
    value: Floats

    def __len__(self) -> int:
        return len(self.device)

    @builtins.property
    def packs(self) -> int:
        """How many packs the batch holds."""
        return len(self.node)

    @builtins.property
    def counts(self) -> Ints:
        """Readings in each pack."""
        return self.offset[1:] - self.offset[:-1]

    @builtins.property
    def pack(self) -> Ints:
        """For each row, the pack it came in."""
        return np.repeat(np.arange(self.packs, dtype=np.int64), self.counts)

    @builtins.property
    def sequence(self) -> Ints:
        """For each row, its number within its node's birth epoch."""
        return np.arange(len(self), dtype=np.int64) - np.repeat(self.offset[:-1] - self.first, self.counts)

    def select(self, keep: NDArray[np.bool_]) -> Self:
        """The packs for which ``keep`` (length k) is true, in their order."""
        if keep.all():
            return self
        counts = self.counts
        rows = np.repeat(keep, counts)
        return type(self)(
            properties=self.properties,
            node=self.node[keep],
            epoch=self.epoch[keep],
            first=self.first[keep],
            result_time=self.result_time[keep],
            offset=offsets(counts[keep]),
            device=self.device[rows],
            property=self.property[rows],
            phenomenon_time=self.phenomenon_time[rows],
            value=self.value[rows],
        )

    def check(self) -> Self:
        """The batch itself, if its columns fit together.

        Raises:
            MalformedBatch: naming the first rule that is broken.
        """
        k, n = len(self.node), len(self.device)
        rules = {
            "pack columns have one length": len(self.epoch) == len(self.first) == len(self.result_time) == k,
            "row columns have one length": len(self.property) == len(self.phenomenon_time) == len(self.value) == n,
            "offset starts at 0, ends at the row count and never falls": len(self.offset) == k + 1
            and self.offset[0] == 0
            and self.offset[-1] == n
            and bool((np.diff(self.offset) >= 0).all()),
            "every value is a finite number": bool(np.isfinite(self.value).all()),
            "every property is in the dictionary": n == 0
            or bool(((self.property >= 0) & (self.property < len(self.properties))).all()),
        }
        for rule, holds in rules.items():
            if not holds:
                raise MalformedBatch(f"batch of {k} packs and {n} rows breaks the rule: {rule}")
        return self


def offsets(counts: Ints) -> Ints:
    """Start row of each pack, and the row count at the end."""
    result = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=result[1:])
    return result


def concatenate(batches: Sequence[ObservationBatch]) -> ObservationBatch:
    """One batch of all packs, in the given order, over the union of the property dictionaries."""
    if len(batches) == 1:
        return batches[0]
    names: dict[str, int] = {}
    columns: list[NDArray[np.int16]] = []
    for batch in batches:
        numbers = [names.setdefault(name, len(names)) for name in batch.properties]
        same = not len(batch) or numbers == list(range(len(numbers)))
        columns.append(batch.property if same else np.array(numbers, np.int16)[batch.property])

    def join(name: str) -> Ints:
        return np.concatenate([getattr(batch, name) for batch in batches]) if batches else np.zeros(0, np.int64)

    counts = np.concatenate([batch.counts for batch in batches]) if batches else np.zeros(0, np.int64)
    return ObservationBatch(
        properties=tuple(names),
        node=join("node"),
        epoch=join("epoch"),
        first=join("first"),
        result_time=join("result_time"),
        offset=offsets(counts),
        device=join("device"),
        property=np.concatenate(columns) if columns else np.zeros(0, np.int16),
        phenomenon_time=join("phenomenon_time"),
        value=np.concatenate([batch.value for batch in batches]) if batches else np.zeros(0),
    )
