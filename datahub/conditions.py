"""The door for reading how devices are, whose they are, and what their alarms came to. Safe from any thread."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from datahub.devices.alarm_life import FAR, AlarmState, AlarmStory, acknowledge, stories
from datahub.devices.condition import WORDS, Scores, Word
from datahub.devices.health_policy import HealthPolicy

if TYPE_CHECKING:
    from datahub.hub import Hub


@dataclass(frozen=True, slots=True, eq=False)
class Conditions:
    """Devices in columns of length n, by code, with their quality over the last whole day.

    ``kind`` and ``owner`` index ``kinds`` and ``owners`` (owner -1: nobody knows), ``word`` indexes ``WORDS``.
    ``faults``: open faults of each device itself, by kind of alarm.
    """

    kinds: tuple[str, ...]
    owners: tuple[str, ...]
    device: Ints
    kind: NDArray[np.int16]
    owner: Ints
    word: NDArray[np.uint8]
    battery_v: Floats
    scores: Scores
    faults: dict[int, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.device)


class Group(msgspec.Struct, frozen=True):
    """Devices of one kind or one department together.

    Attributes:
        name: the kind, or the code of the department; empty where nobody knows the owner.
        devices: how many there are.
        scored: those of them in working order that have a score: the n behind the mean.
        score: mean quality, 0 to 100; None without a score.
        states: how many are in each state.
        faulty: how many have an open fault of their own.
    """

    name: str
    devices: int
    scored: int
    score: float | None
    states: dict[str, int]
    faulty: int


class Wards:
    """Reads the health of one hub's devices, and takes note of alarms."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def policy(self) -> HealthPolicy:
        """The numbers by which health is reckoned."""
        return self._hub.care.condition.policy

    def departments(self) -> tuple[str, ...]:
        """Departments that own something, or might."""
        with self._hub.store.session() as session:
            self._hub.care.owners.refresh(session)
            return tuple(self._hub.care.owners.names)

    def devices(self) -> Conditions:
        """How every device is, as of the last tick."""
        hub = self._hub
        with hub.store.session() as session:
            condition, owners, registry, t = hub.care.condition, hub.care.owners, hub.registry, hub.now or 0
            hub.memory.fit()
            condition.fit()
            owners.refresh(session)
            faults: dict[int, list[str]] = {}
            for one in stories(session, states=_OPEN, fault=True):
                faults.setdefault(one.device, []).append(one.kind)
            return Conditions(
                kinds=tuple(kind.name for kind in registry.kinds.kinds),
                owners=tuple(owners.names),
                device=registry.device,
                kind=registry.kind,
                owner=owners.rows(),
                word=condition.words(t),
                battery_v=condition.battery_v(),
                scores=condition.scores(t),
                faults={device: tuple(sorted(kinds)) for device, kinds in faults.items()},
            )

    def by_kind(self) -> list[Group]:
        """Health of each kind, in the order of acquaintance."""
        found = self.devices()
        return _groups(found, found.kind.astype(np.int64), found.kinds)

    def by_department(self) -> list[Group]:
        """Health of what each department owns; at last what nobody is known to own."""
        found = self.devices()
        number = np.where(found.owner < 0, len(found.owners), found.owner)
        return [one for one in _groups(found, number, (*found.owners, "")) if one.devices]

    def alarms(
        self,
        *,
        states: Collection[AlarmState] = tuple(AlarmState),
        kind: str = "",
        device: int = 0,
        fault: bool | None = None,
        owner: str = "",
        start: int = 0,
        end: int = FAR,
        limit: int = 1_000,
    ) -> list[AlarmStory]:
        """Alarms and what became of them, newest first; raised with start <= t < end [ms]."""
        owners = self._hub.care.owners
        with self._hub.store.session() as session:
            owners.refresh(session)
            every = stories(session, states=states, kind=kind, device=device, fault=fault, start=start, end=end)
            found: list[AlarmStory] = []
            while len(found) < limit and (part := list(islice(every, 1_000))):
                whose = owners.of([one.device for one in part])
                told = [msgspec.structs.replace(one, owner=of) for one, of in zip(part, whose, strict=True)]
                found += [one for one in told if owner in ("", one.owner)]
            return found[:limit]

    def acknowledge(self, alarm: str, *, by: str, note: str = "") -> None:
        """Somebody takes note of an alarm.

        Raises:
            IllegalMove: if that was done before, or the alarm has cleared.
            UsageError: if there is no such alarm.
        """
        if not by.strip():
            raise UsageError("an alarm is acknowledged by somebody; say who")
        with self._hub.store.session() as session:
            acknowledge(session, alarm, t=self._hub.now or 0, by=by, note=note)


_OPEN = (AlarmState.OPENED, AlarmState.ACKNOWLEDGED)


def _groups(found: Conditions, number: Ints, names: tuple[str, ...]) -> list[Group]:
    """Sum up devices by the number of their group."""
    size, width = len(names), len(WORDS)
    words = np.bincount(number * width + found.word, minlength=size * width).reshape(size, width)
    life = found.word < WORDS.index(Word.MAINTENANCE)
    scored = life & np.isfinite(found.scores.score)
    count = np.bincount(number[scored], minlength=size)
    total = np.bincount(number[scored], found.scores.score[scored], minlength=size)
    faulty = np.isin(found.device, np.fromiter(found.faults, np.int64, len(found.faults)))
    bad = np.bincount(number[faulty & life], minlength=size)
    return [
        Group(
            name=name,
            devices=int(words[i].sum()),
            scored=int(count[i]),
            score=round(float(total[i] / count[i]), 2) if count[i] else None,
            states={word.value: int(n) for word, n in zip(WORDS, words[i].tolist(), strict=True)},
            faulty=int(bad[i]),
        )
        for i, name in enumerate(names)
    ]
