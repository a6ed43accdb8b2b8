"""The meter cloud itself: the vendor's meters report to it, the platform asks it.

Its weaknesses are those of real ones: it repeats the last line of a page, it shows a share of readings wrongly at first
(the value of before) and corrects them later, and its tokens expire.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qs

import httpx
import msgspec
import numpy as np

from datahub.connectors.calls import Calls
from datahub.connectors.feeds import FeedLimits
from datahub.connectors.metercloud.connector import CLIENT, LITRES, MILLIVOLTS, Read
from datahub.contract.clock import CITY_ZONE, HOUR_MS, SECOND_MS
from datahub.contract.messages import Up
from datahub.contract.observations import ObservationBatch

WRONG_RATIO: Final = 0.01
"""Share of readings that are shown wrongly at first (assumed; unverified)."""

CORRECTED_MS: Final = 2 * HOUR_MS
"""So long after, they are corrected [ms] (assumed; unverified)."""


class MeterCloudStub:
    """The cloud of one city's meters; ``since`` [ms] is when it was set up, from which it numbers what it tells."""

    def __init__(
        self, ids: Mapping[int, str], *, limits: FeedLimits, secret: str, rng: np.random.Generator, since: int
    ) -> None:
        self._ids, self._limits, self._secret, self._rng = ids, limits, secret, rng
        self.told = self.corrected = 0
        self._calls = Calls(limits.calls_per_minute)
        self._log: list[Read] = []
        self._later: list[tuple[int, Read]] = []
        self._heard: dict[tuple[int, int], int] = {}
        self._shown: dict[str, int] = {}
        self._tokens: dict[str, int] = {}
        self._since, self._reads = since, 0

    def hear(self, message: Up, *, t: int) -> None:
        """One of the vendor's meters reports at ``t`` [ms]; a report that comes twice counts once."""
        if not isinstance(message, ObservationBatch):
            return
        self._correct(t)
        for p in range(message.packs):
            key, first = (int(message.node[p]), int(message.epoch[p])), int(message.first[p])
            low, high = int(message.offset[p]), int(message.offset[p + 1])
            if first >= self._heard.get(key, 0):
                self._heard[key] = first + high - low
                self._enter(message, low, high, t=t)

    def _enter(self, message: ObservationBatch, low: int, high: int, *, t: int) -> None:
        lines: dict[tuple[int, int], dict[str, float]] = {}
        for i in range(low, high):
            line = lines.setdefault((int(message.device[i]), int(message.phenomenon_time[i])), {})
            line[message.properties[message.property[i]]] = float(message.value[i])
        for (device, when), values in lines.items():
            self._reads += 1
            read = Read(0, f"R{self._since + self._reads}", 0, self._ids[device], _written(when))
            if "volume_m3" in values:
                read.litres = round(values["volume_m3"] * LITRES)
            if "battery_v" in values:
                read.batteryMv = round(values["battery_v"] * MILLIVOLTS)
            self._show(read, t)

    def _show(self, read: Read, t: int) -> None:
        """List a reading; a few wrongly, to be corrected later."""
        before = self._shown.get(read.meterNo)
        if read.litres is not None:
            self._shown[read.meterNo] = read.litres
            if before is not None and self._rng.random() < WRONG_RATIO:
                right = msgspec.structs.replace(read, rev=1, flag="C", batteryMv=None)
                self._later.append((t + CORRECTED_MS, right))
                read.litres = before
        self._list(read)

    def _list(self, read: Read) -> None:
        read.serial = self._since + len(self._log) + 1
        self._log.append(read)
        self.told += (read.litres is not None) + (read.batteryMv is not None)

    def _correct(self, t: int) -> None:
        for when, read in self._later:
            if when <= t:
                self._list(read)
                self.corrected += 1
        self._later = [one for one in self._later if one[0] > t]

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""
        self._correct(t)
        wait = self._calls.admit(t)
        if wait:
            return _no(429, 42900, "too many requests", headers={"retry-after": str(wait)})
        match request.method, request.url.path:
            case "POST", "/oauth/token":
                return self._let_in(request.content, t)
            case "GET", "/v1/reads":
                return self._page(request, t)
            case method, path:
                return _no(404, 40400, f"no service {method} {path}")
        raise AssertionError("unreachable")

    def _let_in(self, body: bytes, t: int) -> httpx.Response:
        form = parse_qs(body.decode("utf-8", "replace"))
        if form.get("client_id") != [CLIENT] or form.get("client_secret") != [self._secret]:
            return httpx.Response(401, json={"error": "invalid_client"})
        token = self._rng.bytes(16).hex()
        self._tokens = {known: until for known, until in self._tokens.items() if until > t}
        self._tokens[token] = t + self._limits.token_s * SECOND_MS
        answer = {"access_token": token, "token_type": "bearer", "expires_in": self._limits.token_s}
        return httpx.Response(200, json=answer)

    def _page(self, request: httpx.Request, t: int) -> httpx.Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= t:
            return _no(401, 40101, "token is unknown or has expired")
        after, limit = request.url.params.get("after", ""), request.url.params.get("limit", "")
        if not all(one.isascii() and one.isdecimal() and len(one) <= 15 for one in (after, limit)) or int(limit) < 2:
            return _no(400, 40000, "after and limit are whole numbers, limit from 2 on")
        start = max(0, int(after) - self._since - 1)
        reads = self._log[start : start + min(int(limit), self._limits.page)]
        last = reads[-1].serial if reads else max(int(after), self._since)
        data = {"reads": msgspec.to_builtins(reads), "next": str(last), "hasMore": last < self._since + len(self._log)}
        return httpx.Response(200, json={"code": 0, "msg": "ok", "data": data})


def _no(status: int, code: int, text: str, *, headers: dict[str, str] | None = None) -> httpx.Response:
    body: dict[str, Any] = {"code": code, "msg": text}
    return httpx.Response(status, json=body, headers=headers)


def _written(t: int) -> str:
    return datetime.fromtimestamp(t / SECOND_MS, CITY_ZONE).strftime("%Y-%m-%d %H:%M:%S")


STUB = MeterCloudStub
