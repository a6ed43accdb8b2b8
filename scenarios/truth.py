"""What really was so during a run, kept for the judge alone: the platform never sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import MINUTE_MS, SECOND_MS
from scenarios.outside import Outside

SHORTLY_MS = 30 * MINUTE_MS
"""A matter that was true so long before it was filed was truly found: devices report every five minutes."""


DARK_MS = 3 * 60 * MINUTE_MS
"""A lamp that failed and has been missed for so many hours of the night should have become a case by then."""

DRY_M3_S = 0.001
"""A main that loses less has been stilled (``dry_m3_s`` of the crews' practice)."""


@dataclass(slots=True)
class Spans:
    """When each of n things was in a state, as (row, from, to) [ms]."""

    size: int
    over: list[tuple[int, int, int]] = field(default_factory=list)
    _since: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._since = np.zeros(self.size, np.int64)

    def look(self, state: NDArray[np.bool_], now: int) -> None:
        """How all stand at ``now`` [ms]; never before 1970."""
        was = self._since > 0
        for row in np.flatnonzero(was & ~state).tolist():
            self.over.append((row, int(self._since[row]), now))
        self._since = np.where(state, np.where(was, self._since, now), 0)

    def held(self, row: int, t: int) -> bool:
        """Whether a thing was in that state at ``t`` [ms] or shortly before."""
        if 0 < self._since[row] <= t:
            return True
        return any(one == row and since <= t <= until + SHORTLY_MS for one, since, until in self.over)


@dataclass(slots=True)
class Truth:
    """The world's own record of a run.

    Attributes:
        lamps, feeders: when each pole's lamp was broken and each lamp feeder without power.
        missed_ms: for how much of the night each pole's lamp has been out since it failed, while its pole could say so.
        lost_m3: water that burst mains have lost.
        stilled: when the last burst main ran dry for good [ms]; 0: it runs.
        dry_until: when the last household that a burst's valves had cut off had a way to its water again [ms]; 0: none
            was, or one still is.
    """

    outside: Outside
    lamps: Spans = field(init=False)
    feeders: Spans = field(init=False)
    missed_ms: NDArray[np.int64] = field(init=False)
    overdue: set[int] = field(default_factory=set)
    lost_m3: float = 0.0
    stilled: int = 0
    dry_until: int = 0
    _was_dry: bool = False
    _bursts: list[tuple[int, int]] = field(init=False)
    _last: int = field(init=False)

    def __post_init__(self) -> None:
        objects = self.outside.world.city.objects
        self.lamps, self.feeders = Spans(len(objects["pole"])), Spans(len(objects["lamp_feeder"]))
        self.missed_ms = np.zeros(len(objects["pole"]), np.int64)
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
        self.lamps.look(world.street.broken, now)
        self._miss_lamps(now)
        self.feeders.look(~world.power.energised(world.city.objects["lamp_feeder"].code), now)
        for at, pipe in self._bursts:
            if now > at:
                leak = world.water.leak_m3_s(pipe)
                self.lost_m3 += leak * (now - max(at, self._last)) / SECOND_MS
                self.stilled = 0 if leak > DRY_M3_S else self.stilled or now
        if any(now > at for at, _ in self._bursts):
            self._look_for_the_dry(now)
        self._last = now

    def _miss_lamps(self, now: int) -> None:
        """Add up the night hours of failed lamps whose pole has power and a voice."""
        world, poles = self.outside.world, self.outside.world.city.objects["pole"]
        fleet = self.outside.field.fleets.get("smart_pole")
        if fleet is None or not world.sun.lamps_burn():
            return
        seen = np.zeros(len(poles), np.bool_)
        seen[fleet.sites.row] = fleet.hardware.awake(np.arange(len(fleet)), now)
        seen &= world.power.energised(np.asarray(poles.columns["feeder"], np.int64))
        out = world.street.broken
        self.missed_ms = np.where(out, self.missed_ms + np.where(seen, now - self._last, 0), 0)
        self.overdue |= set(poles.code[self.missed_ms >= DARK_MS].tolist())

    def _look_for_the_dry(self, now: int) -> None:
        households = np.asarray(self.outside.world.city.water.nodes.columns["households"], np.float64)
        dry = bool((self.outside.world.water.cut_off() & (households > 0)).any())
        if self._was_dry and not dry:
            self.dry_until = now
        elif dry:
            self.dry_until = 0
        self._was_dry = dry

    def lamp_was_dark(self, code: int, t: int) -> bool:
        """Whether a pole's lamp, or the feeder it hangs on, had failed at ``t`` [ms], or shortly before."""
        poles = self.outside.world.city.objects["pole"]
        row = int(np.searchsorted(poles.code, code))
        return self.lamps.held(row, t) or self.feeder_was_dark(int(poles.columns["feeder"][row]), t)

    def feeder_was_dark(self, code: int, t: int) -> bool:
        """Whether a lamp feeder had lost its power at ``t`` [ms], or shortly before."""
        feeders = self.outside.world.city.objects["lamp_feeder"]
        return self.feeders.held(int(np.searchsorted(feeders.code, code)), t)
