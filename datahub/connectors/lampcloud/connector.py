"""The lamp cloud, seen from the platform.

The dialect: the cloud posts batches of events, each signed anew at every attempt, until it hears a 2xx. A sample holds
whole steps of the vendor's own units and a state code; with ``EE`` the lamp is not heard and the values are old ones.
Orders go the other way: ``POST /api/v3/lamps/{id}/dim``, answered by a task; how that went comes as an event.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import httpx
import msgspec

from datahub.connector import Unanswered
from datahub.connectors.feeds import FeedLimits
from datahub.connectors.lampcloud.words import ENDS, PERCENT, SIGNATURE, STAMP, VALUES, State, signed
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import AckStatus
from datahub.contract.messages import Command
from datahub.feed import WISH, Denial, Denied, NotUnderstood, Outcome, Said, Told

_LARGEST: Final = 10**12


class Sample(msgspec.Struct, tag="sample", tag_field="type"):
    """What one lamp measured at one moment."""

    id: str
    lamp: str
    ts: int
    st: str
    d: dict[str, int]


class Task(msgspec.Struct, tag="task", tag_field="type"):
    """How an order went."""

    id: str
    lamp: str
    ts: int
    taskNo: str  # noqa: N815 - the vendor's word
    requestId: str  # noqa: N815 - the vendor's word
    state: str
    bri: int
    note: str = ""


class Dim(msgspec.Struct):
    """An order."""

    requestId: str  # noqa: N815 - the vendor's word
    bri: int
    validUntil: int  # noqa: N815 - the vendor's word


class _Post(msgspec.Struct):
    deliveryId: str  # noqa: N815 - the vendor's word
    events: list[msgspec.Raw]


class _Queued(msgspec.Struct):
    taskNo: str  # noqa: N815 - the vendor's word
    state: str


class _No(msgspec.Struct):
    err: str
    msg: str


class LampCloud:
    """Feed of the lamp cloud."""

    def __init__(self, limits: FeedLimits, *, secret: str) -> None:
        self._limits, self._secret = limits, secret

    def take(self, body: bytes, headers: Mapping[str, str], *, t: int) -> Said:
        """Read one post, once its signature is found right and fresh."""
        stamp, signature = headers.get(STAMP, ""), headers.get(SIGNATURE, "")
        if not hmac.compare_digest(signed(self._secret, stamp, body).encode(), signature.encode()):
            raise Denied(Denial.UNSIGNED, "the post is not signed with the secret of 'lampcloud'")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
            raise Denied(Denial.STALE, f"the post is signed at '{stamp:.20}', which is no time")
        off_s = abs(t - int(stamp) * SECOND_MS) / SECOND_MS
        if off_s > self._limits.skew_s:
            borne = f"{self._limits.skew_s} s are borne; set the clock right"
            raise Denied(Denial.STALE, f"the post was signed {off_s:.0f} s from now, and {borne}")
        try:
            post = msgspec.json.decode(body, type=_Post)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Denied(Denial.MALFORMED, f"the post is none of the dialect: {error}") from error
        return _said(post, seal=f"seal:{signature}")

    def order(self, command: Command, device: str, *, t: int) -> httpx.Request:
        """Dim a lamp; the cloud has no other order."""
        level = command.arguments.get("level_ratio")
        if command.name not in ("dim", WISH):
            raise NotUnderstood(f"the lamp cloud has no word for '{command.name}'; it takes dim with level_ratio")
        if level is None:
            raise NotUnderstood("the lamp cloud was told no level_ratio, and knows nothing else; give it, 0 to 1")
        until = command.expires // SECOND_MS
        body = msgspec.json.encode(Dim(command.id, round(level * PERCENT), until))
        stamp = str(t // SECOND_MS)
        headers = {
            "content-type": "application/json",
            STAMP: stamp,
            SIGNATURE: signed(self._secret, stamp, body),
        }
        return httpx.Request("POST", f"/api/v3/lamps/{quote(device, safe='')}/dim", content=body, headers=headers)

    def answer(self, response: httpx.Response, command: Command, device: str, *, t: int) -> Outcome:
        """The cloud has queued an order, or says no."""
        if response.status_code in (429, 503):
            retry = response.headers.get("retry-after", "")
            wait = float(retry) if retry.isascii() and retry.isdecimal() else 0.0
            raise Unanswered(f"lamp cloud put us off with status {response.status_code}", retry_s=wait)
        try:
            if response.status_code == httpx.codes.ACCEPTED:
                msgspec.json.decode(response.content, type=_Queued)
                return Outcome("", command.id, device, AckStatus.ACCEPTED, t)
            no = msgspec.json.decode(response.content, type=_No)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unanswered(f"lamp cloud answered {response.status_code} with none of its forms: {error}") from error
        ours = f" (bri is {PERCENT} times level_ratio)" if no.err == "BRI" else ""
        return Outcome("", command.id, device, AckStatus.REJECTED, t, f"{no.err:.40}: {no.msg:.120}{ours}")


def _said(post: _Post, *, seal: str) -> Said:
    """What a post says; an event that is none does not hold up the others."""
    told, outcomes, ill, held = list[Told](), list[Outcome](), list[str](), 0
    for raw in post.events:
        try:
            event = msgspec.json.decode(raw, type=Sample | Task)
            if isinstance(event, Task):
                outcomes.append(_outcome(event))
            elif State(event.st) is State.OFFLINE:
                held += len(event.d)
            else:
                told.append(_told(event))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, KeyError) as error:
            ill.append(f"{bytes(raw).decode('utf-8', 'replace'):.80}: {error}")
    return Said(told=told, outcomes=outcomes, ill=ill, held=held, seal=seal)


def _told(sample: Sample) -> Told:
    values = {}
    for word, steps in sample.d.items():
        name, per_unit = VALUES[word]
        values[name] = _number(steps) / per_unit
    return Told(sample.id, sample.lamp, _number(sample.ts) * SECOND_MS, values)


def _outcome(task: Task) -> Outcome:
    status = ENDS[task.state]
    state = {"level_ratio": _number(task.bri) / PERCENT} if status is AckStatus.DONE else {}
    return Outcome(task.id, task.requestId, task.lamp, status, _number(task.ts) * SECOND_MS, task.note, state)


def _number(said: int) -> int:
    if not abs(said) < _LARGEST:
        raise ValueError(f"{said} is no number of a lamp")
    return said


CONNECTOR = LampCloud
