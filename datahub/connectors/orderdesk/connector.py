"""The order desk, seen from the platform.

The dialect: ``POST /api/v1/orders`` hands in an order (again with the same number is harmless),
``POST /api/v1/orders/cancel`` takes it back, ``GET /api/v1/changes?cursor=N`` lists what changed after serial N and
where the teams are. Asset codes are text, because they are longer than a JavaScript number is exact. Times are
ISO 8601 with offset and milliseconds. A no is a 4xx with ``{"error": {...}}``; 429 and 503 put off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import httpx
import msgspec

from datahub.connector import CrewStatus, Refusal, Unanswered, WorkOrder, WorkUpdate
from datahub.contract.clock import CITY_ZONE, SECOND_MS, from_datetime
from datahub.contract.codes import TaskStage

STATUS: Final = {
    "RECEIVED": TaskStage.SUBMITTED,
    "ACCEPTED": TaskStage.ACCEPTED,
    "ON_THE_WAY": TaskStage.EN_ROUTE,
    "ARRIVED": TaskStage.ON_SITE,
    "FINISHED": TaskStage.DONE,
    "FAILED": TaskStage.FAILED,
    "CANCELLED": TaskStage.WITHDRAWN,
}

REFUSAL: Final = {
    "BAD_REQUEST": Refusal.INVALID,
    "UNKNOWN_WORK_TYPE": Refusal.UNKNOWN_DUTY,
    "UNKNOWN_TEAM": Refusal.UNKNOWN_CREW,
    "TEAM_BUSY": Refusal.CREW_BUSY,
    "NO_SUCH_ORDER": Refusal.UNKNOWN_ORDER,
    "ORDER_DIFFERS": Refusal.CONFLICT,
    "ORDER_CLOSED": Refusal.FINISHED,
}


class _Attribute(msgspec.Struct):
    name: str
    number: float | None = None
    text: str | None = None


class _Change(msgspec.Struct):
    serial: int
    orderNo: str  # noqa: N815 - the vendor's word
    status: str
    time: datetime
    team: str = ""
    results: list[_Attribute] = []


class _Team(msgspec.Struct):
    team: str
    time: datetime
    lon: float
    lat: float
    orderNo: str = ""  # noqa: N815 - the vendor's word
    etaSeconds: float = 0.0  # noqa: N815 - the vendor's word


class _Error(msgspec.Struct):
    code: str
    message: str
    time: datetime
    orderNo: str = ""  # noqa: N815 - the vendor's word
    status: str | None = None


class _Answer(msgspec.Struct):
    error: _Error | None = None
    changes: list[_Change] | None = None
    teams: list[_Team] = []
    orderNo: str | None = None  # noqa: N815 - the vendor's word
    status: str | None = None
    time: datetime | None = None


class OrderDesk:
    """Connector to the order desk."""

    def submit(self, order: WorkOrder) -> httpx.Request:
        """Hand in an order."""
        body = {
            "orderNo": order.id,
            "workType": order.duty,
            "title": {"zh": order.zh, "en": order.en},
            "site": {"lon": order.lon, "lat": order.lat},
            "due": _written(order.deadline),
            "assets": [str(code) for code in order.objects],
            "team": order.crew,
            "attributes": [
                {"name": name, "text": value} if isinstance(value, str) else {"name": name, "number": float(value)}
                for name, value in order.details.items()
            ],
        }
        return _post("/api/v1/orders", body)

    def withdraw(self, order: str) -> httpx.Request:
        """Take an order back."""
        return _post("/api/v1/orders/cancel", {"orderNo": order})

    def poll(self, after: int) -> httpx.Request:
        """Ask for changes after a serial."""
        return httpx.Request("GET", f"/api/v1/changes?cursor={after}")

    def read(self, response: httpx.Response) -> tuple[Sequence[WorkUpdate], Sequence[CrewStatus]]:
        """Read an answer of the order desk."""
        if response.status_code in (429, 503):
            retry = response.headers.get("retry-after", "0")
            wait = float(retry) if retry.isdecimal() else 0.0
            raise Unanswered(f"order desk put us off with status {response.status_code}", retry_s=wait)
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
            return _updates(answer), [_status(team) for team in answer.teams]
        except (msgspec.DecodeError, KeyError, ValueError) as error:
            text = f"order desk answered {response.status_code} with none of its forms: {error}"
            raise Unanswered(text) from error


def _updates(answer: _Answer) -> Sequence[WorkUpdate]:
    if answer.error is not None:
        return [_refused(answer.error)]
    if answer.changes is not None:
        return [_update(change) for change in answer.changes]
    if answer.orderNo is not None and answer.status is not None and answer.time is not None:
        return [WorkUpdate(0, answer.orderNo, STATUS[answer.status], from_datetime(answer.time))]
    raise ValueError("neither changes nor an order's status nor an error")


def _update(change: _Change) -> WorkUpdate:
    findings = {found.name: _value(found) for found in change.results}
    stage, t = STATUS[change.status], from_datetime(change.time)
    return WorkUpdate(change.serial, change.orderNo, stage, t, crew=change.team, findings=findings)


def _value(found: _Attribute) -> float | str:
    if found.number is not None:
        return found.number
    if found.text is not None:
        return found.text
    raise ValueError(f"result '{found.name}' has neither number nor text")


def _refused(error: _Error) -> WorkUpdate:
    stage = TaskStage.FAILED if error.status is None else STATUS[error.status]
    findings: dict[str, float | str] = {"refused": REFUSAL[error.code].value, "why": error.message}
    return WorkUpdate(0, error.orderNo, stage, from_datetime(error.time), findings=findings)


def _status(team: _Team) -> CrewStatus:
    t = from_datetime(team.time)
    return CrewStatus(crew=team.team, t=t, lon=team.lon, lat=team.lat, order=team.orderNo, eta_s=team.etaSeconds)


def _post(path: str, body: object) -> httpx.Request:
    headers = {"content-type": "application/json"}
    return httpx.Request("POST", path, content=msgspec.json.encode(body), headers=headers)


def _written(t: int) -> str:
    return datetime.fromtimestamp(t / SECOND_MS, CITY_ZONE).isoformat(timespec="milliseconds")


CONNECTOR = OrderDesk
