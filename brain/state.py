"""What the brain remembers of its open matters: incidents, plan steps, tasks, commands, warnings, cases, crews.

Messages (``brain.model``) say what happened; these hold how things stand because of it, and ``brain.records`` keeps
them. Stages, facts, deadlines and results are changed by ``brain.apply`` from a message, and by nothing else but a
plan's repetition (``following.begin_anew``). The rest is working knowledge that follows from a message and is in none,
because the transcript would only say it twice; whoever works it out writes it, and calls ``Memory.keep``:

* ``brain.following``: the plan that would answer, pipe and place, what must be closed, how valves stand;
* ``brain.telling``: how many were warned where; ``brain.seats``: that a commander has fixed the level;
* ``brain.sending``: when a crew should be there, who had a task before, who owes an answer;
* ``brain.casework``: a case that begins; ``brain.app``: the crews that departments declare;
* ``brain.dispatch.desk`` and ``brain.app``: lines, crews' positions, what departments know of withdrawn tasks.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from brain.model import Place
from datahub.contract.codes import AckStatus, CaseStep, Certainty, Severity, TaskStage

Fact = float | str


class IncidentStage(StrEnum):
    """Life of an incident, from belief to closed loop (workflow W1)."""

    RAISED = "raised"
    CONFIRMED = "confirmed"
    CLOSED = "closed"
    DISMISSED = "dismissed"


class StepStage(StrEnum):
    """Life of one step of a plan."""

    WAITING = "waiting"
    OPEN = "open"
    DONE = "done"
    SKIPPED = "skipped"


class StepState(msgspec.Struct):
    """How one step stands. ``round`` counts repetitions (a bad water test repeats flushing). Times [ms]."""

    stage: StepStage = StepStage.WAITING
    round: int = 1
    opened: int = 0
    deadline: int = 0
    done: int = 0
    overdue: bool = False


class Shutdown(msgspec.Struct, frozen=True):
    """What must be closed to still a burst, and what that cuts off.

    Attributes:
        motorised, manual: unified codes of the valves.
        communities: code of each community cut off -> people without water there.
        hydrants, hospitals: unified codes without pressure.
        possible: false if the segment holds a source, so that valves alone cannot stop the water.
    """

    motorised: tuple[int, ...] = ()
    manual: tuple[int, ...] = ()
    communities: dict[str, int] = {}
    hydrants: tuple[int, ...] = ()
    hospitals: tuple[int, ...] = ()
    possible: bool = True

    @property
    def people(self) -> int:
        """People without water."""
        return sum(self.communities.values())

    @property
    def facts(self) -> dict[str, Fact]:
        """Whom it leaves dry, in the words by which plans ask for it."""
        return {
            "people_without_water": float(self.people),
            "hospitals_affected": float(len(self.hospitals)),
            "hydrants_dry": float(len(self.hydrants)),
        }


class Incident(msgspec.Struct):
    """One event that a plan answers. Times [ms]; 0: not yet.

    Attributes:
        candidates: pipes (codes as text) that may have burst, with their weight; ``pipe``: the one that was seen.
        failed_valves: valves that did not close, so that the segment had to grow past them.
        hand_operated: motorised valves that did not obey and are turned by crews.
        closed_valves: valves that were closed for this incident and not yet opened again.
        stuck_closed: closed valves that would not open -> how often a crew tried.
        level_fixed: a commander has set the level; facts no longer change it.
        dry_since, person_hours: for the record, since when how many people have no water.
    """

    id: str
    type: str
    place: Place
    certainty: Certainty
    raised: int
    stage: IncidentStage = IncidentStage.RAISED
    confirmed: int = 0
    activated: int = 0
    closed: int = 0
    plan: str = ""
    level: int = 0
    facts: dict[str, Fact] = {}
    candidates: dict[str, float] = {}
    devices: tuple[int, ...] = ()
    failed_valves: list[int] = []
    hand_operated: list[int] = []
    stuck_closed: dict[str, int] = {}
    warned: dict[str, int] = {}
    level_fixed: bool = False
    closed_valves: list[int] = []
    pipe: int = 0
    shutdown: Shutdown = Shutdown()
    peak_people: int = 0
    dry_since: int = 0
    person_hours: float = 0.0
    steps: dict[str, StepState] = {}
    reasons: tuple[str, ...] = ()
    record: dict[str, Fact] = {}

    @property
    def open(self) -> bool:
        """Whether the matter still needs anyone."""
        return self.stage in (IncidentStage.RAISED, IncidentStage.CONFIRMED)


class Task(msgspec.Struct):
    """One task of a department. Times [ms]; 0: not yet.

    Attributes:
        moved: when the department last said anything new of it.
        eta: when the crew should be there, as far as known.
        tried: crews that had it before and fell silent or failed.
        earliest: before this it is given to nobody, because earlier attempts came to nothing.
        recall: it was withdrawn, but the department's system does not know yet.
    """

    id: str
    event: str
    step: str
    department: str
    duty: str
    place: Place
    deadline: int
    ordered: int
    moved: int
    crew: str = ""
    objects: tuple[int, ...] = ()
    details: dict[str, Fact] = {}
    attempt: int = 1
    stage: TaskStage = TaskStage.ORDERED
    assigned: int = 0
    submitted: int = 0
    accepted: int = 0
    arrived: int = 0
    finished: int = 0
    eta: int = 0
    findings: dict[str, Fact] = {}
    tried: tuple[str, ...] = ()
    earliest: int = 0
    recall: bool = False

    @property
    def open(self) -> bool:
        """Whether somebody still works on it."""
        return self.stage not in (TaskStage.DONE, TaskStage.FAILED, TaskStage.WITHDRAWN)


class CommandState(msgspec.Struct):
    """One command to a device."""

    id: str
    event: str
    step: str
    device: int
    object: int
    name: str
    arguments: dict[str, float]
    ordered: int
    expires: int
    status: AckStatus = AckStatus.SENT
    finished: int = 0

    @property
    def open(self) -> bool:
        """Whether the device still has to say something."""
        return self.status in (AckStatus.SENT, AckStatus.ACCEPTED)


class WarningState(msgspec.Struct):
    """One warning and whom it reached."""

    id: str
    event: str
    step: str
    channel: str
    severity: Severity
    communities: tuple[str, ...]
    people: int
    zh: str
    en: str
    issued: int
    sent: int = 0
    delivered: int = 0


class Case(msgspec.Struct):
    """One grid case. Times [ms]; 0: not yet.

    Attributes:
        event: id of the event that the devices raised.
        round: which handling and verification is going on; above 1 after a rework.
        reworks: how often the verification failed (返工).
    """

    id: str
    type: str
    event: str
    place: Place
    department: str
    collected: int
    deadline: int = 0
    step: CaseStep = CaseStep.COLLECTED
    filed: int = 0
    handled: int = 0
    closed: int = 0
    evaluated: int = 0
    reworks: int = 0
    round: int = 1
    on_time: bool = False

    @property
    def open(self) -> bool:
        """Whether it still needs anyone."""
        return self.step not in (CaseStep.CLOSED, CaseStep.EVALUATED)


class CrewState(msgspec.Struct):
    """Where a crew is and what it does, as far as its department has said.

    Attributes:
        system: supply system of its station, which tells islands from the mainland; -1: it does not drive (a desk).
        silent: since when it owes an answer [ms].
    """

    code: str
    department: str
    lon: float
    lat: float
    skills: tuple[str, ...]
    system: int = -1
    t: int = 0
    order: str = ""
    eta: int = 0
    silent: int = 0


class Line(msgspec.Struct):
    """The line to one department's system: how far its updates are read, and whether it answers."""

    department: str
    after: int = 0
    failures: int = 0
    since: int = 0
    retry: int = 0
    polled: int = 0
