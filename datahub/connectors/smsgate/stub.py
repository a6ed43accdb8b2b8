"""The message gateway itself, played from the operators' side."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlencode

import httpx

from datahub.connector import CrewStatus, Refusal, WorkOrder, WorkUpdate
from datahub.connectors.order_book import Limits, OrderBook, Outage, PutOff, Refused
from datahub.contract.city import Department
from datahub.contract.codes import TaskStage

_STAT: Final = {
    TaskStage.SUBMITTED: "ENROUTE",
    TaskStage.ACCEPTED: "ACCEPTD",
    TaskStage.EN_ROUTE: "SENDING",
    TaskStage.ON_SITE: "SENT",
    TaskStage.DONE: "DELIVRD",
    TaskStage.FAILED: "UNDELIV",
    TaskStage.WITHDRAWN: "DELETED",
}

_CODE: Final = {
    Refusal.INVALID: "101",
    Refusal.UNKNOWN_DUTY: "102",
    Refusal.UNKNOWN_CREW: "103",
    Refusal.CREW_BUSY: "104",
    Refusal.UNKNOWN_ORDER: "105",
    Refusal.CONFLICT: "106",
    Refusal.FINISHED: "107",
}


class GatewayStub:
    """The gateway of the operators. Like many of its kind it answers 200 and says in ``code`` what it means."""

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
            return _response([*self._lines(request, t=t)])
        except PutOff as off:
            form = {"code": "202" if off.closed else "201", "msg": str(off), "retry_s": str(off.retry_s)}
            return _response([form], status=503 if off.closed else 429)
        except Refused as no:
            stat = "" if no.stage is None else _STAT[no.stage]
            form = {"code": _CODE[no.why], "msg": str(no), "mt_id": no.order, "stat": stat, "time": str(t)}
            return _response([form], status=200)

    def _lines(self, request: httpx.Request, *, t: int) -> list[dict[str, str]]:
        match request.method, request.url.path:
            case "POST", "/sms/submit":
                order = _order(_form(request.content))
                stage, _ = self._book.enter(order, t=t)
                return [{"code": "0", **_report(WorkUpdate(0, order.id, stage, t))}]
            case "POST", "/sms/cancel":
                message = _field(_form(request.content), "mt_id")
                self._book.take_back(message, t=t)
                return [{"code": "0", **_report(WorkUpdate(0, message, TaskStage.WITHDRAWN, t))}]
            case "GET", "/sms/reports":
                after = request.url.params.get("after", "0")
                if not (after.isascii() and after.isdecimal()):
                    raise Refused(Refusal.INVALID, f"after={after} is no number")
                updates, more = self._book.after(int(after))
                head = {"code": "0", "more": str(int(more))}
                return [head, *map(_report, updates), *map(_seat, self._book.where())]
            case method, path:
                raise Refused(Refusal.INVALID, f"no service {method} {path}")
        raise AssertionError("unreachable")


def _form(content: bytes) -> dict[str, str]:
    try:
        text = content.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, strict_parsing=True, errors="strict"))
    except ValueError as error:
        raise Refused(Refusal.INVALID, f"not a form: {error}") from error


def _field(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise Refused(Refusal.INVALID, f"{name} is missing", order=form.get("mt_id", ""))
    return form[name]


def _order(form: dict[str, str]) -> WorkOrder:
    try:
        details: dict[str, float | str] = {}
        for name, value in form.items():
            if name.startswith("n."):
                details[name[2:]] = float(value)
            elif name.startswith("s."):
                details[name[2:]] = value
        return WorkOrder(
            id=_field(form, "mt_id"),
            duty=_field(form, "biz"),
            zh=_field(form, "content_zh"),
            en=_field(form, "content_en"),
            lon=float(_field(form, "x")),
            lat=float(_field(form, "y")),
            deadline=int(_field(form, "valid_until")),
            objects=tuple(int(code) for code in form.get("targets", "").split(",") if code),
            crew=form.get("seat", ""),
            details=details,
        )
    except ValueError as error:
        raise Refused(Refusal.INVALID, str(error), order=form.get("mt_id", "")) from error


def _report(update: WorkUpdate) -> dict[str, str]:
    form = {
        "seq": str(update.ordinal),
        "mt_id": update.order,
        "stat": _STAT[update.stage],
        "time": str(update.t),
        "seat": update.crew,
    }
    for name, value in update.findings.items():
        form[f"s.{name}" if isinstance(value, str) else f"n.{name}"] = str(value)
    return form


def _seat(status: CrewStatus) -> dict[str, str]:
    return {
        "seat": status.crew,
        "seat_at": str(status.t),
        "x": str(status.lon),
        "y": str(status.lat),
        "mt_id": status.order,
        "eta_s": str(status.eta_s),
    }


def _response(forms: list[dict[str, str]], *, status: int = 200) -> httpx.Response:
    body = "\n".join(urlencode(form) for form in forms).encode("ascii")
    return httpx.Response(status, content=body, headers={"content-type": "application/x-www-form-urlencoded"})


STUB = GatewayStub
