"""What a signal's deviation from the model usually is: an error that grows with the load, a bias, and a scatter.

The survey errs and mains leak where no meter sits: that makes the model wrong by a share of what it says, most in the
peak hour and at all loggers together, which would look like a loss. The share is learned from a whole day. Loggers
drift, people drink more on a hot day: that moves slowly and the bias follows it. What jumps is neither. While
something is wrong nothing is learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brain.awareness.bands import MAD_TO_SIGMA
from datahub.contract.observations import Floats, Ints

_TAIL = 0.98
_TAIL_SIGMA = 2.326
"""98 % of a normal scatter lies within 2.326 standard deviations (two-sided)."""

_ROUNDS = 3
"""Fits of the share, each heeding outliers less (iteratively re-weighted, Huber 1964, Ann. Math. Stat. 35:73)."""


@dataclass(slots=True, eq=False)
class Habit:
    """Error by load, slow bias and robust scatter of s signals about a model.

    Attributes:
        least: smallest scatter believed, per signal (what the instrument cannot tell).
        memory: windows remembered for share and scatter.
        pace: part of a deviation that the bias follows in one window.
        bound_sigma: a larger deviation moves the bias no further than this one would.
        error_ratio: by what share of itself a model is wrong before anything is known (one standard deviation).
        share: by what share of itself the model is wrong at each signal.
        turn: windows learned from so far.
        seen: how much each bias is worth, in windows.
    """

    least: Floats
    memory: int
    pace: float
    bound_sigma: float
    error_ratio: float
    share: Floats = field(init=False)
    bias: Floats = field(init=False)
    scale: Floats = field(init=False)
    seen: Ints = field(init=False)
    recent: NDArray[np.float32] = field(init=False)
    error: NDArray[np.float32] = field(init=False)
    load: NDArray[np.float32] = field(init=False)
    turn: int = 0

    def __post_init__(self) -> None:
        n = len(self.least)
        self.share, self.bias, self.scale = np.zeros(n), np.zeros(n), np.full(n, np.inf)
        self.seen = np.zeros(n, np.int64)
        self.recent, self.error, self.load = (np.full((self.memory, n), np.nan, np.float32) for _ in range(3))

    def deviation(self, value: Floats, model: Floats) -> Floats:
        """How far each value is from what the model says and its habit, in its own unit; NaN where there is none."""
        result: Floats = np.where(self.seen > 0, value - model - self.share * model - self.bias, np.nan)
        return result

    def learn(self, value: Floats, model: Floats, *, refresh_every: int) -> None:
        """Follow ``value`` (s,) where it is known; share and scatter are drawn afresh every so many windows."""
        error = value - model
        left = error - self.share * model
        known = np.isfinite(left)
        first = known & (self.seen == 0)
        self.bias[first] = left[first]
        step = left - self.bias
        bound = self.bound_sigma * np.where(np.isfinite(self.scale), self.scale, np.inf)
        pace = np.maximum(self.pace, 1.0 / (self.seen + 1.0))
        self.bias += np.where(known, pace * np.clip(step, -bound, bound), 0.0)
        self.seen += known
        row = self.turn % self.memory
        self.recent[row], self.error[row], self.load[row] = (np.where(known, it, np.nan) for it in (step, error, model))
        self.turn += 1
        if self.turn % refresh_every == 0:
            self.refresh(np.where(known, model, 0.0))

    def refresh(self, model: Floats) -> None:
        """Draw share and scatter from what is remembered; at what the ``model`` says now, nothing jumps for that."""
        size = np.sort(np.abs(self.recent[: max(self.turn, 1)]), axis=0)
        count = np.isfinite(size).sum(axis=0)
        middle = np.take_along_axis(size, np.maximum((count - 1) // 2, 0)[None], 0)[0]
        tail = np.take_along_axis(size, np.maximum((count * _TAIL).astype(np.int64) - 1, 0)[None], 0)[0]
        spread = np.maximum(middle * MAD_TO_SIGMA, tail / _TAIL_SIGMA).astype(np.float64)
        self.scale = np.where(count > 1, np.maximum(spread, self.least), np.inf)
        if self.turn >= self.memory:
            share = self._fitted()
            self.bias += (self.share - share) * model
            self.share = share

    def _fitted(self) -> Floats:
        """Slope of the error over the load, drawn to 0 by what was known before (ridge); outliers count less."""
        error, load = self.error.astype(np.float64), self.load.astype(np.float64)
        weight = np.isfinite(error).astype(np.float64)
        error, load = np.nan_to_num(error), np.nan_to_num(load)
        prior = (self.scale / self.error_ratio) ** 2
        share = np.zeros(len(self.least))
        for _ in range(_ROUNDS):
            total = np.maximum(weight.sum(axis=0), 1e-9)
            x = load - (weight * load).sum(axis=0) / total
            y = error - (weight * error).sum(axis=0) / total
            share = (weight * x * y).sum(axis=0) / ((weight * x * x).sum(axis=0) + prior)
            far = np.abs(y - share * x) / self.scale
            weight = np.where(weight > 0, np.minimum(1.0, self.bound_sigma / np.maximum(far, 1e-9)), 0.0)
        return np.where(np.isfinite(prior), share, 0.0)

    def settle(self, windows: int) -> None:
        """The city was disturbed for long: what is learned next counts so that the bias is new after ``windows``."""
        self.seen = np.minimum(self.seen, windows)

    def forget(self) -> None:
        """Begin anew."""
        self.__post_init__()
        self.turn = 0

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays."""
        names = ("share", "bias", "scale", "seen", "recent", "error", "load")
        return {name: getattr(self, name) for name in names} | {"turn": np.array([self.turn], np.int64)}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave; what it does not hold begins anew."""
        for name in self.state().keys() & state.keys():
            now = getattr(self, name)
            setattr(self, name, int(state[name][0]) if name == "turn" else np.asarray(state[name]).astype(now.dtype))
