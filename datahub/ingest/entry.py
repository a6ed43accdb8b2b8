"""What one commit of the intake adds: the readings taken in, the packs they came in, and how all was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.observations import Floats, Ints
from datahub.ingest.accounts import Accounts, Fate, no_accounts, runs
from datahub.ingest.ledger import Tally
from datahub.store.migrations import StoreRefused

FORM = 3
"""Version of the bytes below, the first byte of every journal entry. Form 2 had no accounts; it is read."""

_PACKS = (("node", np.int64), ("epoch", np.int64), ("first", np.int64), ("count", np.int64), ("result_time", np.int64))
_PARTS = (("node", np.int64), ("device", np.int64), ("count", np.int64), ("fate", np.uint8))


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings that the hub keeps, in columns of length n; ``property`` is the registry's number."""

    device: Ints
    property: NDArray[np.int16]
    phenomenon_time: Ints
    value: Floats
    quality: NDArray[np.uint8]
    sequence: Ints

    def __len__(self) -> int:
        return len(self.device)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where readings belong, as of one version of the registry: slot of each, number of its property of its kind."""

    slot: Ints
    rule: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Packs:
    """Runs of sequence numbers that a node has now delivered (stored or rejected), in columns of length k."""

    node: Ints
    epoch: Ints
    first: Ints
    count: Ints
    result_time: Ints

    def __len__(self) -> int:
        return len(self.node)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One journal entry. ``arrived`` is the city time at which the hub took it in [ms; 0 unknown].

    ``accounts`` is None where all that came was new and is stored, pack by pack, so that it follows from the rest.
    """

    arrived: int
    readings: Readings
    packs: Packs
    tally: Tally
    accounts: Accounts | None = None


class _Head(msgspec.Struct, frozen=True, array_like=True):
    arrived: int
    rows: int
    packs: int
    runs: int
    implied: bool
    near: int | None
    good: bool
    tally: Tally
    parts: int | None = None


def no_readings() -> Readings:
    """Nothing to keep."""
    ints = np.zeros(0, np.int64)
    return Readings(ints, np.zeros(0, np.int16), ints, np.zeros(0), np.zeros(0, np.uint8), ints)


def no_places() -> Places:
    """Where nothing belongs."""
    return Places(np.zeros(0, np.int64), np.zeros(0, np.int64))


def no_packs() -> Packs:
    """No sequence delivered."""
    return Packs(*(np.zeros(0, dtype) for _, dtype in _PACKS))


def join_readings(parts: Sequence[Readings]) -> Readings:
    """All readings in the given order."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_readings()
    return Readings(
        np.concatenate([part.device for part in parts]),
        np.concatenate([part.property for part in parts]),
        np.concatenate([part.phenomenon_time for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.quality for part in parts]),
        np.concatenate([part.sequence for part in parts]),
    )


def join_packs(parts: Sequence[Packs]) -> Packs:
    """All packs in the given order."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return no_packs()
    return Packs(*(np.concatenate([getattr(part, name) for part in parts]) for name, _ in _PACKS))


def accounts_of(entry: Entry) -> Accounts:
    """Who sent what of the entry, and where it went."""
    if entry.accounts is not None:
        return entry.accounts
    return runs(np.repeat(entry.packs.node, entry.packs.count), entry.readings.device, Fate.STORED)


def to_bytes(entry: Entry) -> bytes:
    """The entry as it lies in the journal: form, length of the head, head (JSON), columns one after the other.

    Devices are written once per run of readings, times as milliseconds since the first where that fits (``near``),
    and neither sequences where the packs tell them (``implied``) nor quality where all is ``good``: a city's minute
    takes a third of what its columns do.
    """
    rows, packs = entry.readings, entry.packs
    starts = _run_starts(rows.device)
    implied = len(rows) == int(packs.count.sum()) and bool((rows.sequence == _sequences(packs)).all())
    near, good = _nearest(rows.phenomenon_time), not rows.quality.any()
    time = rows.phenomenon_time if near is None else (rows.phenomenon_time - near).astype(np.int32)
    parts = None if entry.accounts is None else len(entry.accounts)
    head = msgspec.json.encode(
        _Head(entry.arrived, len(rows), len(packs), len(starts), implied, near, good, entry.tally, parts)
    )
    columns: list[NDArray[np.generic]] = [rows.device[starts], starts, rows.property, time, rows.value]
    columns += [] if good else [rows.quality]
    columns += [] if implied else [rows.sequence]
    columns += [getattr(packs, name) for name, _ in _PACKS]
    columns += [getattr(entry.accounts, name) for name, _ in _PARTS] if parts is not None else []
    return b"".join([bytes((FORM,)), len(head).to_bytes(4, "little"), head, *(c.tobytes() for c in columns)])


def from_bytes(body: bytes) -> Entry:
    """The entry again.

    Raises:
        StoreRefused: if the bytes have another form than this program writes.
    """
    if not body or body[0] not in (FORM, 2):
        raise StoreRefused(
            f"journal entry has form {body[:1].hex() or 'none'}, this program reads form {FORM:02x} only"
        )
    at = 5 + int.from_bytes(body[1:5], "little")
    head = msgspec.json.decode(body[5:at], type=_Head)

    def column(count: int, dtype: type[Any]) -> NDArray[Any]:
        nonlocal at
        start, at = at, at + np.dtype(dtype).itemsize * count
        return np.frombuffer(body, dtype, count, start)

    devices, starts = column(head.runs, np.int64), column(head.runs, np.int64)
    number = column(head.rows, np.int16)
    time = column(head.rows, np.int64 if head.near is None else np.int32)
    time = time if head.near is None else head.near + time.astype(np.int64)
    value = column(head.rows, np.float64)
    quality = np.zeros(head.rows, np.uint8) if head.good else column(head.rows, np.uint8)
    sequence = None if head.implied else column(head.rows, np.int64)
    packs = Packs(*(column(head.packs, dtype) for _, dtype in _PACKS))
    device = np.repeat(devices, np.diff(np.append(starts, head.rows)))
    sequence = _sequences(packs) if sequence is None else sequence
    readings = Readings(device, number, time, value, quality, sequence)
    parts = None if head.parts is None else Accounts(**{name: column(head.parts, dtype) for name, dtype in _PARTS})
    return Entry(head.arrived, readings, packs, head.tally, no_accounts() if body[0] != FORM else parts)


def _nearest(time: Ints) -> int | None:
    """The first time, if all others fit into 31 bits after it."""
    if not len(time):
        return None
    first = int(time.min())
    return first if int(time.max()) - first < 2**31 else None


def _run_starts(device: Ints) -> Ints:
    """Rows at which another device begins."""
    change = np.ones(len(device), np.bool_)
    change[1:] = device[1:] != device[:-1]
    return np.flatnonzero(change)


def _sequences(packs: Packs) -> Ints:
    """Every sequence of the packs, in their order."""
    ends = np.cumsum(packs.count)
    return np.arange(int(packs.count.sum())) - np.repeat(ends - packs.count - packs.first, packs.count)
