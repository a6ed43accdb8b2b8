"""Messages as bytes: which topic each travels on, and how it reads there (JSON; observations as SenML)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np

from datahub.contract.codes import Reason
from datahub.contract.errors import Unreadable
from datahub.contract.messages import (
    SCHEMA,
    Ack,
    Alarm,
    Birth,
    BirthBatch,
    BirthDevice,
    Command,
    Death,
    Desired,
    Down,
    KindDescriptor,
    Lost,
    Marker,
    North,
    Rebirth,
    Reported,
    Up,
    Watermarks,
)
from datahub.contract.observations import ObservationBatch
from datahub.contract.senml import PAYLOAD_LIMIT, decode_packs, encode_packs
from datahub.contract.topics import Topics, Word

__all__ = ["Outgoing", "Unreadable", "decode_down", "decode_up", "encode", "join_births"]

WATERMARKS_A_MESSAGE: Final = 1_000
"""Nodes in one watermark message: some 45 kB. Ours to choose, well below the payload limit."""

_LARGEST_CODE: Final = 10**18
_LARGEST_SEQUENCE: Final = 2**53
_KINDS_KEPT: Final = 256
_ENCODER = msgspec.json.Encoder()
_Message = TypeVar("_Message", bound=msgspec.Struct)


class Outgoing(NamedTuple):
    """One message ready for a broker. Nothing is retained: as in Sparkplug B, births go out when asked for."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    node: int = 0


class _Version(msgspec.Struct, frozen=True):
    """The one field by which an unreadable message may still say that it is merely newer."""

    schema: int = SCHEMA


class _RawBirth(msgspec.Struct, frozen=True):
    """A birth whose kind is not read yet: thousands of nodes send the same."""

    node: int
    epoch: int
    kind: msgspec.Raw
    devices: tuple[BirthDevice, ...]
    schema: int = SCHEMA


class WatermarksText(msgspec.Struct, frozen=True):
    """End-to-end acknowledgement: of each node's epoch, every sequence up to this is durable or rejected (columns)."""

    node: tuple[int, ...]
    epoch: tuple[int, ...]
    sequence: tuple[int, ...]
    schema: int = SCHEMA


_VERSION = msgspec.json.Decoder(_Version)
_BIRTH = msgspec.json.Decoder(_RawBirth)
_KIND = msgspec.json.Decoder(KindDescriptor)
_DEATH = msgspec.json.Decoder(Death)
_LOST = msgspec.json.Decoder(Lost)
_REPORTED = msgspec.json.Decoder(Reported)
_ACK = msgspec.json.Decoder(Ack)
_MARKER = msgspec.json.Decoder(Marker)
_DESIRED = msgspec.json.Decoder(Desired)
_COMMAND = msgspec.json.Decoder(Command)
_REBIRTH = msgspec.json.Decoder(Rebirth)
_WATERMARKS = msgspec.json.Decoder(WatermarksText)


def encode(message: Up | Down | North, topics: Topics, *, qos: int = 1) -> list[Outgoing]:
    """What goes to the broker for one message: several payloads for what concerns many nodes.

    ``qos`` is for observations; everything else goes with QoS 1.
    """
    match message:
        case ObservationBatch():
            return [
                Outgoing(topics.of(node, Word.OBS), payload, qos, node=node) for node, payload in encode_packs(message)
            ]
        case BirthBatch():
            return [
                Outgoing(topics.of(birth.node, Word.BIRTH), _ENCODER.encode(birth), node=birth.node)
                for birth in split_births(message)
            ]
        case Watermarks():
            return [Outgoing(topics.watermark, _ENCODER.encode(part)) for part in _watermark_parts(message)]
        case Marker():
            return [Outgoing(topics.marker(message.side), _ENCODER.encode(message))]
        case Alarm():
            return [Outgoing(topics.alarm(message.kind), _ENCODER.encode(message))]
        case Death():
            word = Word.DEATH
        case Lost():
            word = Word.LOST
        case Reported():
            word = Word.REPORTED
        case Ack():
            word = Word.ACK
        case Desired():
            word = Word.DESIRED
        case Command():
            word = Word.CMD
        case Rebirth():
            word = Word.REBIRTH
    return [Outgoing(topics.of(message.node, word), _ENCODER.encode(message), node=message.node)]


def decode_up(topic: str, payload: bytes, *, topics: Topics, now: int = 0, limit: int = PAYLOAD_LIMIT) -> Up:
    """The message that a node (or the field's marker) sent.

    Raises:
        Unreadable: with the reason, if it is none, is too long, newer than this code, or on a wrong topic.
    """
    _measure(payload, limit)
    if topic == topics.marker("field"):
        return _read(_MARKER, payload)
    parsed = topics.parse(topic)
    if parsed is None:
        raise Unreadable(Reason.WRONG_TOPIC, f"'{topic:.120}' is no topic of a node of '{topics.root}'")
    node, word = parsed
    match word:
        case Word.OBS:
            batch, rejections = decode_packs([payload], [node], now=now, limit=limit)
            if rejections:
                raise Unreadable(rejections[0].reason, rejections[0].detail)
            return batch
        case Word.BIRTH:
            return _births(_own(_read(_BIRTH, payload), node))
        case Word.DEATH:
            death = _own(_read(_DEATH, payload), node)
            _bound(death.carried)
            return death
        case Word.LOST:
            lost = _own(_read(_LOST, payload), node)
            if not 0 <= lost.first <= lost.last < _LARGEST_SEQUENCE:
                raise Unreadable(Reason.MALFORMED, f"sequences {lost.first} to {lost.last} are no run")
            return lost
        case Word.REPORTED:
            return _own(_read(_REPORTED, payload), node)
        case Word.ACK:
            return _own(_read(_ACK, payload), node)
        case _:
            raise Unreadable(Reason.WRONG_TOPIC, f"'{topic:.120}' is for messages to a node")


def decode_down(topic: str, payload: bytes, *, topics: Topics, limit: int = PAYLOAD_LIMIT) -> Down:
    """The message that the platform sent.

    Raises:
        Unreadable: with the reason, as for ``decode_up``.
    """
    _measure(payload, limit)
    if topic == topics.watermark:
        return _watermarks(_read(_WATERMARKS, payload))
    if topic == topics.marker("city"):
        return _read(_MARKER, payload)
    parsed = topics.parse(topic)
    if parsed is None:
        raise Unreadable(Reason.WRONG_TOPIC, f"'{topic:.120}' is no topic of '{topics.root}'")
    node, word = parsed
    match word:
        case Word.DESIRED:
            return _own(_read(_DESIRED, payload), node)
        case Word.CMD:
            return _own(_read(_COMMAND, payload), node)
        case Word.REBIRTH:
            return _own(_read(_REBIRTH, payload), node)
        case _:
            raise Unreadable(Reason.WRONG_TOPIC, f"'{topic:.120}' is for messages from a node")


def _measure(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        raise Unreadable(Reason.OVERSIZED, f"longer than {limit} bytes")


def _read(decoder: msgspec.json.Decoder[_Message], payload: bytes) -> _Message:
    """One message, refused whole if its schema is newer than ours."""
    try:
        message = decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _complain(payload, error)
        raise
    if getattr(message, "schema", SCHEMA) > SCHEMA:
        raise Unreadable(Reason.SCHEMA, _newer(getattr(message, "schema", SCHEMA)))
    _bound(number for number in msgspec.structs.astuple(message) if isinstance(number, int))
    return message


def _bound(numbers: Iterable[int]) -> None:
    """Refuse what no code and no time can be, before it meets a column of 64 bits."""
    if not all(-1 <= number < _LARGEST_CODE for number in numbers):
        raise Unreadable(Reason.MALFORMED, "a number is below -1 or has more than 18 digits")


def _newer(schema: int) -> str:
    return f"schema {schema} is newer than {SCHEMA}, which is the newest understood here; bring this side up to date"


def _complain(payload: bytes, error: Exception) -> None:
    """Say why a payload cannot be read."""
    try:
        payload.decode()
    except UnicodeDecodeError as wrong:
        raise Unreadable(Reason.NOT_TEXT, f"byte {wrong.start} is not UTF-8") from wrong
    try:
        schema = _VERSION.decode(payload).schema
    except (msgspec.DecodeError, RecursionError):
        schema = SCHEMA
    if schema > SCHEMA:
        raise Unreadable(Reason.SCHEMA, _newer(schema)) from error
    raise Unreadable(Reason.MALFORMED, str(error)) from error


_Owned = TypeVar("_Owned", _RawBirth, Death, Lost, Reported, Ack, Desired, Command, Rebirth)


def _own(message: _Owned, node: int) -> _Owned:
    """The message, if it speaks of the node on whose topic it came."""
    if message.node != node:
        raise Unreadable(Reason.WRONG_SENDER, f"node {message.node} on the topic of node {node}")
    return message


def split_births(batch: BirthBatch) -> list[Birth]:
    """One birth per node and epoch, in the order in which they first come up."""
    nodes = batch.node.tolist(), batch.epoch.tolist()
    devices = batch.device.tolist(), batch.object.tolist(), batch.lon.tolist(), batch.lat.tolist()
    behind: dict[tuple[int, int], list[BirthDevice]] = {}
    for node, epoch, device, thing, lon, lat in zip(*nodes, *devices, strict=True):
        behind.setdefault((node, epoch), []).append(BirthDevice(device=device, object=thing, lon=lon, lat=lat))
    return [Birth(node=n, epoch=e, kind=batch.kind, devices=tuple(found)) for (n, e), found in behind.items()]


@dataclass(slots=True)
class _Kinds:
    """Descriptors by the bytes they came in."""

    known: dict[bytes, KindDescriptor]

    def of(self, raw: bytes) -> KindDescriptor:
        kind = self.known.get(raw)
        if kind is None:
            try:
                kind = _KIND.decode(raw)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                _complain(raw, error)
                raise
            if len(self.known) < _KINDS_KEPT:
                self.known[raw] = kind
        return kind


_KINDS = _Kinds({})


def _births(birth: _RawBirth) -> BirthBatch:
    kind = _KINDS.of(bytes(birth.kind))
    _bound(code for device in birth.devices for code in (device.device, device.object))
    n = len(birth.devices)
    return BirthBatch(
        kind=kind,
        node=np.full(n, birth.node, np.int64),
        epoch=np.full(n, birth.epoch, np.int64),
        device=np.array([device.device for device in birth.devices], np.int64),
        object=np.array([device.object for device in birth.devices], np.int64),
        lon=np.array([device.lon for device in birth.devices], np.float64),
        lat=np.array([device.lat for device in birth.devices], np.float64),
    )


def join_births(batches: Iterable[BirthBatch]) -> list[BirthBatch]:
    """The same births with one batch per kind, kinds in the order in which they first come up."""
    by_kind: dict[KindDescriptor, list[BirthBatch]] = {}
    for batch in batches:
        by_kind.setdefault(batch.kind, []).append(batch)
    return [_joined(kind, alike) for kind, alike in by_kind.items()]


def _joined(kind: KindDescriptor, batches: Sequence[BirthBatch]) -> BirthBatch:
    return BirthBatch(
        kind=kind,
        node=np.concatenate([batch.node for batch in batches]),
        epoch=np.concatenate([batch.epoch for batch in batches]),
        device=np.concatenate([batch.device for batch in batches]),
        object=np.concatenate([batch.object for batch in batches]),
        lon=np.concatenate([batch.lon for batch in batches]),
        lat=np.concatenate([batch.lat for batch in batches]),
    )


def _watermark_parts(message: Watermarks) -> list[WatermarksText]:
    parts = [slice(start, start + WATERMARKS_A_MESSAGE) for start in range(0, len(message), WATERMARKS_A_MESSAGE)]
    return [
        WatermarksText(
            node=tuple(message.node[part].tolist()),
            epoch=tuple(message.epoch[part].tolist()),
            sequence=tuple(message.sequence[part].tolist()),
        )
        for part in parts
    ]


def _watermarks(text: WatermarksText) -> Watermarks:
    if not len(text.node) == len(text.epoch) == len(text.sequence):
        raise Unreadable(Reason.MALFORMED, "the columns of a watermark message have one length")
    _bound((*text.node, *text.epoch, *text.sequence))
    return Watermarks(
        node=np.array(text.node, np.int64),
        epoch=np.array(text.epoch, np.int64),
        sequence=np.array(text.sequence, np.int64),
    )
