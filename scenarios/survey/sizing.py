"""How thick a main has to be: peak flows in a looped network, and nominal diameters that carry them.

Heads by the global gradient method (Todini and Pilati 1988) with Hazen-Williams losses h = 10.667 C^-1.852 d^-4.871 L
q^1.852 (domain.md 7.2, V). Velocities after the economic ranges of the Chinese design handbook (0.6-0.9 m/s to DN400,
0.9-1.4 above; unverified).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import spsolve

from datahub.contract.observations import Floats, Ints

#: Nominal diameters [mm] (GB/T 13295 series, unverified) and the velocity each may reach in the peak hour [m/s].
DIAMETER_MM = np.array(
    [100, 150, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 1200, 1400, 1600, 1800, 2000], np.float64
)
VELOCITY_M_S = np.array([0.6, 0.65, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.3, 1.35, 1.4, 1.4, 1.4])
CAPACITY_M3_S = np.pi / 4 * (DIAMETER_MM / 1_000) ** 2 * VELOCITY_M_S

ROUGHNESS = 120.0
"""Hazen-Williams C of cement-lined ductile iron some years in service (130 new; unverified)."""


ALLOWED_M, ROUNDS = 4.0, 80
"""Loss of head that the backbone may always cost [m]; how often mains are raised before the ground is blamed."""


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Pipes between nodes 0..n-1: ends (m), length [m] (m), which nodes have a fixed head (n)."""

    a: Ints
    b: Ints
    length_m: Floats
    fixed: NDArray[np.bool_]


def resistance(graph: Graph, diameter_m: Floats) -> Floats:
    """Hazen-Williams resistance of each pipe [m / (m3/s)^1.852]."""
    return np.asarray(10.667 * ROUGHNESS**-1.852 * diameter_m**-4.871 * graph.length_m)


def solve(graph: Graph, *, diameter_m: Floats, demand_m3_s: Floats, head_m: Floats) -> tuple[Floats, Floats]:
    """Flow of each pipe [m3/s, from a to b] and head of each node [m] under a demand; fixed heads from ``head_m``."""
    n, m = len(graph.fixed), len(graph.a)
    rows = np.repeat(np.arange(m), 2)
    columns = np.stack((graph.a, graph.b), axis=1).ravel()
    incidence = csr_matrix((np.tile([1.0, -1.0], m), (rows, columns)), shape=(m, n))
    free = incidence[:, np.flatnonzero(~graph.fixed)]
    driven = incidence[:, np.flatnonzero(graph.fixed)] @ head_m[graph.fixed]
    loss = resistance(graph, diameter_m)
    flow = np.full(m, 1e-3)
    heads = np.asarray(head_m, np.float64).copy()
    for _ in range(60):
        size = np.maximum(np.abs(flow), 1e-6)
        slope = 1.852 * loss * size**0.852 + 1e-9
        lost = loss * size**0.852 * flow
        wanted = -demand_m3_s[~graph.fixed] - free.T @ (flow + (driven - lost) / slope)
        heads[~graph.fixed] = spsolve((free.T @ diags(1 / slope) @ free).tocsc(), wanted)
        change = (incidence @ heads - lost) / slope
        flow = flow + change
        if float(np.abs(change).max()) < 1e-7 + 1e-5 * float(np.abs(flow).max()):
            break
    return flow, heads


def smallest(flow_m3_s: Floats) -> Floats:
    """Smallest nominal diameter [m] that carries each flow within its velocity (the largest there is, if none does)."""
    step = np.minimum(np.searchsorted(CAPACITY_M3_S, np.abs(flow_m3_s)), len(DIAMETER_MM) - 1)
    return np.asarray(DIAMETER_MM[step] / 1_000)


def next_larger(diameter_m: Floats) -> Floats:
    """The next nominal diameter [m]."""
    step = np.searchsorted(DIAMETER_MM, diameter_m * 1_000 + 0.5)
    return np.asarray(DIAMETER_MM[np.minimum(step, len(DIAMETER_MM) - 1)] / 1_000)


def design(graph: Graph, *, demand_m3_s: Floats, least_m: float, rng: np.random.Generator) -> Floats:
    """Diameters [m] of a looped network for its peak demand.

    Pipes are sized for the largest of several cases in which the routes are dearer or cheaper at random; without
    them a looped network collapses to a tree whose every break leaves a quarter dry.
    """
    level = np.zeros(len(graph.fixed))
    cases = [np.ones(len(graph.a)), *np.exp(rng.normal(0, 0.5, (3, len(graph.a))))]
    largest = np.zeros(len(graph.a))
    for dearness in cases:
        dear = Graph(graph.a, graph.b, graph.length_m * dearness, graph.fixed)
        diameter = np.full(len(graph.a), 0.6)
        for _ in range(3):
            flow, _ = solve(dear, diameter_m=diameter, demand_m3_s=demand_m3_s, head_m=level)
            diameter = np.maximum(smallest(flow), least_m)
        largest = np.maximum(largest, 0.85 * np.abs(flow))
    return np.maximum(smallest(largest), least_m)


def strengthen(
    graph: Graph, diameter_m: Floats, *, demand_m3_s: Floats, head_m: Floats, ground_m: Floats, wanted_m: float
) -> Floats:
    """Diameters [m] raised until every node keeps ``wanted_m`` of pressure head [m] at the peak.

    Where the ground is too high for that, all but ``ALLOWED_M`` of what there would be at rest is enough. On the way
    from the plants to the node that lacks most, the mains that lose most per length are raised first.
    """
    rest = float(head_m[graph.fixed].min()) - ground_m
    target = np.minimum(wanted_m, rest - ALLOWED_M)
    for _ in range(ROUNDS):
        flow, heads = solve(graph, diameter_m=diameter_m, demand_m3_s=demand_m3_s, head_m=head_m)
        lacking = np.where(graph.fixed, 0.0, target - (heads - ground_m))
        if float(lacking.max()) <= 0:
            break
        way = way_to(graph, flow, int(lacking.argmax()))
        gradient = (resistance(graph, diameter_m) / graph.length_m * np.abs(flow) ** 1.852)[way]
        steep = way[gradient >= np.quantile(gradient, 0.6)]
        diameter_m = diameter_m.copy()
        diameter_m[steep] = next_larger(diameter_m[steep])
    return diameter_m


def way_to(graph: Graph, flow_m3_s: Floats, node: int) -> Ints:
    """The mains through which most of a node's water comes, from the node back to where a head is fixed."""
    way: list[int] = []
    while not graph.fixed[node] and len(way) < len(graph.a):
        into = np.where(graph.b == node, flow_m3_s, np.where(graph.a == node, -flow_m3_s, -np.inf))
        pipe = int(into.argmax())
        way.append(pipe)
        node = int(graph.a[pipe] if graph.b[pipe] == node else graph.b[pipe])
    return np.array(way, np.int64)
