"""Who has fallen silent: a node that says nothing for longer than its kind may."""

from __future__ import annotations

from typing import Final

import numpy as np

from datahub.contract.clock import MINUTE_MS, SECOND_MS
from datahub.contract.messages import KindDescriptor
from datahub.contract.observations import Ints
from datahub.devices.nodes import Nodes

MISSED_REPORTS: Final = 3
"""A node is silent after this many missed reports (ours; the plans name no heartbeat rule, workflow W4; unverified)."""

SHORTEST_MS: Final = 15 * MINUTE_MS
"""Never sooner than this: radio and broker have their pauses (ours; unverified)."""

ROUND_MS: Final = 5 * MINUTE_MS
"""Silence is looked for once in so much city time."""


FOR_EVER: Final = 2**62
"""Tolerated silence of what speaks on events only [ms]."""


def tolerated_ms(kind: KindDescriptor) -> int:
    """How long a node with such a device behind it may say nothing [ms]."""
    return max(round(kind.report_s * SECOND_MS) * MISSED_REPORTS, SHORTEST_MS) if kind.report_s > 0 else FOR_EVER


def turn_silent(nodes: Nodes, t: int) -> tuple[Ints, Ints]:
    """Find who fell silent and who speaks again, as of city time ``t`` [ms]; rows, ascending, and marks them.

    The dead are dead, not silent.
    """
    quiet = t - nodes.heard > nodes.tolerated_ms
    quiet &= ~nodes.dead
    changed = np.flatnonzero(quiet != nodes.silent)
    nodes.silent = quiet
    fell = quiet[changed]
    return changed[fell], changed[~fell]
