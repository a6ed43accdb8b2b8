"""A network on the drawing board: nodes, pipes and valves in the order in which they are thought of, then as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable, WaterNetwork
from datahub.contract.observations import Floats, Ints
from datahub.devices.coding import CLASSES, encode
from scenarios.survey import sizing
from scenarios.survey.plane import Plane

OWNER = "water_company"
ARTERIAL_M = 0.6
"""Mains from this diameter on lie under arterial roads, thinner ones of the backbone under secondary roads."""

Columns: TypeAlias = dict[str, NDArray[np.generic]]


@dataclass(slots=True)
class Draft:
    """The network while it is being laid: nodes and pipes in the order in which they were thought of."""

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    community: list[int] = field(default_factory=list)
    zone: list[int] = field(default_factory=list)
    head: list[float] = field(default_factory=list)
    households: list[int] = field(default_factory=list)
    a: list[int] = field(default_factory=list)
    b: list[int] = field(default_factory=list)
    length: list[float] = field(default_factory=list)
    diameter: list[float] = field(default_factory=list)
    pipe_zone: list[int] = field(default_factory=list)
    trunk: list[bool] = field(default_factory=list)
    valves: list[tuple[int, int]] = field(default_factory=list)
    inlets: list[int] = field(default_factory=list)

    def node(
        self, x: float, y: float, community: int, *, zone: int = -1, head: float = np.nan, households: int = 0
    ) -> int:
        """Add a node; its number."""
        for column, value in ((self.x, x), (self.y, y), (self.head, head)):
            column.append(value)
        for whole, number in ((self.community, community), (self.zone, zone), (self.households, households)):
            whole.append(number)
        return len(self.x) - 1

    def pipe(
        self, a: int, b: int, *, diameter: float = 0.0, zone: int = -1, trunk: bool = False, length: float = 0.0
    ) -> int:
        """Add a pipe; its number. Streets make it a fifth longer than the straight line (unverified)."""
        straight = float(np.hypot(self.x[a] - self.x[b], self.y[a] - self.y[b]))
        self.a.append(a)
        self.b.append(b)
        self.length.append(round(length or max(30.0, 1.2 * straight), 1))
        self.diameter.append(diameter)
        self.pipe_zone.append(zone)
        self.trunk.append(trunk)
        return len(self.a) - 1


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Height of the built-up land: a smooth field of gentle waves 4 to 15 km long, 2 to 16 m above the sea.

    Hills of a coastal city rise higher, but people and pipes keep to the low ground between them; where a plant gives
    little head, it was built for lower ground still.
    """

    wave: Floats
    phase: Floats

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Ground:
        """A field of its own for each city."""
        angle, length = rng.uniform(0, 2 * np.pi, 8), rng.uniform(4_000, 15_000, 8)
        wave = 2 * np.pi / length * np.stack((np.cos(angle), np.sin(angle)))
        return cls(wave, rng.uniform(0, 2 * np.pi, 8))

    def height_m(self, x: Floats, y: Floats, *, top_m: Floats | float = 16.0) -> Floats:
        """Height [m above sea level] at places [m]; the land of a system rises to ``top_m``."""
        waves = np.cos(np.stack((x, y), axis=-1) @ self.wave + self.phase).sum(axis=-1) / 2
        share = 0.5 + 0.5 * np.tanh(waves / 1.5)
        return np.asarray(np.round(2.0 + (top_m - 2.0) * share, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Order:
    """The order of the codes: new row of each old one, and old row of each new one."""

    new: NDArray[np.intp]
    old: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Clerk:
    """Writes a drawn network into the register: every table in the order of its codes.

    Attributes:
        adcodes: district of each community.
        system: supply system of each community.
        top_m: for each system, how high its land rises [m].
        motorised_m: for each system, from which diameter on a backbone valve is motorised [m].
    """

    draft: Draft
    adcodes: Sequence[str]
    plane: Plane
    ground: Ground
    system: NDArray[np.int32]
    top_m: Sequence[float]
    motorised_m: Sequence[float]

    def register(self) -> WaterNetwork:
        """The network as the city knows it."""
        draft = self.draft
        xy, home = np.array([draft.x, draft.y]), np.array(draft.community, np.int32)
        a, b = np.array(draft.a), np.array(draft.b)
        inlet = np.array(draft.inlets)
        first = b[inlet]
        node_order, pipe_order, zone_order = (self._order(home[rows]) for rows in (slice(None), a, first))
        # -1 (in no zone) picks the last entry, which stays -1
        zone_of = np.append(zone_order.new, -1).astype(np.int32)
        return WaterNetwork(
            nodes=self._table("water_node", node_order, home, xy, self._nodes(xy, home, zone_of)),
            pipes=self._table("pipe", pipe_order, home[a], (xy[:, a] + xy[:, b]) / 2, self._pipes(node_order, zone_of)),
            valves=self._valves(xy, home, pipe_order),
            zones=self._table(
                "zone", zone_order, home[first], xy[:, first], self._zones(inlet=pipe_order.new[inlet].astype(np.int64))
            ),
        )

    def _nodes(self, xy: Floats, home: NDArray[np.int32], zone_of: NDArray[np.int32]) -> Columns:
        head, system = np.array(self.draft.head), self.system[home]
        return {
            "elevation_m": self.ground.height_m(*xy, top_m=np.array(self.top_m)[system]),
            "source": np.isfinite(head),
            "head_m": head,
            "zone": zone_of[np.array(self.draft.zone)],
            "households": np.array(self.draft.households, np.int64),
            "system": system,
        }

    def _pipes(self, nodes: Order, zone_of: NDArray[np.int32]) -> Columns:
        draft = self.draft
        trunk, diameter = np.array(draft.trunk), np.array(draft.diameter)
        return {
            "a": nodes.new[np.array(draft.a)].astype(np.int64),
            "b": nodes.new[np.array(draft.b)].astype(np.int64),
            "length_m": np.array(draft.length),
            "diameter_m": diameter,
            "roughness": np.full(len(diameter), sizing.ROUGHNESS),
            "trunk": trunk,
            "zone": zone_of[np.array(draft.pipe_zone)],
            "road_class": np.where(trunk, np.where(diameter >= ARTERIAL_M, 3, 2), 1).astype(np.int32),
        }

    def _valves(self, xy: Floats, home: NDArray[np.int32], pipes: Order) -> ObjectTable:
        draft = self.draft
        pipe, end = np.array([it[0] for it in draft.valves]), np.array([it[1] for it in draft.valves])
        a, b = np.array(draft.a)[pipe], np.array(draft.b)[pipe]
        near, far = np.where(end == 0, a, b), np.where(end == 0, b, a)
        span = np.hypot(*(xy[:, far] - xy[:, near]))
        place = xy[:, near] + (xy[:, far] - xy[:, near]) * np.minimum(0.3, 10.0 / np.maximum(span, 1.0))
        big = np.array(draft.diameter)[pipe] >= np.array(self.motorised_m)[self.system[home[near]]]
        columns: Columns = {
            "pipe": pipes.new[pipe].astype(np.int64),
            "end": end.astype(np.int8),
            "motorised": big & np.array(draft.trunk)[pipe],
        }
        return self._table("valve", self._order(home[near]), home[near], place, columns)

    def _zones(self, *, inlet: Ints) -> Columns:
        zone = np.array(self.draft.zone)
        inside = zone >= 0
        count = np.bincount(zone[inside], weights=np.array(self.draft.households)[inside], minlength=len(inlet))
        return {"inlet": inlet, "households": count.astype(np.int64)}

    def _order(self, home: NDArray[np.int32]) -> Order:
        old = np.lexsort((np.arange(len(home)), self._district(home)))
        new = np.empty(len(old), np.intp)
        new[old] = np.arange(len(old))
        return Order(new, old)

    def _district(self, home: NDArray[np.int32]) -> Ints:
        return np.array([int(code) for code in self.adcodes], np.int64)[home]

    def _table(self, name: str, order: Order, home: NDArray[np.int32], xy: Floats, columns: Columns) -> ObjectTable:
        """One table; ``home``, ``xy`` and ``columns`` in the order of the draft."""
        district = self._district(home)[order.old]
        ordinal = np.arange(len(district)) - np.searchsorted(district, district, side="left") + 1
        place = np.round(self.plane.degrees(xy[:, order.old].T), 7)
        return ObjectTable(
            name=name,
            code=encode(district, CLASSES[name], ordinal),
            lon=place[:, 0],
            lat=place[:, 1],
            community=home[order.old].astype(np.int32),
            owner=OWNER,
            columns={key: values[order.old] for key, values in columns.items()},
        )
