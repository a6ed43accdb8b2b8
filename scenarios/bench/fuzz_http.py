"""Rubbish for the HTTP door: requests on every route with bytes, numbers, texts and types that nobody expects.

The API must answer each without an exception and without a 5xx, tell each error as a problem document, and grow no
further. Seeded: the same seed asks the same.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import numpy as np

from datahub.api.app import app
from datahub.contract.clock import elapsed_s
from datahub.contract.messages import BirthBatch
from datahub.devices.assets import Assets
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from scenarios.bench.asking import Request, ask
from scenarios.bench.crowd import T0, Crowd
from scenarios.bench.fuzz import peak_mb
from scenarios.survey.city import load_city
from sensors.chance import Seeds
from sensors.kinds.valve_actuator import KIND

TOKEN: Final = "seat"
VALVE: Final = 440_402_220_700_000_013
METHODS: Final = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW")

_ODD_BYTES: Final = (
    b"", b"0", b"-1", b"9", b"1e5", b"nan", b"inf", b"9" * 18, b"9" * 19, b"9" * 5_000, b"%00", b"%ff%fe",
    b"..", b"%2e%2e%2f",
    b"%F0%9F%92%A9", b"%D9%A3", b"%ED%A0%80", b"true", b"null", b"a'--", b"%0d%0aX:1", b"*", b"{code}",
    b"x" * 9_000, b"%",
    b"%zz", b"2025-11-22T00:00:00Z", b"2025-11-22", b"1,2,3", b"1e308,1e308,1e308", b"+", b"%20",
)  # fmt: skip
_TYPES: Final = (
    b"application/json", b"application/json", b"application/json", b"text/csv", b"application/json; charset=utf-16",
    b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"multipart/form-data",
    b"\xff/\x00", b"",
    b"application/problem+json", b"application/merge-patch+json",
)  # fmt: skip
_NAMES: Final = (
    b"limit", b"after", b"kind", b"near", b"property", b"start", b"end", b"every_s", b"by", b"dry_run",
    b"subject", b"object",
    b"", b"%00", b"limit[]",
)  # fmt: skip
_HEADERS: Final = (
    b"accept", b"host", b"content-length", b"transfer-encoding", b"cookie", b"content-encoding", b"range",
)  # fmt: skip
_BODIES: Final[dict[bytes, dict[str, Any]]] = {
    b"commands": {"name": "move", "arguments": {"position_ratio": 0.5}, "valid_s": 60, "id": "a"},
    b"desired": {"state": {"position_ratio": 0.5}},
    b"stage": {"to": "active", "by": "somebody"},
    b"release": {"by": "somebody"},
}
"""A sound body for each last word of a path that takes one."""

_LIST: Final = b"sort,code,class,owner,object,lon,lat,name\ndevice,,2203,water,,114.5,21.7,x\n"
_ODD_TEXTS: Final = (
    b"", b"\x00", b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"state":{"a":' + b"9" * 6_000 + b"}}",
    b'{"state":{"a":NaN}}', b'{"state":{"a":1e400}}', b'{"state":{"\\ud800":1}}', b'{"by":"\\udfff"}',
    b'{"a":1,"a":2}',
    b'{"state":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, b"null", b"0", b'"x"', b"\r", b"a\rb,c\n",
    b'"' * 9_999, b"=1+1,\n" * 999,
    b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1", _LIST, b"x" * (5 * 2**20),
)  # fmt: skip
_ODD_VALUES: Final[tuple[Any, ...]] = (
    None, True, "", "x" * 70_000, "NaN", -1, 0, 2**53 + 1, 10**18, -(2**62), 1e308, 5e-324, [], {}, [[[[]]]],
    "\u0000", "é" * 65,
    {str(i): 1 for i in range(70)}, "\ud800",
)  # fmt: skip


class Outcome(msgspec.Struct, frozen=True):
    """What the API made of it. ``grown_mb``: peak memory gained in the second half; ``unsound``: the first few."""

    requests: int
    by_status: dict[str, int]
    unsound: list[str]
    peak_rss_mb: float
    grown_mb: float
    requests_s: float

    @property
    def fine(self) -> bool:
        """Whether every answer is sound."""
        return not self.unsound


def fuzz_http(*, requests: int = 100_000, seed: int = 1) -> Outcome:
    """Ask so many times; an exception of the API is not caught."""
    with TemporaryDirectory() as folder:
        bus = LocalBus()
        hub = Hub("harbour", "990100", Path(folder), bus.city_end, run="fuzz", start=T0)
        try:
            crowd = Crowd()
            bus.field_end.send(crowd.births())
            bus.field_end.send(_valve())
            bus.field_end.send(crowd.speak(200, T0))
            hub.intake()
            hub.tick(T0)
            city = load_city("harbour", scale=0.05)
            assets = Assets(
                hub.store, registry=hub.registry, lifecycle=hub.lifecycle, owners=hub.care.owners, city=city
            )
            api = app(hub, assets=assets, token=TOKEN)
            rubbish = Rubbish(Seeds(seed).rng("fuzz http"), routes(api.openapi()), (VALVE, int(crowd.nodes.code[0])))
            return asyncio.run(_asked(api, rubbish, requests=requests, after=bus.downward.clear))
        finally:
            hub.close()


def _valve() -> BirthBatch:
    """One device that takes orders."""
    code = np.array([VALVE], np.int64)
    return BirthBatch(KIND.descriptor, code, code * 0 + T0, code, code + 10**9, np.array([114.5]), np.array([21.7]))


def routes(described: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
    """Method and path of every route of a described API, parameters in braces."""
    return tuple((method.upper(), path.encode()) for path, it in described["paths"].items() for method in it)


async def _asked(api: Any, rubbish: Rubbish, *, requests: int, after: Callable[[], object]) -> Outcome:
    statuses, unsound = Counter[str](), list[str]()
    since, half = elapsed_s(), 0.0
    for number in range(requests):
        request = rubbish.request()
        answer = await ask(api, request)
        after()
        statuses[str(answer.status)] += 1
        if not answer.sound and len(unsound) < 10:
            unsound.append(f"{answer.status} {answer.kind} {request!r:.400}")
        if number == requests // 2:
            half = peak_mb()
    peak = peak_mb()
    return Outcome(
        requests=requests,
        by_status=dict(sorted(statuses.items())),
        unsound=unsound,
        peak_rss_mb=round(peak, 1),
        grown_mb=round(peak - half, 1),
        requests_s=round(requests / (elapsed_s() - since)),
    )


class Rubbish:
    """Makes requests; ``known`` are codes of devices that there are."""

    def __init__(self, rng: np.random.Generator, ways: Sequence[tuple[str, bytes]], known: Sequence[int]) -> None:
        self._rng, self._ways, self._known = rng, tuple(ways), known

    def request(self) -> Request:
        """The next one."""
        method, path = self._ways[self._of(self._ways)]
        return Request(
            method=method if self._rng.random() < 0.9 else METHODS[self._of(METHODS)],
            path=self._path(path),
            query=self._query(),
            headers=tuple(self._headers()),
            body=self._body(path),
        )

    def _of(self, choice: Sequence[object]) -> int:
        return int(self._rng.integers(len(choice)))

    def _odd(self) -> bytes:
        if self._rng.random() < 0.1:
            return self._rng.bytes(int(self._rng.integers(1, 40))).hex("%").encode()
        return _ODD_BYTES[self._of(_ODD_BYTES)]

    def _path(self, path: bytes) -> bytes:
        parts = path.split(b"/")
        for i, part in enumerate(parts):
            if part.startswith(b"{"):
                known = part == b"{code}" and self._rng.random() < 0.6
                parts[i] = str(self._known[self._of(self._known)]).encode() if known else self._odd()
        if self._rng.random() < 0.1:
            parts.insert(int(self._rng.integers(1, len(parts) + 1)), self._odd())
        return b"/".join(parts)

    def _query(self) -> bytes:
        if self._rng.random() < 0.02:
            return b"&".join([b"limit=1"] * 9_000)
        count = int(self._rng.integers(0, 5))
        return b"&".join(_NAMES[self._of(_NAMES)] + b"=" + self._odd() for _ in range(count))

    def _headers(self) -> list[tuple[bytes, bytes]]:
        host = b"hub" if self._rng.random() < 0.95 else self._odd()
        found = [(b"host", host), (b"content-type", _TYPES[self._of(_TYPES)])]
        match int(self._rng.integers(8)):
            case 0:
                found.append((b"authorization", b"Bearer \xff\x00"))
            case 1:
                found.append((b"authorization", b"Bearer"))
            case 2 | 3 | 4 | 5:
                found.append((b"authorization", f"Bearer {TOKEN}".encode()))
        if self._rng.random() < 0.1:
            odd = (
                b"accept",
                b"host",
                b"content-length",
                b"transfer-encoding",
                b"cookie",
                b"content-encoding",
                b"range",
            )
            found.append((odd[self._of(odd)], self._rng.bytes(20)))
        return found

    def _body(self, path: bytes) -> tuple[bytes, ...]:
        if self._rng.random() < 0.2:
            body = _ODD_TEXTS[self._of(_ODD_TEXTS)] if self._rng.random() < 0.95 else self._rng.bytes(4_000)
        else:
            sound = list(_BODIES.values())
            body = self._bent(_BODIES.get(path.rpartition(b"/")[2], sound[self._of(sound)]))
        if self._rng.random() < 0.2:
            at = int(self._rng.integers(len(body) + 1))
            return body[:at], self._rng.bytes(int(self._rng.integers(1, 9))), body[at:]
        return (body,)

    def _bent(self, sound: dict[str, Any]) -> bytes:
        """A sound body, with one thing in it that is not."""
        body = dict(sound)
        key = list(body)[self._of(list(body))]
        value = _ODD_VALUES[self._of(_ODD_VALUES)]
        match int(self._rng.integers(5)):
            case 0:
                body.pop(key)
            case 1:
                body[key] = value
            case 2 if isinstance(body[key], dict):
                body[key] = {next(iter(body[key])): value}
            case 3 if isinstance(body[key], dict):
                body[key] = {str(value)[:80]: 1.0}
        return _text(body)


def _text(body: object) -> bytes:
    """JSON as some clients write it: a lone surrogate stays one."""
    return json.dumps(body).encode()
