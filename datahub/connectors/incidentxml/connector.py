"""The incident dispatch, seen from the platform.

The dialect: every document is posted to ``/dispatch``. ``Assign`` hands in an incident, ``Recall`` takes it back,
``Query`` asks for progress after a serial; the answer is a ``Reply`` or, with a 4xx, a ``Fault``. Times are 17 digits
of Beijing time (YYYYMMDDhhmmss and milliseconds). A name-value pair is an ``Item`` of type ``n`` or ``s``.

XML is read by expat with every document type declaration refused, so that no entity can be declared, none expanded
and nothing outside fetched. What XML 1.0 cannot carry (control characters) goes out as U+FFFD, because the other
side could not read it in any spelling.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape

import httpx

from datahub.connector import CrewStatus, Refusal, Unanswered, WorkOrder, WorkUpdate
from datahub.contract.clock import CITY_ZONE, SECOND_MS, from_datetime
from datahub.contract.codes import TaskStage

STATE: Final = {
    "10": TaskStage.SUBMITTED,
    "20": TaskStage.ACCEPTED,
    "30": TaskStage.EN_ROUTE,
    "40": TaskStage.ON_SITE,
    "50": TaskStage.DONE,
    "80": TaskStage.FAILED,
    "90": TaskStage.WITHDRAWN,
}

FAULT: Final = {
    "E01": Refusal.INVALID,
    "E02": Refusal.UNKNOWN_DUTY,
    "E03": Refusal.UNKNOWN_CREW,
    "E04": Refusal.CREW_BUSY,
    "E05": Refusal.UNKNOWN_ORDER,
    "E06": Refusal.CONFLICT,
    "E07": Refusal.FINISHED,
}

_UNSPEAKABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BARE: Final = {'"': "&quot;", "\r": "&#13;", "\n": "&#10;", "\t": "&#9;"}


class IncidentDispatch:
    """Connector to the incident dispatch."""

    def submit(self, order: WorkOrder) -> httpx.Request:
        """Hand in an incident."""
        children = [
            _tag("Title", {"lang": "zh", "text": order.zh}),
            _tag("Title", {"lang": "en", "text": order.en}),
            _tag("Position", {"x": repr(float(order.lon)), "y": repr(float(order.lat))}),
            *(_tag("Object", {"code": str(code)}) for code in order.objects),
            *(_item(name, value) for name, value in order.details.items()),
        ]
        head = {"incident": order.id, "type": order.duty, "before": _written(order.deadline), "unit": order.crew}
        return _post(_tag("Assign", head, children))

    def withdraw(self, order: str) -> httpx.Request:
        """Take an incident back."""
        return _post(_tag("Recall", {"incident": order}))

    def poll(self, after: int) -> httpx.Request:
        """Ask for progress after a serial."""
        return _post(_tag("Query", {"after": str(after)}))

    def read(self, response: httpx.Response) -> tuple[Sequence[WorkUpdate], Sequence[CrewStatus]]:
        """Read an answer of the incident dispatch."""
        if response.status_code in (429, 503):
            retry = response.headers.get("retry-after", "0")
            wait = float(retry) if retry.isdecimal() else 0.0
            raise Unanswered(f"incident dispatch put us off with status {response.status_code}", retry_s=wait)
        try:
            return _said(_parsed(response.content))
        except (expat.ExpatError, KeyError, ValueError) as error:
            text = f"incident dispatch answered {response.status_code} with none of its documents: {error}"
            raise Unanswered(text) from error


def _said(root: ET.Element) -> tuple[Sequence[WorkUpdate], Sequence[CrewStatus]]:
    if root.tag == "Fault":
        return [_refused(root)], []
    if root.tag != "Reply":
        raise ValueError(f"the document is a '{root.tag}'")
    return [_progress(entry) for entry in root.iter("Progress")], [_unit(entry) for entry in root.iter("Unit")]


def _progress(entry: ET.Element) -> WorkUpdate:
    said = entry.attrib
    findings = {item.attrib["name"]: _value(item) for item in entry.iter("Item")}
    stage, t = STATE[said["state"]], _read(said["time"])
    return WorkUpdate(int(said["serial"]), said["incident"], stage, t, crew=said["unit"], findings=findings)


def _unit(entry: ET.Element) -> CrewStatus:
    said = entry.attrib
    return CrewStatus(
        crew=said["id"],
        t=_read(said["time"]),
        lon=float(said["x"]),
        lat=float(said["y"]),
        order=said["incident"],
        eta_s=float(said["eta"]),
    )


def _refused(fault: ET.Element) -> WorkUpdate:
    said = fault.attrib
    stage = STATE[said["state"]] if said["state"] else TaskStage.FAILED
    findings: dict[str, float | str] = {"refused": FAULT[said["code"]].value, "why": said["text"]}
    return WorkUpdate(0, said["incident"], stage, _read(said["time"]), findings=findings)


def _value(item: ET.Element) -> float | str:
    value = item.attrib["value"]
    return float(value) if item.attrib["type"] == "n" else value


def _item(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return _tag("Item", {"name": name, "type": "s", "value": value})
    return _tag("Item", {"name": name, "type": "n", "value": repr(float(value))})


def _tag(name: str, attributes: dict[str, str], children: Iterable[str] = ()) -> str:
    said = "".join(f' {key}="{escape(_UNSPEAKABLE.sub("�", text), _BARE)}"' for key, text in attributes.items())
    return f"<{name}{said}>{''.join(children)}</{name}>"


def _post(document: str) -> httpx.Request:
    body = f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()
    return httpx.Request("POST", "/dispatch", content=body, headers={"content-type": "application/xml; charset=utf-8"})


def _parsed(content: bytes) -> ET.Element:
    builder = ET.TreeBuilder()

    def refuse(*_: object) -> None:
        raise ValueError("a document type declaration is not part of this dialect")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.Parse(content, True)
    return builder.close()


def _written(t: int) -> str:
    whole, ms = divmod(t, SECOND_MS)
    return f"{datetime.fromtimestamp(whole, CITY_ZONE):%Y%m%d%H%M%S}{ms:03d}"


def _read(text: str) -> int:
    if len(text) != 17 or not (text.isascii() and text.isdecimal()):
        raise ValueError(f"'{text}' is no time of 17 digits")
    whole = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=CITY_ZONE)
    return from_datetime(whole + timedelta(milliseconds=int(text[14:])))


CONNECTOR = IncidentDispatch
