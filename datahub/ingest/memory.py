"""Readings between the journal and the column store: waiting for a tick, then for the next large write."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datahub.contract.observations import Ints
from datahub.devices.registry import Registry
from datahub.ingest.entry import Entry, Packs, Readings, join_packs, join_readings
from datahub.ingest.latest import Evaluated, Latest
from datahub.store.observations import Columns


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An entry not evaluated yet, with the slots found at intake and the registry version they belong to."""

    entry: Entry
    slot: Ints
    version: int


class Memory:
    """What is in the journal and not yet in the column store, and the latest value of everything.

    Attributes:
        latest: latest reading of every slot.
        fresh: what the last tick evaluated.
        digest: SHA-256 chain over all readings evaluated so far.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._version = -1
        self._waiting: list[_Waiting] = []
        self._evaluated: list[Evaluated] = []
        self._packs: list[tuple[Packs, int]] = []
        self._device = np.zeros(0, np.int64)
        self._slot = np.zeros(0, np.int64)
        self._width = np.zeros(0, np.int64)
        self._salt = np.zeros(0, np.int64)
        self.latest = Latest()
        self.digest = bytes(32)
        self._by_property: tuple[Ints, Ints] | None = None
        self.fit()
        self.fresh = self._evaluate([], t=0)

    @property
    def waiting(self) -> int:
        """Readings that no tick has seen yet."""
        return sum(len(one.slot) for one in self._waiting)

    @property
    def unwritten(self) -> int:
        """Evaluated readings and packs that the column store does not have yet."""
        return sum(map(len, self._evaluated)) + sum(len(packs) for packs, _ in self._packs)

    def add(self, entry: Entry, slot: Ints | None = None) -> None:
        """Take an entry that is durable now; ``slot`` if the slots of its readings are known already."""
        if slot is None:
            slot = self._registry.locate(entry.readings.device, entry.readings.property).slot
        self._waiting.append(_Waiting(entry, slot, self._registry.version))

    def fit(self) -> None:
        """Follow the registry when devices were born: every slot keeps its latest value."""
        registry = self._registry
        registry.settle()
        if registry.version == self._version:
            return
        rows = registry.rows(self._device)
        width = np.minimum(self._width, registry.kinds.width[registry.kind[rows]]) if len(rows) else self._width
        within = np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)
        former = np.repeat(self._slot, width) + within
        now = (np.repeat(registry.slot[rows], width) + within) if len(rows) else former
        self.latest.move(registry.slots, former=former, now=now)
        self._device, self._slot = registry.device, registry.slot
        self._width = registry.kinds.width[registry.kind] if len(registry) else np.zeros(0, np.int64)
        names = registry.kinds.properties
        self._salt = np.array([_salt(name) for name in names], np.int64)
        self._version = registry.version

    def evaluate(self, t: int) -> Evaluated:
        """Judge everything that waits, as of city time ``t`` [ms]."""
        self.fit()
        waiting, self._waiting = self._waiting, []
        self._packs += [(one.entry.packs, one.entry.arrived) for one in waiting if len(one.entry.packs)]
        self.fresh = self._evaluate(waiting, t=t)
        self._by_property = None
        if len(self.fresh):
            self._evaluated.append(self.fresh)
            self.digest = self._chain(self.fresh.readings)
        return self.fresh

    def of_property(self, number: int) -> Ints:
        """Rows of ``fresh`` that are readings of one property, in their order."""
        column = self.fresh.readings.property
        if self._by_property is None:
            order = np.argsort(column, kind="stable")
            edges = np.searchsorted(column[order], np.arange(len(self._salt) + 1))
            self._by_property = (order, edges)
        order, edges = self._by_property
        return order[edges[number] : edges[number + 1]] if 0 <= number < len(edges) - 1 else order[:0]

    def _evaluate(self, waiting: Sequence[_Waiting], *, t: int) -> Evaluated:
        some = [one for one in waiting if len(one.slot)]
        readings = join_readings([one.entry.readings for one in some])
        registry = self._registry
        if all(one.version == registry.version for one in some):
            slot = np.concatenate([one.slot for one in some]) if some else np.zeros(0, np.int64)
        else:
            slot = registry.locate(readings.device, readings.property).slot
        rule = self._rules(readings, slot)
        return self.latest.evaluate(readings, slot=slot, rule=rule, kinds=registry.kinds, t=t)

    def _rules(self, readings: Readings, slot: Ints) -> Ints:
        """Number of each reading's property within all kinds, found by its slot."""
        if not len(slot):
            return np.zeros(0, np.int64)
        return self._registry.locate(readings.device, readings.property).rule

    def _chain(self, r: Readings) -> bytes:
        """Digest of all before and these readings: device, property (by name), time and value of each, in order."""
        link = hashlib.sha256(self.digest)
        for column in (r.device, self._salt[r.property], r.phenomenon_time, r.value):
            link.update(np.ascontiguousarray(column).data)
        return link.digest()

    def unload(self) -> tuple[Columns, Columns]:
        """Hand over what the column store does not have, as its columns."""
        found, self._evaluated = self._evaluated, []
        packs, self._packs = self._packs, []
        r = join_readings([one.readings for one in found])
        held = np.concatenate([one.held_s for one in found]) if found else np.zeros(0, np.int32)
        p = join_packs([one for one, _ in packs])
        arrived = np.repeat(np.array([t for _, t in packs], np.int64), [len(one) for one, _ in packs])
        observation: Columns = {
            "device": r.device,
            "property": r.property,
            "phenomenon_time": r.phenomenon_time,
            "value": r.value,
            "quality": r.quality,
            "sequence": r.sequence,
            "held_s": held,
        }
        pack: Columns = {
            "node": p.node,
            "epoch": p.epoch,
            "first": p.first,
            "count": p.count,
            "result_time": p.result_time,
            "arrived": arrived,
        }
        return observation, pack


def _salt(name: str) -> int:
    """A property's number that does not depend on when it became known."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little", signed=True)
