"""How people in the field drive, work and notice: the declared numbers of ``practice.toml``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from datahub.contract.clock import HOUR_MS, of_day
from datahub.contract.errors import UsageError
from scenarios.declarations import Declaration, Overlay, read

Mark = Literal["V", "V2", "C", "G"]
Hour = Annotated[int, Field(ge=0, le=23)]
NonNegative = Annotated[float, Field(ge=0)]


class Amount(Declaration):
    """One number with its unit and where it comes from."""

    value: NonNegative
    unit: str
    source: Annotated[str, Field(min_length=1)]
    mark: Mark
    unverified: bool = False


class Duration(Declaration):
    """A time that varies: triangular between ``low`` and ``high`` with its peak at ``likely`` [s]."""

    low: NonNegative
    likely: NonNegative
    high: NonNegative
    source: Annotated[str, Field(min_length=1)]
    mark: Mark
    unverified: bool = False


class TrafficHours(Declaration):
    """From which hour of the day the roads are free, mean or peak."""

    source: str
    mark: Mark
    hours: Annotated[tuple[tuple[Hour, Literal["free", "mean", "peak"]], ...], Field(min_length=1)]


class Practice(Declaration):
    """All declared numbers of the people in the field."""

    amount: dict[str, Amount]
    vehicle: dict[str, Amount]
    duration: dict[str, Duration]
    traffic: TrafficHours

    def of(self, name: str) -> float:
        """One number, in its unit."""
        return self.amount[name].value

    def draw_s(self, name: str, rng: np.random.Generator) -> float:
        """One time [s]."""
        it = self.duration[name]
        return float(rng.triangular(it.low, it.likely, it.high))

    def speed_m_s(self, vehicle: str, t: int) -> float:
        """Speed of a vehicle on the road at ``t`` [ms] by the class of the hour [m/s]; 0 of a desk.

        Raises:
            UsageError: if nobody has said how such a vehicle drives.
        """
        if vehicle not in self.vehicle:
            raise UsageError(f"vehicle '{vehicle}' is not in practice.toml; it has {', '.join(self.vehicle)}")
        hour = of_day(t) // HOUR_MS
        roads = [state for start, state in self.traffic.hours if start <= hour][-1]
        return self.of(f"speed_{roads}_m_s") * self.vehicle[vehicle].value

    def fastest_m_s(self, vehicle: str) -> float:
        """The most that a vehicle makes at any hour [m/s]."""
        return self.of("speed_free_m_s") * self.vehicle[vehicle].value


@cache
def ordinary() -> Practice:
    """The practice as declared."""
    return practice({})


def practice(overlay: Overlay) -> Practice:
    """The practice with some numbers changed, such as ``{"amount": {"silent_share": {"value": 0.0}}}``."""
    return read(files("scenarios.agents").joinpath("practice.toml"), Practice, overlay=overlay)
