"""What water meters have counted: every household's share of what its node delivered, for the last two days by hours.

Households differ by a lasting habit (size and thirst, log-normal). Where the register holds all meters of a node, their
shares sum up to 1 exactly; where scale has thinned them out, a meter keeps the share it would have had on average.
"""

from __future__ import annotations

import numpy as np

from datahub.contract.city import ObjectTable
from datahub.contract.clock import HOUR_MS
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds
from sensors.world import trait

#: How far back a meter can be asked [h]: a day of frozen hours, and a day late (GB/T 778 and NB-IoT practice, domain.md
#: 5: 24-48 points).
KEPT_H = 50
#: Spread of households' habits (unverified).
HABIT = 0.45
#: Small meters are exchanged after six years (JJG 162, unverified).
LIFE_D = 6 * 365


class Meters:
    """All household meters of one city, and the hourly history of their nodes.

    The history is of the volume that the households of each node have drawn since the start [m3] (negative before it).
    """

    def __init__(self, meters: ObjectTable | None, households: Ints, daily_m3: Floats, seeds: Seeds) -> None:
        n = len(meters) if meters is not None else 0
        code = meters.code if meters is not None else np.zeros(0, np.int64)
        self._node = np.asarray(meters.columns["node"], np.int32) if meters is not None else np.zeros(0, np.int32)
        habit = np.exp(HABIT * trait.normal(code, trait.salt(seeds, "meter", "habit")) - HABIT**2 / 2)
        sums = np.bincount(self._node, weights=habit, minlength=len(households))
        whole = np.bincount(self._node, minlength=len(households)) == households
        divisor = np.where(whole, sums, np.maximum(households, 1))
        self.share: Floats = habit / divisor[self._node] if n else np.zeros(0)
        age_d = 30 + (LIFE_D - 30) * trait.uniform(code, trait.salt(seeds, "meter", "age"))
        self._index: Floats = self.share * daily_m3[self._node] * age_d if n else np.zeros(0)
        self._times = np.zeros(0, np.int64)
        self._volumes = np.zeros((len(households), 0))  # a node's hours lie side by side: a meter asks for all at once

    def remember(self, t: int, volume_m3: Floats) -> None:
        """Freeze the nodes' volumes at a full hour ``t`` [ms]."""
        keep = self._times > t - KEPT_H * HOUR_MS
        self._times = np.append(self._times[keep], t)
        self._volumes = np.ascontiguousarray(np.column_stack((self._volumes[:, keep], volume_m3)))

    def volume_m3(self, rows: Ints, t: int | Ints, *, now: int, volume_m3: Floats) -> Floats:
        """Reading of meters (n) as of ``t`` [ms], one for all or one for each: what they have counted in their lives.

        Args:
            rows: rows in the register of meter points.
            t: as of when; between full hours a straight line; NaN before what is remembered.
            now: the world's time.
            volume_m3: nodes' volumes at ``now``.

        Raises:
            UsageError: for a time that is yet to come.
        """
        wanted = np.broadcast_to(np.asarray(t, np.int64), (len(rows),))
        if len(wanted) and int(wanted.max()) > now:
            raise UsageError(f"a meter cannot tell at {now} ms what it will have counted at {int(wanted.max())} ms")
        times = np.append(self._times, max(now, int(self._times[-1]) + 1) if len(self._times) else now)
        high = np.clip(np.searchsorted(times, wanted, side="left"), 1, len(times) - 1)
        part = (wanted - times[high - 1]) / (times[high] - times[high - 1])
        node, kept = self._node[rows].astype(np.int64), self._volumes.shape[1]
        place = node * kept + high
        volumes = self._volumes.reshape(-1)
        low_volume = volumes[place - 1]
        high_volume = volumes[np.minimum(place, len(volumes) - 1)]
        last = np.flatnonzero(high == kept)
        high_volume[last] = volume_m3[node[last]]
        reading: Floats = self._index[rows] + self.share[rows] * (low_volume + part * (high_volume - low_volume))
        reading[wanted < times[0]] = np.nan
        return reading
