"""Which logger watches what, and their readings taken together in windows of time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.network import column
from datahub.contract.city import City
from datahub.contract.observations import Floats, Ints

PLANT, TRUNK, INLET = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Loggers:
    """Pressure and flow loggers of the supply network, in columns of length s, ascending by device code.

    Attributes:
        flow: a flow logger [m3/s, from a to b of its pipe] if true, else a pressure logger [Pa].
        place: 0 plant outlet, 1 trunk main, 2 zone inlet.
        row: register row of the pipe (flow) or the node (pressure).
        zone: row of the zone at whose inlet it sits; -1 elsewhere.
        inward: +1 where flow from a to b enters the zone, -1 where it leaves it.
    """

    device: Ints
    flow: NDArray[np.bool_]
    place: Ints
    row: Ints
    zone: Ints
    inward: Floats

    def __len__(self) -> int:
        return len(self.device)

    def find(self, device: Ints) -> Ints:
        """Signal of each device; -1 for a device that is not one of these."""
        if not len(self.device):
            return np.full(len(device), -1)
        at = np.minimum(np.searchsorted(self.device, device), len(self.device) - 1)
        return np.where(self.device[at] == device, at, -1)


def loggers(city: City, *, pressure: tuple[Ints, Ints], flow: tuple[Ints, Ints]) -> Loggers:
    """The loggers that have been born: (device codes, codes of the objects they watch) of each kind."""
    parts = [_of(city, "pressure_point", "node", *pressure), _of(city, "flow_point", "pipe", *flow)]
    device, is_flow, place, row, zone = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(device, kind="stable")
    water = city.water
    pipe = np.where(is_flow, row, 0)
    inner = column(water, "nodes", "zone")[column(water, "pipes", "a")[pipe]]
    return Loggers(
        device=device[order],
        flow=is_flow[order],
        place=place[order],
        row=row[order],
        zone=np.where(place == INLET, zone, -1)[order],
        inward=np.where(is_flow & (place == INLET) & (inner == zone), -1.0, 1.0)[order],
    )


def _of(
    city: City, table: str, at: str, device: Ints, watched: Ints
) -> tuple[Ints, NDArray[np.bool_], Ints, Ints, Ints]:
    objects = city.objects[table]
    found = np.minimum(np.searchsorted(objects.code, watched), max(len(objects) - 1, 0))
    known = objects.code[found] == watched if len(objects) else np.zeros(len(watched), np.bool_)
    columns = [np.asarray(objects.columns[name])[found[known]].astype(np.int64) for name in ("place", at, "zone")]
    return device[known], np.full(int(known.sum()), at == "pipe"), columns[0], columns[1], columns[2]


@dataclass(slots=True, eq=False)
class Windows:
    """Readings gathered until their window of time is over, then one median per signal.

    Windows lie on multiples of their length; the world's own steps (quarter hours) fall on their edges.

    Attributes:
        signals: how many.
        length_ms: length of a window.
        grace_ms: how long to wait for stragglers after a window's end; what comes later is left out.
    """

    signals: int
    length_ms: int
    grace_ms: int
    done: int = 0
    _signal: list[Ints] = field(default_factory=list)
    _t: list[Ints] = field(default_factory=list)
    _value: list[Floats] = field(default_factory=list)

    def add(self, signal: Ints, t: Ints, value: Floats) -> None:
        """Keep readings (columns of one length) whose window is not over yet."""
        keep = t >= self.done
        self._signal.append(signal[keep])
        self._t.append(t[keep])
        self._value.append(value[keep])

    def held(self) -> tuple[Ints, Ints, Floats]:
        """Readings of windows that are not over yet: signal, time, value."""
        if not self._signal:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        return np.concatenate(self._signal), np.concatenate(self._t), np.concatenate(self._value)

    def close(self, now: int) -> list[tuple[int, Floats]]:
        """Windows that are over at ``now``: (start, median per signal, NaN where nothing came), oldest first."""
        limit = (now - self.grace_ms) // self.length_ms * self.length_ms
        if not self._signal or limit <= self.done:
            return []
        signal, t, value = self.held()
        over = t < limit
        closed = []
        for start in np.unique(t[over] // self.length_ms * self.length_ms).tolist():
            mine = over & (t // self.length_ms * self.length_ms == start)
            closed.append((int(start), medians(signal[mine], value[mine], self.signals)))
        self._signal, self._t, self._value = [signal[~over]], [t[~over]], [value[~over]]
        self.done = limit
        return closed


def medians(group: Ints, value: Floats, groups: int) -> Floats:
    """Median of each group's values; NaN for an empty group. Shape (groups,)."""
    order = np.lexsort((value, group))
    held = value[order]
    count = np.bincount(group, minlength=groups)
    start = np.concatenate(([0], np.cumsum(count)[:-1]))
    some = count > 0
    result = np.full(groups, np.nan)
    low, high = start + (count - 1) // 2, start + count // 2
    result[some] = 0.5 * (held[low[some]] + held[high[some]])
    return result
