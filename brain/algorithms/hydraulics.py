"""The brain's own picture of the supply network: steady flow in the mains between the sources and the zones.

It holds the mains outside the zones, takes what every zone draws at its inlet as given, and solves heads and flows by
the global gradient algorithm (Todini & Pilati 1988, Computer Applications in Water Supply 1:1) with Hazen-Williams
friction, h = 10.667 C^-1.852 d^-4.871 L q^1.852 (SI; domain.md 7.2, V). It knows only the asset register: what the
survey has wrong shows as a bias that the awareness learns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import SuperLU, splu

from brain.algorithms.network import column
from datahub.contract.city import WaterNetwork
from datahub.contract.observations import Floats, Ints

_EXPONENT = 1.852
_LEAST_FLOW_M3_S = 1e-4
"""Below this, friction is taken as linear, so that a pipe at rest has a finite slope (EPANET 2.2 manual, 12.1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Mains:
    """The mains between sources and zone inlets as one graph, rows being the model's own.

    Attributes:
        node: rows in ``WaterNetwork.nodes`` of the model's n nodes, ascending.
        pipe: rows in ``WaterNetwork.pipes`` of its p pipes, ascending.
        a, b: end nodes of each pipe (model rows).
        resistance: head loss [m] at 1 m3/s.
        fixed_m: head of a source [m], NaN at every other node.
        outlet: for each zone the model node at which its inlet branches off, -1 where it has none.
        inlet: for each zone the resistance of its inlet pipe [m at 1 m3/s].
    """

    node: Ints
    pipe: Ints
    a: Ints
    b: Ints
    resistance: Floats
    fixed_m: Floats
    elevation_m: Floats
    outlet: Ints
    inlet: Floats

    def node_of(self, rows: Ints) -> Ints:
        """Model rows of register nodes; -1 outside the model."""
        return _find(self.node, rows)

    def pipe_of(self, rows: Ints) -> Ints:
        """Model rows of register pipes; -1 outside the model."""
        return _find(self.pipe, rows)


@dataclass(frozen=True, slots=True, eq=False)
class Steady:
    """One state of the mains: heads [m] (NaN where no source reaches) and flows from a to b [m3/s]."""

    head_m: Floats
    flow_m3_s: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """How heads and flows answer a small extra draw of 1 m3/s at each node (columns), about one state.

    ``head`` (n, n) [m per m3/s], ``flow`` (p, n) [1].
    """

    head: Floats
    flow: Floats


def mains(water: WaterNetwork) -> Mains:
    """The part of the register outside the zones; each zone hangs where its inlet branches off."""
    inlet = column(water, "zones", "inlet")
    keep = column(water, "pipes", "zone") < 0
    keep[inlet[inlet >= 0]] = False
    pipe = np.flatnonzero(keep)
    a, b = column(water, "pipes", "a")[pipe], column(water, "pipes", "b")[pipe]
    node = np.unique(np.concatenate((a, b)))
    columns = water.pipes.columns
    c, d, length = (np.asarray(columns[name], np.float64) for name in ("roughness", "diameter_m", "length_m"))
    resistance = 10.667 * c**-_EXPONENT * d**-4.871 * length
    held = water.nodes.columns
    source = np.asarray(held["source"]).astype(np.bool_)[node]
    return Mains(
        node=node,
        pipe=pipe,
        a=np.searchsorted(node, a),
        b=np.searchsorted(node, b),
        resistance=resistance[pipe],
        fixed_m=np.where(source, np.asarray(held["head_m"], np.float64)[node], np.nan),
        elevation_m=np.asarray(held["elevation_m"], np.float64)[node],
        outlet=_find(node, np.where(inlet >= 0, _outer_ends(water, inlet), -1)),
        inlet=np.where(inlet >= 0, resistance[inlet], 0.0),
    )


def _outer_ends(water: WaterNetwork, inlet: Ints) -> Ints:
    """Register node at the outer end of each zone's inlet: the end that does not belong to the zone."""
    a, b = column(water, "pipes", "a")[inlet], column(water, "pipes", "b")[inlet]
    return np.where(column(water, "nodes", "zone")[a] == np.arange(len(inlet)), b, a)


def _find(sorted_rows: Ints, rows: Ints) -> Ints:
    at = np.minimum(np.searchsorted(sorted_rows, rows), len(sorted_rows) - 1)
    return np.where(sorted_rows[at] == rows, at, -1)


@dataclass(slots=True, eq=False)
class Solver:
    """Solves one network again and again; each solution starts from the one before.

    ``shut`` names model pipes that carry nothing because a valve on them is closed; ``pump`` is what the pumps of a
    source lose on the pipe behind it, h = pump q^2 [m per (m3/s)^2], 0 on other pipes.
    """

    mains: Mains
    pump: Floats = field(init=False)
    shut: NDArray[np.bool_] = field(init=False)
    _flow: Floats = field(init=False)
    _live: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.pump = np.zeros(len(self.mains.pipe))
        self.close(np.zeros(len(self.mains.pipe), np.bool_))

    def close(self, shut: NDArray[np.bool_]) -> None:
        """Take these pipes out (all others in), and find what no source reaches any more."""
        m = self.mains
        n = len(m.node)
        self.shut = shut.copy()
        graph = csc_array((np.ones(int((~shut).sum()), np.int8), (m.a[~shut], m.b[~shut])), shape=(n, n))
        labels = connected_components(graph, directed=False)[1]
        self._live = np.isin(labels, labels[np.isfinite(m.fixed_m)])
        self._flow = np.where(shut, 0.0, 0.05)

    def solve(self, draw_m3_s: Floats, *, tolerance: float = 1e-6, rounds: int = 40) -> Steady:
        """Heads and flows for a draw [m3/s] at every model node (those of sources and of dead parts are ignored)."""
        m = self.mains
        free, open_ = self._free(), ~self.shut & self._live[m.a]
        flow = np.where(open_, self._flow, 0.0)
        head = np.where(np.isfinite(m.fixed_m), m.fixed_m, 0.0)
        for _ in range(rounds):
            slope, loss = self._friction(flow)
            conductance = np.where(open_, 1.0 / slope, 0.0)
            matrix = self._matrix(conductance, free)
            known = np.where(free, 0.0, head)
            rest = conductance * (loss - (known[m.a] - known[m.b]))
            right = -draw_m3_s - self._sum(flow - rest)
            head[free] = matrix.solve(right[free]) if free.any() else 0.0
            moved = np.where(open_, flow - conductance * (loss - (head[m.a] - head[m.b])), 0.0)
            change = float(np.abs(moved - flow).sum() / max(float(np.abs(moved).sum()), 1e-9))
            flow = moved
            if change < tolerance:
                break
        self._flow = np.where(open_, flow, 0.05)
        return Steady(head_m=np.where(self._live, head, np.nan), flow_m3_s=flow)

    def calibrate(self, pipe: int, *, flow_m3_s: Floats, head_m: Floats) -> None:
        """Learn what the pumps before ``pipe`` lose, the pipe behind a source.

        From readings of its flow and of the head at its far end over time (columns of one length). A constant error of
        the gauge does no harm; nothing is learned where the flow hardly varied.
        """
        m = self.mains
        outward = 1.0 if np.isfinite(m.fixed_m[m.a[pipe]]) else -1.0
        source = m.fixed_m[m.a[pipe] if outward > 0 else m.b[pipe]]
        known = np.isfinite(flow_m3_s) & np.isfinite(head_m)
        q = np.maximum(flow_m3_s[known] * outward, 0.0)
        drop = source - head_m[known] - m.resistance[pipe] * q**_EXPONENT
        if len(q) > 2 and np.ptp(q) > 0.1 * q.max():
            slope = float(np.polyfit(q**2, drop, 1)[0])
            self.pump[pipe] = max(slope, 0.0)

    def response(self, state: Steady) -> Response:
        """Sensitivity of every head and flow to a draw at every node, from the state's own slopes."""
        m = self.mains
        n = len(m.node)
        free, open_ = self._free(), ~self.shut & self._live[m.a]
        slope, _ = self._friction(state.flow_m3_s)
        conductance = np.where(open_, 1.0 / slope, 0.0)
        full = np.zeros((n, n))
        np.add.at(full, (m.a, m.b), -conductance)
        full += full.T
        full[np.diag_indices(n)] = -full.sum(axis=1) + 1e-12
        head = np.zeros((n, n))
        head[np.ix_(free, free)] = -np.linalg.inv(full[np.ix_(free, free)])
        return Response(head=head, flow=conductance[:, None] * (head[m.a] - head[m.b]))

    def _free(self) -> NDArray[np.bool_]:
        free: NDArray[np.bool_] = self._live & ~np.isfinite(self.mains.fixed_m)
        return free

    def _friction(self, flow: Floats) -> tuple[Floats, Floats]:
        """Slope dh/dq [m per m3/s] and loss h [m] of each pipe."""
        size = np.maximum(np.abs(flow), _LEAST_FLOW_M3_S)
        secant = self.mains.resistance * size ** (_EXPONENT - 1)
        slope = _EXPONENT * secant + 2 * self.pump * size
        linear = np.where(np.abs(flow) < _LEAST_FLOW_M3_S, _EXPONENT, 1.0)
        return slope, linear * secant * flow + self.pump * np.abs(flow) * flow

    def _sum(self, flow: Floats) -> Floats:
        """Flow out of each node along its pipes."""
        n = len(self.mains.node)
        return _gather(self.mains.a, flow, n) - _gather(self.mains.b, flow, n)

    def _matrix(self, conductance: Floats, free: NDArray[np.bool_]) -> SuperLU:
        m = self.mains
        n = len(m.node)
        size = int(free.sum())
        at = np.where(free, np.cumsum(free) - 1, -1)
        both = free[m.a] & free[m.b]
        diagonal = _gather(m.a, conductance, n) + _gather(m.b, conductance, n)
        rows = np.concatenate((at[m.a[both]], at[m.b[both]], at[free]))
        columns = np.concatenate((at[m.b[both]], at[m.a[both]], at[free]))
        values = np.concatenate((-conductance[both], -conductance[both], diagonal[free] + 1e-12))
        return splu(csc_array((values, (rows, columns)), shape=(size, size)))


def draws(network: Mains, zone_flow_m3_s: Floats) -> Floats:
    """What each model node gives to its zone [m3/s], shape (n,)."""
    has = network.outlet >= 0
    return _gather(network.outlet[has], zone_flow_m3_s[has], len(network.node))


def _gather(at: Ints, values: Floats, n: int) -> Floats:
    return np.bincount(at, values, n).astype(np.float64)


def inlet_losses(network: Mains, zone_flow_m3_s: Floats) -> Floats:
    """Head lost along each zone's inlet pipe [m]."""
    size = np.abs(zone_flow_m3_s)
    result: Floats = network.inlet * size ** (_EXPONENT - 1) * zone_flow_m3_s
    return result
