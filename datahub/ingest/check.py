"""Which of the readings that came may be kept, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from datahub.contract.codes import Quality, Reason
from datahub.contract.observations import Floats, Ints
from datahub.devices.registry import Registry
from datahub.ingest.event_time import in_force

REASONS: Final = (
    Reason.UNKNOWN_DEVICE,
    Reason.WRONG_SENDER,
    Reason.UNKNOWN_PROPERTY,
    Reason.FAR_FUTURE,
    Reason.QUARANTINED,
)
"""Why a reading of a known node is refused, the first that applies."""


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What the check says of n readings.

    Attributes:
        fault: 0 where the reading is kept, else 1 + index into ``REASONS``.
        quality: bits of ``Quality`` that need no history.
        slot: slot of each reading (-1 where refused).
        rule: number of its property within all kinds.
        kind: number of its device's kind.
    """

    fault: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    slot: Ints
    rule: Ints
    kind: NDArray[np.int16]


def check(
    registry: Registry,
    *,
    node: Ints,
    device: Ints,
    number: NDArray[np.int16],
    phenomenon_time: Ints,
    value: Floats,
    quarantined: NDArray[np.bool_] | None,
    now: int | None,
) -> Checked:
    """Look at readings of known nodes (columns of length n).

    ``quarantined``: whose node is in quarantine (None: nobody's); ``now`` is city time [ms], None while unknown.
    """
    found = registry.locate(device, number)
    fault = np.zeros(len(device), np.uint8)
    if now is not None and len(device) and int(phenomenon_time.max()) > (last := now + in_force().far_future_ms):
        fault[phenomenon_time > last] = 4
    unknown = found.slot < 0
    if unknown.any():
        fault[unknown] = 3
    wrong = found.node != node
    if wrong.any():
        fault[wrong] = 2
    if unknown.any():
        fault[found.row < 0] = 1
    if quarantined is not None:
        fault[quarantined] = 5
    quality = np.zeros(len(device), np.uint8)
    kinds = registry.kinds
    if len(kinds.low):
        outside = (value < kinds.low[found.rule]) | (value > kinds.high[found.rule])
        if outside.any():
            quality[outside] = Quality.RANGE
    return Checked(fault, quality, found.slot, found.rule, found.kind)
