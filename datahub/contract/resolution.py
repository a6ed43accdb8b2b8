"""SenML by the book (RFC 8428): what every record of a pack means once base fields and relative times are resolved.

This is the way for packs that others wrote; our own go through the fast path of ``senml``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import Reason
from datahub.contract.errors import Unreadable

VERSION: Final = 10
"""Highest version of the pack format that is understood (RFC 8428 section 4.4; RFC 9100 counts features above it)."""

RELATIVE_BELOW_S: Final = 2**28
"""Times below this count from now (RFC 8428 section 4.5.3) [s]."""

Json: TypeAlias = Mapping[str, object]
Value: TypeAlias = float | str | bool | bytes | None

_NAME_FIRST = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_NAME_REST = _NAME_FIRST | frozenset("-:./_")
#: Labels of a record by what they hold (RFC 8428 table 1); ``bver`` is a whole number, ``vb`` a truth value.
NUMBERS = ("bt", "bv", "bs", "v", "s", "t", "ut")
TEXTS = ("bn", "bu", "n", "u", "vs", "vd")
VALUES = ("v", "vs", "vb", "vd")
_KNOWN = frozenset(("bver", "vb", *NUMBERS, *TEXTS))


@dataclass(frozen=True, slots=True)
class Resolved:
    """One resolved record (RFC 8428 section 4.6).

    Attributes:
        name: base name and name together.
        time: when it was so [ms since 1970, UTC].
        value: number, text, truth value or bytes; None where only a sum is given.
        sum: integral of the value over time [unit x s], if given.
    """

    name: str
    unit: str
    time: int
    value: Value
    sum: float | None = None


@dataclass(slots=True)
class _Base:
    """Base fields in force; each lasts until a later record replaces it."""

    fields: dict[str, object] = field(default_factory=dict)

    def text(self, label: str) -> str:
        value = self.fields.get(label, "")
        return value if isinstance(value, str) else ""

    def number(self, label: str) -> float:
        value = self.fields.get(label, 0.0)
        return float(value) if isinstance(value, (int, float)) else 0.0


_DECODER = msgspec.json.Decoder(list[dict[str, object]])


def resolve(payload: bytes, *, now: int) -> list[Resolved]:
    """All records of a SenML JSON pack, resolved, in the order in which they stand in it.

    Args:
        payload: a pack, as bytes.
        now: city time to which relative times refer [ms].

    Raises:
        Unreadable: with the reason, if a rule of RFC 8428 is broken.
    """
    records = _records(payload)
    version = records[0].get("bver", VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise Unreadable(Reason.MALFORMED, f"bver {version!r} is not a version")
    if version > VERSION:
        raise Unreadable(Reason.SCHEMA, f"pack of version {version}; at most {VERSION} is understood")
    base = _Base()
    resolved: list[Resolved] = []
    for record in records:
        _check(record, version=version)
        base.fields.update({label: value for label, value in record.items() if label in ("bn", "bt", "bu", "bv", "bs")})
        resolved.append(_resolve(record, base, now=now))
    return resolved


def _records(payload: bytes) -> list[dict[str, object]]:
    try:
        payload.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.NOT_TEXT, f"byte {error.start} is not UTF-8") from error
    try:
        records = _DECODER.decode(payload)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable(Reason.MALFORMED, str(error)) from error
    if not records:
        raise Unreadable(Reason.MALFORMED, "a pack holds at least one record")
    return records


def _check(record: Json, *, version: int) -> None:
    for label in record:
        if label not in _KNOWN and label.endswith("_"):
            raise Unreadable(Reason.SCHEMA, f"label '{label}' must be understood and is not")
    wrong = [label for label in NUMBERS if label in record and not _number(record[label])]
    wrong += [label for label in TEXTS if label in record and not isinstance(record[label], str)]
    if "vb" in record and not isinstance(record["vb"], bool):
        wrong.append("vb")
    if wrong:
        raise Unreadable(Reason.MALFORMED, f"label '{wrong[0]}' holds {record[wrong[0]]!r:.40}")
    if record.get("bver", version) != version:
        raise Unreadable(Reason.MALFORMED, "bver changes within the pack")
    given = [label for label in VALUES if label in record]
    if len(given) > 1 or not (given or "s" in record):
        raise Unreadable(Reason.MALFORMED, f"a record has one value or a sum; this one has {given or 'neither'}")


def _number(value: object) -> bool:
    """True for a JSON number that a float can hold."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -(2**1000) < value < 2**1000
    return isinstance(value, float)


def _resolve(record: Json, base: _Base, *, now: int) -> Resolved:
    own = _Base(dict(record))
    name = base.text("bn") + own.text("n")
    if not name or name[0] not in _NAME_FIRST or not _NAME_REST.issuperset(name):
        raise Unreadable(Reason.MALFORMED, f"'{name:.80}' is not a name (RFC 8428 section 4.5.1)")
    seconds = base.number("bt") + own.number("t")
    if not -(2**42) < seconds < 2**42:
        raise Unreadable(Reason.MALFORMED, f"time {seconds} s is beyond every calendar")
    time = round(seconds * SECOND_MS)
    time += now if time < RELATIVE_BELOW_S * SECOND_MS else 0
    total = base.number("bs") + own.number("s") if "s" in record or "bs" in base.fields else None
    unit = own.text("u") or base.text("bu")
    return Resolved(name=name, unit=unit, time=time, value=_value(record, own, base), sum=total)


def _value(record: Json, own: _Base, base: _Base) -> Value:
    if "v" in record:
        return base.number("bv") + own.number("v")
    if "vs" in record:
        return own.text("vs")
    if "vb" in record:
        return record["vb"] is True
    if "vd" in record:
        text = own.text("vd")
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Unreadable(Reason.MALFORMED, f"vd '{text:.40}' is not base64url") from error
    return None
