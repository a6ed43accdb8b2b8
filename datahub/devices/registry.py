"""Which devices there are, what they observe, and who may speak for them: one million in columns.

Fed by births alone. Rows are sorted by unified code; each device has one *slot* per property of its kind, slots of a
device lie side by side, so that the latest value of everything is one dense array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from datahub.contract.codes import DeviceState
from datahub.contract.messages import BirthBatch, KindDescriptor
from datahub.contract.observations import Floats, Ints
from datahub.devices.nodes import Nodes, find
from datahub.devices.silence import tolerated_ms
from datahub.ingest.windows import Windows

STAGES: tuple[DeviceState, ...] = tuple(DeviceState)
"""Stage of working life by the number that stands for it in the columns."""

_ACTIVE, _MAINTENANCE = STAGES.index(DeviceState.ACTIVE), STAGES.index(DeviceState.MAINTENANCE)


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """Readings found in the registry, in columns of length n: device row, slot, rule row; -1 where unknown.

    ``kind`` and ``node`` (who may speak for the device) mean nothing where the device is unknown.
    """

    row: Ints
    slot: Ints
    rule: Ints
    kind: NDArray[np.int16]
    node: Ints


class Kinds:
    """The kinds of device known so far and their properties, numbered in the order of acquaintance.

    ``position[kind, property]`` is the place of a property within its kind, -1 if the kind does not observe it; its
    last column is always -1, so that an unknown property (-1) is found nowhere. *Rule rows* number all properties of
    all kinds; ``low, high, rest_s, rate_s, step, cumulative`` are what the births say of each.
    """

    def __init__(self) -> None:
        self.kinds: list[KindDescriptor] = []
        self.properties: list[str] = []
        self._number: dict[str, int] = {}
        self._kind: dict[str, int] = {}
        self.index()

    def learn(self, kind: KindDescriptor) -> int:
        """Number of the kind; a later description of the same name replaces the former."""
        known = self._kind.get(kind.name)
        if known is not None and self.kinds[known] == kind:
            return known
        if known is None:
            known = self._kind[kind.name] = len(self.kinds)
            self.kinds.append(kind)
        else:
            self.kinds[known] = kind
        for described in kind.properties:
            if described.name not in self._number:
                self._number[described.name] = len(self.properties)
                self.properties.append(described.name)
        self.index()
        return known

    def restore(self, properties: Sequence[str], kinds: Sequence[KindDescriptor]) -> None:
        """Take over what the database knows, with the same numbers."""
        self.properties = list(properties)
        self._number = {name: i for i, name in enumerate(properties)}
        for kind in kinds:
            self.learn(kind)

    def index(self) -> None:
        """Lay out the tables by kind and property anew."""
        every = [described for kind in self.kinds for described in kind.properties]
        self.width = np.array([len(kind.properties) for kind in self.kinds], np.int64)
        self.first_rule = np.concatenate((np.zeros(1, np.int64), np.cumsum(self.width)))[:-1]
        self.position = np.full((len(self.kinds), len(self.properties) + 1), -1, np.int64)
        for k, kind in enumerate(self.kinds):
            for at, described in enumerate(kind.properties):
                self.position[k, self._number[described.name]] = at
        self.low = np.array([one.low for one in every])
        self.high = np.array([one.high for one in every])
        self.rest_s = np.array([one.may_rest_s for one in every])
        self.rate_s = np.array([one.rate_s for one in every])
        self.step = np.array([one.resolution for one in every])
        self.cumulative = np.array([one.cumulative for one in every], np.bool_)
        self.property_of_rule = np.array([self._number[one.name] for one in every], np.int16)

    def number(self, name: str) -> int:
        """Number of a property, -1 if no kind observes it."""
        return self._number.get(name, -1)

    def kind_number(self, name: str) -> int:
        """Number of a kind, -1 if unknown."""
        return self._kind.get(name, -1)

    def numbers(self, names: tuple[str, ...]) -> NDArray[np.int16]:
        """Numbers of a batch's property dictionary."""
        return np.array([self._number.get(name, -1) for name in names], np.int16)


def promised(kind: KindDescriptor) -> float:
    """Readings a second that one device of a kind promises [1/s]; what speaks on events only promises none."""
    return sum(1.0 / one.period_s for one in kind.properties if one.period_s > 0)


class Registry:
    """All devices, in columns of length n, sorted by code.

    Rows move when births are woven in, and whoever asks may be the one who weaves. What one method returns is of one
    moment, whatever thread asks; a row is good, and columns fit together, only as long as ``lock`` is held.

    Args:
        lock: the store's, so that there is no second one to wait for; without one the registry makes its own.

    Attributes:
        device, object, lon, lat: as born.
        kind: number of the kind.
        node: code of the node that may speak for the device.
        stage: number of its stage of working life (``STAGES``).
        slot: its first slot.
        version: grows whenever rows or slots move.
        claims: births that were refused, because another node speaks for the device: (node, device).
        lock: held while anything moves.
    """

    def __init__(self, lock: RLock | None = None) -> None:
        self.lock = RLock() if lock is None else lock
        self.kinds = Kinds()
        self.nodes = Nodes()
        self.windows = Windows(self.nodes)
        self.device: Ints = np.zeros(0, np.int64)
        self.object: Ints = np.zeros(0, np.int64)
        self.node: Ints = np.zeros(0, np.int64)
        self.lon: Floats = np.zeros(0)
        self.lat: Floats = np.zeros(0)
        self.kind: NDArray[np.int16] = np.zeros(0, np.int16)
        self.stage: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self.slot: Ints = np.zeros(0, np.int64)
        self.slots = 0
        self.version = 0
        self.claims: list[tuple[int, int]] = []
        self._waiting: list[BirthBatch] = []

    def __len__(self) -> int:
        return len(self.device)

    def learn(self, births: BirthBatch) -> None:
        """Hear of births. They are woven in when first needed (``settle``), many at once."""
        with self.lock:
            known = self.kinds.kind_number(births.kind.name)
            reshaped = known >= 0 and self.kinds.kinds[known] != births.kind
            self.kinds.learn(births.kind)
            self._waiting.append(births)
            if reshaped:  # slots are laid out by kind: they must not wait
                self.settle()

    def settle(self) -> bool:
        """Weave in the births heard of; True if there were any."""
        with self.lock:
            if not self._waiting:
                return False
            waiting, self._waiting = self._waiting, []
            self._admit_nodes(waiting)
            self._admit_devices([batch for batch in map(self._current, waiting) if len(batch)])
            width = self.kinds.width[self.kind]
            ends = np.cumsum(width)
            each = np.array([promised(kind) for kind in self.kinds.kinds])[self.kind]
            rate = np.bincount(self.nodes.rows(self.node), each, len(self.nodes))
            self.nodes.rate = rate.astype(np.float64)
            self.slot, self.slots = ends - width, int(ends[-1]) if len(ends) else 0
            self.version += 1
            return True

    def _admit_nodes(self, births: Sequence[BirthBatch]) -> None:
        nodes = self.nodes
        node = np.concatenate([batch.node for batch in births])
        epoch = np.concatenate([batch.epoch for batch in births])
        tolerated = np.concatenate([np.full(len(batch), tolerated_ms(batch.kind)) for batch in births])
        nodes.admit(node)
        row = nodes.rows(node)
        unborn = nodes.epoch[row] == 0
        np.maximum.at(nodes.epoch, row[unborn], epoch[unborn])
        later = np.flatnonzero(epoch > nodes.epoch[row])
        for i in later[np.lexsort((epoch[later], node[later]))].tolist():
            self.windows.turn(int(row[i]), node=int(node[i]), epoch=int(epoch[i]))
        for i in np.flatnonzero(epoch < nodes.epoch[row]).tolist():
            self.windows.know(int(node[i]), int(epoch[i]))
        np.maximum.at(nodes.tolerated_ms, row, tolerated)
        current = epoch == nodes.epoch[row]
        np.maximum.at(nodes.heard, row[current], epoch[current])
        nodes.dead[row[current]] = False

    def _current(self, births: BirthBatch) -> BirthBatch:
        """The births that no later one of the same node has overtaken."""
        keep = births.epoch == self.nodes.epoch[self.nodes.rows(births.node)]
        if keep.all():
            return births
        columns = (births.node, births.epoch, births.device, births.object, births.lon, births.lat)
        node, epoch, device, thing, lon, lat = (column[keep] for column in columns)
        return BirthBatch(kind=births.kind, node=node, epoch=epoch, device=device, object=thing, lon=lon, lat=lat)

    def _admit_devices(self, births: Sequence[BirthBatch]) -> None:
        number = [self.kinds.kind_number(batch.kind.name) for batch in births]
        parts = {
            "device": np.concatenate([self.device, *(batch.device for batch in births)]),
            "object": np.concatenate([self.object, *(batch.object for batch in births)]),
            "node": np.concatenate([self.node, *(batch.node for batch in births)]),
            "lon": np.concatenate([self.lon, *(batch.lon for batch in births)]),
            "lat": np.concatenate([self.lat, *(batch.lat for batch in births)]),
            "kind": np.concatenate(
                [self.kind, *(np.full(len(b), k, np.int16) for b, k in zip(births, number, strict=True))]
            ),
            "stage": np.concatenate([self.stage, *(np.full(len(batch), _ACTIVE, np.uint8) for batch in births)]),
        }
        order = np.argsort(parts["device"], kind="stable")
        order = order[self._rightful(parts, order)]
        device = parts["device"][order]
        last = np.ones(len(device), np.bool_)
        last[:-1] = device[1:] != device[:-1]
        keep = order[last]
        former = parts["stage"][: len(self)]
        for name, column in parts.items():
            setattr(self, name, column[keep])
        self._keep_stages(device, order=order, former=former)

    def _rightful(self, parts: Mapping[str, NDArray[np.generic]], order: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Which births (in ``order``: by device, then as they came) are by the node that speaks for the device.

        Whoever was first does; another node takes over only a device that is in maintenance. Others are noted.
        """
        device, node, stage = (np.asarray(parts[name])[order] for name in ("device", "node", "stage"))
        begins = np.ones(len(device), np.bool_)
        begins[1:] = device[1:] != device[:-1]
        first = np.flatnonzero(begins)[np.cumsum(begins) - 1]
        fine: NDArray[np.bool_] = (node == node[first]) | (stage[first] == _MAINTENANCE)
        self.claims += [(int(node[i]), int(device[i])) for i in np.flatnonzero(~fine).tolist()]
        return fine

    def _keep_stages(self, device: Ints, *, order: Ints, former: NDArray[np.uint8]) -> None:
        """A device that is born again stays in maintenance or retired; only a person moves it."""
        if not len(former):
            return
        old = order < len(former)
        self.stage[np.searchsorted(self.device, device[old])] = former[order[old]]

    def rows(self, device: Ints) -> Ints:
        """Row of each device code; -1 for one never born."""
        with self.lock:
            found = find(self.device, device)
            if self._waiting and (found < 0).any() and self.settle():
                found = find(self.device, device)
            return found

    def row(self, device: int) -> int:
        """Row of one device code, or -1."""
        with self.lock:
            self.settle()
            return int(find(self.device, np.array([device], np.int64))[0])

    def kind_of(self, device: int) -> KindDescriptor | None:
        """Kind of one device (code); None if it was never born."""
        with self.lock:
            row = self.row(device)
            return self.kinds.kinds[self.kind[row]] if row >= 0 else None

    def node_of(self, device: int) -> int:
        """Code of the node that may speak for a device (code); -1 if it was never born."""
        with self.lock:
            row = self.row(device)
            return int(self.node[row]) if row >= 0 else -1

    def locate(self, device: Ints, number: NDArray[np.int16]) -> Located:
        """Find readings: rows of their devices, slots and rules of their properties (lookups once per run)."""
        with self.lock:
            n = len(device)
            change = np.ones(n, np.bool_)
            change[1:] = device[1:] != device[:-1]
            starts = np.flatnonzero(change)
            run = self.rows(device[starts])
            if not len(self):
                nothing = np.full(n, -1, np.int64)
                return Located(nothing, nothing, nothing, np.zeros(n, np.int16), nothing)
            size = np.diff(starts, append=n)
            of_run = self.kind[run]
            row, kind, node = run.repeat(size), of_run.repeat(size), self.node[run].repeat(size)
            position = self.kinds.position[kind, number]
            slot = self.slot[run].repeat(size)
            slot += position
            rule = self.kinds.first_rule[of_run].repeat(size)
            rule += position
            bad = position < 0
            if (run < 0).any():
                bad |= row < 0
            if bad.any():
                slot[bad] = -1
                rule[bad] = -1
            return Located(row, slot, rule, kind, node)

    def slot_of(self, device: int, name: str) -> int:
        """Slot of one device's property, or -1."""
        with self.lock:
            row = self.row(device)
            number = self.kinds.number(name)
            if row < 0 or number < 0:
                return -1
            position = int(self.kinds.position[self.kind[row], number])
            return int(self.slot[row]) + position if position >= 0 else -1

    def observers(self, name: str) -> tuple[Ints, Ints]:
        """Rows of all devices that observe a property, and their slots for it."""
        with self.lock:
            self.settle()
            number = self.kinds.number(name)
            if number < 0 or not len(self):
                return np.zeros(0, np.int64), np.zeros(0, np.int64)
            position = self.kinds.position[:, number][self.kind]
            rows = np.flatnonzero(position >= 0)
            return rows, self.slot[rows] + position[rows]
