"""The brain's picture of the mains: what every logger should read while the zones draw what they draw.

It is built from the asset register, fed with the zones' inlet meters, and calibrated at the plants' pumps; nothing in
it comes from anywhere but devices and the survey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.hydraulics import Mains, Solver, Steady, draws, inlet_losses, mains
from brain.algorithms.location import Points, Ranking, Signatures, Trust, at_points, by_node, rank, signatures
from brain.algorithms.network import column
from brain.awareness.loggers import INLET, PLANT, Loggers
from datahub.contract.city import WaterNetwork
from datahub.contract.clock import HOUR_MS
from datahub.contract.observations import Floats, Ints
from datahub.contract.units import PASCAL_PER_METRE

_REDRAWN_MS = 3 * HOUR_MS
"""How long linear patterns serve; they only choose the candidates that are then computed in full."""

_REFINED = 10
"""Candidates whose pattern is computed anew with the loss in full size, because friction is not linear."""


@dataclass(slots=True, eq=False)
class Picture:
    """Model of one city's mains, seen at its loggers.

    Attributes:
        points: where the model is compared with readings; inlet meters are what it is fed with, so not compared.
        patterns: what a loss on each main does to each logger; None until the first state is known.
    """

    water: WaterNetwork
    loggers: Loggers
    solver: Solver = field(init=False)
    points: Points = field(init=False)
    patterns: Signatures | None = None
    _patterns_at: int = 0
    _draw: Floats = field(init=False)
    _drawn: Floats = field(init=False)
    _by_zone: Floats = field(init=False)
    _dry: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        network = mains(self.water)
        self.solver = Solver(network)
        self.points = points_of(self.water, self.loggers, network)
        self._draw = np.zeros(len(network.node))
        self._dry = np.zeros(len(self.loggers), np.bool_)

    def normal(self, drawn_m3_s: Floats, *, t: int, hold: bool) -> Floats:
        """What each logger should read while each zone draws ``drawn_m3_s``; NaN where the picture is blank.

        Patterns are drawn afresh now and then, unless ``hold``.
        """
        network = self.solver.mains
        self._draw = draws(network, drawn_m3_s)
        state = self.solver.solve(self._draw)
        if self.patterns is None or (not hold and t - self._patterns_at >= _REDRAWN_MS):
            response = self.solver.response(state)
            self.patterns = signatures(network, response, self.points)
            self._by_zone = by_node(network, response, self.points)[:, network.outlet]
            self._patterns_at = t
        self._drawn = drawn_m3_s
        return np.where(self._dry, np.nan, self._seen(state, drawn_m3_s))

    def zone_patterns(self, zones: Ints) -> Floats:
        """What a draw of 1 m3/s where each of these zones branches off does to each logger, shape (s, m)."""
        result: Floats = self._by_zone[:, zones]
        return result

    def shut(self, valves: Sequence[int]) -> bool:
        """Which valves (rows) are closed now; all others are open. True if that is news."""
        pipes = column(self.water, "valves", "pipe")[np.asarray(valves, np.int64)]
        shut = np.isin(self.solver.mains.pipe, pipes)
        news = bool((shut != self.solver.shut).any())
        if news:
            self.solver.close(shut)
            self.patterns = None
        inlet = column(self.water, "zones", "inlet")
        closed = np.isin(inlet, pipes)
        self._dry = (self.loggers.zone >= 0) & closed[np.maximum(self.loggers.zone, 0)]
        return news

    def rank(self, deviation: Floats, sigma: Floats, trust: Trust, *, odd: dict[int, tuple[int, float]]) -> Ranking:
        """Mains by how well a loss there explains the deviations: first by linear patterns, the best again in full.

        Empty while there are no patterns. ``odd`` names what else might explain them: meters of zones that read too
        little, row to be ranked as (negative) -> (zone, by how much [m3/s]).
        """
        if self.patterns is None:
            nothing = np.zeros(0)
            return Ranking(np.zeros(0, np.int64), nothing, nothing, nothing)
        rough = rank(deviation, sigma, self.patterns, trust)
        best = rough.first(_REFINED)
        loss = best.loss_m3_s
        fine = rough
        for _ in range(2):
            exact = _joined(self._secants(best.pipe, loss), self._meter_patterns(odd))
            fine = rank(deviation, sigma, exact, trust)
            mains_only = fine.pipe >= 0
            order = np.argsort(fine.pipe[mains_only])
            loss = fine.loss_m3_s[mains_only][order][np.argsort(np.argsort(best.pipe))]
        return fine

    def calibrate(self, readings: Floats) -> None:
        """Learn the plants' pumps from readings over time, shape (k, s)."""
        network = self.solver.mains
        fixed = np.isfinite(network.fixed_m)
        for pipe in np.flatnonzero(fixed[network.a] | fixed[network.b]).tolist():
            far = network.b[pipe] if fixed[network.a[pipe]] else network.a[pipe]
            flow = np.flatnonzero(self.points.flow & (self.points.at == pipe))
            gauge = np.flatnonzero(~self.points.flow & (self.points.at == far) & (self.loggers.place == PLANT))
            if len(flow) and len(gauge):
                head = readings[:, gauge[0]] / PASCAL_PER_METRE + network.elevation_m[far]
                self.solver.calibrate(pipe, flow_m3_s=readings[:, flow[0]], head_m=head)
        self.patterns = None

    def _secants(self, pipes: Ints, loss: Floats) -> Signatures:
        """Patterns of losses of given size [m3/s] on given mains (register rows), from solutions with and without."""
        network = self.solver.mains
        without = self._seen(self.solver.solve(self._draw), self._drawn)
        columns, named = [], []
        for row, size in zip(network.pipe_of(pipes).tolist(), np.maximum(loss, 1e-3).tolist(), strict=True):
            draw = self._draw.copy()
            draw[[network.a[row], network.b[row]]] += 0.5 * size
            state = self.solver.solve(draw)
            change = (self._seen(state, self._drawn) - without) / size
            own = self.points.flow & (self.points.at == row)
            for side in (0.5, -0.5) if own.any() else (0.0,):
                columns.append(np.nan_to_num(change) + np.where(own, side, 0.0))
                named.append(int(network.pipe[row]))
        self.solver.solve(self._draw)
        return Signatures(pipe=np.array(named, np.int64), change=np.column_stack(columns))

    def _meter_patterns(self, odd: dict[int, tuple[int, float]]) -> Signatures:
        """What it does to the picture if each of these zones drew more than its meter says, per m3/s."""
        without = self._seen(self.solver.solve(self._draw), self._drawn)
        columns = [np.zeros((len(self.loggers), 0))]
        for zone, size in odd.values():
            drawn = self._drawn.copy()
            drawn[zone] += size
            state = self.solver.solve(draws(self.solver.mains, drawn))
            columns.append(np.nan_to_num(self._seen(state, drawn) - without)[:, None] / size)
        self.solver.solve(self._draw)
        return Signatures(pipe=np.array(list(odd), np.int64), change=np.concatenate(columns, axis=1))

    def _seen(self, state: Steady, drawn_m3_s: Floats) -> Floats:
        """A state of the mains as the loggers would see it."""
        gauge = ~self.loggers.flow & (self.loggers.zone >= 0)
        lost = np.zeros(len(self.loggers))
        lost[gauge] = inlet_losses(self.solver.mains, drawn_m3_s)[self.loggers.zone[gauge]] * PASCAL_PER_METRE
        return at_points(self.points, state.head_m, state.flow_m3_s) - lost


def _joined(one: Signatures, other: Signatures) -> Signatures:
    return Signatures(np.concatenate((one.pipe, other.pipe)), np.concatenate((one.change, other.change), axis=1))


def points_of(water: WaterNetwork, known: Loggers, network: Mains) -> Points:
    """Where the mains' model is compared with loggers.

    Inlet meters are what the model is fed with, so not compared; an inlet's gauge hangs on the node where it branches.
    """
    elevation = np.asarray(water.nodes.columns["elevation_m"], np.float64)
    inner = ~known.flow & (known.zone >= 0)
    at = np.where(known.flow, network.pipe_of(known.row), network.node_of(known.row))
    at[inner] = network.outlet[known.zone[inner]]
    at[known.flow & (known.place == INLET)] = -1
    return Points(
        flow=known.flow, at=at, elevation_m=np.where(known.flow, 0.0, elevation[np.where(known.flow, 0, known.row)])
    )
