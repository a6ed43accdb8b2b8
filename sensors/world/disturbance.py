"""What a scenario does to the world: one thing breaks at one time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Breakage(StrEnum):
    """Kinds of disturbance."""

    MAIN_BURST = "main_burst"
    LAMP_FAILURE = "lamp_failure"
    FEEDER_FAILURE = "feeder_failure"
    POLE_LEAK = "pole_leak"
    UPLINK_CUT = "uplink_cut"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something breaks.

    Attributes:
        kind: one of ``Breakage`` (plain text will do).
        at: city time [ms].
        object: unified code of the pipe, pole or lamp feeder that breaks; of an uplink, the feeder whose cabinet it
            serves.
        size: area of the hole in a burst main [m2], current through a pole's damaged insulation [A]; else not used.
        lasts: how long an uplink is cut [ms]; what else breaks stays so until somebody mends it.
    """

    kind: str
    at: int
    object: int
    size: float = 0.0
    lasts: int = 0
