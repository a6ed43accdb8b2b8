"""Observations as bytes: one SenML pack (RFC 8428, JSON) per node and sending.

A pack as we write it::

    [{"bn":"440402000000001:","bt":1763793124.123,"n":"epoch","u":"ms","v":1763790000000.0},
     {"n":"seq","u":"count","v":17.0},
     {"n":"volume_m3","u":"m3","v":12.34,"t":-3600.0},
     {"bn":"440402000000002:","n":"lamp_power_w","u":"W","v":118.5}]

The base name is the device (first the node itself), the base time the result time, ``t`` the phenomenon time
relative to it. ``epoch`` is the birth epoch [ms], ``seq`` the sequence of the first reading; the others follow by one.
Packs written by others may use every rule of the RFC; they go through ``resolution``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import Reason
from datahub.contract.errors import Unreadable
from datahub.contract.observations import Ints, MalformedBatch, ObservationBatch, concatenate, offsets
from datahub.contract.resolution import RELATIVE_BELOW_S, Resolved, resolve
from datahub.contract.units import unit_of

PAYLOAD_LIMIT: Final = 256 * 1024
"""Largest payload the hub reads [bytes]; the embedded broker lets somewhat more pass. Ours to choose."""

EPOCH: Final = "epoch"
SEQUENCE: Final = "seq"
_EPOCH_UNIT, _SEQUENCE_UNIT = "ms", "count"  # RFC 8798 section 3; RFC 8428 section 12.1
_MOST_PROPERTIES: Final = 4096
_LARGEST: Final = 2.0**53


@dataclass(frozen=True, slots=True)
class Rejection:
    """A message that was not taken: its place among those handed over, why, and what a person may want to know."""

    index: int
    reason: Reason
    detail: str


_NOW: Final = 0.0  # one object: msgspec leaves out a default float only if it is the same


class Record(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """One record as we write it; ``v`` is always there, the others only where they change something."""

    bn: str | None = None
    bt: float | None = None
    n: str = ""
    u: str = ""
    v: float | None = None
    t: float = _NOW


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(list[Record])


def encode_packs(batch: ObservationBatch) -> list[tuple[int, bytes]]:
    """Node and payload of every pack of a batch, in their order.

    Raises:
        MalformedBatch: if a time lies before 3 July 1978, which SenML would read as relative to now.
    """
    earliest = min(int(batch.result_time.min(initial=2**62)), int(batch.phenomenon_time.min(initial=2**62)))
    if earliest < RELATIVE_BELOW_S * SECOND_MS:
        raise MalformedBatch(f"time {earliest} ms lies before 1978-07-04; SenML would take it for relative to now")
    names = [(name, _known_unit(name) or "") for name in batch.properties]
    relative = (batch.phenomenon_time - np.repeat(batch.result_time, batch.counts)) / SECOND_MS
    rows = zip(batch.device.tolist(), batch.property.tolist(), batch.value.tolist(), relative.tolist(), strict=True)
    encoded: list[tuple[int, bytes]] = []
    heads = zip(
        batch.node.tolist(), batch.epoch.tolist(), batch.first.tolist(), batch.result_time.tolist(), strict=True
    )
    for (node, epoch, first, result), count in zip(heads, batch.counts.tolist(), strict=True):
        records = [
            Record(f"{node}:", result / SECOND_MS, EPOCH, _EPOCH_UNIT, float(epoch)),
            Record(None, None, SEQUENCE, _SEQUENCE_UNIT, float(first)),
        ]
        before = node
        for _ in range(count):
            device, prop, value, t = next(rows)
            name, unit = names[prop]
            records.append(Record(None if device == before else f"{device}:", None, name, unit, value, t or _NOW))
            before = device
        encoded.append((node, _ENCODER.encode(records)))
    return encoded


def decode_packs(
    payloads: Sequence[bytes], nodes: Sequence[int], *, now: int, limit: int = PAYLOAD_LIMIT
) -> tuple[ObservationBatch, list[Rejection]]:
    """All packs that can be read, as one batch, and the payloads that cannot, each with its reason.

    Args:
        payloads: one pack each, as they came.
        nodes: who sent each of them, by its topic [unified codes].
        now: city time to which relative times in foreign packs refer [ms].
        limit: longest payload that is read [bytes].

    Returns:
        The batch (packs in the order of their payloads; foreign ones behind ours) and the rejections by index.
    """
    rejections: list[Rejection] = []
    ours: list[tuple[int, list[Record]]] = []
    foreign: list[int] = []
    decode = _DECODER.decode
    for index, payload in enumerate(payloads):
        try:
            if len(payload) <= limit:
                ours.append((index, decode(payload)))
            else:
                detail = f"longer than {limit} bytes"
                rejections.append(Rejection(index, Reason.OVERSIZED, detail))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            foreign.append(index)
    batch, unlike = _columns(ours, nodes)
    batches = [batch]
    for index in sorted(foreign + unlike):
        try:
            batches.append(_foreign(resolve(payloads[index], now=now), nodes[index]))
        except Unreadable as error:
            rejections.append(Rejection(index, error.reason, str(error)))
    rejections.sort(key=lambda rejection: rejection.index)
    return concatenate(batches), rejections


def _columns(packs: list[tuple[int, list[Record]]], nodes: Sequence[int]) -> tuple[ObservationBatch, list[int]]:
    """The packs that are written as we write them, and the indices of those that are not."""
    alike = [_alike(records, nodes[index]) for index, records in packs]
    good = [pack for pack, fits in zip(packs, alike, strict=True) if fits]
    batch, sound = _join([records for _, records in good], [nodes[index] for index, _ in good])
    unlike = [index for (index, _), fits in zip(packs, alike, strict=True) if not fits]
    if not sound.all():
        unlike += [index for (index, _), fits in zip(good, sound.tolist(), strict=True) if not fits]
        batch = batch.select(sound)
    return batch, unlike


def _alike(records: list[Record], node: int) -> bool:
    """True if a pack begins as ours do: epoch and sequence of the node that the topic names, with a base time."""
    if len(records) < 2:
        return False
    head, sequence = records[0], records[1]
    return (
        head.n == EPOCH
        and head.u == _EPOCH_UNIT
        and head.bn == f"{node}:"
        and head.t == 0.0
        and sequence.n == SEQUENCE
        and sequence.u == _SEQUENCE_UNIT
        and sequence.bn is None
        and sequence.bt is None
        and sequence.t == 0.0
    )


def _join(packs: list[list[Record]], nodes: list[int]) -> tuple[ObservationBatch, NDArray[np.bool_]]:
    """The columns of packs that begin as ours do, and for each pack whether all its numbers are fit to be used."""
    node = np.array(nodes, np.int64)
    counts = np.array([len(records) - 2 for records in packs], np.int64)
    rows = list(chain.from_iterable(records[2:] for records in packs))
    epoch = np.array([records[0].v for records in packs], np.float64)
    bt = np.array([records[0].bt for records in packs], np.float64)
    first = np.array([records[1].v for records in packs], np.float64)
    sound = _whole(epoch) & _whole(first) & (bt >= RELATIVE_BELOW_S) & (bt < _LARGEST / SECOND_MS)
    result = np.rint(np.where(sound, bt, 0.0) * SECOND_MS).astype(np.int64)

    start = offsets(counts)
    index = _Properties()
    prop = np.array([index.of(row.n, row.u) for row in rows], np.int16)
    value = np.array([row.v for row in rows], np.float64)
    t = np.array([row.t for row in rows], np.float64)
    device, named = _devices([row.bn for row in rows], node, start)
    fit = np.isfinite(value) & (prop >= 0) & named & (np.abs(t) < _LARGEST / SECOND_MS)
    fit &= np.array([row.bt is None for row in rows], np.bool_)
    time = np.repeat(result, counts) + np.rint(np.where(fit, t, 0.0) * SECOND_MS).astype(np.int64)
    fit &= time >= RELATIVE_BELOW_S * SECOND_MS
    if not fit.all():
        sound[np.repeat(np.arange(len(node)), counts)[~fit]] = False
    batch = ObservationBatch(
        properties=tuple(index.names),
        node=node,
        epoch=np.where(sound, epoch, 0.0).astype(np.int64),
        first=np.where(sound, first, 0.0).astype(np.int64),
        result_time=result,
        offset=start,
        device=device,
        property=prop,
        phenomenon_time=time,
        value=value,
    )
    return batch, sound


def _whole(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of them are whole numbers from 0 on that a float holds exactly (NaN is none)."""
    fits: NDArray[np.bool_] = (values >= 0) & (values <= _LARGEST) & (np.floor(values) == values)
    return fits


def _devices(names: list[str | None], node: Ints, start: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """The device of each row (base names last until the next within their pack) and whether it is a code at all."""
    n = len(names)
    device = np.repeat(node, np.diff(start))
    named = np.ones(n, np.bool_)
    given = [i for i, name in enumerate(names) if name is not None]
    if given:
        codes = {
            name: _code(name[:-1]) if name.endswith(":") else None for name in dict.fromkeys(names) if name is not None
        }
        latest = np.full(n, -1, np.int64)
        latest[given] = given
        latest = np.maximum.accumulate(latest)
        mine = latest >= np.repeat(start[:-1], np.diff(start))
        parsed = np.array([-1 if (code := codes.get(name or "")) is None else code for name in names], np.int64)
        device[mine] = parsed[latest[mine]]
        named = device >= 0
    return device, named


@dataclass(slots=True)
class _Properties:
    """The property dictionary of a batch, filled as names come up."""

    names: dict[str, int] = field(default_factory=dict)
    seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def of(self, name: str, unit: str) -> int:
        """Index of a property, or -1 if it is no name or comes in another unit than the name says."""
        found = self.seen.get((name, unit))
        if found is None:
            expected = _known_unit(name)
            fits = name and ":" not in name and name not in (EPOCH, SEQUENCE) and expected in (None, unit)
            room = len(self.names) < _MOST_PROPERTIES or name in self.names
            found = self.names.setdefault(name, len(self.names)) if fits and room else -1
            self.seen[(name, unit)] = found
        return found


def _known_unit(name: str) -> str | None:
    """SenML unit of a property, or None if its name carries none (the hub knows no such property)."""
    try:
        return unit_of(name)
    except KeyError:
        return None


def _code(text: str) -> int | None:
    """A unified code, or None if the text is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _foreign(records: list[Resolved], node: int) -> ObservationBatch:
    """One pack that was resolved by the book.

    Raises:
        Unreadable: if it lacks ``epoch`` or ``seq``, speaks for another node, or holds what is no reading.
    """
    head: dict[str, Resolved] = {}
    rows: list[tuple[int, int, int, float]] = []
    index = _Properties()
    for record in records:
        owner, _, name = record.name.rpartition(":")
        device = _code(owner) if owner else node
        if name in (EPOCH, SEQUENCE):
            if device != node:
                raise Unreadable(Reason.WRONG_SENDER, f"'{record.name:.80}' came on the topic of node {node}")
            head[name] = record
            continue
        if device is None:
            raise Unreadable(Reason.MALFORMED, f"'{record.name:.80}' names no device; write <code>:<property>")
        if isinstance(record.value, (str, bytes)) or record.value is None or not np.isfinite(record.value):
            raise Unreadable(Reason.MALFORMED, f"'{record.name:.80}' has no number")
        prop = index.of(name, record.unit or _known_unit(name) or "")
        if prop < 0:
            raise Unreadable(Reason.MALFORMED, f"'{record.name:.80}' cannot be in '{record.unit:.20}'")
        rows.append((device, prop, record.time, float(record.value)))
    return _pack(head, rows, node=node, properties=tuple(index.names))


def _pack(
    head: dict[str, Resolved], rows: list[tuple[int, int, int, float]], *, node: int, properties: tuple[str, ...]
) -> ObservationBatch:
    numbers: list[int] = []
    for name in (EPOCH, SEQUENCE):
        value = head[name].value if name in head else None
        if not isinstance(value, float) or not _whole(np.array([value]))[0]:
            raise Unreadable(Reason.MALFORMED, f"a pack says its '{name}' as a whole number from 0 on")
        numbers.append(int(value))
    return ObservationBatch(
        properties=properties,
        node=np.array([node], np.int64),
        epoch=np.array(numbers[:1], np.int64),
        first=np.array(numbers[1:], np.int64),
        result_time=np.array([head[EPOCH].time], np.int64),
        offset=np.array([0, len(rows)], np.int64),
        device=np.array([row[0] for row in rows], np.int64),
        property=np.array([row[1] for row in rows], np.int16),
        phenomenon_time=np.array([row[2] for row in rows], np.int64),
        value=np.array([row[3] for row in rows], np.float64),
    )
