"""What goes wrong with devices and their link: declared rates, and the spells in which single devices are faulty.

A spell comes from the device's own code and the run's seed (``trait``), so it stays the same when the city is thinned
out; what befalls single packs is drawn from the fleet's stream ``link``. What is in the hardware lives here; the
truth of it goes to the judge alone.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds
from sensors.world import trait

YEAR_MS = 365.25 * DAY_MS
#: Spells that ended longer ago than a pack can tell of do not matter any more; the rest is looked up by the window.
LOOK_BACK_MS, LOOK_AHEAD_MS = 26 * HOUR_MS, 6 * HOUR_MS
_NOBODY = np.zeros(0, np.intp)
#: Spells are laid out from the start for so long.
AFTER_MS = 400 * DAY_MS


_SHARES = frozenset(("dropout", "late", "duplicate", "neglect", "update_fail", "update_revert"))


def _rate(default: float, *, unit: str, source: str) -> float:
    value: float = field(default=default, metadata={"unit": unit, "source": source})
    return value


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong. Every field carries its unit and source as metadata.

    Attributes:
        noise: what the declared noise of a reading is multiplied with.
        stuck_year, stuck_h: how often one property of a device stands still, and for how long on average.
        drift_year, drift_h: how often one property creeps away, and for how long on average until it is set right.
        silent_year, silent_h: how often a device breaks and says nothing, and how long until it is replaced.
        dropout: share of packs that never come to be (they take no sequence).
        late, late_s, late_max_s: share of packs from which on a node has no link for a while; median and longest
            while. What the node says meanwhile waits behind it.
        duplicate: share of packs that arrive twice.
        neglect: share of batteries that nobody replaces in time; they may be at any age.
        update_fail: share of firmware updates that the device gives up and says so.
        update_revert: share of the others after which it runs the old version again and knows nothing of it.
        memory: readings that a node keeps until the hub has them; then it forgets the oldest and declares them lost.
    """

    noise: float = _rate(1.0, unit="1", source="as declared by the kind")
    stuck_year: float = _rate(0.5, unit="1/a", source="unverified")
    stuck_h: float = _rate(24.0, unit="h", source="unverified")
    drift_year: float = _rate(0.3, unit="1/a", source="unverified")
    drift_h: float = _rate(72.0, unit="h", source="unverified")
    silent_year: float = _rate(0.3, unit="1/a", source="unverified")
    silent_h: float = _rate(48.0, unit="h", source="unverified")
    dropout: float = _rate(0.01, unit="1", source="domain.md 5: loss 0.3 / 1.5 / 5 % by coverage 80/15/5 %, G")
    late: float = _rate(0.001, unit="1", source="unverified")
    late_s: float = _rate(900.0, unit="s", source="unverified")
    late_max_s: float = _rate(21_600.0, unit="s", source="unverified")
    duplicate: float = _rate(0.002, unit="1", source="unverified (a confirmation lost on the way)")
    neglect: float = _rate(0.02, unit="1", source="unverified")
    update_fail: float = _rate(0.01, unit="1", source="unverified")
    update_revert: float = _rate(0.005, unit="1", source="unverified")
    memory: float = _rate(np.inf, unit="1", source="judgement: loggers keep months; no limit unless one is declared")

    @classmethod
    def declared(cls, table: Mapping[str, float]) -> Self:
        """The rates of a declaration; what it leaves out keeps its default.

        Raises:
            UsageError: if it names an unknown rate, or gives one a negative or impossible value.
        """
        known = [it.name for it in fields(cls)]
        for name, value in table.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                raise UsageError(f"fault rate '{name}' is unknown; {'did you mean ' + near[0] if near else known}")
            top = 1.0 if name in _SHARES else np.inf
            if not 0 <= value <= top:
                raise UsageError(f"fault rate {name} = {value} does not lie between 0 and {top:g}")
        return cls(**table)


#: Devices as their makers promise them.
NO_FAULTS = Faults(
    noise=0,
    stuck_year=0,
    drift_year=0,
    silent_year=0,
    dropout=0,
    late=0,
    duplicate=0,
    neglect=0,
    update_fail=0,
    update_revert=0,
)


@dataclass(slots=True, eq=False)
class Spells:
    """Stretches of time in which devices have one kind of fault, at most one each; in columns of length k.

    Attributes:
        row: row of the device in its fleet, ascending.
        since, until: from when to when [ms].
        property: which of its properties is faulty; -1: the whole device.
        value: speed of a drift [unit/day]; of a stuck sensor what it shows, NaN until it has measured once.
    """

    row: Ints
    since: Ints
    until: Ints
    property: Ints
    value: Floats
    _near: NDArray[np.intp] = field(default_factory=lambda: _NOBODY)
    _from: int = 0
    _to: int = 0

    @classmethod
    def lay(cls, codes: Ints, *, name: tuple[str, ...], seeds: Seeds, rate: float, hours: float, start: int) -> Self:
        """Spells of devices with ``codes`` [rate per device and year, mean length in hours] from ``start`` [ms] on.

        Some are under way at the start, as many as there would be at any time; both waits are memoryless.
        """
        if rate <= 0 or not len(codes):
            return cls._of(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64))

        def draw(what: str, keys: Ints) -> Floats:
            return trait.uniform(keys, trait.salt(seeds, *name, what))

        wait_ms, mean_ms = YEAR_MS / rate, hours * HOUR_MS
        begun = draw("begun", codes) < mean_ms / (wait_ms + mean_ms)
        wait = np.where(begun, mean_ms, wait_ms) * np.log(draw("since", codes))
        row = np.flatnonzero(begun | (-wait < AFTER_MS))
        since = start + np.where(begun, wait, -wait)[row].astype(np.int64)
        length = np.maximum(HOUR_MS, -mean_ms * np.log(draw("length", codes[row])))
        return cls._of(row, since, np.maximum(since, start) + length.astype(np.int64))

    @classmethod
    def _of(cls, row: Ints, since: Ints, until: Ints) -> Self:
        return cls(row, since, until, np.full(len(row), -1, np.int64), np.full(len(row), np.nan))

    def at(self, t: int) -> NDArray[np.intp]:
        """Which spells are in force at ``t`` [ms]."""
        return np.flatnonzero((self.since <= t) & (t < self.until))

    def among(self, rows: Ints, t: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which of these devices may have a spell about ``t``: their places in ``rows``, and the spell of each.

        Looks at the spells of the last ``LOOK_BACK_MS`` and the next hours only, so that it costs little.
        """
        if not self._from <= t < self._to:
            self._from, self._to = t, t + LOOK_AHEAD_MS
            self._near = np.flatnonzero((self.since < self._to) & (self.until > t - LOOK_BACK_MS))
        if not len(self._near):
            return _NOBODY, _NOBODY
        near_rows = self.row[self._near]
        near = np.minimum(np.searchsorted(near_rows, rows), len(near_rows) - 1)
        places = np.flatnonzero(near_rows[near] == rows)
        return places, self._near[near[places]]

    def choose(self, keys: Ints, properties: Ints, *, salt: int) -> None:
        """Put each spell on one of ``properties``, by a draw for each of ``keys``."""
        self.property = properties[(trait.uniform(keys, salt) * len(properties)).astype(np.int64)]
