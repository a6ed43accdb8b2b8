"""Nodes: who speaks on the wire. A device that speaks for itself, or a gateway that packs those behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from datahub.contract.messages import BirthBatch, Death
from datahub.contract.observations import Ints, ObservationBatch, offsets
from sensors.kind import Kind, Sites

Rows: TypeAlias = NDArray[np.integer[Any]]
"""Rows of a fleet's devices or nodes."""


class Nodes:
    """The senders of one fleet, in columns of length m.

    Attributes:
        code: unified codes, ascending.
        of: for each device of the fleet the row of its node.
        epoch: when each was switched on [ms]; a node numbers its readings from 0 in each epoch.
        next: sequence of the next reading.
        powered: whether it has power.
    """

    def __init__(self, kind: Kind, sites: Sites, *, epoch: int) -> None:
        speaks = sites.node if sites.node is not None else sites.device
        self.kind, self._sites = kind, sites
        self.code, of = np.unique(speaks, return_inverse=True)
        self.of: NDArray[np.int32] = of.astype(np.int32)
        self.epoch: Ints = np.full(len(self.code), epoch, np.int64)
        self.next: Ints = np.zeros(len(self.code), np.int64)
        self.powered: NDArray[np.bool_] = np.ones(len(self.code), np.bool_)
        self._members: tuple[Ints, Ints] | None = None

    def __len__(self) -> int:
        return len(self.code)

    def rows(self, codes: Ints) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Row of each code, and whether it is one of these nodes at all."""
        if not len(self.code):
            return np.zeros(len(codes), np.intp), np.zeros(len(codes), np.bool_)
        near = np.minimum(np.searchsorted(self.code, codes), len(self.code) - 1)
        return near, self.code[near] == codes

    def devices(self, nodes: Rows) -> Ints:
        """Rows of the devices behind nodes (rows, ascending), grouped by node."""
        if self._sites.node is None:
            return np.asarray(nodes, np.int64)
        if self._members is None:
            order = np.argsort(self.of, kind="stable").astype(np.int64)
            self._members = order, np.searchsorted(self.of[order], np.arange(len(self.code) + 1))
        order, start = self._members
        parts = [order[start[node] : start[node + 1]] for node in nodes]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def births(self, nodes: Rows | None = None) -> BirthBatch:
        """What these nodes (rows; None: all) say when they come on line."""
        rows: Ints | slice = slice(None) if nodes is None else self.devices(nodes)
        of, sites = self.of[rows], self._sites
        return BirthBatch(
            kind=self.kind.descriptor,
            node=self.code[of],
            epoch=self.epoch[of],
            device=sites.device[rows],
            object=sites.object[rows],
            lon=sites.lon[rows],
            lat=sites.lat[rows],
        )

    def switch_off(self, nodes: Rows) -> list[Death]:
        """These nodes lose their power; what others learn of it."""
        self.powered[nodes] = False
        return [Death(node=int(self.code[node]), epoch=int(self.epoch[node])) for node in nodes]

    def switch_on(self, nodes: Rows, t: int) -> BirthBatch:
        """These nodes have power (again) from ``t`` [ms] on: a new epoch, numbered from 0."""
        self.powered[nodes] = True
        self.epoch[nodes] = t
        self.next[nodes] = 0
        return self.births(nodes)

    def pack(self, of: Rows, counts: Ints, *, t: int, columns: Sequence[NDArray[Any]]) -> ObservationBatch:
        """One pack for each node in ``of`` (rows) of the next ``counts`` rows of device, property, time and value."""
        first = self.next[of]
        self.next[of] = first + counts
        device, prop, time, value = columns
        return ObservationBatch(
            properties=tuple(it.name for it in self.kind.descriptor.properties),
            node=self.code[of],
            epoch=self.epoch[of],
            first=first,
            result_time=np.full(len(of), t, np.int64),
            offset=offsets(counts),
            device=device,
            property=prop,
            phenomenon_time=time,
            value=value,
        )
