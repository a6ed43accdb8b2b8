"""Rules of an edge node: what a device behind it must read, and for how long, until the node acts by itself.

A rule has a closed vocabulary: one property above or below a limit for a hold time, one setting of the same device, a
value at which it lets go (hysteresis). It knows nothing of the platform. All devices of a fleet are columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import SECOND_MS
from datahub.contract.observations import Floats, Ints


class Release(StrEnum):
    """What ends a rule's hold on a device (ours)."""

    CLEAR = "clear"
    SITE = "site"


class When(StrEnum):
    """When a rule is in force (ours)."""

    ALWAYS = "always"
    UPLINK_CUT = "uplink_cut"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Values in the unit of the property's name.

    Attributes:
        name: how reports call it.
        property: what is looked at.
        above, below: the limit; exactly one is given.
        clear: back behind this value the cause is gone.
        hold_s: how long the value must stand beyond the limit [s]; 0: the first reading counts.
        setting, value: what the node sets at the device.
        safety: whether the platform's orders and wishes for that setting are refused while the rule holds; else the
            platform's newer word wins, and the rule waits until its cause has been gone once.
        release: ``clear``: the node puts back what was set before once the cause is gone; ``site``: the hold ends only
            when somebody on site has set it otherwise by hand.
        when: whether it is in force always or only without uplink.
    """

    name: str
    property: str
    clear: float
    setting: str
    value: float
    above: float | None = None
    below: float | None = None
    hold_s: float = 0.0
    safety: bool = False
    release: Release = Release.CLEAR
    when: When = When.ALWAYS

    def beyond(self, values: Floats) -> NDArray[np.bool_]:
        """Which readings are beyond the limit; none that is missing (NaN)."""
        return values > self.above if self.above is not None else values < (self.below or 0.0)

    def cleared(self, values: Floats) -> NDArray[np.bool_]:
        """Which readings show that the cause is gone; none that is missing (NaN)."""
        return values < self.clear if self.above is not None else values > self.clear

    def cause(self, value: float) -> str:
        """The reading and the limit in words."""
        side, limit = ("above", self.above) if self.above is not None else ("below", self.below or 0.0)
        return f"{self.property} = {value:.4g} {side} {limit:g}"


@dataclass(slots=True, eq=False)
class Holds:
    """How one rule stands at each device of a fleet, in columns of length n.

    Attributes:
        since: since when the reading has been beyond the limit [ms]; -1: it is not.
        holds: whether the rule has acted and still stands by it.
        held_since: when it acted [ms].
        yielded: whether it has given way and waits for its cause to be gone.
        seen: the reading on which it acted.
        before: what the setting was then.
        settled: whether the device has been seen where the rule wants it.
    """

    rule: Rule
    size: int
    since: Ints = field(init=False)
    holds: NDArray[np.bool_] = field(init=False)
    held_since: Ints = field(init=False)
    yielded: NDArray[np.bool_] = field(init=False)
    seen: Floats = field(init=False)
    before: Floats = field(init=False)
    settled: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.since, self.held_since = np.full(self.size, -1, np.int64), np.full(self.size, -1, np.int64)
        self.holds, self.yielded = np.zeros(self.size, np.bool_), np.zeros(self.size, np.bool_)
        self.settled = np.zeros(self.size, np.bool_)
        self.seen, self.before = np.full(self.size, np.nan), np.full(self.size, np.nan)

    def look(self, values: Floats, *, in_force: NDArray[np.bool_], t: int) -> tuple[Ints, Ints]:
        """Take in one reading of each device at ``t`` [ms]; which devices the rule takes hold of, and which it lets go.

        ``in_force``: where the rule counts at all.
        """
        beyond, cleared = self.rule.beyond(values) & in_force, self.rule.cleared(values) | ~in_force
        self.since = np.where(
            beyond, np.where(self.since < 0, t, self.since), np.where(np.isnan(values), self.since, -1)
        )
        self.yielded &= ~cleared
        lasted = beyond & (t - self.since >= self.rule.hold_s * SECOND_MS)
        takes = np.flatnonzero(lasted & ~self.holds & ~self.yielded)
        lets_go = np.flatnonzero(self.holds & cleared) if self.rule.release is Release.CLEAR else takes[:0]
        self.holds[takes], self.held_since[takes], self.seen[takes] = True, t, values[takes]
        self.holds[lets_go] = False
        return takes, lets_go

    def give_way(self, row: int) -> None:
        """The platform, or a person on site, has set a device otherwise; the rule leaves it alone until all is well."""
        self.holds[row], self.yielded[row] = False, True
