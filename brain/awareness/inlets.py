"""The zones' inlet meters: what they say, what is usual, and what a zone draws when its meter is silent or wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brain.awareness.loggers import INLET, Loggers
from datahub.contract.city import WaterNetwork
from datahub.contract.observations import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Meters:
    """Zone inlet meters in columns of length m: signal, zone, what it says, what is usual, its scatter [m3/s].

    ``drawn`` is what each zone is taken to draw: what its meter says where that is believed.
    """

    signal: Ints
    zone: Ints
    said: Floats
    usual: Floats
    scale: Floats
    drawn: Floats


@dataclass(slots=True, eq=False)
class Inlets:
    """All inlet meters of one city, and each zone's share in the city's thirst.

    Attributes:
        pace: part of the way that a zone's share follows in one window.
        fading: what is left after one window of what a zone drew beyond the usual.
        share: thirst of each zone relative to its households'; 1 before anything is known.
        excess: what each zone drew beyond the usual when it was last believed, fading [m3/s].
        turn: windows read so far; the first ones count more.
    """

    water: WaterNetwork
    loggers: Loggers
    pace: float
    fading: float
    signal: Ints = field(init=False)
    zone: Ints = field(init=False)
    share: Floats = field(init=False)
    excess: Floats = field(init=False)
    turn: int = 0
    _inward: Floats = field(init=False)
    _households: Floats = field(init=False)

    def __post_init__(self) -> None:
        known = self.loggers
        self.signal = np.flatnonzero(known.flow & (known.place == INLET))
        self.zone, self._inward = known.zone[self.signal], known.inward[self.signal]
        self._households = np.asarray(self.water.zones.columns["households"], np.float64)[self.zone]
        self.share, self.excess = np.ones(len(self.signal)), np.zeros(len(self.signal))

    def read(self, value: Floats, *, level: Floats, scale: Floats, ok: NDArray[np.bool_]) -> Meters:
        """One window of all signals, beside each one's level and scatter at the hour (NaN: unknown).

        What is usual is scaled to how thirsty the city is right now. Of an hour of which nothing is known of a zone it
        is that zone's share, by its households, of what the city draws.
        """
        said, expected = value[self.signal] * self._inward, level[self.signal] * self._inward
        believed = ok[self.signal] & np.isfinite(said)
        thirst = _median((said / np.maximum(self._households, 1.0))[believed & (self._households > 0)], 0.0)
        by_share = self.share * self._households * thirst
        known = expected > 0
        ratio = _median((said / np.where(known, expected, 1.0))[believed & known], 1.0)
        usual = np.where(known, expected * ratio, by_share)
        kept = np.where(ok[self.signal], self.excess * self.fading, 0.0)  # of a meter that lies, not even the last word
        self.excess = np.where(believed, said - usual, kept)
        drawn = np.maximum(usual + self.excess, 0.0)
        follow = believed & (by_share > 0)
        step = said / np.where(follow, by_share, 1.0)
        pace = max(self.pace, 1.0 / (self.turn + 1.0))
        self.share *= np.where(follow, 1.0 + pace * (np.clip(step, 0.1, 10.0) - 1.0), 1.0)
        self.turn += 1
        return Meters(self.signal, self.zone, said, usual, scale[self.signal], drawn)


def _median(values: Floats, otherwise: float) -> float:
    return float(np.median(values)) if len(values) else otherwise
