"""A burst inside a zone: its inlet meter says far more than usual, goes on saying so, and the mains bear it out.

If the meter alone were wrong, the picture of the mains fed with it would not fit the other loggers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from brain.algorithms.location import Ranking
from brain.algorithms.network import column
from datahub.contract.city import WaterNetwork
from datahub.contract.observations import Floats


@dataclass(frozen=True, slots=True)
class ZoneRules:
    """What it takes to believe in a burst inside a zone (``parameters/zones.toml``)."""

    allowance_sigma: float
    cap_sigma: float
    limit_sigma: float
    excess_ratio: float
    denied_ratio: float
    denied_sigma: float


@dataclass(slots=True, eq=False)
class ZoneWatch:
    """Cumulative sums (Page 1954) of m zones' excess over what is usual."""

    zones: int
    rules: ZoneRules
    least_loss_m3_s: float
    score: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.score = np.zeros(self.zones)

    def look(self, *, said: Floats, usual: Floats, scale: Floats, denied: Floats, power: Floats) -> int:
        """The zone (0..m-1) whose excess has become certain in this window; -1 if none.

        Args:
            said, usual, scale: flow into each zone, what is usual while the city is as it is, its scatter [m3/s].
            denied: how much less than its meter says each zone draws, if the mains are to be believed [m3/s].
            power: standard deviations of the mains' loggers together for each m3/s of that.
        """
        rules = self.rules
        excess = said - usual
        borne_out = (denied < rules.denied_ratio * excess) & (power * excess >= rules.denied_sigma)
        large = excess >= np.maximum(self.least_loss_m3_s, rules.excess_ratio * usual)
        z = np.where(borne_out & large, np.minimum(excess / scale, rules.cap_sigma), 0.0)
        self.score = np.maximum(0.0, np.where(np.isfinite(z), self.score + z - rules.allowance_sigma, self.score))
        best = int(np.argmax(self.score)) if self.zones else -1
        return best if best >= 0 and self.score[best] >= rules.limit_sigma else -1


def pipes_of_zone(water: WaterNetwork, zone: int, loss_m3_s: float) -> Ranking:
    """Pipes of a zone in the order of their length: where nothing is measured, a metre is as likely as the next."""
    inside = np.flatnonzero(column(water, "pipes", "zone") == zone)
    length = np.asarray(water.pipes.columns["length_m"], np.float64)[inside]
    order = np.lexsort((inside, -length))
    weight = length[order] / max(float(length.sum()), 1e-9)
    return Ranking(inside[order], weight, np.full(len(order), loss_m3_s), np.full(len(order), np.nan))
