"""Which pipe explains best what the loggers see: the sensitivity method.

A loss of water anywhere on a main moves every pressure and flow in its own pattern, the signature. The brain lays
the pattern of the deviations beside each candidate's signature, fits the size of the loss, and ranks by what is left
unexplained, each sensor weighed by its own learned scatter (Pudar & Liggett 1992, J. Hydraul. Eng. 118:1031; Perez
et al. 2011, Control Eng. Pract. 19:1157). A few sensors that lie must not decide, so each one's misfit is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.hydraulics import Mains, Response
from datahub.contract.observations import Floats, Ints
from datahub.contract.units import PASCAL_PER_METRE


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Where the model is compared with readings, in columns of length s.

    Attributes:
        flow: a flow [m3/s, a to b] if true, else a pressure [Pa].
        at: model pipe of a flow, model node of a pressure (of one at an inlet, where that branches off); -1 where the
            model has neither.
        elevation_m: height of a pressure gauge [m].
    """

    flow: NDArray[np.bool_]
    at: Ints
    elevation_m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Signatures:
    """What a loss of 1 m3/s does, for c candidate positions.

    Attributes:
        pipe: register row of each candidate's pipe, ascending; a metered pipe counts twice (before, behind the meter).
        change: (s, c), in each point's unit per m3/s; 0 where a point is outside the model.
    """

    pipe: Ints
    change: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Candidate pipes, most likely first, in columns of length k.

    Attributes:
        pipe: register rows.
        weight: share of belief, sums to at most 1.
        loss_m3_s: fitted size of the loss if it were this pipe.
        misfit: what the candidate leaves unexplained, mean square in standard deviations [1].
    """

    pipe: Ints
    weight: Floats
    loss_m3_s: Floats
    misfit: Floats

    def __len__(self) -> int:
        return len(self.pipe)

    def of_mains(self) -> Ranking:
        """The pipes alone (rows from 0), without what else was ranked with them."""
        keep = self.pipe >= 0
        return Ranking(self.pipe[keep], self.weight[keep], self.loss_m3_s[keep], self.misfit[keep])

    def sized(self, loss_m3_s: float) -> Ranking:
        """The same places, the loss being known otherwise."""
        return Ranking(self.pipe, self.weight, np.full(len(self), loss_m3_s), self.misfit)

    def first(self, count: int) -> Ranking:
        """The ``count`` likeliest."""
        return Ranking(self.pipe[:count], self.weight[:count], self.loss_m3_s[:count], self.misfit[:count])


def at_points(points: Points, head: Floats, flow: Floats) -> Floats:
    """What the model says at each point [Pa or m3/s]; NaN outside the model. Shape (s,)."""
    values = np.full(len(points.at), np.nan)
    p, q = ~points.flow & (points.at >= 0), points.flow & (points.at >= 0)
    values[p] = (head[points.at[p]] - points.elevation_m[p]) * PASCAL_PER_METRE
    values[q] = flow[points.at[q]]
    return values


def by_node(network: Mains, response: Response, points: Points) -> Floats:
    """What a draw of 1 m3/s at each model node does to each point, shape (s, n)."""
    p, q = ~points.flow & (points.at >= 0), points.flow & (points.at >= 0)
    result = np.zeros((len(points.at), len(network.node)))
    result[p] = response.head[points.at[p]] * PASCAL_PER_METRE
    result[q] = response.flow[points.at[q]]
    return result


def signatures(network: Mains, response: Response, points: Points) -> Signatures:
    """Signatures of a loss in the middle of each main that is not shut.

    A draw in the middle of a pipe acts on the rest as half at either end, and leaves the pipe's own meter half the
    draw higher if it sits before the hole and half lower if behind.
    """
    nodes = by_node(network, response, points)
    by_pipe = 0.5 * (nodes[:, network.a] + nodes[:, network.b])
    metered = np.isin(np.arange(len(network.pipe)), points.at[points.flow & (points.at >= 0)])
    candidate = np.concatenate((np.arange(len(network.pipe)), np.flatnonzero(metered)))
    side = np.concatenate((np.where(metered, 0.5, 0.0), np.full(int(metered.sum()), -0.5)))
    order = np.lexsort((-side, candidate))
    candidate, side = candidate[order], side[order]
    change = by_pipe[:, candidate]
    change += np.where(points.flow[:, None] & (points.at[:, None] == candidate[None, :]), side[None, :], 0.0)
    return Signatures(pipe=network.pipe[candidate], change=change)


@dataclass(frozen=True, slots=True)
class Trust:
    """How far patterns and readings are believed.

    Attributes:
        error_ratio: relative error of a signature, added to the readings' scatter in quadrature.
        bound_sigma: no point counts for more than this many standard deviations.
        doubt_ratio: so many readings say as much as one independent one would (errors of a model are common to many).
    """

    error_ratio: float
    bound_sigma: float
    doubt_ratio: float


def rank(deviation: Floats, sigma: Floats, patterns: Signatures, trust: Trust) -> Ranking:
    """Rank the candidates by how well they explain ``deviation`` (s,), NaN where a point says nothing.

    Args:
        deviation: measured minus normal, in each point's unit.
        sigma: scatter of each point's deviation on a calm day, same unit, positive; not finite where unknown yet.
        patterns: signatures of the candidates.
        trust: how far to believe both.
    """
    use = np.isfinite(deviation) & np.isfinite(sigma) & (np.abs(patterns.change).sum(axis=1) > 0)
    r, s, g = deviation[use, None], sigma[use, None], patterns.change[use]
    scatter = np.broadcast_to(s, g.shape)
    loss = np.zeros(g.shape[1])
    for _ in range(6):
        left = np.abs(r - g * loss) / scatter if loss.any() else np.zeros_like(g)
        heed = np.minimum(1.0, trust.bound_sigma / np.maximum(left, 1e-9)) / scatter**2
        loss = np.maximum((heed * g * r).sum(axis=0) / np.maximum((heed * g * g).sum(axis=0), 1e-30), 0.0)
        scatter = np.sqrt(s**2 + (trust.error_ratio * loss * g) ** 2)
    left = np.minimum(np.abs(r - g * loss) / scatter, trust.bound_sigma)
    lack = (0.5 * (left**2).sum(axis=0) + np.log(scatter / s).sum(axis=0)) / trust.doubt_ratio
    return _by_pipe(patterns.pipe, loss, lack, (left**2).mean(axis=0))


def _by_pipe(pipe: Ints, loss: Floats, lack: Floats, misfit: Floats) -> Ranking:
    """Best variant of each pipe; belief by likelihood; ties by row."""
    order = np.lexsort((pipe, lack))
    _, first = np.unique(pipe[order], return_index=True)
    best = order[np.sort(first)]
    weight = np.exp(-(lack[best] - lack[best[0]])) if len(best) else np.zeros(0)
    return Ranking(pipe[best], weight / max(float(weight.sum()), 1e-30), loss[best], misfit[best])
