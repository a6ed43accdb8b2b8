"""What a signal's deviation from the model usually is: a bias that follows slowly, and a scatter about it.

Loggers drift, the survey errs, people drink more on a hot day: all of that moves slowly and is learned away. What
jumps is not. While something is wrong nothing is learned.
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


@dataclass(slots=True, eq=False)
class Habit:
    """Slow bias and robust scatter of s signals.

    Attributes:
        least: smallest scatter believed, per signal (what the instrument cannot tell).
        memory: windows remembered for the scatter.
        pace: share of a deviation that the bias follows in one window.
        bound_sigma: a larger deviation moves the bias no further than this one would.
        turn: windows learned from so far.
    """

    least: Floats
    memory: int
    pace: float
    bound_sigma: float
    bias: Floats = field(init=False)
    scale: Floats = field(init=False)
    seen: Ints = field(init=False)
    recent: NDArray[np.float32] = field(init=False)
    turn: int = 0

    def __post_init__(self) -> None:
        n = len(self.least)
        self.bias, self.scale = np.zeros(n), np.full(n, np.inf)
        self.seen = np.zeros(n, np.int64)
        self.recent = np.full((self.memory, n), np.nan, np.float32)

    def deviation(self, value: Floats) -> Floats:
        """How far each value is from its habit, in its own unit; NaN where there is no habit yet."""
        result: Floats = np.where(self.seen > 0, value - self.bias, np.nan)
        return result

    def learn(self, value: Floats, *, refresh_every: int) -> None:
        """Follow ``value`` (s,) where it is known; the scatter is drawn afresh every so many windows."""
        known = np.isfinite(value)
        first = known & (self.seen == 0)
        self.bias[first] = value[first]
        step = value - self.bias
        bound = self.bound_sigma * np.where(np.isfinite(self.scale), self.scale, np.inf)
        pace = np.maximum(self.pace, 1.0 / (self.seen + 1.0))
        self.bias += np.where(known, pace * np.clip(step, -bound, bound), 0.0)
        self.seen += known
        self.recent[self.turn % self.memory] = np.where(known, step, np.nan)
        self.turn += 1
        if self.turn % refresh_every == 0:
            self.refresh()

    def refresh(self) -> None:
        """Draw the scatter from what is remembered: the larger of centre (MAD) and tail, never below ``least``."""
        size = np.sort(np.abs(self.recent[: max(self.turn, 1)]), axis=0)
        count = np.isfinite(size).sum(axis=0)
        middle = np.take_along_axis(size, np.maximum((count - 1) // 2, 0)[None], 0)[0]
        tail = np.take_along_axis(size, np.maximum((count * _TAIL).astype(np.int64) - 1, 0)[None], 0)[0]
        spread = np.maximum(middle * MAD_TO_SIGMA, tail / _TAIL_SIGMA).astype(np.float64)
        self.scale = np.where(count > 1, np.maximum(spread, self.least), np.inf)

    def forget(self) -> None:
        """Begin anew."""
        self.__post_init__()
        self.turn = 0

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays."""
        turn = np.array([self.turn], np.int64)
        return {"bias": self.bias, "scale": self.scale, "seen": self.seen, "recent": self.recent, "turn": turn}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave."""
        self.bias = np.asarray(state["bias"], np.float64).copy()
        self.scale = np.asarray(state["scale"], np.float64).copy()
        self.seen = np.asarray(state["seen"], np.int64).copy()
        self.recent = np.asarray(state["recent"], np.float32).copy()
        self.turn = int(np.asarray(state["turn"])[0])
