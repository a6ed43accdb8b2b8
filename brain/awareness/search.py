"""Is there a main whose loss would look like this? The strongest pattern, and whether the loggers bear it out.

Each logger has bounded influence, most of those that should show the loss must do so, and a zone's inlet meter that
reads too little, which would look like a loss where the zone branches off, is told apart: then the zone would draw what
is usual again if the meter were wrong by just that much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.location import Ranking, Signatures, Trust, rank
from datahub.contract.observations import Floats, Ints

_TRIED = 12
"""Candidates whose loss is fitted, of those with the strongest patterns."""


@dataclass(frozen=True, slots=True)
class SearchRules:
    """What it takes to believe a pattern: the part of ``SupplyRules`` that the search uses."""

    allowance_sigma: float
    expected_sigma: float
    agree_count: int
    agree_ratio: float
    least_loss_m3_s: float
    trust: Trust


@dataclass(frozen=True, slots=True, eq=False)
class Meters:
    """Zone inlet meters in columns of length m: signal, what it says, what is usual, its scatter [m3/s into the zone]."""

    signal: Ints
    said: Floats
    usual: Floats
    scale: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """Strength of the best pattern [standard deviations], who agrees (s,), and the inlet meter to blame (-1: none)."""

    strength: float
    agreeing: NDArray[np.bool_]
    meter: int = -1


@dataclass(slots=True, eq=False)
class Search:
    """Weighed patterns of one network, kept as long as patterns and scatter stay the same."""

    rules: SearchRules
    _weighed: tuple[Signatures, Floats, NDArray[np.float32], NDArray[np.float32]] | None = None

    def look(
        self, deviation: Floats, scale: Floats, *, patterns: Signatures, zones: Floats, meters: Meters
    ) -> Suspicion:
        """The best explanation of ``deviation`` (s,), NaN where a logger is silent or not believed.

        Args:
            deviation: measured minus normal, in each logger's unit.
            scale: its scatter on a calm day.
            patterns: what a loss on each main does.
            zones: (s, m) what a draw of 1 m3/s does where each meter's zone branches off.
            meters: the inlet meters.
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
        meter = self._meter(deviation, scale, few, zones=zones, meters=meters)
        return Suspicion(float(strength.max()), agreeing, meter)

    def _weights(self, patterns: Signatures, scale: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self._weighed is None or self._weighed[0] is not patterns or self._weighed[1] is not scale:
            weight = (patterns.change / scale[:, None]).astype(np.float32)
            self._weighed = (patterns, scale, weight, weight**2)
        return self._weighed[2], self._weighed[3]

    def _agreeing(self, z: Floats, ranking: Ranking, few: Signatures, scale: Floats) -> NDArray[np.bool_]:
        """Signals that move as the best candidate demands; none if too few of those that should do."""
        rules = self.rules
        column = int(np.flatnonzero(few.pipe == ranking.pipe[0])[0])
        expected = ranking.loss_m3_s[0] * few.change[:, column] / scale
        should = np.isfinite(z) & (np.abs(expected) >= rules.expected_sigma)
        near = np.abs(z - expected) <= np.maximum(rules.expected_sigma, 0.5 * np.abs(expected))
        agreeing: NDArray[np.bool_] = should & near & (z * expected > 0)
        enough = agreeing.sum() >= max(rules.agree_count, rules.agree_ratio * should.sum())
        if not enough or ranking.loss_m3_s[0] < rules.least_loss_m3_s:
            return np.zeros(len(z), np.bool_)
        return agreeing

    def _meter(self, deviation: Floats, scale: Floats, few: Signatures, *, zones: Floats, meters: Meters) -> int:
        """Signal of the inlet meter that reads too little and would explain it all as well; -1 if none does."""
        lacking = meters.usual - meters.said
        odd = np.flatnonzero(lacking > self.rules.expected_sigma * meters.scale)
        if not len(odd):
            return -1
        named = np.concatenate((few.pipe, -1 - odd))
        both = Signatures(named, np.column_stack((few.change, zones[:, odd])))
        ranking = rank(deviation, scale, both, self.rules.trust)
        best_main = float(ranking.weight[ranking.pipe >= 0].max())
        for pipe, weight, size in zip(ranking.pipe, ranking.weight, ranking.loss_m3_s, strict=True):
            if pipe < 0 and weight >= 0.1 * best_main:
                meter = int(-1 - pipe)
                if abs(lacking[meter] - size) <= 0.5 * lacking[meter]:
                    return int(meters.signal[meter])
        return -1
