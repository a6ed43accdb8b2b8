"""What every department's system keeps behind its dialect: its orders, its updates, and where its crews are.

Only stubs use it. The platform never sees more of it than the dialect says.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from datahub.connector import CrewStatus, Refusal, WorkOrder, WorkUpdate
from datahub.contract.city import Department
from datahub.contract.clock import MINUTE_MS, SECOND_MS
from datahub.contract.codes import TaskStage
from datahub.contract.errors import CitybrainError

FINAL: Final = frozenset({TaskStage.DONE, TaskStage.FAILED, TaskStage.WITHDRAWN})


class Refused(CitybrainError):
    """The department's system says no to one request, for good."""

    def __init__(self, why: Refusal, text: str, *, order: str = "", stage: TaskStage | None = None) -> None:
        super().__init__(text)
        self.why, self.order, self.stage = why, order, stage


class PutOff(CitybrainError):
    """The department's system cannot answer just now: closed, or called too often."""

    def __init__(self, text: str, *, retry_s: int, closed: bool) -> None:
        super().__init__(text)
        self.retry_s, self.closed = retry_s, closed


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a department's system is closed: from ``start`` up to, not including, ``end`` [ms]."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Limits:
    """What a vendor's system bears, as its manifest says.

    Attributes:
        calls_per_minute: requests answered in a sliding minute of city time.
        page: most updates in one answer.
        body_bytes: longest request body [byte].
        queue_per_crew: orders that one named crew may hold at a time.
    """

    calls_per_minute: int
    page: int
    body_bytes: int
    queue_per_crew: int


@dataclass(slots=True)
class _Held:
    order: WorkOrder
    stage: TaskStage
    crew: str


@dataclass(slots=True)
class OrderBook:
    """The books of one department's system."""

    department: Department
    limits: Limits
    outages: tuple[Outage, ...] = ()
    _held: dict[str, _Held] = field(default_factory=dict)
    _new: list[WorkOrder] = field(default_factory=list)
    _withdrawn: list[str] = field(default_factory=list)
    _updates: list[WorkUpdate] = field(default_factory=list)
    _where: dict[str, CrewStatus] = field(default_factory=dict)
    _calls: deque[int] = field(default_factory=deque)

    def admit(self, *, t: int, size: int) -> None:
        """Let one request of ``size`` [byte] in at ``t`` [ms].

        Raises:
            PutOff: in a declared outage, or above the calls a minute.
            Refused: if the body is too long.
        """
        for outage in self.outages:
            if outage.start <= t < outage.end:
                wait = math.ceil((outage.end - t) / SECOND_MS)
                raise PutOff("closed for maintenance", retry_s=wait, closed=True)
        while self._calls and self._calls[0] <= t - MINUTE_MS:
            self._calls.popleft()
        if len(self._calls) >= self.limits.calls_per_minute:
            wait = max(1, math.ceil((self._calls[0] + MINUTE_MS - t) / SECOND_MS))
            text = f"more than {self.limits.calls_per_minute} calls a minute"
            raise PutOff(text, retry_s=wait, closed=False)
        self._calls.append(t)
        if size > self.limits.body_bytes:
            text = f"a body of {size} bytes is above {self.limits.body_bytes}"
            raise Refused(Refusal.INVALID, text)

    def enter(self, order: WorkOrder, *, t: int) -> tuple[TaskStage, bool]:
        """Take an order on the books; the stage it is in, and whether it is new.

        Raises:
            Refused: if it is no order for this department, or its id is taken by another order.
        """
        held = self._held.get(order.id)
        if held is not None:
            if held.order != order:
                text = f"order '{order.id}' is on the books with other contents"
                raise Refused(Refusal.CONFLICT, text, order=order.id, stage=held.stage)
            return held.stage, False
        self._check(order)
        self._held[order.id] = _Held(order, TaskStage.SUBMITTED, order.crew)
        self._new.append(order)
        self._note(WorkUpdate(ordinal=0, order=order.id, stage=TaskStage.SUBMITTED, t=t, crew=order.crew))
        return TaskStage.SUBMITTED, True

    def _check(self, order: WorkOrder) -> None:
        ours = self.department
        if not order.id.strip():
            raise Refused(Refusal.INVALID, "an order needs a number")
        if not (abs(order.lon) <= 180 and abs(order.lat) <= 90):
            raise Refused(Refusal.INVALID, f"no such place: lon {order.lon}, lat {order.lat}", order=order.id)
        if order.duty not in ours.duties:
            text = f"'{order.duty}' is not a duty of {ours.code}; its duties: {', '.join(ours.duties)}"
            raise Refused(Refusal.UNKNOWN_DUTY, text, order=order.id)
        if not order.crew:
            return
        if order.crew not in (crew.code for crew in ours.crews):
            raise Refused(Refusal.UNKNOWN_CREW, f"{ours.code} has no crew '{order.crew}'", order=order.id)
        load = sum(held.crew == order.crew and held.stage not in FINAL for held in self._held.values())
        if load >= self.limits.queue_per_crew:
            raise Refused(Refusal.CREW_BUSY, f"crew '{order.crew}' holds {load} orders already", order=order.id)

    def take_back(self, order: str, *, t: int) -> None:
        """Withdraw an order: noted at once; the crew hears of it as soon as it looks.

        Raises:
            Refused: if the order is unknown, or finished already.
        """
        held = self._held.get(order)
        if held is None:
            raise Refused(Refusal.UNKNOWN_ORDER, f"no order '{order}' on the books", order=order)
        if held.stage is TaskStage.WITHDRAWN:
            return
        if held.stage in FINAL:
            raise Refused(Refusal.FINISHED, f"order '{order}' is finished", order=order, stage=held.stage)
        held.stage = TaskStage.WITHDRAWN
        self._note(WorkUpdate(ordinal=0, order=order, stage=TaskStage.WITHDRAWN, t=t, crew=held.crew))
        if any(waiting.id == order for waiting in self._new):
            self._new = [waiting for waiting in self._new if waiting.id != order]
        else:
            self._withdrawn.append(order)

    def orders(self) -> Sequence[WorkOrder]:
        """Orders that came in since the last call."""
        new, self._new = self._new, []
        return new

    def withdrawn(self) -> Sequence[str]:
        """Orders taken back since the last call that had been given out before."""
        back, self._withdrawn = self._withdrawn, []
        return back

    def report(self, update: WorkUpdate) -> None:
        """Note what a crew says; an order that is finished or taken back hears no more."""
        held = self._held.get(update.order)
        if held is None:
            raise Refused(Refusal.UNKNOWN_ORDER, f"a crew reports on order '{update.order}', which is not on the books")
        if held.stage in FINAL:
            return
        held.stage, held.crew = update.stage, update.crew or held.crew
        self._note(update)

    def _note(self, update: WorkUpdate) -> None:
        self._updates.append(replace(update, ordinal=len(self._updates) + 1))

    def locate(self, status: CrewStatus) -> None:
        """Note where a crew is."""
        self._where[status.crew] = status

    def after(self, ordinal: int) -> tuple[Sequence[WorkUpdate], bool]:
        """One page of updates above ``ordinal``, and whether there are more."""
        start = max(0, ordinal)
        page = self._updates[start : start + self.limits.page]
        return page, start + len(page) < len(self._updates)

    def where(self) -> Sequence[CrewStatus]:
        """The last word of every crew, by code."""
        return [self._where[crew] for crew in sorted(self._where)]
