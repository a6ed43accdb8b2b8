"""Water quality where a main was laid dry and opened: dirt and germs come in, flushing and chlorine take them out.

A simple first-order model of one well-mixed stretch, with no source for its rates but general practice (unverified):
dirt leaves with the water exchanged, chlorine decays by itself, germs die by Chick and Watson's law, dN/dt = -k C N.
Limits to compare with: GB 5749-2022, turbidity 1 NTU, free chlorine at the tap 0.05 to 2 mg/l, coliforms 0 per 100 ml
(unverified).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import HOUR_MS
from datahub.contract.observations import Floats, Ints

#: Ordinary water of the network: turbidity [NTU], free chlorine [mg/l], coliforms [per 100 ml].
TURBIDITY_NTU, CHLORINE_MG_L, COLIFORM = 0.3, 0.4, 0.0
#: What repair leaves in the stretch, medians and log-normal spread.
DIRT_NTU, GERMS, SPREAD = 18.0, 30.0, 0.4
#: Decay of chlorine [1/h]; part of an exchange of water that really exchanges (dead ends stay behind).
DECAY_1_H, EXCHANGE = 0.05, 0.7
#: Chick-Watson: four powers of ten at 10 mg/l x min, cautious because germs sit in scale [l/(mg min)].
KILL = 4 * float(np.log(10)) / 10
#: Fewer coliforms than this in 100 ml are none.
COUNTABLE = 0.5
#: After disinfection the chlorinated water is rinsed out with this many exchanges.
RINSE = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """Samples of water, in columns."""

    turbidity_ntu: Floats
    free_chlorine_mg_l: Floats
    coliform_per_100ml: Floats


@dataclass(slots=True, eq=False)
class Stretch:
    """A stretch of mains that was opened for repair.

    Attributes:
        pipes: register rows of its mains, the repaired one among them.
        nodes: register rows of its nodes.
        volume_m3: water that it holds.
    """

    pipes: Ints
    nodes: Ints
    volume_m3: float
    turbidity_ntu: float
    chlorine_mg_l: float
    coliform: float

    def exchange(self, times: float) -> None:
        """Ordinary water runs through, so many times the stretch's volume."""
        left = float(np.exp(-EXCHANGE * times))
        self.turbidity_ntu = TURBIDITY_NTU + (self.turbidity_ntu - TURBIDITY_NTU) * left
        self.chlorine_mg_l = CHLORINE_MG_L + (self.chlorine_mg_l - CHLORINE_MG_L) * left
        self.coliform = COLIFORM + (self.coliform - COLIFORM) * left

    def rest(self, hours: float) -> None:
        """Time goes by: chlorine kills while it decays (integral of the decaying concentration)."""
        kept = float(np.exp(-DECAY_1_H * hours))
        dose_mg_min_l = self.chlorine_mg_l * (1 - kept) / DECAY_1_H * 60
        self.coliform *= float(np.exp(-KILL * dose_mg_min_l))
        self.chlorine_mg_l *= kept

    def clean(self) -> bool:
        """Whether it is as good as ordinary water again."""
        near = abs(self.chlorine_mg_l - CHLORINE_MG_L) < 0.02 and self.turbidity_ntu < TURBIDITY_NTU + 0.02
        return near and self.coliform < COUNTABLE / 10


class Stretches:
    """All stretches of one city that are not yet clean."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._open: list[Stretch] = []

    def foul(self, *, pipes: Ints, nodes: Ints, volume_m3: float) -> Stretch:
        """A stretch was dry and open: it is dirty now."""
        dirt, germs = np.exp(self._rng.normal(0, SPREAD, 2))
        stretch = Stretch(pipes, nodes, max(0.1, volume_m3), DIRT_NTU * float(dirt), 0.0, GERMS * float(germs))
        self._open = [it for it in self._open if not np.isin(pipes, it.pipes).all()]
        self._open.append(stretch)
        return stretch

    def any(self) -> bool:
        """Whether there is a stretch that is not clean."""
        return bool(self._open)

    def of(self, pipe: int) -> Stretch | None:
        """The stretch that a main belongs to, if it is not clean."""
        return next((it for it in reversed(self._open) if pipe in it.pipes), None)

    def advance(self, ms: int, fed: NDArray[np.bool_], through_m3_s: Floats) -> None:
        """Time goes by. ``fed``: per pipe, whether it hangs on a source; ``through_m3_s``: what flows in each pipe."""
        for it in self._open:
            it.rest(ms / HOUR_MS)
            if fed[it.pipes].any():
                flow = float(np.abs(through_m3_s[it.pipes]).max())
                it.exchange(flow * ms / 1_000 / it.volume_m3)
        self._open = [it for it in self._open if not (it.clean() and fed[it.pipes].all())]

    def at_nodes(self, rows: Ints) -> Quality:
        """Samples at nodes."""
        n = len(rows)
        sample = Quality(np.full(n, TURBIDITY_NTU), np.full(n, CHLORINE_MG_L), np.full(n, COLIFORM))
        for it in self._open:
            self._fill(sample, np.isin(rows, it.nodes), it)
        return sample

    def at_pipe(self, pipe: int) -> Quality:
        """A sample from a main."""
        sample = Quality(np.full(1, TURBIDITY_NTU), np.full(1, CHLORINE_MG_L), np.full(1, COLIFORM))
        if stretch := self.of(pipe):
            self._fill(sample, np.ones(1, np.bool_), stretch)
        return sample

    @staticmethod
    def _fill(sample: Quality, where: NDArray[np.bool_], it: Stretch) -> None:
        sample.turbidity_ntu[where] = it.turbidity_ntu
        sample.free_chlorine_mg_l[where] = it.chlorine_mg_l
        sample.coliform_per_100ml[where] = float(np.rint(it.coliform)) if it.coliform >= COUNTABLE else 0.0
