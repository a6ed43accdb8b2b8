"""How the platform speaks with a department's own system: pure dialects, carried by an exchange.

A connector does no input or output: it yields requests and reads responses. Its stub speaks the same dialect from
the other side. Who carries a request (in the process in city time, or over HTTP) is the exchange's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

import httpx

from datahub.contract.codes import TaskStage
from datahub.contract.errors import OutsideError

LONGEST_RETRY_S: Final = 86_400.0
"""Whoever asks us to wait longer is asked again after so long [s]: a slip must not silence a system. Ours to choose."""


class Unanswered(OutsideError):
    """A department's system did not answer in time, or not in its own dialect, or put us off for now.

    ``retry_s`` is how long it asked us to wait [s], a day at most; 0 where it did not say.
    """

    def __init__(self, message: str, *, retry_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_s = min(retry_s, LONGEST_RETRY_S)


class Refusal(StrEnum):
    """Why a department's system says no for good; the words are ours, each vendor has its own for them."""

    INVALID = "invalid"
    UNKNOWN_DUTY = "unknown_duty"
    UNKNOWN_CREW = "unknown_crew"
    CREW_BUSY = "crew_busy"
    UNKNOWN_ORDER = "unknown_order"
    CONFLICT = "conflict"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What a department is asked to do.

    Attributes:
        id: id of the task, made from content.
        duty: kind of task, one of the duties the department answers for (``patrol``, ``close_valve``, ``repair`` ...).
        lon, lat: where [deg].
        objects: unified codes of the managed objects concerned, in the order in which they are to be worked on.
        crew: code of the crew asked for; empty lets the department choose.
        deadline: by when the task should be done [ms].
        details: what else the duty needs; numbers with their unit in the name, or text.
    """

    id: str
    duty: str
    zh: str
    en: str
    lon: float
    lat: float
    deadline: int
    objects: tuple[int, ...] = ()
    crew: str = ""
    details: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkUpdate:
    """What a department's system says of an order.

    A direct answer to a submission or withdrawal is an update with ordinal 0: SUBMITTED when the system has taken the
    order (again: the stage it is in by now), WITHDRAWN when it was taken back, and where it says no, FAILED (or the
    order's own stage, if it has one) with ``refused`` among the findings (one of ``Refusal``) and ``why`` in words.

    Attributes:
        ordinal: place in the system's own list of updates, from 1; a poll asks for what came after it.
        t: when it was so [ms].
        findings: what the crew saw, did or measured, by name.
    """

    ordinal: int
    order: str
    stage: TaskStage
    t: int
    crew: str = ""
    findings: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CrewStatus:
    """Where a crew is and whether it is free, as its department's system says."""

    crew: str
    t: int
    lon: float
    lat: float
    order: str = ""
    eta_s: float = 0.0


class Connector(Protocol):
    """One vendor's dialect, seen from the platform."""

    def submit(self, order: WorkOrder) -> httpx.Request:
        """The request that hands an order to the department (again is harmless: same id, same order)."""

    def withdraw(self, order: str) -> httpx.Request:
        """The request that takes an order back."""

    def poll(self, after: int) -> httpx.Request:
        """The request for updates with an ordinal above ``after``, and for where the crews are."""

    def read(self, response: httpx.Response) -> tuple[Sequence[WorkUpdate], Sequence[CrewStatus]]:
        """What a response says: updates by ordinal, and where the crews are.

        Raises:
            Unanswered: if it is not an answer in this dialect, or one that only puts us off (too many calls, closed).
        """


class Stub(Protocol):
    """The same dialect from the other side: a department's system, driven by those who play the department."""

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""

    def orders(self) -> Sequence[WorkOrder]:
        """Orders that came in since the last call, and no word yet was sent about."""

    def withdrawn(self) -> Sequence[str]:
        """Ids of orders taken back since the last call."""

    def report(self, update: WorkUpdate) -> None:
        """A crew says how far it is; the stub numbers it (the given ordinal is ignored)."""

    def locate(self, status: CrewStatus) -> None:
        """A crew's radio says where it is."""


class Exchange(Protocol):
    """Carries requests to departments' systems."""

    def call(self, department: str, request: httpx.Request, *, t: int) -> httpx.Response:
        """The department's answer.

        Raises:
            Unanswered: if none came in time.
        """
