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
from dataclasses import dataclass
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
_NO_UNIT: Final = object()  # equals no text that may come
_BASES: Final = 2
"""Base fields in a pack of a node that speaks for itself alone: base name and base time, in the first record."""

_HEAD: Final = 64
"""Base name and base time stand in so many bytes of a pack that was written without spaces."""

_SECOND: Final = (SEQUENCE, _SEQUENCE_UNIT, None, None, 0.0)


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
    ours: list[list[Record]] = []
    index: list[int] = []
    foreign: list[int] = []
    decode = _DECODER.decode
    for number, payload in enumerate(payloads):
        try:
            if len(payload) > limit:
                rejections.append(Rejection(number, Reason.OVERSIZED, f"longer than {limit} bytes"))
                continue
            records = decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            foreign.append(number)
            continue
        if len(records) < 2:
            foreign.append(number)
        else:
            ours.append(records)
            index.append(number)
    alone = all(_alone(payloads[number]) for number in index)
    batch, sound = _columns(ours, [nodes[number] for number in index], alone=alone)
    if sound.all() and not foreign:
        return batch, rejections
    foreign += [number for number, fits in zip(index, sound.tolist(), strict=True) if not fits]
    batches = [batch.select(sound)]
    for number in sorted(foreign):
        try:
            batches.append(_foreign(resolve(payloads[number], now=now), nodes[number]))
        except Unreadable as error:
            rejections.append(Rejection(number, error.reason, str(error)))
    rejections.sort(key=lambda rejection: rejection.index)
    return concatenate(batches), rejections


def _alone(payload: bytes) -> bool:
    """Whether a pack surely has no base fields but those of its first record (escapes might hide some)."""
    return payload.rfind(b'"b', _HEAD) < 0 and payload.count(b'"b', 0, _HEAD + 1) == _BASES and b"\\" not in payload


def _columns(packs: list[list[Record]], nodes: list[int], *, alone: bool) -> tuple[ObservationBatch, NDArray[np.bool_]]:
    """The columns of packs of two records and more, and for each pack whether it is written as we write them.

    ``alone``: no pack has more base fields than its first record needs, so that rows need not be looked at for them.
    What stands in an unsound pack means nothing; it goes the long way.
    """
    heads, seconds = [pack[0] for pack in packs], [pack[1] for pack in packs]
    rows = list(chain.from_iterable([pack[2:] for pack in packs]))
    counts = np.array([len(pack) for pack in packs], np.int64) - 2
    epoch, first = np.array([one.v for one in heads], np.float64), np.array([one.v for one in seconds], np.float64)
    bt = np.array([one.bt for one in heads], np.float64)
    sound = _same([(one.n, one.u, one.bn, one.t) for one in heads], [(EPOCH, _EPOCH_UNIT, f"{n}:", 0.0) for n in nodes])
    sound &= _same([(one.n, one.u, one.bn, one.bt, one.t) for one in seconds], [_SECOND] * len(packs))
    sound &= _whole(epoch) & _whole(first) & (bt >= RELATIVE_BELOW_S) & (bt < _LARGEST / SECOND_MS)
    result = np.rint(np.where(sound, bt, 0.0) * SECOND_MS).astype(np.int64)

    node, start, index = np.array(nodes, np.int64), offsets(counts), _Properties()
    number = index.numbers([row.n for row in rows], [row.u for row in rows])
    device = np.repeat(node, counts) if alone else _devices([row.bn for row in rows], node, start)
    value, t = np.array([row.v for row in rows], np.float64), np.array([row.t for row in rows], np.float64)
    fit = np.isfinite(value) & (number >= 0) & (device >= 0) & (np.abs(t) < _LARGEST / SECOND_MS)
    if not alone:
        fit &= _same([row.bt for row in rows], [None] * len(rows))
    time = np.repeat(result, counts) + np.rint(np.where(fit, t, 0.0) * SECOND_MS).astype(np.int64)
    fit &= time >= RELATIVE_BELOW_S * SECOND_MS
    if not fit.all():
        sound[np.repeat(np.arange(len(packs)), counts)[~fit]] = False
    batch = ObservationBatch(
        properties=tuple(index.names),
        node=node,
        epoch=np.where(sound, epoch, 0.0).astype(np.int64),
        first=np.where(sound, first, 0.0).astype(np.int64),
        result_time=result,
        offset=start,
        device=device,
        property=number.astype(np.int16),
        phenomenon_time=time,
        value=value,
    )
    return batch, sound


def _same(found: Sequence[object], wanted: Sequence[object]) -> NDArray[np.bool_]:
    """Which of the things found are those wanted; as a rule all are."""
    if found == wanted:
        return np.ones(len(found), np.bool_)
    return np.array([one == other for one, other in zip(found, wanted, strict=True)], np.bool_)


def _whole(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of them are whole numbers from 0 on that a float holds exactly (NaN is none)."""
    fits: NDArray[np.bool_] = (values >= 0) & (values <= _LARGEST) & (np.floor(values) == values)
    return fits


def _devices(names: list[str | None], node: Ints, start: Ints) -> Ints:
    """The device of each row, -1 for none. A base name lasts until the next one in its pack."""
    counts = np.diff(start)
    device = np.repeat(node, counts)
    if names.count(None) < len(names):
        codes = {name: _device(name) for name in dict.fromkeys(names) if name is not None}
        parsed = np.array([-2 if name is None else codes[name] for name in names], np.int64)
        latest = np.maximum.accumulate(np.where(parsed > -2, np.arange(len(names)), -1))
        mine = latest >= np.repeat(start[:-1], counts)
        device[mine] = parsed[latest[mine]]
    return device


def _device(name: str) -> int:
    """The code in a base name as we write it, -1 for any other."""
    code = _code(name[:-1]) if name.endswith(":") else None
    return -1 if code is None else code


class _Properties:
    """The property dictionary of a batch, filled as names come up; every name comes in one unit."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self._units: list[object] = []

    def numbers(self, names: list[str], units: list[str]) -> NDArray[np.int32]:
        """Index of each property, -1 where it is no name or comes in another unit than the name says."""
        uniform = _uniform(names)
        for name in names[:1] if uniform else dict.fromkeys(names):
            if name not in self.names and len(self.names) < _MOST_PROPERTIES:
                self._units.append(_known_unit(name) if _is_name(name) else _NO_UNIT)
                self.names[name] = len(self.names)
        known, expected = self.names, self._units
        one = known.get(names[0], -1) if uniform else -1
        if one >= 0 and expected[one] in (None, units[0]) and _uniform(units):
            return np.full(len(names), one, np.int32)
        found = [known.get(name, -1) for name in names]
        number = np.array(found, np.int32)
        if units != [expected[i] for i in found]:
            for i, unit in enumerate(units):
                if found[i] < 0 or expected[found[i]] not in (None, unit):
                    number[i] = -1
        return number


def _uniform(texts: list[str]) -> bool:
    """Whether all are the same and there are some; told by the ends where they are not, as a rule."""
    return bool(texts) and texts[0] == texts[-1] and texts.count(texts[0]) == len(texts)


def _is_name(name: str) -> bool:
    return bool(name) and ":" not in name and name not in (EPOCH, SEQUENCE)


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
        prop = int(index.numbers([name], [record.unit or _known_unit(name) or ""])[0])
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
