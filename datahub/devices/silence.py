"""Who has fallen silent: a node that says nothing for longer than its kind may."""

from __future__ import annotations

from typing import Final

import numpy as np

from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.contract.messages import KindDescriptor
from datahub.contract.observations import Ints
from datahub.devices.nodes import Nodes

MISSED_REPORTS: Final = 3
"""A node is silent after this many missed reports (ours; the plans name no heartbeat rule, workflow W4; unverified)."""

SHORTEST_MS: Final = 2 * HOUR_MS
"""Never sooner than this: a lost radio link comes back by itself, mostly within the hour, and what was said meanwhile
comes with it; only what lasts is worth its owner's way (ours; unverified). A power cut is told by the last gasp."""

ROUND_MS: Final = 5 * MINUTE_MS
"""Silence is looked for once in so much city time ..."""

PATIENT_MS: Final = 6 * HOUR_MS
"""... and once an hour among nodes that may say nothing for longer than this: a million meters report once a day."""

FOR_EVER: Final = 2**62
"""Tolerated silence of what speaks on events only [ms]."""


def tolerated_ms(kind: KindDescriptor) -> int:
    """How long a node with such a device behind it may say nothing [ms]."""
    return max(round(kind.report_s * SECOND_MS) * MISSED_REPORTS, SHORTEST_MS) if kind.report_s > 0 else FOR_EVER


class Listening:
    """Looks for nodes that fell silent, as often as their patience asks for."""

    def __init__(self, t: int | None) -> None:
        self._round = -1 if t is None else t // ROUND_MS
        self._hour = -1 if t is None else t // HOUR_MS
        self._version = -1
        self._quick: Ints = np.zeros(0, np.int64)

    def turn_silent(self, nodes: Nodes, t: int, *, version: int) -> tuple[Ints, Ints]:
        """Find who fell silent and who speaks again, as of city time ``t`` [ms]; rows, ascending, and marks them.

        The dead are silent too, once they have been for so long: a last will may be false, and somebody must go and
        look. ``version`` is that of the registry: it grows whenever rows move.
        """
        if version != self._version:
            self._quick, self._version = np.flatnonzero(nodes.tolerated_ms <= PATIENT_MS), version
        if t // HOUR_MS != self._hour:
            rows = np.arange(len(nodes))
        elif t // ROUND_MS != self._round:
            rows = self._quick
        else:
            return self._quick[:0], self._quick[:0]
        self._round, self._hour = t // ROUND_MS, t // HOUR_MS
        quiet = t - nodes.heard[rows] > nodes.tolerated_ms[rows]
        changed = rows[quiet != nodes.silent[rows]]
        fell = ~nodes.silent[changed]
        nodes.silent[rows] = quiet
        return changed[fell], changed[~fell]
