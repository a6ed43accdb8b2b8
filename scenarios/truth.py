"""What really was so during a run, kept for the judge alone: the platform never sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import SECOND_MS
from scenarios.outside import Outside


@dataclass(slots=True)
class Truth:
    """The world's own record of a run.

    Attributes:
        dark_lamps: poles (by row) whose lamp was broken at some time.
        dark_feeders: codes of feeders that were without power at some time.
        lost_m3: water that burst mains have lost.
    """

    outside: Outside
    dark_lamps: NDArray[np.bool_] = field(init=False)
    dark_feeders: NDArray[np.bool_] = field(init=False)
    lost_m3: float = 0.0
    _bursts: list[tuple[int, int]] = field(init=False)
    _last: int = field(init=False)

    def __post_init__(self) -> None:
        objects = self.outside.world.city.objects
        self.dark_lamps = np.zeros(len(objects["pole"]), bool)
        self.dark_feeders = np.zeros(len(objects["lamp_feeder"]), bool)
        pipes = self.outside.world.city.water.pipes
        self._bursts = [
            (it.at, int(np.searchsorted(pipes.code, it.object)))
            for it in self.outside.disturbances
            if it.kind == "main_burst"
        ]
        self._last = int(self.outside.env.now)

    def look(self) -> None:
        """Note how things stand now; called once a quantum."""
        world, now = self.outside.world, int(self.outside.env.now)
        self.dark_lamps |= world.street.broken
        self.dark_feeders |= ~world.power.energised(world.city.objects["lamp_feeder"].code)
        for at, pipe in self._bursts:
            if now > at:
                self.lost_m3 += world.water.leak_m3_s(pipe) * (now - max(at, self._last)) / SECOND_MS
        self._last = now

    def lamp_was_dark(self, code: int) -> bool:
        """Whether a pole's lamp, or the feeder it hangs on, failed at some time."""
        poles = self.outside.world.city.objects["pole"]
        row = int(np.searchsorted(poles.code, code))
        return bool(self.dark_lamps[row]) or self.feeder_was_dark(int(poles.columns["feeder"][row]))

    def feeder_was_dark(self, code: int) -> bool:
        """Whether a lamp feeder lost its power at some time."""
        feeders = self.outside.world.city.objects["lamp_feeder"]
        return bool(self.dark_feeders[int(np.searchsorted(feeders.code, code))])
