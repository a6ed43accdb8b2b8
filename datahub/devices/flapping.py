"""One alarm instead of forty: a fault that comes and goes all the time is told once, until it is quiet again.

Only faults of devices are held; what concerns the city is always told at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from datahub.contract.clock import SECOND_MS
from datahub.devices.health_policy import HealthPolicy
from datahub.events import AlarmClosed, AlarmOpened

FLAPPING: Final = "device_flapping"

Key = tuple[str, int]
"""Kind of fault, and device (or node)."""


@dataclass(slots=True)
class _Held:
    """A flapping fault: its one alarm, when it last came or went [ms], and the fault itself while it is there."""

    alarm: str
    stirred: int
    present: AlarmOpened | None


@dataclass(slots=True)
class Flapping:
    """When each fault of each device was told lately, and which of them are held."""

    policy: HealthPolicy
    held: dict[Key, _Held] = field(default_factory=dict)
    _told: dict[Key, list[int]] = field(default_factory=dict)

    @property
    def window_ms(self) -> int:
        """How far back openings count, and how long it must be quiet [ms]."""
        return round(self.policy.flapping_window_s.value * SECOND_MS)

    def restore(self, told: Iterable[tuple[str, int, int]], held: Iterable[AlarmOpened], *, t: int) -> None:
        """Take up openings (kind, device, when) and open flapping alarms, as of city time ``t`` [ms]."""
        for kind, device, at in told:
            self._told.setdefault((kind, device), []).append(at)
        for one in held:
            self.held.setdefault((one.property, one.device), _Held(one.id, t, None))

    def opens(self, fault: AlarmOpened) -> list[AlarmOpened]:
        """What to tell when a fault comes: itself, or that it flaps, or nothing while that is known."""
        key = (fault.kind, fault.device)
        held = self.held.get(key)
        if held is not None:
            held.stirred, held.present = fault.t, fault
            return []
        told = [at for at in self._told.get(key, ()) if at > fault.t - self.window_ms]
        self._told[key] = [*told, fault.t]
        most = self.policy.flapping_count.value
        if len(told) < most:
            return [fault]
        alarm = f"{FLAPPING}:{fault.kind}:{fault.device}:{fault.t}"
        self.held[key] = _Held(alarm, fault.t, fault)
        return [AlarmOpened(fault.t, alarm, FLAPPING, fault.device, fault.kind, len(told) + 1.0, most, True)]

    def closes(self, kind: str, device: int, *, t: int) -> None:
        """A fault went."""
        held = self.held.get((kind, device))
        if held is not None:
            held.stirred, held.present = t, None

    def settle(self, t: int) -> list[AlarmOpened | AlarmClosed]:
        """Faults that have been quiet long enough at city time ``t`` [ms]; what is there still is told now."""
        said: list[AlarmOpened | AlarmClosed] = []
        for key, held in sorted(self.held.items()):
            if t - held.stirred < self.window_ms:
                continue
            del self.held[key]
            self._told.pop(key, None)
            said.append(AlarmClosed(t, held.alarm, FLAPPING, key[1]))
            if held.present is not None:
                kind, device = key
                said.append(msgspec.structs.replace(held.present, t=t, id=f"{kind}:{device}:{t}"))
        stale = [key for key, told in self._told.items() if told[-1] <= t - self.window_ms]
        for key in stale:
            del self._told[key]
        return said
