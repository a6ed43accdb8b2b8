"""The hub's door: of all that could be read, what may come in; the rest is refused by name and counted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from datahub.contract.codes import Reason
from datahub.contract.messages import Ack, BirthBatch, Death, Lost, Marker, Reported
from datahub.contract.wire import join_births
from datahub.devices.guard import Guard
from datahub.devices.registry import Registry
from datahub.devices.shadow import Shadows
from datahub.ingest import admission
from datahub.ingest.accounts import Fate, join
from datahub.ingest.decode import Refused, Sorted
from datahub.ingest.entry import accounts_of
from datahub.ingest.pipeline import Taken


@dataclass(slots=True)
class Door:
    """Who may say what. What is refused is added to the ``refused`` of what was sorted.

    Attributes:
        strict: every code must be a unified code with its check digit.
        together: whether one connection may speak for a node and for these others (``Credentials``).
    """

    registry: Registry
    guard: Guard
    shadows: Shadows
    strict: bool
    together: Callable[[int, Collection[int]], bool]
    _leap: int = 0

    def births(self, found: Sorted, *, now: int | None) -> list[BirthBatch]:
        """Births that may be learned, one batch for each kind."""
        kinds = self.registry.kinds
        told = [(batch, self._free(batch, found)) for batch in join_births(found.births)]
        batches = [free for batch, free in told if len(free) or not len(batch)]
        good, refused = admission.births(batches, kinds=kinds, now=now, strict=self.strict)
        found.refused += refused
        return good

    def _free(self, batch: BirthBatch, found: Sorted) -> BirthBatch:
        """Births by nodes that are not in quarantine."""
        held = np.isin(batch.node, np.fromiter(self.guard.held, np.int64, len(self.guard.held)))
        if not held.any():
            return batch
        refused = [
            Refused(Reason.QUARANTINED, node, "a birth by a node in quarantine") for node in batch.node[held].tolist()
        ]
        found.refused += refused
        return admission.some(batch, ~held)

    def markers(self, found: Sorted, *, now: int | None) -> list[Marker]:
        """Markers that tell a time that may be: time does not leap by more than a day, unless that is told twice."""
        return [marker for marker in found.markers if self._believed(marker, found, now=now)]

    def _believed(self, marker: Marker, found: Sorted, *, now: int | None) -> bool:
        if not 0 <= marker.t < admission.LAST_MS:
            found.refused.append(Refused(Reason.FAR_FUTURE, 0, f"a marker says {marker.t} ms, which is no city time"))
            return False
        if now is None or marker.t <= now + admission.AHEAD_MS:
            return True
        again, self._leap = 0 < marker.t - self._leap <= admission.AHEAD_MS, marker.t
        if not again:
            found.refused.append(Refused(Reason.FAR_FUTURE, 0, f"a marker leaps to {marker.t} ms, told once"))
        return again

    def notes(self, found: Sorted, *, now: int | None) -> list[Death | Reported | Ack]:
        """Deaths, reports and acknowledgements by the node that may speak of them."""
        allowed: list[Death | Reported | Ack] = []
        for note in found.notes:
            wrong = self._wrong(note, now=now)
            if wrong is None:
                allowed.append(note)
            else:
                found.refused.append(Refused(wrong[0], note.node, wrong[1]))
        return allowed

    def _wrong(self, note: Death | Reported | Ack, *, now: int | None) -> tuple[Reason, str] | None:
        what = type(note).__name__
        if note.node in self.guard.held:
            return Reason.QUARANTINED, f"{what} by a node in quarantine"
        if isinstance(note, Death):
            if self.strict and self._unborn(note) and not (self.registry.settle() and not self._unborn(note)):
                return Reason.UNKNOWN_DEVICE, "a death of what was not born"
            if note.carried and not self.together(note.node, note.carried):
                return Reason.WRONG_SENDER, "a death of nodes that no carrier may speak for together"
            return None
        row = self.registry.row(note.device)
        if row < 0:
            return Reason.UNKNOWN_DEVICE, f"{what} for device {note.device} by node {note.node}"
        if self.registry.node[row] != note.node:
            return Reason.WRONG_SENDER, f"{what} for device {note.device} by node {note.node}"
        if isinstance(note, Reported):
            known = len(self.shadows.get(note.device).reported)
            ill = admission.ill_reported(note, known=known, now=now)
            return (Reason.MALFORMED, ill) if ill else None
        return None

    def losses(self, found: Sorted) -> list[Lost]:
        """Gaps that nodes may declare: not in quarantine, and no longer than a node can have filled."""
        allowed: list[Lost] = []
        for one in found.lost:
            count, most = one.last - one.first + 1, self.guard.most_lost(one.node)
            if one.node in self.guard.held:
                found.refused.append(Refused(Reason.QUARANTINED, one.node, "a gap declared by a node in quarantine"))
            elif count > most:
                said = f"a gap of {count} readings; this node may declare {most} at once"
                found.refused.append(Refused(Reason.MALFORMED, one.node, said))
            else:
                allowed.append(one)
        return allowed

    def _unborn(self, death: Death) -> bool:
        row = self.registry.nodes.row(death.node)
        return row < 0 or death.epoch > int(self.registry.nodes.epoch[row])

    def reckon(self, found: Sorted, births: Sequence[BirthBatch], taken: Taken) -> None:
        """Count on each node what it sent anew: readings, births and other messages, and what could not be read."""
        packs = taken.entry.packs
        if len(packs) and not found.lost:
            self.guard.spend(packs.node, packs.count)
        elif len(packs):
            sent = join([accounts_of(taken.entry)])
            came = sent.fate < Fate.DUPLICATE
            self.guard.spend(sent.node[came], sent.count[came])
        for batch in births:
            self.guard.spend(batch.node, np.ones(len(batch), np.int64))
        if found.notes:
            said = np.array([note.node for note in found.notes], np.int64)
            ends = [1 + len(note.carried) if isinstance(note, Death) else 1 for note in found.notes]
            self.guard.spend(said, np.array(ends, np.int64))
        if found.lost:
            gave_up = np.array([one.node for one in found.lost], np.int64)
            self.guard.spend(gave_up, np.ones(len(gave_up), np.int64))
        for one in found.refused:
            if one.node and one.reason is not Reason.QUARANTINED:
                self.guard.blame(one.node)
