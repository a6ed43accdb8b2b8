"""The incident dispatch itself, played from the department's side. Reads XML as strictly as the other side does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import httpx

from datahub.connector import CrewStatus, Refusal, WorkOrder, WorkUpdate
from datahub.connectors.order_book import Limits, OrderBook, Outage, PutOff, Refused
from datahub.contract.city import Department
from datahub.contract.clock import CITY_ZONE, SECOND_MS, from_datetime
from datahub.contract.codes import TaskStage

_STATE: Final = {
    TaskStage.SUBMITTED: "10",
    TaskStage.ACCEPTED: "20",
    TaskStage.EN_ROUTE: "30",
    TaskStage.ON_SITE: "40",
    TaskStage.DONE: "50",
    TaskStage.FAILED: "80",
    TaskStage.WITHDRAWN: "90",
}

_FAULT: Final = {
    Refusal.INVALID: (400, "E01"),
    Refusal.UNKNOWN_DUTY: (400, "E02"),
    Refusal.UNKNOWN_CREW: (400, "E03"),
    Refusal.CREW_BUSY: (409, "E04"),
    Refusal.UNKNOWN_ORDER: (404, "E05"),
    Refusal.CONFLICT: (409, "E06"),
    Refusal.FINISHED: (409, "E07"),
}

#: quoteattr keeps these as they are in a value, but a reader would turn a bare one into a space.
_KEEP: Final = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


class IncidentStub:
    """The system of one department that uses the incident dispatch."""

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
            return self._answer(_document(request), t=t)
        except PutOff as off:
            status = 503 if off.closed else 429
            fault = _element("Fault", code="E90" if off.closed else "E91", text=str(off), time=_written(t))
            return _response(status, fault, {"retry-after": str(off.retry_s)})
        except Refused as no:
            status, code = _FAULT[no.why]
            state = "" if no.stage is None else _STATE[no.stage]
            fault = _element("Fault", code=code, text=str(no), incident=no.order, state=state, time=_written(t))
            return _response(status, fault)

    def _answer(self, root: ET.Element, *, t: int) -> httpx.Response:
        match root.tag:
            case "Assign":
                order = _order(root)
                stage, new = self._book.enter(order, t=t)
                entry = _progress(WorkUpdate(0, order.id, stage, t))
                return _response(201 if new else 200, _element("Reply", [entry], time=_written(t)))
            case "Recall":
                incident = _said(root, "incident")
                self._book.take_back(incident, t=t)
                entry = _progress(WorkUpdate(0, incident, TaskStage.WITHDRAWN, t))
                return _response(200, _element("Reply", [entry], time=_written(t)))
            case "Query":
                updates, more = self._book.after(_serial(_said(root, "after")))
                entries = [*map(_progress, updates), *map(_unit, self._book.where())]
                return _response(200, _element("Reply", entries, time=_written(t), more=str(int(more))))
            case other:
                raise Refused(Refusal.INVALID, f"no document '{other}' in this dialect")


def _document(request: httpx.Request) -> ET.Element:
    if (request.method, request.url.path) != ("POST", "/dispatch"):
        raise Refused(Refusal.INVALID, f"no service {request.method} {request.url.path}")
    builder = ET.TreeBuilder()

    def refuse(*_: object) -> None:
        raise Refused(Refusal.INVALID, "a document type declaration is not allowed")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    try:
        parser.Parse(request.content, True)
    except (expat.ExpatError, ValueError) as error:
        raise Refused(Refusal.INVALID, f"not well-formed: {error}") from error
    return builder.close()


def _order(root: ET.Element) -> WorkOrder:
    incident = _said(root, "incident")
    try:
        titles = {title.attrib["lang"]: title.attrib["text"] for title in root.iter("Title")}
        position = next(root.iter("Position"), ET.Element("Position"))
        return WorkOrder(
            id=incident,
            duty=_said(root, "type"),
            zh=titles["zh"],
            en=titles["en"],
            lon=float(position.attrib["x"]),
            lat=float(position.attrib["y"]),
            deadline=_time(_said(root, "before")),
            objects=tuple(int(entry.attrib["code"]) for entry in root.iter("Object")),
            crew=root.attrib.get("unit", ""),
            details={entry.attrib["name"]: _value(entry) for entry in root.iter("Item")},
        )
    except KeyError as error:
        raise Refused(Refusal.INVALID, f"{error.args[0]} is missing", order=incident) from error
    except ValueError as error:
        raise Refused(Refusal.INVALID, str(error), order=incident) from error


def _said(root: ET.Element, name: str) -> str:
    if name not in root.attrib:
        raise Refused(Refusal.INVALID, f"{root.tag} needs '{name}'")
    return root.attrib[name]


def _serial(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise Refused(Refusal.INVALID, f"'{text}' is no serial")
    return int(text)


def _value(entry: ET.Element) -> float | str:
    value = entry.attrib["value"]
    return float(value) if entry.attrib["type"] == "n" else value


def _progress(update: WorkUpdate) -> str:
    items = [
        _element("Item", name=name, type="s" if isinstance(value, str) else "n", value=str(value))
        for name, value in update.findings.items()
    ]
    return _element(
        "Progress",
        items,
        serial=str(update.ordinal),
        incident=update.order,
        state=_STATE[update.stage],
        time=_written(update.t),
        unit=update.crew,
    )


def _unit(status: CrewStatus) -> str:
    return _element(
        "Unit",
        id=status.crew,
        time=_written(status.t),
        x=str(float(status.lon)),
        y=str(float(status.lat)),
        incident=status.order,
        eta=str(float(status.eta_s)),
    )


def _element(name: str, children: Iterable[str] = (), /, **attributes: str) -> str:
    said = "".join(f" {key}={quoteattr(text, _KEEP)}" for key, text in attributes.items())
    return f"<{name}{said}>{''.join(children)}</{name}>"


def _response(status: int, document: str, headers: dict[str, str] | None = None) -> httpx.Response:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()
    return httpx.Response(status, content=body, headers={"content-type": "application/xml", **(headers or {})})


def _written(t: int) -> str:
    whole, ms = divmod(t, SECOND_MS)
    return f"{datetime.fromtimestamp(whole, CITY_ZONE):%Y%m%d%H%M%S}{ms:03d}"


def _time(text: str) -> int:
    if len(text) != 17 or not (text.isascii() and text.isdecimal()):
        raise ValueError(f"'{text}' is no time of 17 digits")
    whole = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=CITY_ZONE)
    return from_datetime(whole + timedelta(milliseconds=int(text[14:])))


STUB = IncidentStub
