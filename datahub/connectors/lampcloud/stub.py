"""The lamp cloud itself: the vendor's lamps report to it, it posts to the platform and passes orders on to lamps.

One post is under way at a time and is made again, signed anew, until it is answered with a 2xx. Lamps whose cabinet has
gone silent are told once more with their old values and the state code for that.
"""

from __future__ import annotations

import hmac
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

import httpx
import msgspec
import numpy as np

from datahub.connectors.calls import Calls
from datahub.connectors.feeds import FeedLimits
from datahub.connectors.lampcloud.connector import Dim, Sample, Task
from datahub.connectors.lampcloud.words import NAMES, PERCENT, SIGNATURE, STAMP, WORDS, State, signed
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import AckStatus
from datahub.contract.messages import Ack, Command, Death, Up
from datahub.contract.observations import ObservationBatch

AGAIN_S, LONGEST_S = 30, 600
"""A post that was not taken is made again after so long, then after twice as long, at most so long [s] (assumed)."""


@dataclass(slots=True)
class _Delivery:
    number: int
    events: tuple[Sample | Task, ...]
    again: int
    tries: int = 0


class LampCloudStub:
    """The cloud of one city's lamps; ``since`` [ms] is when it was set up, from which it numbers what it tells."""

    def __init__(
        self, ids: Mapping[int, str], *, limits: FeedLimits, secret: str, rng: np.random.Generator, since: int
    ) -> None:
        self._ids, self._limits, self._secret = ids, limits, secret
        self._codes = {name: code for code, name in ids.items()}
        self.told = self.corrected = 0
        self._calls = Calls(limits.calls_per_minute)
        self._waiting: deque[Sample | Task] = deque()
        self._delivery: _Delivery | None = None
        self._deliveries = self._events = since
        self._heard: dict[tuple[int, int], int] = {}
        self._behind: dict[int, dict[str, Sample]] = {}
        self._tasks: dict[str, tuple[str, str, Dim]] = {}
        self._new: list[Command] = []

    def hear(self, message: Up, *, t: int) -> None:
        """One of the vendor's lamps, or its cabinet, says something at ``t`` [ms]; what comes twice counts once."""
        if isinstance(message, ObservationBatch):
            for p in range(message.packs):
                key, first = (int(message.node[p]), int(message.epoch[p])), int(message.first[p])
                low, high = int(message.offset[p]), int(message.offset[p + 1])
                if first >= self._heard.get(key, 0):
                    self._heard[key] = first + high - low
                    self._enter(message, p, low, high)
        elif isinstance(message, Death):
            for last in self._behind.get(message.node, {}).values():
                self._post(Sample(self._event(), last.lamp, t // SECOND_MS, State.OFFLINE, last.d))
        elif isinstance(message, Ack) and message.status is not AckStatus.ACCEPTED:
            self._end(message)

    def _enter(self, message: ObservationBatch, pack: int, low: int, high: int) -> None:
        samples: dict[tuple[int, int], dict[str, int]] = {}
        for i in range(low, high):
            word, steps = NAMES[message.properties[message.property[i]]]
            at = (int(message.device[i]), int(message.phenomenon_time[i]))
            samples.setdefault(at, {})[word] = round(float(message.value[i]) * steps)
        behind = self._behind.setdefault(int(message.node[pack]), {})
        for (device, when), values in samples.items():
            lamp = self._ids[device]
            state = State.ON if values.get("pw", 0) > 0 else State.OFF
            behind[lamp] = sample = Sample(self._event(), lamp, when // SECOND_MS, state, values)
            self._post(sample)
            self.told += len(values)

    def _end(self, ack: Ack) -> None:
        known = self._tasks.get(ack.command)
        if known is not None and ack.status in WORDS:
            task, lamp, order = known
            word = WORDS[ack.status]
            end = Task(self._event(), lamp, ack.t // SECOND_MS, task, ack.command, word, order.bri, ack.detail)
            self._post(end)

    def _event(self) -> str:
        self._events += 1
        return f"E{self._events}"

    def _post(self, event: Sample | Task) -> None:
        self._waiting.append(event)

    def due(self, t: int) -> httpx.Request | None:
        """The post that is to be made at ``t`` [ms]."""
        if self._delivery is None:
            if not self._waiting:
                return None
            count = min(self._limits.page, len(self._waiting))
            self._deliveries += 1
            self._delivery = _Delivery(self._deliveries, tuple(self._waiting.popleft() for _ in range(count)), t)
        if t < self._delivery.again:
            return None
        said = {"deliveryId": f"D{self._delivery.number}", "events": self._delivery.events}
        body, stamp = msgspec.json.encode(said), str(t // SECOND_MS)
        headers = {"content-type": "application/json", STAMP: stamp, SIGNATURE: signed(self._secret, stamp, body)}
        return httpx.Request("POST", "/lampcloud", content=body, headers=headers)

    def answered(self, response: httpx.Response | None, *, t: int) -> None:
        """A 2xx ends a post; after anything else it is made again later."""
        if self._delivery is None:
            return
        if response is not None and response.is_success:
            self._delivery = None
            return
        wait_s = min(LONGEST_S, AGAIN_S << min(self._delivery.tries, 10))
        self._delivery.tries += 1
        self._delivery.again = t + wait_s * SECOND_MS

    def orders(self) -> Sequence[Command]:
        """Orders that came in since the last call."""
        new, self._new = self._new, []
        return new

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""
        if wait := self._calls.admit(t):
            return _no(429, "BUSY", "too many requests", headers={"retry-after": str(wait)})
        stamp, signature = request.headers.get(STAMP, ""), request.headers.get(SIGNATURE, "")
        right = signed(self._secret, stamp, request.content)
        if not hmac.compare_digest(right.encode(), signature.encode()):
            return _no(401, "SIGN", "signature is wrong")
        match request.method, unquote(request.url.path).split("/"):
            case "POST", ["", "api", "v3", "lamps", lamp, "dim"]:
                return self._dim(lamp, request.content, t)
            case _:
                return _no(404, "PATH", f"no service {request.method} {request.url.path}")
        raise AssertionError("unreachable")

    def _dim(self, lamp: str, body: bytes, t: int) -> httpx.Response:
        try:
            order = msgspec.json.decode(body, type=Dim)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _no(400, "BODY", str(error))
        if lamp not in self._codes:
            return _no(404, "LAMP", f"no lamp {lamp}")
        if not 0 <= order.bri <= PERCENT:
            return _no(422, "BRI", f"bri {order.bri} is outside 0 to {PERCENT}")
        known = self._tasks.get(order.requestId)
        if known is not None and known[1:] != (lamp, order):
            return _no(409, "DIFFERS", f"request {order.requestId} is known with other contents")
        if known is None:
            known = self._tasks[order.requestId] = (f"T{len(self._tasks) + 1:06d}", lamp, order)
            until, level = order.validUntil * SECOND_MS, order.bri / PERCENT
            self._new.append(Command(order.requestId, 0, self._codes[lamp], "dim", t, until, {"level_ratio": level}))
        return httpx.Response(202, json={"taskNo": known[0], "state": "QUEUED"})


def _no(status: int, code: str, text: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json={"err": code, "msg": text}, headers=headers)


STUB = LampCloudStub
