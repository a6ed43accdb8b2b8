"""Who has fallen silent: a node that says nothing for longer than its kind may."""

from __future__ import annotations

from typing import Final

import numpy as np

from datahub.contract.clock import MINUTE_MS
from datahub.contract.observations import Ints
from datahub.devices.nodes import Nodes

MISSED_REPORTS: Final = 3
"""A node is silent after this many missed reports (ours; the plans name no heartbeat rule, workflow W4; unverified)."""

SHORTEST_MS: Final = 15 * MINUTE_MS
"""Never sooner than this: radio and broker have their pauses (ours; unverified)."""

ROUND_MS: Final = 5 * MINUTE_MS
"""Silence is looked for once in so much city time."""


def tolerated_ms(nodes: Nodes) -> Ints:
    """How long each node may say nothing [ms]."""
    return np.maximum(nodes.report_ms * MISSED_REPORTS, SHORTEST_MS)


def turn_silent(nodes: Nodes, t: int) -> tuple[Ints, Ints]:
    """Find who fell silent and who speaks again, as of city time ``t`` [ms]; rows, ascending, and marks them.

    Nodes that speak on events only (no report period) are never silent; dead ones are dead, not silent.
    """
    quiet = (nodes.heard < t - tolerated_ms(nodes)) & (nodes.report_ms > 0) & ~nodes.dead
    fell, rose = np.flatnonzero(quiet & ~nodes.silent), np.flatnonzero(~quiet & nodes.silent)
    nodes.silent = quiet
    return fell, rose
