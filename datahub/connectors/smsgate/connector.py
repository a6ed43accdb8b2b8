"""The message gateway, seen from the platform.

The dialect: ``POST /sms/submit`` hands in a message as a form, ``POST /sms/cancel`` stops what has not gone out,
``GET /sms/reports?after=N`` lists delivery reports and seats, one form a line. Every answer's first line carries
``code`` (0: well). Numbers among further fields are named ``n.<name>``, texts ``s.<name>``; times are epoch
milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl, urlencode

import httpx

from datahub.connector import CrewStatus, Refusal, Unanswered, WorkOrder, WorkUpdate
from datahub.contract.codes import TaskStage

STAT: Final = {
    "ENROUTE": TaskStage.SUBMITTED,
    "ACCEPTD": TaskStage.ACCEPTED,
    "SENDING": TaskStage.EN_ROUTE,
    "SENT": TaskStage.ON_SITE,
    "DELIVRD": TaskStage.DONE,
    "UNDELIV": TaskStage.FAILED,
    "DELETED": TaskStage.WITHDRAWN,
}

CODE: Final = {
    "101": Refusal.INVALID,
    "102": Refusal.UNKNOWN_DUTY,
    "103": Refusal.UNKNOWN_CREW,
    "104": Refusal.CREW_BUSY,
    "105": Refusal.UNKNOWN_ORDER,
    "106": Refusal.CONFLICT,
    "107": Refusal.FINISHED,
}

PUT_OFF: Final = frozenset({"201", "202"})


class MessageGateway:
    """Connector to the message gateway."""

    def submit(self, order: WorkOrder) -> httpx.Request:
        """Hand in a message to the people of an area."""
        form = {
            "mt_id": order.id,
            "biz": order.duty,
            "content_zh": order.zh,
            "content_en": order.en,
            "x": repr(float(order.lon)),
            "y": repr(float(order.lat)),
            "valid_until": str(order.deadline),
            "targets": ",".join(str(code) for code in order.objects),
            "seat": order.crew,
        }
        for name, value in order.details.items():
            form[f"s.{name}" if isinstance(value, str) else f"n.{name}"] = str(value)
        return _post("/sms/submit", form)

    def withdraw(self, order: str) -> httpx.Request:
        """Stop a message."""
        return _post("/sms/cancel", {"mt_id": order})

    def poll(self, after: int) -> httpx.Request:
        """Ask for delivery reports after a number."""
        return httpx.Request("GET", f"/sms/reports?after={after}")

    def read(self, response: httpx.Response) -> tuple[Sequence[WorkUpdate], Sequence[CrewStatus]]:
        """Read an answer of the message gateway."""
        try:
            lines = response.content.decode("utf-8").split("\n")
            head, *rest = [_line(line) for line in lines if line]
            code = head["code"]
            if code in PUT_OFF:
                raise Unanswered(f"message gateway put us off: {head['msg']}", retry_s=float(head["retry_s"]))
            if code != "0":
                return [_refused(head)], []
            reports = [_report(line) for line in (head, *rest) if "stat" in line]
            return reports, [_seat(line) for line in rest if "seat_at" in line]
        except (KeyError, ValueError) as error:
            text = f"message gateway answered {response.status_code} with none of its forms: {error!r}"
            raise Unanswered(text) from error


def _line(line: str) -> dict[str, str]:
    return dict(parse_qsl(line, keep_blank_values=True, strict_parsing=True, errors="strict"))


def _report(said: dict[str, str]) -> WorkUpdate:
    findings: dict[str, float | str] = {name[2:]: float(value) for name, value in said.items() if name[:2] == "n."}
    findings |= {name[2:]: value for name, value in said.items() if name[:2] == "s."}
    stage, t = STAT[said["stat"]], int(said["time"])
    return WorkUpdate(int(said["seq"]), said["mt_id"], stage, t, crew=said["seat"], findings=findings)


def _seat(said: dict[str, str]) -> CrewStatus:
    return CrewStatus(
        crew=said["seat"],
        t=int(said["seat_at"]),
        lon=float(said["x"]),
        lat=float(said["y"]),
        order=said["mt_id"],
        eta_s=float(said["eta_s"]),
    )


def _refused(head: dict[str, str]) -> WorkUpdate:
    stage = STAT[head["stat"]] if head["stat"] else TaskStage.FAILED
    findings: dict[str, float | str] = {"refused": CODE[head["code"]].value, "why": head["msg"]}
    return WorkUpdate(0, head["mt_id"], stage, int(head["time"]), findings=findings)


def _post(path: str, form: dict[str, str]) -> httpx.Request:
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return httpx.Request("POST", path, content=urlencode(form).encode("ascii"), headers=headers)


CONNECTOR = MessageGateway
