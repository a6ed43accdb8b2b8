"""What the brain says: the messages that its stages exchange and the transcript keeps.

Events are past, commands imperative; all carry the city time at which they were so. A ``Place`` is what a person
needs to find it. Ids are made from content (kind, place, time, ordinal), never drawn at random.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from datahub.contract.codes import AckStatus, AlertStatus, CaseStep, Certainty, Severity, TaskStage, Urgency

SCHEMA = 1


class Message(msgspec.Struct, frozen=True, tag=True, tag_field="message", kw_only=True):
    """Anything the brain says. ``t`` is city time [ms]; on paper the field ``message`` names what is said."""

    t: int


class Place(msgspec.Struct, frozen=True):
    """Where something is: position [deg], managed object (0: none), unit grid and community."""

    lon: float
    lat: float
    object: int = 0
    grid: str = ""
    community: str = ""


class AlarmRaised(Message, frozen=True):
    """A device's reading crossed a declared threshold, or a device failed (``fault``: not the city's matter)."""

    id: str
    kind: str
    device: int
    property: str
    value: float
    limit: float
    fault: bool = False


class AlarmCleared(Message, frozen=True):
    """An alarm's cause is gone."""

    id: str


class AnomalyFound(Message, frozen=True):
    """Readings of several devices left what is normal for the hour.

    ``evidence``: device code -> deviation in standard deviations of its normal band.
    """

    id: str
    kind: str
    evidence: dict[str, float]


class EventRaised(Message, frozen=True):
    """The brain believes that something has happened in the city.

    ``candidates``: managed objects, most likely first, with their weight. ``devices``: whose readings gave it away.
    """

    id: str
    type: str
    place: Place
    certainty: Certainty
    candidates: dict[str, float] = {}
    facts: dict[str, float | str] = {}
    devices: tuple[int, ...] = ()


class EventUpdated(Message, frozen=True):
    """More is known of an open event: facts to add or replace and, if not empty, the new order of candidates."""

    id: str
    facts: dict[str, float | str] = {}
    candidates: dict[str, float] = {}


class EventConfirmed(Message, frozen=True):
    """A person has seen it, or several kinds of evidence agree."""

    id: str
    place: Place
    by: str
    facts: dict[str, float | str] = {}


class EventDismissed(Message, frozen=True):
    """It was not so; counted as a false alarm."""

    id: str
    why: str


class PlanActivated(Message, frozen=True):
    """An emergency plan starts for an event, at a level (1-4, 1 gravest), for the reasons given."""

    event: str
    plan: str
    level: int
    reasons: tuple[str, ...] = ()


class LevelChanged(Message, frozen=True):
    """The response level was raised or lowered."""

    event: str
    level: int
    reasons: tuple[str, ...] = ()


class StepOpened(Message, frozen=True):
    """A step of the plan may begin; it should be done by ``deadline`` [ms]."""

    event: str
    step: str
    deadline: int


class StepDone(Message, frozen=True):
    """A step of the plan is over: ``outcome`` is done, skipped (not needed) or failed (its result was bad)."""

    event: str
    step: str
    outcome: str = "done"


class StepOverdue(Message, frozen=True):
    """A step was not done by its deadline; it stays open and is urged (督办)."""

    event: str
    step: str
    deadline: int


class TaskOrdered(Message, frozen=True):
    """A department gets a task. ``event`` is an incident's or a case's id; ``attempt`` counts re-assignments.

    ``crew`` is empty while no able crew is free, or where the department itself chooses who goes.
    """

    id: str
    event: str
    step: str
    department: str
    duty: str
    crew: str
    deadline: int
    place: Place
    objects: tuple[int, ...] = ()
    attempt: int = 1
    details: dict[str, float | str] = {}


class TaskUpdated(Message, frozen=True):
    """How far a task is: as its department says, or (stage ordered, with a crew) to whom the brain has given it."""

    id: str
    stage: TaskStage
    crew: str = ""
    findings: dict[str, float | str] = {}


class DepartmentUnreachable(Message, frozen=True):
    """A department's system did not answer; it is tried again at ``retry`` [ms]. ``failures`` counts in a row."""

    department: str
    failures: int
    retry: int
    why: str = ""


class DepartmentReached(Message, frozen=True):
    """A department's system answers again, after ``silent_s`` [s]."""

    department: str
    silent_s: float


class CommandOrdered(Message, frozen=True):
    """A device is told to act. ``object`` is the managed object it moves (a valve, a junction)."""

    id: str
    event: str
    step: str
    device: int
    object: int
    name: str
    arguments: dict[str, float]
    expires: int


class CommandUpdated(Message, frozen=True):
    """A device said how far a command is."""

    id: str
    status: AckStatus
    detail: str = ""


class WarningIssued(Message, frozen=True):
    """People of an area are told (CAP 1.2 words; status is always Exercise in a simulation).

    ``promised_s`` is how long from now it says that they must do without, rounded as in its words [s]; 0: nothing.
    """

    id: str
    event: str
    step: str
    channel: str
    severity: Severity
    urgency: Urgency
    certainty: Certainty
    communities: tuple[str, ...]
    people: int
    zh: str
    en: str
    status: AlertStatus = AlertStatus.EXERCISE
    promised_s: float = 0.0


class WarningFedBack(Message, frozen=True):
    """How many a warning has reached (反馈统计)."""

    id: str
    sent: int
    delivered: int


class EventClosed(Message, frozen=True):
    """The loop is closed; ``record`` is the after-action record (name -> value)."""

    id: str
    record: dict[str, float | str]


class CaseFiled(Message, frozen=True):
    """A grid case is on the books."""

    id: str
    type: str
    place: Place
    source: str
    department: str
    deadline: int


class CaseMoved(Message, frozen=True):
    """A grid case goes to the next of the seven steps."""

    id: str
    step: CaseStep
    by: str = ""
    note: str = ""
    facts: dict[str, float | str] = {}


class OrderGiven(Message, frozen=True):
    """A person at a seat of the operations centre gave an order; it is a message like any other."""

    seat: str
    role: str
    order: str
    subject: str
    arguments: dict[str, float | str] = {}


class OrderRefused(Message, frozen=True):
    """What a person ordered did not happen, and why."""

    seat: str
    order: str
    subject: str
    why: str


Said: TypeAlias = (
    AlarmRaised
    | AlarmCleared
    | AnomalyFound
    | EventRaised
    | EventUpdated
    | EventConfirmed
    | EventDismissed
    | PlanActivated
    | LevelChanged
    | StepOpened
    | StepDone
    | StepOverdue
    | TaskOrdered
    | TaskUpdated
    | DepartmentUnreachable
    | DepartmentReached
    | CommandOrdered
    | CommandUpdated
    | WarningIssued
    | WarningFedBack
    | EventClosed
    | CaseFiled
    | CaseMoved
    | OrderGiven
    | OrderRefused
)
