"""Is there a main whose loss would look like this? The strongest pattern, and whether the loggers bear it out.

Each logger has bounded influence, and most of those that should show the loss must do so. A zone's inlet meter that
reads too little looks like a loss where the zone branches off; it is told apart because the zone would draw what is
usual again if the meter were wrong by just that much. One that reads too much is denied by the mains.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.location import Ranking, Signatures, Trust, rank
from brain.awareness.inlets import Meters
from datahub.contract.observations import Floats

_TRIED = 12
"""Candidates whose loss is fitted, of those with the strongest patterns."""

_AS_WELL = 0.1
"""A meter explains as well as a main if it has this share of the best main's weight."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """What it takes to believe a pattern: the part of ``SupplyRules`` that the search uses."""

    allowance_sigma: float
    expected_sigma: float
    agree_count: int
    agree_ratio: float
    alike_ratio: float
    least_loss_m3_s: float
    trust: Trust


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """Strength of the best pattern [standard deviations], and who agrees with it (s,)."""

    strength: float
    agreeing: NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Search:
    """Weighed patterns of one network, kept as long as patterns and scatter stay the same."""

    rules: SearchRules
    _weighed: tuple[Signatures, Floats, NDArray[np.float32], NDArray[np.float32]] | None = None

    def look(self, deviation: Floats, scale: Floats, *, patterns: Signatures) -> Suspicion:
        """The best explanation of ``deviation`` (s,), NaN where a logger is silent or not believed.

        Args:
            deviation: measured minus normal, in each logger's unit.
            scale: its scatter on a calm day.
            patterns: what a loss on each main does.
        """
        nothing = Suspicion(0.0, np.zeros(len(deviation), np.bool_))
        heard = np.isfinite(deviation)
        bound = self.rules.trust.bound_sigma
        z = np.clip(np.where(heard, deviation, 0.0) / scale, -bound, bound)
        weight, square = self._weights(patterns, scale)
        length = np.sqrt(heard.astype(np.float32) @ square)
        strength = (z.astype(np.float32) @ weight) / np.maximum(length, 1e-6)
        if not len(strength) or strength.max() <= self.rules.allowance_sigma:
            return nothing
        best = np.sort(np.argsort(-strength, kind="stable")[:_TRIED])
        few = Signatures(patterns.pipe[best], patterns.change[:, best])
        ranking = rank(deviation, scale, few, self.rules.trust)
        agreeing = self._agreeing(deviation / scale, ranking, few, scale)
        if not agreeing.any():
            return nothing
        return Suspicion(float(strength.max()), agreeing)

    def _weights(self, patterns: Signatures, scale: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self._weighed is None or self._weighed[0] is not patterns or self._weighed[1] is not scale:
            weight = (patterns.change / scale[:, None]).astype(np.float32)
            self._weighed = (patterns, scale, weight, weight**2)
        return self._weighed[2], self._weighed[3]

    def _agreeing(self, z: Floats, ranking: Ranking, few: Signatures, scale: Floats) -> NDArray[np.bool_]:
        """Signals that move as the best candidate demands; none if too few of those that should do.

        Patterns are linear and the place is known only roughly, so a large loss is some way off everywhere.
        """
        rules = self.rules
        column = int(np.flatnonzero(few.pipe == ranking.pipe[0])[0])
        expected = ranking.loss_m3_s[0] * few.change[:, column] / scale
        should = np.isfinite(z) & (np.abs(expected) >= rules.expected_sigma)
        size, wanted = np.abs(z), np.abs(expected)
        alike = (size >= wanted / rules.alike_ratio) & (size <= wanted * rules.alike_ratio)
        near = np.abs(z - expected) <= rules.expected_sigma
        agreeing: NDArray[np.bool_] = should & (near | alike) & (z * expected > 0)
        enough = agreeing.sum() >= max(rules.agree_count, rules.agree_ratio * should.sum())
        if not enough or ranking.loss_m3_s[0] < rules.least_loss_m3_s:
            return np.zeros(len(z), np.bool_)
        return agreeing


def meter_to_blame(ranking: Ranking, meters: Meters) -> int:
    """Place (0..m-1) of the inlet meter that explains the deviations as well as any main does; -1 if there is none.

    ``ranking`` holds meters as negative rows: -1 - place.
    """
    mains = ranking.weight[ranking.pipe >= 0]
    best = float(mains.max()) if len(mains) else 0.0
    lacking = meters.usual - meters.said
    for row, weight, size in zip(ranking.pipe, ranking.weight, ranking.loss_m3_s, strict=True):
        place = -1 - int(row)
        if row < 0 and weight >= _AS_WELL * best and abs(lacking[place] - size) <= 0.5 * lacking[place]:
            return place
    return -1


def denied(deviation: Floats, scale: Floats, *, zone: Floats) -> tuple[float, float]:
    """How much less than its meter says a zone draws if the mains are believed [m3/s], and how well they can tell.

    Each logger has its own answer; theirs is the median, weighed by how much the zone moves them.

    Args:
        deviation: measured minus normal (s,), the normal being fed with the meter; NaN where unknown.
        scale: its scatter.
        zone: what a draw of 1 m3/s where the zone branches off does to each logger (s,).

    Returns:
        The flow that the mains deny, and the standard deviations that 1 m3/s would move them together.
    """
    weight = np.where(np.isfinite(deviation), np.abs(zone) / scale, 0.0)
    moved = np.flatnonzero(weight > 0)
    if not len(moved):
        return 0.0, 0.0
    answer = -deviation[moved] / zone[moved]
    order = np.argsort(answer, kind="stable")
    half = np.searchsorted(np.cumsum(weight[moved][order]), 0.5 * weight.sum())
    return float(answer[order[min(int(half), len(order) - 1)]]), float(np.sqrt((weight**2).sum()))
