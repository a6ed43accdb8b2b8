"""Jobs: firmware or settings for many devices, on a person's word; what follows from it stands in ``progress``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import func, insert, update
from sqlmodel import Session, col, select

from datahub.contract.errors import IllegalMove, UsageError
from datahub.contract.firmware import UPDATE_FIRMWARE
from datahub.devices import rollout
from datahub.devices.batches import Batches
from datahub.devices.fitting import Fitting, no_version, nobody
from datahub.devices.joblife import MOVES, JobState, Sort, Step, move, step_many
from datahub.devices.rollout import Plan
from datahub.store.paging import newest_first
from datahub.store.session import Store
from datahub.store.tables import AuditRow, JobDeviceRow, JobRow

MOST_SETTINGS: Final = 64
LONGEST_NAME: Final = 64
"""Bounds of a target; ours to choose."""


class Taken(UsageError):
    """An id that stands for another job already."""


class Job(msgspec.Struct, frozen=True):
    """One job, and of each stage how many devices have come how far. ``stage`` is -1 before the first; times in ms."""

    id: str
    sort: Sort
    target: dict[str, float]
    state: JobState
    stage: int
    deadline: int
    plan: Plan
    drafted: int
    updated: int
    by: str
    detail: str
    counts: tuple[dict[str, int], ...]


class JobResult(msgspec.Struct, frozen=True):
    """What became of one device of a job, and since when [ms]."""

    device: int
    stage: int
    step: Step
    detail: str
    updated: int


def halt(session: Session, job: JobRow, batches: Batches, *, t: int) -> int:
    """Nothing more goes out for a stopped job; returns how many devices are spared, as their turn had not come."""
    waiting = select(JobDeviceRow.device).where(JobDeviceRow.job == job.id, JobDeviceRow.state == Step.WAITING)
    spared = dict.fromkeys(session.exec(waiting).all(), "the job was stopped")
    step_many(session, job.id, spared, Step.WAITING, Step.SPARED, updated=t)
    batches.hush(session, batch_id(job))
    session.execute(update(JobDeviceRow).where(col(JobDeviceRow.job) == job.id).values(again=0))
    return len(spared)


def batch_id(job: JobRow) -> str:
    """Id of the batch of orders by which a job's present stage goes out."""
    return f"{job.id}~{job.stage}"


class Jobs:
    """What a person does with jobs. Each change stands in the audit trail.

    Attributes:
        declared: how orders to many devices go out where nobody says otherwise (``rollout.toml``).
        live: jobs that may still come further by themselves.
    """

    def __init__(self, store: Store, *, batches: Batches) -> None:
        self._store, self._batches = store, batches
        self.declared = rollout.load()
        with store.session() as session:
            going = select(JobRow.id).where(col(JobRow.state).in_((JobState.RUNNING, JobState.PAUSED)))
            ordered = select(JobDeviceRow.job).where(JobDeviceRow.state == Step.ORDERED).distinct()
            self.live = {*session.exec(going), *session.exec(ordered)}

    def draft(
        self,
        devices: Sequence[int],
        *,
        sort: Sort,
        target: Mapping[str, float],
        plan: Plan,
        t: int,
        id: str,  # noqa: A002
        by: str,
    ) -> Job:
        """Lay out a job; nothing goes to a device before it runs. The same id again returns what is known of it.

        Args:
            devices: unified codes.
            target: of a firmware job ``version``, of a configuration job the settings, unit in the name.

        Raises:
            Taken: if the id stands for another job.
            UsageError: if target or plan cannot be, or not one of the devices can follow.
        """
        check_target(sort, target)
        rollout.check(plan)
        with self._store.session() as session:
            known = session.get(JobRow, id)
            if known is None:
                asked = Fitting(UPDATE_FIRMWARE if sort is Sort.FIRMWARE else None, target)
                if why := nobody(devices, self._batches.refusals(devices, asked)):
                    raise UsageError(why)
                session.add(_row(id, sort, target, plan=plan, t=t, by=by))
                stages = rollout.staged(id, devices, plan.stages)
                rows = [
                    {"job": id, "device": device, "stage": stage, "state": Step.WAITING.value, "begun": 0, "due": 0}
                    | {"again": 0, "updated": t, "detail": ""}
                    for device, stage in stages.items()
                ]
                if rows:
                    session.execute(insert(JobDeviceRow), rows)
                audit(session, id, JobState.DRAFTED, t=t, by=by, detail=f"{sort} {_text(target)}, {len(rows)} devices")
            else:
                _same(session, known, sort, target, devices=devices)
        return self.status(id)

    def move(self, id: str, to: JobState, *, t: int, by: str) -> Job:  # noqa: A002
        """Begin, pause, resume or stop a job on somebody's word; what follows from it comes with the next tick.

        Raises:
            IllegalMove: if that cannot follow; a job is done by itself.
            UsageError: if there is no such job.
        """
        with self._store.session() as session:
            row = _known(session, id)
            if to is JobState.DONE:
                allowed = tuple(one for one in MOVES[JobState(row.state)] if one is not JobState.DONE)
                raise IllegalMove(f"job {id}", stage=row.state, move=to, allowed=allowed)
            move(row, to, t=t, detail=f"on the word of {by}")
            spared = halt(session, row, self._batches, t=t) if to is JobState.STOPPED else 0
            audit(session, id, to, t=t, by=by, detail=f"{spared} devices spared" if spared else "")
            self.live.add(id)
        return self.status(id)

    def status(self, id: str) -> Job:  # noqa: A002
        """How far a job has come.

        Raises:
            UsageError: if there is no such job.
        """
        with self._store.session() as session:
            return _job(session, _known(session, id))

    def counts(self) -> dict[JobState, int]:
        """How many jobs stand where."""
        with self._store.session() as session:
            found = session.exec(select(JobRow.state, func.count()).group_by(col(JobRow.state))).all()
        return dict.fromkeys(JobState, 0) | {JobState(state): count for state, count in found}

    def latest(self, *, limit: int = 100, before: str = "") -> list[Job]:
        """The latest jobs, newest first; of those older than the one called ``before``, if that is given.

        Raises:
            UsageError: if that was never drafted.
        """
        with self._store.session() as session:
            last = _known(session, before) if before else None
            key = None if last is None else (last.drafted, last.id)
            page = newest_first(select(JobRow), (JobRow.drafted, JobRow.id), before=key, limit=limit)
            return [_job(session, row) for row in session.exec(page).all()]

    def results(self, id: str, *, after: int = 0, limit: int = 1_000, step: str = "") -> list[JobResult]:  # noqa: A002
        """Results of a job's devices with codes beyond ``after`` (of one step), by code."""
        asked = (
            select(JobDeviceRow)
            .where(JobDeviceRow.job == id, JobDeviceRow.device > after)
            .order_by(col(JobDeviceRow.device))
            .limit(limit)
        )
        with self._store.session() as session:
            found = session.exec(asked.where(JobDeviceRow.state == step) if step else asked)
            return [JobResult(one.device, one.stage, Step(one.state), one.detail, one.updated) for one in found]


def check_target(sort: Sort, target: Mapping[str, float]) -> None:
    """Refuse what no device can run or set.

    Raises:
        UsageError: naming what would do.
    """
    if sort is Sort.FIRMWARE:
        if why := no_version(target):
            raise UsageError(why)
    elif not 1 <= len(target) <= MOST_SETTINGS or not all(_named(name) for name in target):
        raise UsageError(
            f"{len(target)} settings are none that a device takes; give 1 to {MOST_SETTINGS}, each by its name"
        )


def _named(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def audit(session: Session, job: str, to: JobState, *, t: int, by: str, detail: str) -> None:
    """Write down who took a job where."""
    session.add(AuditRow(t=t, who=by, action=f"job {to}", subject=job, detail=detail))


def plan_of(row: JobRow) -> Plan:
    """How a job goes out."""
    return msgspec.json.decode(row.plan, type=Plan)


def target_of(row: JobRow) -> dict[str, float]:
    """The version or the settings that a job brings."""
    return msgspec.json.decode(row.target, type=dict[str, float])


def _row(id: str, sort: Sort, target: Mapping[str, float], *, plan: Plan, t: int, by: str) -> JobRow:  # noqa: A002
    return JobRow(
        id=id,
        sort=sort,
        target=msgspec.json.encode(dict(target)),
        plan=msgspec.json.encode(plan),
        state=JobState.DRAFTED,
        drafted=t,
        updated=t,
        by=by,
    )


def _text(target: Mapping[str, float]) -> str:
    return msgspec.json.encode(dict(target)).decode()


def _same(session: Session, known: JobRow, sort: Sort, target: Mapping[str, float], *, devices: Sequence[int]) -> None:
    """Refuse to take a job for another.

    Raises:
        Taken: if sort, target or devices differ.
    """
    listed = set(session.exec(select(JobDeviceRow.device).where(JobDeviceRow.job == known.id)))
    if (known.sort, target_of(known), listed) != (sort, dict(target), set(devices)):
        what = f"{known.sort} {_text(target_of(known))} for {len(listed)} devices"
        raise Taken(f"job '{known.id}' is another one ({what}); choose another id, or leave it out")


def _known(session: Session, id: str) -> JobRow:  # noqa: A002
    row = session.get(JobRow, id)
    if row is None:
        raise UsageError(f"no job '{id:.64}' was ever drafted")
    return row


def tally(session: Session, job: str) -> dict[int, dict[str, int]]:
    """How many devices of each stage have come how far."""
    counted = session.exec(
        select(JobDeviceRow.stage, JobDeviceRow.state, func.count())
        .where(JobDeviceRow.job == job)
        .group_by(col(JobDeviceRow.stage), col(JobDeviceRow.state))
    )
    found: dict[int, dict[str, int]] = {}
    for stage, state, count in counted:
        found.setdefault(stage, dict.fromkeys(map(str, Step), 0))[state] = count
    return found


def _job(session: Session, row: JobRow) -> Job:
    plan, found = plan_of(row), tally(session, row.id)
    nobody = dict.fromkeys(map(str, Step), 0)
    return Job(
        id=row.id,
        sort=Sort(row.sort),
        target=target_of(row),
        state=JobState(row.state),
        stage=row.stage,
        deadline=row.deadline,
        plan=plan,
        drafted=row.drafted,
        updated=row.updated,
        by=row.by,
        detail=row.detail,
        counts=tuple(found.get(stage, nobody) for stage in range(len(plan.stages))),
    )
