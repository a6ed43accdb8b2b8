"""The life of a job and of each device in it: two tables of allowed moves, and the functions that move."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import update
from sqlmodel import Session

from datahub.contract.errors import IllegalMove
from datahub.store.tables import JobDeviceRow, JobRow


class Sort(StrEnum):
    """What a job brings to its devices (issue 3: firmware and configuration jobs)."""

    FIRMWARE = "firmware"
    CONFIGURATION = "configuration"


class JobState(StrEnum):
    """Where a job stands (the stages are ours)."""

    DRAFTED = "drafted"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"


class Step(StrEnum):
    """How far one device of a job has come (the steps are ours)."""

    WAITING = "waiting"
    ORDERED = "ordered"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    SPARED = "spared"


MOVES: Mapping[JobState, tuple[JobState, ...]] = {
    JobState.DRAFTED: (JobState.RUNNING, JobState.STOPPED),
    JobState.RUNNING: (JobState.PAUSED, JobState.STOPPED, JobState.DONE),
    JobState.PAUSED: (JobState.RUNNING, JobState.STOPPED),
    JobState.STOPPED: (),
    JobState.DONE: (),
}

#: A device that got there although we gave it up is believed, as long as the job lasts.
STEPS: Mapping[Step, tuple[Step, ...]] = {
    Step.WAITING: (Step.ORDERED, Step.DONE, Step.REFUSED, Step.SPARED),
    Step.ORDERED: (Step.DONE, Step.FAILED),
    Step.FAILED: (Step.DONE,),
    Step.DONE: (),
    Step.REFUSED: (),
    Step.SPARED: (),
}


def move(row: JobRow, to: JobState, *, t: int, detail: str) -> None:
    """Let a job come further.

    Raises:
        IllegalMove: if that cannot follow.
    """
    allowed = MOVES[JobState(row.state)]
    if to not in allowed:
        raise IllegalMove(f"job {row.id}", stage=row.state, move=to, allowed=allowed)
    row.state, row.updated, row.detail = to, t, detail


def step(row: JobDeviceRow, to: Step, *, t: int, detail: str = "") -> None:
    """Let a device of a job come further.

    Raises:
        IllegalMove: if that cannot follow.
    """
    allowed = STEPS[Step(row.state)]
    if to not in allowed:
        raise IllegalMove(f"device {row.device} of job {row.job}", stage=row.state, move=to, allowed=allowed)
    row.state, row.updated, row.detail, row.again = to, t, detail, 0


def step_many(session: Session, job: str, details: Mapping[int, str], before: Step, to: Step, **times: int) -> None:
    """Let many devices of a job (code -> why) come further that stand at the same step.

    Raises:
        IllegalMove: if that cannot follow.
    """
    if to not in STEPS[before]:
        raise IllegalMove(f"devices of job {job}", stage=before, move=to, allowed=STEPS[before])
    rows = [{"job": job, "device": device, "state": to.value, "detail": why} | times for device, why in details.items()]
    if rows:
        session.execute(update(JobDeviceRow), rows)
