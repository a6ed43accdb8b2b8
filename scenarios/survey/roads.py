"""What stands along the streets: smart poles with their feeders, and junctions with signals.

No street map is among the inputs, but mains lie under streets: a pipe of the survey is taken for the street above it,
a backbone pipe for a main road, the ring of a metered area for the streets of a neighbourhood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import shapely
from numpy.typing import NDArray

from datahub.contract.city import Division, ObjectTable, WaterNetwork
from datahub.contract.grid import UnitGrids
from datahub.contract.observations import Floats, Ints
from scenarios.survey.declared import JunctionFleet, PoleFleet
from scenarios.survey.plane import Plane
from scenarios.survey.register import chosen, coded, taken

CLASS_NAME: Final = {1: "branch", 2: "secondary", 3: "arterial"}
"""Road classes of the survey's pipes (``road_class``)."""

KERB_M: Final = {1: 4.0, 2: 8.0, 3: 14.0}
"""From the middle of a road to its poles [m]: half of about 2, 4 and 6 to 8 lanes of 3.5 m (assumed)."""

KEY_ROAD: Final = {1: 0.3, 2: 3.0, 3: 6.0}
"""How much sooner a road of each class gets smart poles: key road sections first (003 Box 1; the weights assumed)."""

LEAST_POLES: Final = 8
"""A stretch with fewer poles gets no feeder of its own and waits (assumed)."""


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Poles along one road behind one feeder: array (n, 2) [m], class of the road, how soon it is fitted out."""

    poles: Floats
    road_class: int
    rank: float


def lay_poles(
    *,
    water: WaterNetwork,
    communities: Sequence[Division],
    grids: UnitGrids,
    density: Floats,
    plane: Plane,
    fleet: PoleFleet,
    scale: float,
) -> tuple[ObjectTable, ObjectTable]:
    """Lamp feeders, and the smart poles behind them, fitted out where roads are main and many people live.

    ``density``: people per area of each community, in any unit.
    """
    stretches: list[Stretch] = []
    for line, road_class, community in _roads(water, plane):
        rank = KEY_ROAD[road_class] * float(density[community])
        stretches.extend(_stretches(line, road_class, rank, grids=grids, plane=plane, fleet=fleet))
    stretches.sort(key=lambda s: (-s.rank, float(s.poles[0, 0]), float(s.poles[0, 1])))
    kept, total = [], 0
    for stretch in stretches:
        rest = fleet.count - total
        if rest <= 0:
            break
        kept.append(Stretch(stretch.poles[:rest], stretch.road_class, stretch.rank))
        total += len(kept[-1].poles)
    return _tables(kept, communities=communities, grids=grids, plane=plane, fleet=fleet, scale=scale)


def _tables(
    stretches: Sequence[Stretch],
    *,
    communities: Sequence[Division],
    grids: UnitGrids,
    plane: Plane,
    fleet: PoleFleet,
    scale: float,
) -> tuple[ObjectTable, ObjectTable]:
    """Feeders and poles of the stretches, thinned by whole feeders."""
    sizes = np.array([len(s.poles) for s in stretches])
    pole = plane.degrees(np.concatenate([s.poles for s in stretches]))
    cabinet = plane.degrees(np.stack([s.poles[len(s.poles) // 2] + 1.5 for s in stretches]))
    road_class = np.array([s.road_class for s in stretches], np.int32)
    feeders, new = coded(
        "lamp_feeder",
        communities=communities,
        community=grids.community_of(cabinet[:, 0], cabinet[:, 1], nearest=True),
        lon=cabinet[:, 0],
        lat=cabinet[:, 1],
        owner=fleet.owner,
        columns={"road_class": road_class},
    )
    classes = np.repeat(road_class, sizes)
    watts = np.array([0.0, *(fleet.lamp_w[CLASS_NAME[k]] for k in (1, 2, 3))])
    heights = np.array([0.0, *(fleet.height_m[CLASS_NAME[k]] for k in (1, 2, 3))])
    poles, _ = coded(
        "pole",
        communities=communities,
        community=grids.community_of(pole[:, 0], pole[:, 1], nearest=True),
        lon=pole[:, 0],
        lat=pole[:, 1],
        owner=fleet.owner,
        columns={
            "feeder": np.repeat(feeders.code[new], sizes),
            "lamp_w": watts[classes],
            "height_m": heights[classes],
            "road_class": classes,
        },
    )
    keep = chosen(feeders.code, scale)
    return taken(feeders, keep), taken(poles, np.isin(poles.columns["feeder"], feeders.code[keep]))


def _roads(water: WaterNetwork, plane: Plane) -> list[tuple[shapely.LineString, int, int]]:
    """Lines [m] with their class and community: each backbone pipe, and each metered area's ring as one line."""
    pipes = water.pipes.columns
    xy = plane.xy(water.nodes.lon, water.nodes.lat)
    ends = np.stack((np.asarray(pipes["a"], np.int64), np.asarray(pipes["b"], np.int64)), axis=1)
    road, zone = np.asarray(pipes["road_class"], np.int64), np.asarray(pipes["zone"], np.int64)
    inlets = set(np.asarray(water.zones.columns["inlet"], np.int64).tolist())
    source = np.asarray(water.nodes.columns["source"], np.bool_)
    main = np.flatnonzero(np.asarray(pipes["trunk"], np.bool_) & (road > 0) & ~source[ends].any(axis=1))
    roads = [(shapely.LineString(xy[ends[p]]), int(road[p]), int(water.pipes.community[p])) for p in main]
    order = np.argsort(zone, kind="stable")
    for own in np.split(order, np.flatnonzero(np.diff(zone[order])) + 1):
        ring = [p for p in own.tolist() if zone[p] >= 0 and p not in inlets and road[p] > 0]
        if ring:
            merged = shapely.line_merge(shapely.MultiLineString([xy[ends[p]] for p in ring]))
            lines = shapely.get_parts(merged)
            roads.extend((line, int(road[ring].max()), int(water.pipes.community[ring[0]])) for line in lines)
    return roads


def _stretches(
    line: shapely.LineString, road_class: int, rank: float, *, grids: UnitGrids, plane: Plane, fleet: PoleFleet
) -> list[Stretch]:
    """A road cut into stretches of about ``per_feeder`` poles, which stand left and right of it by turns."""
    count = int(line.length // fleet.spacing_m)
    along = (np.arange(count) + 0.5) * fleet.spacing_m
    middle = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, along + 1.0))
    course = ahead - middle
    course /= np.maximum(np.hypot(course[:, 0], course[:, 1]), 1e-9)[:, None]
    side = np.where(np.arange(count) % 2, 1.0, -1.0)[:, None] * KERB_M[road_class]
    places = middle + side * np.stack((-course[:, 1], course[:, 0]), axis=1)
    degrees = plane.degrees(places)
    places = places[grids.community_of(degrees[:, 0], degrees[:, 1]) >= 0] if count else places
    if len(places) < LEAST_POLES:
        return []
    parts = max(round(len(places) / fleet.per_feeder), 1)
    return [Stretch(part, road_class, rank) for part in np.array_split(places, parts)]


def lay_junctions(
    *, water: WaterNetwork, communities: Sequence[Division], density: Floats, fleet: JunctionFleet
) -> ObjectTable:
    """Junctions with signals: where main roads meet, the widest in the densest communities first."""
    pipes = water.pipes.columns
    road = np.asarray(pipes["road_class"], np.int64)
    ends = np.concatenate((np.asarray(pipes["a"], np.int64), np.asarray(pipes["b"], np.int64)))
    both = np.concatenate((road, road))
    n = len(water.nodes)
    approaches: Ints = np.bincount(ends, both > 0, n).astype(np.int64)
    widest: Ints = np.zeros(n, np.int64)
    np.maximum.at(widest, ends, both)
    source = np.asarray(water.nodes.columns["source"], np.bool_)
    node = np.flatnonzero((approaches >= 3) & (widest >= 2) & ~source)
    rank = density[water.nodes.community[node]] * np.bincount(ends, both, n)[node]
    node = np.sort(node[np.lexsort((node, -rank))[: fleet.count]])
    columns: dict[str, NDArray[np.generic]] = {
        "approaches": np.clip(approaches[node], 3, 4).astype(np.int8),
        "road_class": widest[node].astype(np.int32),
    }
    table, _ = coded(
        "signal_junction",
        communities=communities,
        community=water.nodes.community[node],
        lon=water.nodes.lon[node],
        lat=water.nodes.lat[node],
        owner=fleet.owner,
        columns=columns,
    )
    return table
