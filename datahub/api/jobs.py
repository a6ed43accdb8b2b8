"""Firmware and settings for many devices in stages; a person drafts, begins, pauses, resumes and stops a job."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from datahub.api.aim import Aim, aimed
from datahub.api.commands import LONGEST_S
from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.words import BeforeId, CodeText, Name, Number, Numbers, Whole, city_now
from datahub.contract.clock import to_utc
from datahub.contract.errors import UsageError
from datahub.contract.firmware import VERSION
from datahub.devices.fitting import LATEST_VERSION
from datahub.devices.joblife import JobState, Sort, Step
from datahub.devices.jobs import Job, JobResult, Taken
from datahub.devices.rollout import Plan
from datahub.devices.targets import Owned
from datahub.hub import Hub

LONGEST_WAIT_S = 30 * 86_400.0


class JobDraft(Aim):
    """A version to run or settings to have (one of both), and how it goes out; what is left out is as declared.

    ``stages``: share of all devices that is reached by the end of each, rising to 1. ``wait_s``: time between the last
    result of a stage and the next [s]. The job stops when more than ``failure_ratio`` of a stage's devices have failed.
    ``valid_s``, ``install_s``: time to begin, and then to report that it got there [s].
    """

    version: Annotated[Whole | None, Field(ge=1, le=LATEST_VERSION)] = None
    settings: Numbers | None = None
    stages: Annotated[list[FiniteFloat], Field(min_length=1, max_length=100)] | None = None
    wait_s: Annotated[Number | None, Field(ge=0, le=LONGEST_WAIT_S)] = None
    failure_ratio: Annotated[Number | None, Field(ge=0, le=1)] = None
    valid_s: Annotated[Number | None, Field(gt=0, le=LONGEST_S)] = None
    install_s: Annotated[Number | None, Field(gt=0, le=LONGEST_S)] = None
    retry_count: Annotated[Whole | None, Field(ge=0, le=100)] = None
    retry_gap_s: Annotated[Number | None, Field(gt=0, le=LONGEST_S)] = None


class Move(BaseModel):
    """Where a job is to go, on whose word; from drafted or paused to running, and from running to paused or stopped."""

    model_config = ConfigDict(extra="forbid")

    to: Literal[JobState.RUNNING, JobState.PAUSED, JobState.STOPPED]
    by: Name


class StageView(BaseModel):
    """One stage: the share of devices reached by its end, and how many of its own have come how far."""

    share: float
    counts: dict[str, int]


class JobView(BaseModel):
    """One job. ``stage`` is the place of the present one in ``stages``, -1 before the first.

    ``next_stage``: not before then, where this stage is over and waited for.
    """

    id: str
    sort: Sort
    target: dict[str, float]
    state: JobState
    stage: int
    next_stage: str | None
    stages: list[StageView]
    wait_s: float
    failure_ratio: float
    valid_s: float
    install_s: float
    retry_count: int
    retry_gap_s: float
    drafted: str
    updated: str
    by: str
    detail: str


class JobResultView(BaseModel):
    """What became of one device, and since when."""

    device: str
    stage: int
    step: Step
    detail: str
    updated: str


class JobPage(JobView):
    """A job with some of its results by code; ``next`` is the code to ask on from (``after``), if there are more."""

    results: list[JobResultView]
    next: str | None


def router(hub: Hub, *, owned: Owned | None, token: str) -> APIRouter:
    """Routes about jobs."""
    routes = APIRouter(tags=["jobs"])
    allowed = Depends(Seat(token))

    @routes.post("/jobs", status_code=201, dependencies=[allowed])
    def draft(body: JobDraft, response: Response) -> JobView:
        devices, now = aimed(hub, body, owned=owned), city_now(hub.queries)
        sort, target = _target(body)
        id_ = body.id or _id(sort, target, devices, t=now)
        try:
            job = hub.jobs.draft(
                devices, sort=sort, target=target, plan=_plan(body, hub.jobs.declared), t=now, id=id_, by=body.by
            )
        except UsageError as error:
            raise Problem(409 if isinstance(error, Taken) else 422, str(error)) from error
        response.headers["Location"] = f"jobs/{id_}"
        return JobView(**_view(job))

    @routes.get("/jobs")
    def latest(limit: Annotated[int, Query(ge=1, le=1_000)] = 100, before: BeforeId = "") -> list[JobView]:
        try:
            found = hub.jobs.latest(limit=limit, before=before)
        except UsageError as error:
            raise Problem(404, str(error)) from error
        return [JobView(**_view(one)) for one in found]

    @routes.get("/jobs/{id}")
    def job(
        id: str,  # noqa: A002 - the contract's word
        step: Step | None = None,
        after: CodeText = "0",
        limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    ) -> JobPage:
        found = _found(hub, id)
        results = hub.jobs.results(id, after=int(after), limit=limit + 1, step=step or "")
        more = str(results[limit - 1].device) if len(results) > limit else None
        return JobPage(**_view(found), results=[_result(one) for one in results[:limit]], next=more)

    @routes.post("/jobs/{id}/state", dependencies=[allowed])
    def move(id: str, body: Move) -> JobView:  # noqa: A002 - the contract's word
        _found(hub, id)
        return JobView(**_view(hub.jobs.move(id, JobState(body.to), t=city_now(hub.queries), by=body.by)))

    return routes


def _found(hub: Hub, id: str) -> Job:  # noqa: A002
    try:
        return hub.jobs.status(id)
    except UsageError as error:
        raise Problem(404, str(error)) from error


def _target(body: JobDraft) -> tuple[Sort, dict[str, float]]:
    if (body.version is None) == (body.settings is None):
        raise Problem(422, "give either version (a firmware job) or settings (a configuration job)")
    if body.settings is not None:
        return Sort.CONFIGURATION, dict(body.settings)
    return Sort.FIRMWARE, {VERSION: float(body.version or 0)}


def _plan(body: JobDraft, declared: Plan) -> Plan:
    given = {name: getattr(body, name) for name in Plan.__struct_fields__ if getattr(body, name) is not None}
    if body.stages is not None:
        given["stages"] = tuple(body.stages)
    return msgspec.structs.replace(declared, **given)


def _id(sort: Sort, target: dict[str, float], devices: Sequence[int], *, t: int) -> str:
    """An id made from content."""
    content = msgspec.json.encode([sort, sorted(target.items()), devices, t])
    return f"job-{hashlib.sha256(content).hexdigest()[:16]}"


def _view(job: Job) -> dict[str, object]:
    told = msgspec.structs.asdict(job.plan)
    stages = [StageView(share=share, counts=counts) for share, counts in zip(told["stages"], job.counts, strict=True)]
    return told | {
        "stages": stages,
        "id": job.id,
        "sort": job.sort,
        "target": job.target,
        "state": job.state,
        "stage": job.stage,
        "next_stage": to_utc(job.deadline) if job.deadline else None,
        "drafted": to_utc(job.drafted),
        "updated": to_utc(job.updated),
        "by": job.by,
        "detail": job.detail,
    }


def _result(one: JobResult) -> JobResultView:
    return JobResultView(
        device=str(one.device), stage=one.stage, step=one.step, detail=one.detail, updated=to_utc(one.updated)
    )
