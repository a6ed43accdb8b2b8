"""The door for vendors' clouds that post what their devices say, and how every bridge stands."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from datahub.api.problems import Problem
from datahub.bridges.desk import Bridges
from datahub.contract.clock import to_utc
from datahub.contract.errors import UsageError
from datahub.feed import STATUS, Denial, Denied
from datahub.resources.refusals import source_of


class BridgeState(BaseModel):
    """How a bridge stands; times are empty where nothing was so yet."""

    vendor: str
    way: str
    node: str
    kind: str
    devices: int
    told: int
    waiting: int
    repeated: int
    held: int
    refused: dict[str, int]
    cursor: str
    heard: str
    due: str
    trouble: str


def router(bridges: Bridges | None, *, now: Callable[[], int | None]) -> APIRouter:
    """Routes about bridges (None: the hub has none); ``now`` tells the city time [ms], None while unknown."""
    routes = APIRouter(tags=["bridges"])

    @routes.get("/bridges")
    def standing() -> list[BridgeState]:
        return [
            BridgeState(
                vendor=one.vendor,
                way=one.way,
                node=str(one.node),
                kind=one.kind,
                devices=one.devices,
                told=one.told,
                waiting=one.waiting,
                repeated=one.repeated,
                held=one.held,
                refused=one.refused,
                cursor=one.cursor,
                heard=to_utc(one.heard) if one.heard else "",
                due=to_utc(one.due) if one.due else "",
                trouble=one.trouble,
            )
            for one in ([] if bridges is None else bridges.views())
        ]

    @routes.post("/bridges/{vendor}", status_code=204)
    async def post(vendor: str, request: Request) -> None:
        if bridges is None:
            raise Problem(404, f"no cloud '{vendor:.64}' posts here; there are: none")
        t = now()
        if t is None:
            raise Problem(503, "the hub does not know the time yet; post it again", headers={"Retry-After": "5"})
        body = await _bounded(request, bridges.longest(vendor))
        headers = {name: value for name, value in request.headers.items() if name.startswith("x-")}
        try:
            source = source_of(request.client.host if request.client else "")
            await run_in_threadpool(bridges.take, vendor, body, headers, source=source, t=t)
        except Denied as error:
            again = {"Retry-After": "60"} if error.why is Denial.BUSY else None
            raise Problem(STATUS[error.why], str(error), headers=again) from error
        except UsageError as error:
            raise Problem(404, str(error)) from error

    return routes


async def _bounded(request: Request, longest: int) -> bytes:
    """The body, or so much of it that it is seen to be too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > longest:
            break
    return bytes(body[: longest + 1])
