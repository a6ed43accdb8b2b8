"""Hourly means of everything that could creep away, of the hours that are still open.

Counters never lie still and batteries empty by nature: those are left out. An hour of a kind is closed once its next
report had to come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.codes import Quality
from datahub.contract.observations import Floats, Ints
from datahub.devices.registry import Registry

HOURS: Final = 16
"""Hours that may be open together; a kind that reports more seldom than that is not judged."""

BATTERY: Final = "battery_v"

MUTE: Final = Quality.RANGE | Quality.FUTURE | Quality.STUCK
"""A reading with one of these says nothing about the level."""


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """One property of one kind: its levels (places in the columns), their devices, and how long an hour stays open.

    Attributes:
        rule: number of the property of the kind.
        place: places of its devices in the columns, ascending.
        row: registry rows of its devices.
        floor: spread that rounding alone makes [unit of the property].
        wait_ms: after its end an hour stays open so long [ms].
    """

    rule: int
    name: str
    place: Ints
    row: Ints
    floor: float
    wait_ms: int


class Levels:
    """Sums and counts by level and open hour, shape (HOURS, levels).

    Attributes:
        signals: what is watched.
        device, number: device code and property number of each level.
    """

    def __init__(self, registry: Registry, *, grace_s: float) -> None:
        self._registry, self._grace_ms = registry, round(grace_s * SECOND_MS)
        self.signals: list[Signal] = []
        self.device: Ints = np.zeros(0, np.int64)
        self.number: NDArray[np.int16] = np.zeros(0, np.int16)
        self.sum, self.count = np.zeros((HOURS, 0)), np.zeros((HOURS, 0), np.uint16)
        self._hour = np.full(HOURS, -1, np.int64)
        self._of_slot: Ints = np.zeros(0, np.int64)
        self._watched: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._laid: tuple[Ints, NDArray[np.int16], int] | None = None

    def __len__(self) -> int:
        return len(self.device)

    def fit(self) -> Ints | None:
        """Follow the registry; returns for each level of now its former place (-1: new), None if nothing moved."""
        registry = self._registry
        laid = self._laid
        rules = len(registry.kinds.low)
        if laid is not None and laid[2] == rules and np.array_equal(laid[0], registry.device):  # noqa: SIM102
            if np.array_equal(laid[1], registry.kind):
                return None
        old_device, old_number = self.device, self.number
        self._lay_out()
        self._laid = (registry.device, registry.kind, rules)
        former = places(old_device, old_number, self.device, self.number)
        known = former >= 0
        for name in ("sum", "count"):
            column = getattr(self, name)
            grown = np.zeros((HOURS, len(self)), column.dtype)
            grown[:, known] = column[:, former[known]]
            setattr(self, name, grown)
        return former

    def _lay_out(self) -> None:
        registry, kinds = self._registry, self._registry.kinds
        self._watched = np.zeros(len(kinds.low), np.bool_)
        self._of_slot = np.full(registry.slots, -1, np.int64)
        self.signals, device, number, at = [], [], [], 0
        for k, kind in enumerate(kinds.kinds):
            wait_ms = round(kind.report_s * SECOND_MS) + self._grace_ms
            row = np.flatnonzero(registry.kind == k)
            if kind.report_s <= 0 or wait_ms >= (HOURS - 1) * HOUR_MS or not len(row):
                continue
            for position, described in enumerate(kind.properties):
                if described.cumulative or described.period_s <= 0 or described.name == BATTERY:
                    continue
                rule, place = int(kinds.first_rule[k]) + position, np.arange(at, at + len(row))
                floor = described.resolution / np.sqrt(12)
                self.signals.append(Signal(rule, described.name, place, row, float(floor), wait_ms))
                self._watched[rule] = True
                self._of_slot[registry.slot[row] + position] = place
                device.append(registry.device[row])
                number.append(np.full(len(row), kinds.number(described.name), np.int16))
                at += len(row)
        self.device = np.concatenate(device) if device else np.zeros(0, np.int64)
        self.number = np.concatenate(number) if number else np.zeros(0, np.int16)

    def add(self, *, slot: Ints, rule: Ints, time: Ints, value: Floats, quality: NDArray[np.uint8], t: int) -> None:
        """Take in readings, as of city time ``t`` [ms]."""
        keep = np.flatnonzero(self._watched[rule] & ((quality & np.uint8(MUTE)) == 0))
        if not len(keep):
            return
        place, hour = self._of_slot[slot[keep]], time[keep] // HOUR_MS
        value = value[keep]
        now = t // HOUR_MS
        for one in range(max(int(hour.min()), now - HOURS + 1), min(int(hour.max()), now) + 1):
            here = hour == one
            self._put(one, place[here], value[here])

    def _put(self, hour: int, place: Ints, value: Floats) -> None:
        at = hour % HOURS
        if self._hour[at] != hour:
            if self._hour[at] > hour:
                return
            self.sum[at], self.count[at], self._hour[at] = 0.0, 0, hour
        np.add.at(self.sum[at], place, value)
        np.add.at(self.count[at], place, np.uint16(1))

    def put_back(self, hour: int, *, device: Ints, number: NDArray[np.int16], count: Ints, total: Floats) -> None:
        """Take up what lies in the column store of an hour, summed by device and property."""
        found = self._registry.locate(device, number)
        keep = np.flatnonzero(found.slot >= 0)
        place = self._of_slot[found.slot[keep]]
        keep, place = keep[place >= 0], place[place >= 0]
        at = hour % HOURS
        self.sum[at], self.count[at], self._hour[at] = 0.0, 0, hour
        self.sum[at, place] = total[keep]
        self.count[at, place] = np.minimum(count[keep], 2**16 - 1)

    def means(self, signal: Signal, hour: int) -> Floats:
        """Mean of each device of a signal in an hour; NaN where nothing came."""
        at = hour % HOURS
        result = np.full(len(signal.place), np.nan)
        if self._hour[at] == hour:
            count = self.count[at, signal.place]
            some = count > 0
            result[some] = self.sum[at, signal.place[some]] / count[some]
        return result


def places(device: Ints, number: NDArray[np.int16], new_device: Ints, new_number: NDArray[np.int16]) -> Ints:
    """Where each (device, property) of now was before; -1 where it was not."""
    if not len(device):
        return np.full(len(new_device), -1, np.int64)
    order = np.lexsort((device, number))
    result = np.full(len(new_device), -1, np.int64)
    old_number, old_device = number[order], device[order]
    for one in np.unique(new_number).tolist():
        low, high = np.searchsorted(old_number, [one, one + 1])
        mine = np.flatnonzero(new_number == one)
        if low == high:
            continue
        at = low + np.minimum(np.searchsorted(old_device[low:high], new_device[mine]), high - low - 1)
        same = old_device[at] == new_device[mine]
        result[mine[same]] = order[at[same]]
    return result
