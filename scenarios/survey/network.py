"""The surveyed supply network, laid out from where people live.

Plants pump into a looped backbone that passes every community (a relative neighbourhood graph of the communities, as
mains follow the streets between neighbours). Each community is one district-metered area: a single metered inlet pipe
from its backbone node into a small ring of distribution mains, its boundary closed. Valves stand at every junction on
all its pipes but one (the N-1 rule); those of big mains are motorised. Islands have plants and nets of their own.

All of it is invented after these rules: no survey of a real network is public. Numbers without a source are unverified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError

from datahub.contract.city import Division, WaterNetwork
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from scenarios.survey import sizing
from scenarios.survey.draft import Clerk, Draft, Ground
from scenarios.survey.plane import Plane

#: Peak supply per household, all customers and leakage included [m3/s]: 2.43 persons (domain.md 6.1, V [S144]) x 180
#: l/d (GB/T 50331, unverified) x 2 for customers that are no households / 0.88 (12 % lost) x 1.4 for the peak hour
#: of a peak day (K_h 1.2-1.6, K_d 1.1-1.5: domain.md 7.2, G).
PEAK_M3_S = 2.43 * 0.180 * 2 / 0.88 * 1.4 / 86_400
#: Least diameters of backbone, ring and inlet [m], and from which diameter a main's valves are motorised [m].
LEAST_TRUNK_M, LEAST_RING_M, LEAST_INLET_M, MOTORISED_M = 0.3, 0.15, 0.15, 0.6
#: Pressure head that the backbone keeps in the peak hour [m], and what a plant's pumps lose between idle and peak [m].
WANTED_M, PUMP_DROP_M = 27.0, 4.0
#: Households up to which a ring has three nodes; beyond, four.
SMALL_RING = 4_500


@dataclass(frozen=True, slots=True)
class PlantSpec:
    """A waterworks or reservoir as the survey knows it.

    Attributes:
        lon, lat: position [deg].
        head_m: head of its outlet with the pumps idling [m above sea level]; 50-65 keeps a low coastal city supplied.
        system: which supply system it feeds (0 mainland, 1.. islands).
    """

    name: str
    zh: str
    en: str
    lon: float
    lat: float
    head_m: float
    system: int = 0


def lay_network(
    *,
    adcodes: Sequence[str],
    communities: Sequence[Division],
    households: Ints,
    system: NDArray[np.int32],
    plants: Sequence[PlantSpec],
    rng: np.random.Generator,
) -> WaterNetwork:
    """The supply network of a city.

    Args:
        adcodes: six-digit code of each community's district.
        communities: the communities, in the order in which objects refer to them.
        households: households of each community.
        system: supply system of each community (0 mainland, 1.. islands).
        plants: waterworks and reservoirs; each system needs one.
        rng: stream of the survey.

    Returns:
        Nodes carry, beside the contract's columns, ``households`` (int: how many it supplies; they sum up to each
        community's) and ``system``.

    Raises:
        UsageError: if a system has no plant.
    """
    lon, lat = [it.lon for it in communities], [it.lat for it in communities]
    plane = Plane(float(np.mean(lon)), float(np.mean(lat)))
    draft, ground = Draft(), Ground.drawn(rng)
    for number in sorted({int(one) for one in system}):
        lay_system(
            draft,
            number=number,
            members=np.flatnonzero(np.asarray(system) == number),
            places=plane.xy(lon, lat),
            households=np.asarray(households, np.int64),
            plants=[(*plane.xy(it.lon, it.lat).tolist(), it.head_m) for it in plants if it.system == number],
            ground=ground,
            rng=rng,
        )
    count = int(np.max(system)) + 1
    return Clerk(
        draft=draft,
        adcodes=adcodes,
        plane=plane,
        ground=ground,
        system=np.asarray(system, np.int32),
        top_m=[top_m([it.head_m for it in plants if it.system == one]) for one in range(count)],
        motorised_m=motorised_from(draft, np.asarray(system, np.int32)),
    ).register()


def top_m(heads_m: Sequence[float]) -> float:
    """How high the land of a system rises [m], so that its weakest plant can supply it: 2.5 to 16 m."""
    return float(np.clip(min(heads_m, default=0.0) - PUMP_DROP_M - WANTED_M - sizing.ALLOWED_M, 2.5, 16.0))


def lay_system(
    draft: Draft,
    *,
    number: int,
    members: NDArray[np.intp],
    places: Floats,
    households: Ints,
    plants: Sequence[tuple[float, float, float]],
    ground: Ground,
    rng: np.random.Generator,
) -> None:
    """One supply system: its plants, its backbone, and the metered area of each community."""
    if not plants:
        raise UsageError(f"supply system {number} has {len(members)} communities and no plant; give it one")
    junction = {int(c): draft.node(places[c][0], places[c][1], int(c)) for c in members}
    outlets = []
    for x, y, head in plants:
        nearest = int(members[np.hypot(places[members, 0] - x, places[members, 1] - y).argmin()])
        source = draft.node(x, y, nearest, head=head)
        outlets.append((source, draft.node(x + 20.0, y + 20.0, nearest)))
    nodes = [*junction.values(), *(outlet for _, outlet in outlets)]
    xy = np.array([(draft.x[node], draft.y[node]) for node in nodes])
    first = len(draft.a)
    for i, j in neighbours(xy, least_degree=range(len(junction), len(nodes))):
        draft.pipe(nodes[i], nodes[j], trunk=True)
    backbone = range(first, len(draft.a))
    pumps = [draft.pipe(source, outlet, trunk=True, length=100.0) for source, outlet in outlets]
    size_backbone(draft, [*backbone, *pumps], junction=junction, households=households, ground=ground, rng=rng)
    for pump in pumps:
        draft.valves.extend(((pump, 0), (pump, 1)))
    place_backbone_valves(draft, backbone, outlets=[outlet for _, outlet in outlets], rng=rng)
    for c in members:
        lay_zone(draft, int(c), junction[int(c)], places=places, households=int(households[c]), rng=rng)


def neighbours(xy: Floats, *, least_degree: range) -> list[tuple[int, int]]:
    """Pairs of neighbours: no third place is nearer to both (relative neighbourhood graph, Toussaint 1980).

    Connected, and with few loops; the places of ``least_degree`` (plants) get two mains at least, and so do ends
    that lie close to another main's node.
    """
    n = len(xy)
    distance = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    candidates = _delaunay(xy) if n > 3 else [(i, j) for i in range(n) for j in range(i + 1, n)]
    pairs = [(i, j) for i, j in candidates if not (np.maximum(distance[i], distance[j]) < distance[i, j]).any()]
    if n > 3:
        degree = np.bincount(np.array(pairs).ravel(), minlength=n)
        for i in range(n):
            if degree[i] == 1:
                again = next(
                    (int(j) for j in np.argsort(distance[i], kind="stable")[1:] if not _joined(pairs, i, int(j))), -1
                )
                near = distance[i, again] < 2.5 * float(np.partition(distance[i], 1)[1])
                if again >= 0 and (i in least_degree or near):
                    pairs.append((min(i, again), max(i, again)))
                    degree[[i, again]] += 1
    return sorted(pairs)


def _joined(pairs: list[tuple[int, int]], i: int, j: int) -> bool:
    return (min(i, j), max(i, j)) in pairs


def _delaunay(xy: Floats) -> list[tuple[int, int]]:
    try:
        corners = Delaunay(xy).simplices
    except QhullError:  # all in one line
        order = np.lexsort((xy[:, 1], xy[:, 0]))
        return sorted((int(min(i, j)), int(max(i, j))) for i, j in pairwise(order))
    edges = np.sort(np.concatenate((corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]])), axis=1)
    return [(int(i), int(j)) for i, j in np.unique(edges, axis=0)]


def size_backbone(
    draft: Draft,
    pipes: Sequence[int],
    *,
    junction: dict[int, int],
    households: Ints,
    ground: Ground,
    rng: np.random.Generator,
) -> None:
    """Give the backbone of one system the diameters that its peak hour needs."""
    nodes = sorted({node for pipe in pipes for node in (draft.a[pipe], draft.b[pipe])})
    local = {node: i for i, node in enumerate(nodes)}
    head = np.array([draft.head[node] for node in nodes])
    graph = sizing.Graph(
        np.array([local[draft.a[pipe]] for pipe in pipes]),
        np.array([local[draft.b[pipe]] for pipe in pipes]),
        np.array([draft.length[pipe] for pipe in pipes]),
        np.isfinite(head),
    )
    demand = np.zeros(len(nodes))
    for community, node in junction.items():
        demand[local[node]] = PEAK_M3_S * float(households[community])
    xy = np.array([(draft.x[node], draft.y[node]) for node in nodes])
    diameter = sizing.design(graph, demand_m3_s=demand, least_m=LEAST_TRUNK_M, rng=rng)
    diameter = sizing.strengthen(
        graph,
        diameter,
        demand_m3_s=demand,
        head_m=np.where(graph.fixed, head - PUMP_DROP_M, 0.0),
        ground_m=ground.height_m(xy[:, 0], xy[:, 1], top_m=top_m(head[graph.fixed].tolist())),
        wanted_m=WANTED_M,
    )
    for pipe, size in zip(pipes, diameter, strict=True):
        draft.diameter[pipe] = float(size)


def place_backbone_valves(
    draft: Draft, pipes: Sequence[int], *, outlets: Sequence[int], rng: np.random.Generator
) -> None:
    """Valves at each junction of the backbone on all its mains but one, the one being drawn (N-1 rule).

    The inlet of the metered area that hangs on the junction always has its own, so an end has none but that. At the
    outlet of a plant every main has one.
    """
    at: dict[int, list[tuple[int, int]]] = {}
    for pipe in pipes:
        at.setdefault(draft.a[pipe], []).append((pipe, 0))
        at.setdefault(draft.b[pipe], []).append((pipe, 1))
    for node in sorted(at):
        ends = at[node]
        without = -1 if node in outlets else int(rng.integers(len(ends)))
        draft.valves.extend(end for i, end in enumerate(ends) if i != without)


def lay_zone(
    draft: Draft, community: int, junction: int, *, places: Floats, households: int, rng: np.random.Generator
) -> None:
    """The metered area of one community: inlet, a ring of three or four nodes, and where its households hang."""
    zone = len(draft.inlets)
    x, y = places[community]
    others = np.hypot(places[:, 0] - x, places[:, 1] - y)
    spacing = float(np.sort(others)[1]) if len(others) > 1 else 1_000.0
    radius = min(max(0.3 * spacing, 60.0), 700.0)
    corners = 3 if households <= SMALL_RING else 4
    turn = rng.uniform(0, 2 * np.pi)
    share = rng.dirichlet(np.full(corners, 12.0))
    count = np.floor(share * households).astype(int)
    count[0] += households - count.sum()
    ring = []
    for i in range(corners):
        angle, reach = turn + 2 * np.pi * i / corners, radius * rng.uniform(0.7, 1.1)
        place = (x + reach * float(np.cos(angle)), y + reach * float(np.sin(angle)))
        ring.append(draft.node(*place, community, zone=zone, households=int(count[i])))
    peak = PEAK_M3_S * households
    inlet_m = max(float(sizing.smallest(np.array([peak]))[0]), LEAST_INLET_M)
    ring_m = max(float(sizing.smallest(np.array([0.6 * peak]))[0]), LEAST_RING_M)
    inlet = draft.pipe(junction, ring[0], diameter=inlet_m, zone=zone)
    draft.inlets.append(inlet)
    draft.valves.append((inlet, 0))
    for i in range(corners):
        pipe = draft.pipe(ring[i], ring[(i + 1) % corners], diameter=ring_m, zone=zone)
        draft.valves.append((pipe, 0))
    draft.valves.append((len(draft.a) - 1, 1))


def motorised_from(draft: Draft, system: NDArray[np.int32]) -> list[float]:
    """For each system, the diameter from which backbone valves are motorised [m]: DN600, or its largest if smaller."""
    largest = np.zeros(int(system.max()) + 1)
    for pipe, diameter in enumerate(draft.diameter):
        if draft.trunk[pipe]:
            of = int(system[draft.community[draft.a[pipe]]])
            largest[of] = max(largest[of], diameter)
    return [min(MOTORISED_M, one) if one else MOTORISED_M for one in largest.tolist()]
