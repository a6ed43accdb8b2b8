"""What devices say beside readings: kept in the inbox from its arrival until the next tick has acted on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from datahub.contract.messages import Ack, Death, Lost, Reported
from datahub.events import DevicesBorn

Note: TypeAlias = Death | Lost | Reported | Ack | DevicesBorn
_NOTES: Final[dict[str, type[Note]]] = {one.__name__: one for one in (Death, Lost, Reported, Ack, DevicesBorn)}


def births_by_kind(notes: Sequence[Note]) -> list[tuple[str, int]]:
    """How many devices of each kind were born."""
    counts: dict[str, int] = {}
    for note in notes:
        if isinstance(note, DevicesBorn):
            counts[note.kind] = counts.get(note.kind, 0) + note.count
    return sorted(counts.items())


def rank(note: Note) -> tuple[int, int, str, str]:
    """Order of messages from devices within a tick: by their own time, device and what they speak of."""
    if isinstance(note, Ack):
        return (note.t, note.device, note.command, f"{list(type(note.status)).index(note.status)}")
    if isinstance(note, Reported):
        return (note.t, note.device, "", "".join(sorted(note.state)) + note.reason)
    if isinstance(note, Death):
        return (note.epoch, note.node, "", "")
    if isinstance(note, Lost):
        return (note.t, note.node, f"{note.epoch:020}", f"{note.first:020}")
    return (0, note.count, note.kind, "")


def to_bytes(note: Note) -> bytes:
    """The note as it lies in the inbox."""
    return msgspec.json.encode((type(note).__name__, msgspec.to_builtins(note)))


def from_bytes(body: bytes) -> Note:
    """The note again."""
    name, content = msgspec.json.decode(body, type=tuple[str, dict[str, object]])
    return msgspec.convert(content, type=_NOTES[name])
