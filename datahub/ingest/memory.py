"""Readings between the journal and the column store: waiting for a tick, then for the next large write."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datahub.contract.observations import Ints
from datahub.devices.registry import Registry
from datahub.ingest.accounts import Accounts, join
from datahub.ingest.entry import Entry, Packs, Places, Readings, accounts_of, join_packs, join_readings
from datahub.ingest.latest import Evaluated, Latest
from datahub.store.observations import Columns

_ODD = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
"""Multipliers of splitmix64 (Steele, Lea, Flood 2014)."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An entry not evaluated yet, with the places found at intake and the registry version they belong to."""

    entry: Entry
    places: Places
    version: int


class Memory:
    """What is in the journal and not yet in the column store, and the latest value of everything.

    Attributes:
        latest: latest reading of every slot.
        fresh: what the last tick evaluated.
        fresh_packs: packs that the last tick took up, and the city time at which each lot of them came [ms].
        digest: SHA-256 chain over all readings evaluated so far.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._version = -1
        self._waiting: list[_Waiting] = []
        self._evaluated: list[Evaluated] = []
        self._packs: list[tuple[Packs, int]] = []
        self._accounts: list[Accounts] = []
        self.fresh_packs: list[tuple[Packs, int]] = []
        self._unwritten = 0
        self._device = np.zeros(0, np.int64)
        self._slot = np.zeros(0, np.int64)
        self._kind = np.zeros(0, np.int16)
        self._layout: list[tuple[str, ...]] = []
        self._salt = np.zeros(0, np.uint64)
        self.latest = Latest()
        self.digest = bytes(32)
        self._by_property: tuple[Ints, Ints] | None = None
        self.fit()
        self.fresh = self._evaluate([], t=0)

    @property
    def waiting(self) -> int:
        """Readings that no tick has seen yet."""
        return sum(len(one.entry.readings) for one in self._waiting)

    @property
    def unwritten(self) -> int:
        """Evaluated readings and packs that the column store does not have yet."""
        return self._unwritten

    def add(self, entry: Entry, places: Places | None = None) -> None:
        """Take an entry that is durable now; ``places`` if they are known already."""
        if places is None:
            places = self._locate(entry.readings)
        self._waiting.append(_Waiting(entry, places, self._registry.version))

    def fit(self) -> None:
        """Follow the registry when devices were born: every slot keeps its latest value."""
        registry = self._registry
        registry.settle()
        if registry.version == self._version:
            return
        former, now = self._moved()
        self.latest.move(registry.slots, former=former, now=now)
        self._device, self._slot, self._kind = registry.device, registry.slot, registry.kind
        self._layout = [tuple(one.name for one in kind.properties) for kind in registry.kinds.kinds]
        self._salt = np.array([_salt(name) for name in registry.kinds.properties], np.uint64)
        self._version = registry.version

    def _moved(self) -> tuple[Ints, Ints]:
        """Slots of before the last births, and where the same device's same property is now."""
        registry = self._registry
        if not len(self._device):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        width = np.array([len(names) for names in self._layout])[self._kind]
        former = np.repeat(self._slot, width) + _within(width)
        rows = registry.rows(self._device)
        names = [tuple(one.name for one in kind.properties) for kind in registry.kinds.kinds]
        if names[: len(self._layout)] == self._layout and (registry.kind[rows] == self._kind).all():
            return former, np.repeat(registry.slot[rows], width) + _within(width)
        numbers = [[registry.kinds.number(name) for name in names] for names in self._layout]
        starts = np.cumsum([0, *map(len, numbers)])[:-1][self._kind]
        flat = np.array([number for one in numbers for number in one], np.int16)
        number = flat[np.repeat(starts, width) + _within(width)]
        now = registry.locate(np.repeat(self._device, width), number).slot
        return former[now >= 0], now[now >= 0]

    def evaluate(self, t: int) -> Evaluated:
        """Judge everything that waits, as of city time ``t`` [ms]."""
        self.fit()
        waiting, self._waiting = self._waiting, []
        self.fresh_packs = [(one.entry.packs, one.entry.arrived) for one in waiting if len(one.entry.packs)]
        self._packs += self.fresh_packs
        self._accounts += [accounts_of(one.entry) for one in waiting]
        self._unwritten += sum(len(one.entry.packs) for one in waiting)
        self.fresh = self._evaluate(waiting, t=t)
        self._by_property = None
        if len(self.fresh):
            self._evaluated.append(self.fresh)
            self._unwritten += len(self.fresh)
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
        some = [one for one in waiting if len(one.entry.readings)]
        readings = join_readings([one.entry.readings for one in some])
        if len(some) == 1 and some[0].version == self._registry.version:
            places = some[0].places
        elif some and all(one.version == self._registry.version for one in some):
            places = Places(
                np.concatenate([one.places.slot for one in some]), np.concatenate([one.places.rule for one in some])
            )
        else:
            places = self._locate(readings)
        return self.latest.evaluate(readings, places=places, kinds=self._registry.kinds, t=t)

    def _locate(self, readings: Readings) -> Places:
        found = self._registry.locate(readings.device, readings.property)
        return Places(found.slot, found.rule)

    def _chain(self, r: Readings) -> bytes:
        """Digest of all before and these readings in order.

        Each reading counts with one 64-bit word mixed from device, property (by name), time and value (multiply and
        shift, after splitmix64; two readings agree by chance once in 2^64), which quarters what SHA-256 has to read.
        """
        with np.errstate(over="ignore"):
            word = r.device.view(np.uint64) * _ODD[0]
            word += self._salt[r.property]
            word ^= r.phenomenon_time.view(np.uint64) * _ODD[1]
            word ^= word >> np.uint64(32)
            word += r.value.view(np.uint64)
            word *= _ODD[2]
            word ^= word >> np.uint64(29)
        return hashlib.sha256(self.digest + word.tobytes()).digest()

    def accounts(self) -> Accounts:
        """Who sent what of all that the column store does not have, whether a tick has seen it or not."""
        return join([*self._accounts, *(accounts_of(one.entry) for one in self._waiting)])

    def unload(self) -> tuple[Columns, Columns, Columns]:
        """Hand over what the column store does not have, as its columns: readings, packs, accounts."""
        found, self._evaluated = self._evaluated, []
        packs, self._packs = self._packs, []
        self._unwritten = 0
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
        parts, self._accounts = join(self._accounts), []
        account: Columns = {
            "node": parts.node,
            "device": parts.device,
            "fate": parts.fate,
            "count": parts.count,
        }
        return observation, pack, account


def _within(width: Ints) -> Ints:
    """Place of each slot within its device."""
    return np.arange(int(width.sum())) - np.repeat(np.cumsum(width) - width, width)


def _salt(name: str) -> int:
    """A property's number that does not depend on when it became known."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
