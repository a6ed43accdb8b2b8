"""A network on the drawing board: nodes, pipes and valves in the order in which they are thought of, then as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable, WaterNetwork
from datahub.contract.observations import Floats, Ints
from datahub.devices.coding import CLASSES, encode
from scenarios.survey import sizing

METRE_PER_DEG = 111_320.0
OWNER = "water_company"


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


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane in metres around the city's middle."""

    lon: float
    lat: float

    def xy(self, lon: float, lat: float) -> tuple[float, float]:
        """East and north [m] of a position [deg]."""
        return (lon - self.lon) * METRE_PER_DEG * float(np.cos(np.radians(self.lat))), (lat - self.lat) * METRE_PER_DEG

    def degrees(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Longitude and latitude [deg] of places [m], to a centimetre."""
        scale = METRE_PER_DEG * float(np.cos(np.radians(self.lat)))
        return np.round(self.lon + x / scale, 7), np.round(self.lat + y / METRE_PER_DEG, 7)


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


def tables(
    draft: Draft,
    *,
    adcodes: Sequence[str],
    plane: Plane,
    ground: Ground,
    system: NDArray[np.int32],
    top_m: Sequence[float],
    motorised_m: Sequence[float],
) -> WaterNetwork:
    """The register of a drawn network: every table in the order of its codes.

    ``top_m``: for each system, how high its land rises [m]; ``motorised_m``: for each system, from which diameter on a
    backbone valve is motorised [m].
    """
    district = np.array([int(code) for code in adcodes], np.int64)
    xy = np.array([draft.x, draft.y])
    home = np.array(draft.community, np.int32)
    nodes, new_node = coded("water_node", home, xy, district=district, plane=plane)
    a, b = np.array(draft.a), np.array(draft.b)
    pipes, new_pipe = coded("pipe", home[a], (xy[:, a] + xy[:, b]) / 2, district=district, plane=plane)
    old_node, old_pipe = np.argsort(new_node), np.argsort(new_pipe)
    zones, new_zone = _zones(draft, home, xy, new_pipe, district=district, plane=plane)
    # -1 (in no zone) picks the last entry, which stays -1
    zone_of = np.append(new_zone, -1).astype(np.int32)
    head = np.array(draft.head)[old_node]
    nodes.columns.update(  # type: ignore[attr-defined]
        elevation_m=ground.height_m(*xy, top_m=np.array(top_m)[system[home]])[old_node],
        source=np.isfinite(head),
        head_m=head,
        zone=zone_of[np.array(draft.zone)[old_node]],
        households=np.array(draft.households, np.int64)[old_node],
        system=system[home[old_node]],
    )
    trunk, diameter = np.array(draft.trunk)[old_pipe], np.array(draft.diameter)[old_pipe]
    pipes.columns.update(  # type: ignore[attr-defined]
        a=new_node[a][old_pipe].astype(np.int64),
        b=new_node[b][old_pipe].astype(np.int64),
        length_m=np.array(draft.length)[old_pipe],
        diameter_m=diameter,
        roughness=np.full(len(a), sizing.ROUGHNESS),
        trunk=trunk,
        zone=zone_of[np.array(draft.pipe_zone)[old_pipe]],
        road_class=np.where(trunk, np.where(diameter >= 0.6, 3, 2), 1).astype(np.int32),
    )
    return WaterNetwork(
        nodes=nodes,
        pipes=pipes,
        valves=_valves(
            draft, home, xy, new_pipe, district=district, plane=plane, system=system, motorised_m=motorised_m
        ),
        zones=zones,
    )


def coded(
    name: str, home: NDArray[np.int32], xy: Floats, *, district: Ints, plane: Plane
) -> tuple[ObjectTable, NDArray[np.intp]]:
    """A table of objects with codes, rows in the order of their codes, and the new row of each old one."""
    where = district[home]
    order = np.lexsort((np.arange(len(home)), where))
    first = np.searchsorted(where[order], where[order], side="left")
    code = encode(where[order], CLASSES[name], np.arange(len(order)) - first + 1)
    lon, lat = plane.degrees(xy[0][order], xy[1][order])
    new = np.empty(len(order), np.intp)
    new[order] = np.arange(len(order))
    return ObjectTable(name, code, lon, lat, home[order].astype(np.int32), OWNER, {}), new


def _valves(
    draft: Draft,
    home: NDArray[np.int32],
    xy: Floats,
    new_pipe: NDArray[np.intp],
    *,
    district: Ints,
    plane: Plane,
    system: NDArray[np.int32],
    motorised_m: Sequence[float],
) -> ObjectTable:
    pipe, end = np.array([it[0] for it in draft.valves]), np.array([it[1] for it in draft.valves])
    a, b = np.array(draft.a)[pipe], np.array(draft.b)[pipe]
    near, far = np.where(end == 0, a, b), np.where(end == 0, b, a)
    span = np.hypot(*(xy[:, far] - xy[:, near]))
    place = xy[:, near] + (xy[:, far] - xy[:, near]) * np.minimum(0.3, 10.0 / np.maximum(span, 1.0))
    table, new = coded("valve", home[near], place, district=district, plane=plane)
    old = np.argsort(new)
    big = np.array(draft.diameter)[pipe] >= np.array(motorised_m)[system[home[near]]]
    table.columns.update(  # type: ignore[attr-defined]
        pipe=new_pipe[pipe][old].astype(np.int64),
        end=end[old].astype(np.int8),
        motorised=(big & np.array(draft.trunk)[pipe])[old],
    )
    return table


def _zones(
    draft: Draft, home: NDArray[np.int32], xy: Floats, new_pipe: NDArray[np.intp], *, district: Ints, plane: Plane
) -> tuple[ObjectTable, NDArray[np.intp]]:
    inlet = np.array(draft.inlets)
    first = np.array(draft.b)[inlet]
    table, new = coded("zone", home[first], xy[:, first], district=district, plane=plane)
    old = np.argsort(new)
    per_zone = np.bincount(
        np.array(draft.zone)[np.array(draft.zone) >= 0],
        weights=np.array(draft.households)[np.array(draft.zone) >= 0],
        minlength=len(inlet),
    )
    table.columns.update(  # type: ignore[attr-defined]
        inlet=new_pipe[inlet][old].astype(np.int64), households=per_zone[old].astype(np.int64)
    )
    return table, new
