"""What came of every device in each quarter of a day, in event time: readings, impossible and implausible ones.

And of every node: packs, and those that came late. Rings of counters in registry order, 60 hours deep: a day that is
judged ends where even the reports of daily reporters have come. A million devices take 60 MB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.codes import Quality
from datahub.contract.observations import Ints
from datahub.devices.registry import Registry
from datahub.ingest.entry import Packs, Readings
from datahub.store.observations import Columns, Observations

BLOCK_MS: Final = 6 * HOUR_MS
BLOCKS: Final = 10
DAY_BLOCKS: Final = 4
_MOST = 2**16 - 1

INVALID: Final = Quality.RANGE | Quality.FUTURE
IMPLAUSIBLE: Final = Quality.STUCK | Quality.RATE

Ring = NDArray[np.uint16]


class Tallies:
    """Counters of all devices (rows of the registry) and nodes.

    Attributes:
        got, invalid, implausible: readings of each device by block, shape (BLOCKS, devices).
        said, tardy: packs of each node by block, shape (BLOCKS, nodes).
        since: from when on a device was there [ms].
    """

    def __init__(self, registry: Registry, *, tardy_s: float) -> None:
        self._registry, self._tardy_ms = registry, round(tardy_s * SECOND_MS)
        self.newest = -1
        self._device: Ints = np.zeros(0, np.int64)
        self._node: Ints = np.zeros(0, np.int64)
        self.since: Ints = np.zeros(0, np.int64)
        self.got, self.invalid, self.implausible = _ring(0), _ring(0), _ring(0)
        self.said, self.tardy = _ring(0), _ring(0)

    def fit(self) -> None:
        """Follow the registry: devices and nodes that were born get room."""
        registry = self._registry
        if len(self._device) != len(registry.device):
            place = np.searchsorted(registry.device, self._device)
            for name in ("got", "invalid", "implausible"):
                setattr(self, name, _moved(getattr(self, name), place, len(registry)))
            since = registry.nodes.epoch[registry.nodes.rows(registry.node)]
            since[place] = self.since
            self._device, self.since = registry.device, since
        if len(self._node) != len(registry.nodes.node):
            place = np.searchsorted(registry.nodes.node, self._node)
            self.said = _moved(self.said, place, len(registry.nodes))
            self.tardy = _moved(self.tardy, place, len(registry.nodes))
            self._node = registry.nodes.node

    def advance(self, t: int) -> None:
        """Make room for the block of city time ``t`` [ms]; what is older than the rings are deep is forgotten."""
        now = t // BLOCK_MS
        for block in range(max(self.newest + 1, now - BLOCKS + 1), now + 1):
            for ring in (self.got, self.invalid, self.implausible, self.said, self.tardy):
                ring[block % BLOCKS] = 0
        self.newest = max(self.newest, now)

    def count(self, readings: Readings) -> None:
        """Count readings; those of one device lie side by side."""
        device, time = readings.device, readings.phenomenon_time
        if not len(device):
            return
        change = np.ones(len(device), np.bool_)
        change[1:] = device[1:] != device[:-1]
        starts = np.flatnonzero(change)
        row = self._registry.rows(device[starts])
        run = np.repeat(np.arange(len(row)), np.diff(starts, append=len(device)))
        invalid = (readings.quality & np.uint8(INVALID)) != 0
        implausible = (readings.quality & np.uint8(IMPLAUSIBLE)) != 0
        first, last = int(time.min()) // BLOCK_MS, int(time.max()) // BLOCK_MS
        block = None if first == last else time // BLOCK_MS
        for one in range(max(first, self.newest - BLOCKS + 1), min(last, self.newest) + 1):
            here = None if block is None else block == one
            for ring, marked in ((self.got, None), (self.invalid, invalid), (self.implausible, implausible)):
                keep = here if marked is None else marked if here is None else marked & here
                if keep is not None and not keep.any():
                    continue
                counted = np.bincount(run if keep is None else run[keep], minlength=len(row))
                _add(ring[one % BLOCKS], row, counted)

    def hear(self, packs: Packs, *, arrived: int) -> None:
        """Count packs that came at city time ``arrived`` [ms]."""
        row = self._registry.nodes.rows(packs.node)
        block = packs.result_time // BLOCK_MS
        late = arrived - packs.result_time > self._tardy_ms
        for one in np.unique(block).tolist():
            if not self.newest - BLOCKS < one <= self.newest:
                continue
            here = (block == one) & (row >= 0)
            for ring, keep in ((self.said, here), (self.tardy, here & late)):
                if keep.any():
                    rows, counted = np.unique(row[keep], return_counts=True)
                    _add(ring[one % BLOCKS], rows, counted)

    def restore(self, observations: Observations, *, t: int) -> None:
        """Count again what lies in the column store, as of city time ``t`` [ms]."""
        self.fit()
        self.advance(t)
        oldest = (self.newest - BLOCKS + 1) * BLOCK_MS
        found = observations.ask(
            f"SELECT device, phenomenon_time // {BLOCK_MS} AS block, count(*) AS got, "
            f"count(*) FILTER (quality & {int(INVALID)} <> 0) AS invalid, "
            f"count(*) FILTER (quality & {int(IMPLAUSIBLE)} <> 0) AS implausible "
            "FROM observation WHERE phenomenon_time >= ? GROUP BY ALL",
            [oldest],
        )
        rings = {"got": self.got, "invalid": self.invalid, "implausible": self.implausible}
        row, block = self._fill(found, self._registry.rows(np.asarray(found["device"], np.int64)), rings)
        np.minimum.at(self.since, row, block * BLOCK_MS)
        heard = observations.ask(
            f"SELECT node, result_time // {BLOCK_MS} AS block, count(*) AS said, "
            f"count(*) FILTER (arrived - result_time > {self._tardy_ms}) AS tardy "
            "FROM pack WHERE result_time >= ? GROUP BY ALL",
            [oldest],
        )
        nodes = self._registry.nodes
        self._fill(heard, nodes.rows(np.asarray(heard["node"], np.int64)), {"said": self.said, "tardy": self.tardy})

    def _fill(self, found: Columns, row: Ints, rings: Mapping[str, Ring]) -> tuple[Ints, Ints]:
        """Put counts by block into the rings; returns rows and blocks of those that found a place."""
        block = np.asarray(found["block"], np.int64)
        keep = (row >= 0) & (block > self.newest - BLOCKS) & (block <= self.newest)
        row, block = row[keep], block[keep]
        for name, ring in rings.items():
            ring[block % BLOCKS, row] = np.minimum(np.asarray(found[name], np.int64)[keep], _MOST)
        return row, block

    def day(self, ring: Ring, wait_ms: Ints, *, t: int) -> Ints:
        """Sum of each column over its last day that is over for ``wait_ms`` [ms], as of city time ``t`` [ms]."""
        end = (t - wait_ms) // BLOCK_MS
        result = np.zeros(ring.shape[1], np.int64)
        for one in np.unique(end).tolist():
            own = np.flatnonzero(end == one)
            for block in range(max(one - DAY_BLOCKS, self.newest - BLOCKS + 1), one):
                result[own] += ring[block % BLOCKS, own]
        return result


def _ring(columns: int) -> Ring:
    return np.zeros((BLOCKS, columns), np.uint16)


def _moved(ring: Ring, place: NDArray[np.intp], columns: int) -> Ring:
    grown = _ring(columns)
    grown[:, place] = ring
    return grown


def _add(column: Ring, row: Ints, counted: Ints) -> None:
    column[row] = np.minimum(column[row] + counted, _MOST)
