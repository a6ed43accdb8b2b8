"""The order desk itself, played from the department's side."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, TypeVar

import httpx
import msgspec

from datahub.connector import CrewStatus, Refusal, WorkOrder, WorkUpdate
from datahub.connectors.order_book import Limits, OrderBook, Outage, PutOff, Refused
from datahub.contract.city import Department
from datahub.contract.clock import CITY_ZONE, SECOND_MS, from_datetime
from datahub.contract.codes import TaskStage

_STATUS: Final = {
    TaskStage.SUBMITTED: "RECEIVED",
    TaskStage.ACCEPTED: "ACCEPTED",
    TaskStage.EN_ROUTE: "ON_THE_WAY",
    TaskStage.ON_SITE: "ARRIVED",
    TaskStage.DONE: "FINISHED",
    TaskStage.FAILED: "FAILED",
    TaskStage.WITHDRAWN: "CANCELLED",
}

_ERROR: Final = {
    Refusal.INVALID: (422, "BAD_REQUEST"),
    Refusal.UNKNOWN_DUTY: (422, "UNKNOWN_WORK_TYPE"),
    Refusal.UNKNOWN_CREW: (422, "UNKNOWN_TEAM"),
    Refusal.CREW_BUSY: (409, "TEAM_BUSY"),
    Refusal.UNKNOWN_ORDER: (404, "NO_SUCH_ORDER"),
    Refusal.CONFLICT: (409, "ORDER_DIFFERS"),
    Refusal.FINISHED: (409, "ORDER_CLOSED"),
}


_T = TypeVar("_T")


class _Title(msgspec.Struct):
    zh: str
    en: str


class _Site(msgspec.Struct):
    lon: float
    lat: float


class _Attribute(msgspec.Struct):
    name: str
    number: float | None = None
    text: str | None = None


class _Order(msgspec.Struct):
    orderNo: str  # noqa: N815 - the vendor's word
    workType: str  # noqa: N815 - the vendor's word
    title: _Title
    site: _Site
    due: datetime
    assets: list[str] = []
    team: str = ""
    attributes: list[_Attribute] = []


class _Cancel(msgspec.Struct):
    orderNo: str  # noqa: N815 - the vendor's word


class OrderDeskStub:
    """The system of one department that uses the order desk."""

    def __init__(self, department: Department, *, limits: Limits, outages: tuple[Outage, ...] = ()) -> None:
        self._book = OrderBook(department, limits, outages)
        self.orders = self._book.orders
        self.withdrawn = self._book.withdrawn
        self.report = self._book.report
        self.locate = self._book.locate

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""
        try:
            self._book.admit(t=t, size=len(request.content))
            return self._route(request, t=t)
        except PutOff as off:
            headers = {"retry-after": str(off.retry_s)}
            code = "CLOSED" if off.closed else "TOO_MANY_CALLS"
            error = {"code": code, "message": str(off), "time": _written(t)}
            return httpx.Response(503 if off.closed else 429, json={"error": error}, headers=headers)
        except Refused as no:
            status, code = _ERROR[no.why]
            state = None if no.stage is None else _STATUS[no.stage]
            refusal = {"code": code, "message": str(no), "orderNo": no.order, "status": state, "time": _written(t)}
            return httpx.Response(status, json={"error": refusal})

    def _route(self, request: httpx.Request, *, t: int) -> httpx.Response:
        match request.method, request.url.path:
            case "POST", "/api/v1/orders":
                order = _order(_decoded(request.content, _Order))
                stage, new = self._book.enter(order, t=t)
                answer = {"orderNo": order.id, "status": _STATUS[stage], "time": _written(t)}
                return httpx.Response(201 if new else 200, json=answer)
            case "POST", "/api/v1/orders/cancel":
                number = _decoded(request.content, _Cancel).orderNo
                self._book.take_back(number, t=t)
                return httpx.Response(200, json={"orderNo": number, "status": "CANCELLED", "time": _written(t)})
            case "GET", "/api/v1/changes":
                return httpx.Response(200, json=self._changes(request.url.params.get("cursor", "0")))
            case method, path:
                raise Refused(Refusal.INVALID, f"no service {method} {path}")
        raise AssertionError("unreachable")

    def _changes(self, cursor: str) -> dict[str, Any]:
        if not (cursor.isascii() and cursor.isdecimal()):
            raise Refused(Refusal.INVALID, f"cursor '{cursor}' is no serial")
        updates, more = self._book.after(int(cursor))
        last = updates[-1].ordinal if updates else int(cursor)
        return {
            "changes": [_change(update) for update in updates],
            "teams": [_team(status) for status in self._book.where()],
            "nextCursor": str(last),
            "hasMore": more,
        }


def _decoded(content: bytes, form: type[_T]) -> _T:
    try:
        return msgspec.json.decode(content, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(Refusal.INVALID, str(error)) from error


def _order(said: _Order) -> WorkOrder:
    return WorkOrder(
        id=said.orderNo,
        duty=said.workType,
        zh=said.title.zh,
        en=said.title.en,
        lon=said.site.lon,
        lat=said.site.lat,
        deadline=from_datetime(said.due),
        objects=tuple(_asset(text, said.orderNo) for text in said.assets),
        crew=said.team,
        details={attribute.name: _value(attribute, said.orderNo) for attribute in said.attributes},
    )


def _asset(text: str, order: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Refused(Refusal.INVALID, f"asset '{text}' is no unified code", order=order)
    return int(text)


def _value(attribute: _Attribute, order: str) -> float | str:
    value = attribute.text if attribute.number is None else attribute.number
    if value is None:
        raise Refused(Refusal.INVALID, f"attribute '{attribute.name}' has neither number nor text", order=order)
    return value


def _change(update: WorkUpdate) -> dict[str, Any]:
    return {
        "serial": update.ordinal,
        "orderNo": update.order,
        "status": _STATUS[update.stage],
        "time": _written(update.t),
        "team": update.crew,
        "results": [
            {"name": name, "text": value} if isinstance(value, str) else {"name": name, "number": float(value)}
            for name, value in update.findings.items()
        ],
    }


def _team(status: CrewStatus) -> dict[str, Any]:
    return {
        "team": status.crew,
        "time": _written(status.t),
        "lon": status.lon,
        "lat": status.lat,
        "orderNo": status.order,
        "etaSeconds": status.eta_s,
    }


def _written(t: int) -> str:
    return datetime.fromtimestamp(t / SECOND_MS, CITY_ZONE).isoformat(timespec="milliseconds")


STUB = OrderDeskStub
