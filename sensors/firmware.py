"""Firmware: which version each device runs, and how it takes another over the air.

A device loads the new version, checks it, installs it beside the old one and starts again; meanwhile it neither
measures nor hears. What it loaded may be damaged (it says so and goes on with the old version), or the new version may
not start: then the device falls back to the old one by itself, has done what it was told, and only the version that it
reports shows it. One that goes dark on the way comes back with the old version.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from datahub.contract.clock import SECOND_MS
from datahub.contract.firmware import UPDATE_FIRMWARE, VERSION
from sensors.actuator import Refused
from sensors.chance import Seeds

if TYPE_CHECKING:
    from sensors.fleet import Fleet

FIRST: Final = 1.0
"""The version with which every device leaves its maker."""

LATEST: Final = 1_000_000.0
"""No version beyond; ours to choose."""

USUAL_S, SHORTEST_S, LONGEST_S, SPREAD = 240.0, 60.0, 1_800.0, 0.3
"""How long an update takes: median, least and most [s], and the spread of its logarithm (unverified)."""


class Firmware:
    """Versions of all devices of one field, and updates under way.

    What an update takes and how it ends is drawn from a stream of its own for each device and order, so that no other
    story changes because somebody updates a device.
    """

    def __init__(self, seeds: Seeds) -> None:
        self._seeds = seeds
        self._version: dict[int, float] = {}

    def of(self, device: int) -> float:
        """The version that a device runs."""
        return self._version.get(device, FIRST)

    def update(
        self, fleet: Fleet, row: int, *, order: str, arguments: Mapping[str, float], t: int
    ) -> Generator[int, None, None]:
        """Begin an update at ``t`` [ms]; yields how long it takes [ms].

        Raises:
            Refused: at once, if there is no such version; after the wait, if the device still runs the old one and
                knows it.
        """
        wanted = _wanted(arguments)
        return self._install(fleet, row, order=order, wanted=wanted, t=t)

    def _install(self, fleet: Fleet, row: int, *, order: str, wanted: float, t: int) -> Generator[int, None, None]:
        device = int(fleet.sites.device[row])
        runs = self.of(device)
        if wanted == runs:
            return
        rng = self._seeds.rng("field", "firmware", str(device), order)
        took_s = float(np.clip(USUAL_S * np.exp(SPREAD * rng.standard_normal()), SHORTEST_S, LONGEST_S))
        took_ms = round(took_s) * SECOND_MS
        fate = rng.random()
        epoch = fleet.epoch(row)
        fleet.hardware.leave(row, until=t + took_ms)
        yield took_ms
        if fleet.epoch(row) != epoch or not fleet.speaks(row, t + took_ms):
            raise Refused(f"went dark on the way to version {wanted:g}; still runs {runs:g}")
        faults = fleet.faults
        if fate < faults.update_fail:
            raise Refused(f"version {wanted:g} was damaged when it was loaded; still runs {runs:g}")
        if fate >= faults.update_fail + (1 - faults.update_fail) * faults.update_revert:
            self._version[device] = wanted


def _wanted(arguments: Mapping[str, float]) -> float:
    """The version that an order names.

    Raises:
        Refused: if it names none.
    """
    for extra in arguments:
        if extra != VERSION:
            raise Refused(f"'{UPDATE_FIRMWARE}' takes no '{extra}'; it takes {VERSION}")
    version = arguments.get(VERSION)
    if version is None or not FIRST <= version <= LATEST or version != int(version):
        shown = "none" if version is None else f"{version:g}"
        raise Refused(f"{VERSION} = {shown} is no version; give a whole number from {FIRST:g} to {LATEST:g}")
    return float(version)
