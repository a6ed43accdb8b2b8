"""What a scenario does to the world: one thing breaks at one time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Breakage(StrEnum):
    """Kinds of disturbance."""

    MAIN_BURST = "main_burst"
    LAMP_FAILURE = "lamp_failure"
    FEEDER_FAILURE = "feeder_failure"


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something breaks.

    Attributes:
        kind: one of ``Breakage`` (plain text will do).
        at: city time [ms].
        object: unified code of the pipe, pole or lamp feeder that breaks.
        size: area of the hole in a burst main [m2]; not used otherwise.
    """

    kind: str
    at: int
    object: int
    size: float = 0.0
