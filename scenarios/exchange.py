"""Carries the platform's requests to the departments' systems: within the process in city time, or over HTTP live.

In a virtual run the line to each department delays every request, and a slow answer is an answer lost: the system has
acted, but the platform does not know, exactly as with a real line. Live, stubs stand behind a web server at
``/{department}/...`` and real systems may take their place one by one.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Final, Protocol, TypeVar

import httpx
import numpy as np
from fastapi import FastAPI, Request, Response

from datahub.bridges.desk import Bridges
from datahub.connector import CrewStatus, Stub, Unanswered, WorkOrder, WorkUpdate
from datahub.connectors.loading import load
from datahub.connectors.order_book import Outage
from datahub.contract.city import City
from datahub.contract.clock import SECOND_MS
from datahub.contract.errors import UsageError
from datahub.feed import STATUS, Denied
from sensors.chance import Seeds

T = TypeVar("T")

_OURS: Final = ("host", "content-length")
_OF_THE_LINE: Final = ("content-encoding", "content-length", "transfer-encoding")
"""Headers of a request that its carrier writes, and those that say how an answer travelled, not what it is."""

_PLAIN: Final = {"accept-encoding": "identity"}
"""Nothing packed is asked for: a few bytes could unfold to any length."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line to a department's system; the defaults are assumed (unverified: no source found for such lines).

    Attributes:
        delay_s: median time of the way there and back [s].
        spread: standard deviation of its logarithm.
        timeout_s: after this the answer is lost [s].
        outages: times in which nothing gets through.
    """

    delay_s: float = 0.3
    spread: float = 0.6
    timeout_s: float = 5.0
    outages: tuple[Outage, ...] = ()


class Answering(Protocol):
    """Whatever answers requests: a department's system, a vendor's cloud, the platform's door for one."""

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""


class DirectExchange:
    """The exchange of a virtual run: systems are called in the process, on the run's own thread, in city time."""

    def __init__(
        self,
        stubs: Mapping[str, Answering],
        seeds: Seeds,
        *,
        lines: Mapping[str, Line] | None = None,
        name: str = "exchange",
    ) -> None:
        self._stubs = stubs
        self._lines = {code: (lines or {}).get(code, Line()) for code in stubs}
        self._rng: dict[str, np.random.Generator] = {code: seeds.rng(name, code) for code in stubs}

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        """The department's answer to a request made at ``t`` [ms].

        Raises:
            Unanswered: if there is no such department, its line is down, or the answer came too late.
        """
        if department not in self._stubs:
            raise Unanswered(f"no system of '{department}' is connected; there are: {', '.join(self._stubs)}")
        line = self._lines[department]
        delay_s = float(line.delay_s * np.exp(line.spread * self._rng[department].standard_normal()))
        if any(outage.start <= t < outage.end for outage in line.outages):
            raise Unanswered(f"the line to {department} is down")
        there = t + round(min(delay_s / 2, line.timeout_s) * SECOND_MS)
        response = self._stubs[department].handle(request, t=there)
        if delay_s > line.timeout_s:
            raise Unanswered(f"{department} did not answer within {line.timeout_s:g} s (it took {delay_s:.1f} s)")
        return response


ANSWER_BYTES: Final = 8 * 2**20
"""Longest answer of a department's system or a vendor's cloud that is read. Ours to choose."""


class HttpExchange:
    """The exchange of a live run: departments' systems are reached by HTTP at their addresses.

    A call has so long in all, from the name that is looked up to the last byte, and so many bytes. All calls live on a
    loop of the exchange's own, where one that hangs or tells its answer letter by letter can be ended at any point; any
    number of threads may call.

    Args:
        addresses: where each system is.
        timeout_s: how long a call may take in all [s].
        trust: the certificate (PEM) that the systems show: only they are believed, whatever their address is called;
            None believes whom everybody believes.

    Raises:
        UsageError: if that is no certificate.
    """

    def __init__(self, addresses: Mapping[str, str], *, timeout_s: float = 5.0, trust: Path | None = None) -> None:
        self._addresses = {code: address.rstrip("/") for code, address in addresses.items()}
        self._timeout_s, self._lock, self._open = timeout_s, Lock(), True
        verify = True if trust is None else _only(trust)
        self._client = httpx.AsyncClient(timeout=None, trust_env=False, verify=verify)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="exchange", daemon=True)
        self._thread.start()

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        """The department's answer; ``t`` is the city time at which we ask (a live system has its own clock).

        Raises:
            Unanswered: if there is no address, no connection, no whole answer in time, or one that is too long.
        """
        address = self._addresses.get(department)
        if address is None:
            raise Unanswered(f"no address of '{department}' is configured; there are: {', '.join(self._addresses)}")
        try:
            return self._begin(self._ask(address, request)).result()
        except TimeoutError as error:
            raise Unanswered(f"{department} at {address} did not answer within {self._timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, CancelledError) as error:
            raise Unanswered(f"{department} at {address} did not answer at {t} ms: {error!r}") from error

    def _begin(self, work: Coroutine[None, None, T]) -> Future[T]:
        """Begin work on the loop, unless the exchange is closed."""
        with self._lock:
            if self._open:
                return asyncio.run_coroutine_threadsafe(work, self._loop)
        work.close()
        raise Unanswered("the exchange is closed, and nobody is asked any more")

    async def _ask(self, address: str, request: httpx.Request) -> httpx.Response:
        """One request and its whole answer."""
        headers = {name: value for name, value in request.headers.items() if name not in _OURS}
        target = f"{address}{request.url.raw_path.decode('ascii')}"
        asked = self._client.stream(request.method, target, content=request.content, headers=headers | _PLAIN)
        async with asyncio.timeout(self._timeout_s), asked as answer:
            self._client.cookies.clear()
            body = await _bounded(answer)
        told = {name: value for name, value in answer.headers.items() if name not in _OF_THE_LINE}
        return httpx.Response(answer.status_code, headers=told, content=body)

    def close(self) -> None:
        """Let the connections go; who still waits for an answer has none."""
        with self._lock:
            if not self._open:
                return
            self._open = False
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.aclose()


def _only(certificate: Path) -> ssl.SSLContext:
    """Believes who shows this certificate, and nobody else."""
    known = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    known.check_hostname = False
    known.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be an authority's
    try:
        known.load_verify_locations(certificate)
    except OSError as error:
        raise UsageError(f"{certificate} cannot be read as a certificate ({error}); name a PEM file") from error
    return known


async def _bounded(answer: httpx.Response) -> bytes:
    """What an answer says, if that is not too much and written as it was asked for."""
    coding = answer.headers.get("content-encoding", "identity")
    if coding != "identity":
        raise httpx.DecodingError(f"the answer is packed as {coding:.40}, which nobody asked for")
    body = bytearray()
    async for part in answer.aiter_raw():
        body += part
        if len(body) > ANSWER_BYTES:
            raise httpx.DecodingError(f"the answer is longer than {ANSWER_BYTES} bytes")
    return bytes(body)


class SharedStub:
    """A stub that a web server and the crews' own thread both use: one at a time."""

    def __init__(self, stub: Stub) -> None:
        self._stub, self._lock = stub, Lock()

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""
        with self._lock:
            return self._stub.handle(request, t=t)

    def orders(self) -> Sequence[WorkOrder]:
        """Orders that came in since the last call."""
        with self._lock:
            return self._stub.orders()

    def withdrawn(self) -> Sequence[str]:
        """Ids of orders taken back since the last call."""
        with self._lock:
            return self._stub.withdrawn()

    def report(self, update: WorkUpdate) -> None:
        """A crew says how far it is."""
        with self._lock:
            self._stub.report(update)

    def locate(self, status: CrewStatus) -> None:
        """A crew's radio says where it is."""
        with self._lock:
            self._stub.locate(status)


def stubs_of(city: City, *, outages: Mapping[str, Sequence[Outage]] | None = None) -> dict[str, Stub]:
    """A fresh stub for every department of a city, in the dialect that its system speaks."""
    closed = outages or {}
    return {
        code: load(department.speaks)[1](department, closed.get(code, ()))
        for code, department in city.departments.items()
        if department.speaks
    }


class Door:
    """The platform's door for one vendor's cloud, in a virtual run; live it is ``POST /bridges/{vendor}``."""

    def __init__(self, bridges: Bridges, vendor: str) -> None:
        self._bridges, self._vendor = bridges, vendor

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Take one post at city time ``t`` [ms]."""
        try:
            self._bridges.take(self._vendor, request.content, dict(request.headers), source=self._vendor, t=t)
        except Denied as error:
            return httpx.Response(STATUS[error.why], text=str(error))
        except UsageError as error:
            return httpx.Response(404, text=str(error))
        return httpx.Response(204)


def stub_app(stubs: Mapping[str, Answering], *, clock: Callable[[], int]) -> FastAPI:
    """A web server for stubs, each at ``/{department}/...``; ``clock`` tells the city time [ms].

    Hand in ``SharedStub`` where crews report from another thread.
    """
    app = FastAPI(title="Department systems (stubs)", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(department: str, path: str, request: Request) -> Response:
        stub = stubs.get(department)
        if stub is None:
            return Response(f"no system of '{department}' here; there are: {', '.join(stubs)}\n", status_code=404)
        query = f"?{request.url.query}" if request.url.query else ""
        kept = {name: value for name, value in request.headers.items() if name not in ("host", "content-length")}
        asked = httpx.Request(request.method, f"/{path}{query}", content=await request.body(), headers=kept)
        said = stub.handle(asked, t=clock())
        headers = {name: value for name, value in said.headers.items() if name != "content-length"}
        return Response(said.content, status_code=said.status_code, headers=headers)

    app.add_api_route("/{department}/{path:path}", answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return app
