"""Chance with a name and a seed: every part of the world that draws has a stream of its own.

Adding a part (a sensor, a fault) leaves the streams of all others as they were, because a stream depends on the
seed and on its name alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Seeds:
    """The seed of a run, from which each named part gets its own random stream."""

    seed: int

    def rng(self, *name: str) -> np.random.Generator:
        """The stream of one named part, the same at every call with the same name (numpy SeedSequence, PCG64)."""
        digest = hashlib.sha256("/".join(name).encode()).digest()
        words = [int.from_bytes(digest[i : i + 4], "big") for i in range(0, 16, 4)]
        return np.random.default_rng(np.random.SeedSequence([self.seed, *words]))
