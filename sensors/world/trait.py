"""Lasting traits of single things (how thirsty a household is, when a lamp will die), drawn from their codes.

A trait depends on the thing's unified code and on a salt alone, so it stays the same when scale thins the city out
or when another thing is asked about first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def salt(seeds: Seeds, *name: str) -> int:
    """A number that stands for one named trait in this run."""
    return int(seeds.rng("trait", *name).integers(2**63))


def uniform(codes: Ints, salt: int) -> Floats:
    """One number in (0, 1) for each code: SplitMix64 (Steele, Lea and Flood 2014, doi 10.1145/2660193.2660195)."""
    mixed: NDArray[np.uint64] = np.asarray(codes, np.int64).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (mixed + np.uint64(salt)) * _GOLDEN
        mixed ^= mixed >> np.uint64(30)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(27)
        mixed *= np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(codes: Ints, salt: int) -> Floats:
    """One standard normal number for each code."""
    return np.asarray(ndtri(uniform(codes, salt)), np.float64)
