"""The meter cloud, seen from the platform.

The dialect: ``POST /oauth/token`` (a form, RFC 6749 4.4) gives a token that expires; ``GET /v1/reads?after=N&limit=``
lists readings from serial N on, that one included, so each page repeats the last line of the one before. A line is one
meter at one local time: litres, and now and then the cell's millivolts. A line that is corrected comes again under a
new serial, with the same ``readId`` and a higher ``rev``. 401 asks for a new token, 429 and 503 put off.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from typing import Final

import httpx
import msgspec

from datahub.connector import Unanswered
from datahub.connectors.feeds import FeedLimits
from datahub.contract.clock import SECOND_MS, from_datetime
from datahub.feed import Flow, Said, Told

CLIENT: Final = "citybrain"
LITRES, MILLIVOLTS = 1_000, 1_000
"""Litres in a cubic metre, millivolts in a volt."""

EARLY_S: Final = 60
"""A token is given up so long before its end [s]: their clock need not be ours."""

_LARGEST: Final = 10**12


class Read(msgspec.Struct, omit_defaults=True):
    """One line: a meter at one moment."""

    serial: int
    readId: str  # noqa: N815 - the vendor's word
    rev: int
    meterNo: str  # noqa: N815 - the vendor's word
    readTime: str  # noqa: N815 - the vendor's word
    flag: str = "N"
    litres: int | None = None
    batteryMv: int | None = None  # noqa: N815 - the vendor's word


class _Page(msgspec.Struct):
    reads: list[msgspec.Raw]
    next: str
    hasMore: bool  # noqa: N815 - the vendor's word


class _Answer(msgspec.Struct):
    code: int
    msg: str = ""
    data: _Page | None = None


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


class MeterCloud:
    """Feed of the meter cloud."""

    def __init__(self, limits: FeedLimits, *, secret: str) -> None:
        self._limits, self._secret = limits, secret
        self._token, self._until = "", 0

    def pull(self, cursor: str, *, t: int) -> Flow:
        """Read one page, with a token that is still good."""
        fresh = t >= self._until
        if fresh:
            yield from self._enter(t)
        response = yield self._page(cursor)
        if response.status_code == httpx.codes.UNAUTHORIZED and not fresh:
            yield from self._enter(t)
            response = yield self._page(cursor)
        return _said(response)

    def _enter(self, t: int) -> Generator[httpx.Request, httpx.Response, None]:
        """Get a token."""
        self._token, self._until = "", 0
        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": self._secret}
        response = yield httpx.Request("POST", "/oauth/token", data=form)
        _put_off(response)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise Unanswered("meter cloud does not let us in; see the secret of 'metercloud'")
        try:
            token = msgspec.json.decode(response.content, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unanswered(f"meter cloud gave no token but status {response.status_code}: {error}") from error
        if not (token.access_token.isascii() and token.access_token.isprintable()):
            raise Unanswered("meter cloud gave a token that no header can bear")
        self._token, self._until = token.access_token, t + (token.expires_in - EARLY_S) * SECOND_MS

    def _page(self, cursor: str) -> httpx.Request:
        target = f"/v1/reads?after={cursor or '0'}&limit={self._limits.page}"
        return httpx.Request("GET", target, headers={"authorization": f"Bearer {self._token}"})


def _put_off(response: httpx.Response) -> None:
    if response.status_code in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE):
        retry = response.headers.get("retry-after", "")
        wait = float(retry) if retry.isascii() and retry.isdecimal() else 0.0
        raise Unanswered(f"meter cloud put us off with status {response.status_code}", retry_s=wait)


def _said(response: httpx.Response) -> Said:
    """What one page says; a line that is none does not hold up the others."""
    _put_off(response)
    try:
        answer = msgspec.json.decode(response.content, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unanswered(f"meter cloud answered {response.status_code} with none of its forms: {error}") from error
    page = answer.data
    if answer.code or page is None or not page.next.isdecimal():
        raise Unanswered(f"meter cloud answered {response.status_code} with code {answer.code}: {answer.msg:.80}")
    told, ill = list[Told](), list[str]()
    for line in page.reads:
        try:
            told.append(_told(msgspec.json.decode(line, type=Read)))
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError) as error:
            ill.append(f"{bytes(line).decode('utf-8', 'replace'):.80}: {error}")
    return Said(told=told, ill=ill, cursor=page.next, more=page.hasMore)


def _told(read: Read) -> Told:
    values = {}
    if read.litres is not None:
        values["volume_m3"] = _number(read.litres) / LITRES
    if read.batteryMv is not None:
        values["battery_v"] = _number(read.batteryMv) / MILLIVOLTS
    return Told(f"{read.readId}.{read.rev}", read.meterNo, from_datetime(datetime.fromisoformat(read.readTime)), values)


def _number(said: int) -> int:
    if not 0 <= said < _LARGEST:
        raise ValueError(f"{said} is no reading")
    return said


CONNECTOR = MeterCloud
