"""Faults that show only over hours and days: stuck, drifting, incomplete, impossible. Each opens once, clears itself.

They are the owner's matter. A device in maintenance, retired, silent or dead is not accused besides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.observations import Floats, Ints
from datahub.devices.alarms import OVER_HOURS
from datahub.devices.condition import WORDS, Condition, Word
from datahub.devices.registry import Registry
from datahub.devices.tallies import BLOCK_MS
from datahub.events import AlarmClosed, AlarmOpened
from datahub.ingest.latest import Latest

STUCK, DRIFT, INCOMPLETE, INVALID = OVER_HOURS

SCORED_MS: Final = 2 * HOUR_MS
"""The shares of a day are looked at so long after each of its quarters has ended: by then most reports have come."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One kind of fault over all devices: rows that have it, those that keep it if they had it, and what to say.

    ``property`` is the number of the property concerned, -1 for the whole device; value and limit in its unit, in
    seconds (stuck) or as a share.
    """

    kind: str
    bad: Ints
    worn: NDArray[np.bool_]
    property: Ints
    value: Floats
    limit: Floats


class Faults:
    """Looks for faults once in an hour of city time."""

    def __init__(self, condition: Condition, registry: Registry, latest: Latest) -> None:
        self._condition, self._registry, self._latest = condition, registry, latest
        self._block = -1

    def look(self, open_: Collection[tuple[str, int]], *, t: int) -> list[AlarmOpened | AlarmClosed]:
        """Compare with what is open (kind, device), as of city time ``t`` [ms]; by kind, then by device.

        Of what closes the id is left empty: who keeps the alarms knows it.
        """
        words = self._condition.words(t)
        online = words == WORDS.index(Word.ONLINE)
        over = words >= WORDS.index(Word.MAINTENANCE)
        said: list[AlarmOpened | AlarmClosed] = []
        for found in self._findings(t):
            had = np.array(sorted(device for kind, device in open_ if kind == found.kind), np.int64)
            rows = self._registry.rows(had)
            gone = (rows < 0) | over[rows] | (~found.worn[rows] & online[rows])
            said += [AlarmClosed(t, "", found.kind, device) for device in had[gone].tolist()]
            new = np.flatnonzero(online[found.bad] & ~np.isin(self._registry.device[found.bad], had))
            said += [self._opened(found, i, t=t) for i in new.tolist()]
        return said

    def _opened(self, found: Finding, i: int, *, t: int) -> AlarmOpened:
        device, number = int(self._registry.device[found.bad[i]]), int(found.property[i])
        name = self._registry.kinds.properties[number] if number >= 0 else ""
        value, limit = round(float(found.value[i]), 6), round(float(found.limit[i]), 6)
        return AlarmOpened(t, f"{found.kind}:{device}:{t}", found.kind, device, name, value, limit, True)

    def _findings(self, t: int) -> Iterator[Finding]:
        yield self._stuck()
        yield self._drift()
        block = (t - SCORED_MS) // BLOCK_MS
        if block == self._block:
            return
        self._block = block
        scores, policy = self._condition.scores(t), self._condition.policy
        whole = scores.whole & np.isfinite(scores.completeness)
        yield self._share(
            INCOMPLETE,
            bad=whole & (scores.completeness < policy.incomplete_ratio.value),
            worn=whole & (scores.completeness < policy.complete_ratio.value),
            value=scores.completeness,
            limit=policy.incomplete_ratio.value,
        )
        invalid = np.nan_to_num(1 - scores.validity)
        yield self._share(
            INVALID,
            bad=invalid > policy.invalid_ratio.value,
            worn=invalid > policy.valid_ratio.value,
            value=invalid,
            limit=policy.invalid_ratio.value,
        )

    def _share(
        self, kind: str, *, bad: NDArray[np.bool_], worn: NDArray[np.bool_], value: Floats, limit: float
    ) -> Finding:
        rows = np.flatnonzero(bad)
        return Finding(kind, rows, worn, np.full(len(rows), -1), value[rows], np.full(len(rows), limit))

    def _stuck(self) -> Finding:
        slot = self._condition.stuck()
        rows, first = np.unique(self._condition.rows_of(slot), return_index=True)
        slot = slot[first]
        rule = self._condition.rules(slot)
        held_s = (self._latest.t[slot] - self._latest.since[slot]) / SECOND_MS
        limit = self._condition.policy.stuck_ratio.value * self._registry.kinds.rest_s[rule]
        number = self._registry.kinds.property_of_rule[rule].astype(np.int64)
        return Finding(STUCK, rows, self._among(rows), number, held_s, limit)

    def _drift(self) -> Finding:
        drift = self._condition.drift
        rows, place, off = drift.off()
        rows, first = np.unique(rows, return_index=True)
        place, off = place[first], off[first]
        number = drift.levels.number[place].astype(np.int64)
        return Finding(DRIFT, rows, self._among(rows), number, off, drift.bound[place])

    def _among(self, rows: Ints) -> NDArray[np.bool_]:
        result = np.zeros(len(self._registry), np.bool_)
        result[rows] = True
        return result
