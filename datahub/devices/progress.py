"""How jobs come further: devices are judged by what they report, stages follow one another, too many failures end it.

Everything happens in the hub's tick and in its transaction; deadlines are rows. Orders have ids made from job, stage
and device, so one that is sent again after a crash is the same to the device.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from datahub.commands import CHUNK, Commands, rows_of
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import AckStatus
from datahub.contract.firmware import FIRMWARE, UPDATE_FIRMWARE, VERSION
from datahub.devices.batches import Batches, Order, order_id
from datahub.devices.fitting import Fitting
from datahub.devices.joblife import STEPS, JobState, Sort, Step, move, step, step_many
from datahub.devices.jobs import Jobs, audit, batch_id, halt, plan_of, tally, target_of
from datahub.devices.rollout import Plan
from datahub.devices.shadow import Shadow, Shadows
from datahub.events import CommandMoved, HubEvent, StateReported
from datahub.store.tables import CommandRow, JobDeviceRow, JobRow

HUB = "hub"
"""Who it was when a job stops or ends by itself."""


class JobProgress:
    """Drives the jobs of one hub."""

    def __init__(self, jobs: Jobs, *, shadows: Shadows, commands: Commands, batches: Batches) -> None:
        self._jobs, self._shadows, self._commands, self._batches = jobs, shadows, commands, batches

    def follow(self, session: Session, events: Sequence[HubEvent], *, t: int) -> None:
        """Let jobs come further, as of city time ``t`` [ms], after all that devices said in this tick."""
        if not self._jobs.live:
            return
        heard = sorted({event.device for event in events if isinstance(event, StateReported | CommandMoved)})
        for id_ in sorted(self._jobs.live):
            job = session.get(JobRow, id_)
            if job is None or not self._drive(session, job, heard, t=t):
                self._jobs.live.discard(id_)

    def _drive(self, session: Session, job: JobRow, heard: Sequence[int], *, t: int) -> bool:
        """One job; False once nothing can come of it any more."""
        for start in range(0, len(heard), CHUNK):
            self._hear(session, job, heard[start : start + CHUNK], t=t)
        _give_up(session, job, t=t)
        if job.sort == Sort.CONFIGURATION:
            self._tell_again(session, job, t=t)
        plan, counts = plan_of(job), tally(session, job.id)
        if job.state in (JobState.RUNNING, JobState.PAUSED):
            here = counts.get(job.stage, {})
            if too_many(here, plan.failure_ratio):
                self._stop(session, job, here, plan, t=t)
            elif job.state == JobState.RUNNING:
                self._go_on(session, job, counts, plan, t=t)
        going = job.state in (JobState.RUNNING, JobState.PAUSED)
        return going or any(stage[Step.ORDERED] for stage in counts.values())

    def _hear(self, session: Session, job: JobRow, devices: Sequence[int], *, t: int) -> None:
        """Judge the devices that said something."""
        rows = session.exec(
            select(JobDeviceRow).where(
                JobDeviceRow.job == job.id,
                col(JobDeviceRow.device).in_(devices),
                col(JobDeviceRow.state).in_((Step.ORDERED, Step.FAILED)),
            )
        ).all()
        orders: dict[int, CommandRow] = {}
        if job.sort == Sort.FIRMWARE:
            ids = [order_id(f"{job.id}~{row.stage}", row.device) for row in rows]
            orders = {order.device: order for order in rows_of(session, ids)}
        target = target_of(job)
        for row in rows:
            shadow, order = self._shadows.get(row.device), orders.get(row.device)
            found = _reached(target, shadow) if order is None else _ran(target[VERSION], shadow, order)
            if found is not None and found[0] in STEPS[Step(row.state)]:
                step(row, found[0], t=t, detail=found[1])
        session.flush()

    def _tell_again(self, session: Session, job: JobRow, *, t: int) -> None:
        """Tell devices again what is wanted of them, if they have not said that they have it."""
        policy = plan_of(job).policy
        due = select(JobDeviceRow).where(
            JobDeviceRow.job == job.id,
            JobDeviceRow.state == Step.ORDERED,
            JobDeviceRow.again > 0,
            JobDeviceRow.again <= t,
        )
        for row in session.exec(due.order_by(col(JobDeviceRow.device))).all():
            self._commands.remind(row.device)
            row.again = t + policy.gap if t + policy.gap <= row.begun + policy.retries * policy.gap else 0
        session.flush()

    def _stop(self, session: Session, job: JobRow, here: Mapping[str, int], plan: Plan, *, t: int) -> None:
        share = f"more than {plan.failure_ratio:.1%} of the {_begun(here)} devices of stage {job.stage + 1}"
        detail = f"{here[Step.FAILED]} failed, {share}"
        move(job, JobState.STOPPED, t=t, detail=detail)
        spared = halt(session, job, self._batches, t=t)
        audit(session, job.id, JobState.STOPPED, t=t, by=HUB, detail=f"{detail}; {spared} devices spared")

    def _go_on(
        self, session: Session, job: JobRow, counts: Mapping[int, Mapping[str, int]], plan: Plan, *, t: int
    ) -> None:
        """Begin the next stage when this one is over and has been waited for; one with nothing to do takes no time."""
        here = counts.get(job.stage, {})
        if any(here.get(one) for one in (Step.WAITING, Step.ORDERED)):
            return
        if _begun(here) and job.stage + 1 < len(plan.stages):
            job.deadline = job.deadline or t + round(plan.wait_s * SECOND_MS)
            if t < job.deadline:
                return
        while job.stage + 1 < len(plan.stages):
            job.stage, job.deadline, job.updated = job.stage + 1, 0, t
            if self._begin(session, job, plan, t=t):
                return
        move(job, JobState.DONE, t=t, detail="every device is judged")
        audit(session, job.id, JobState.DONE, t=t, by=HUB, detail="")

    def _begin(self, session: Session, job: JobRow, plan: Plan, *, t: int) -> int:
        """Tell the devices of a stage; returns how many. Who has it already is done, who cannot be told is refused."""
        waiting = session.exec(
            select(JobDeviceRow.device).where(
                JobDeviceRow.job == job.id, JobDeviceRow.stage == job.stage, JobDeviceRow.state == Step.WAITING
            )
        ).all()
        firmware, target = job.sort == Sort.FIRMWARE, target_of(job)
        wanted = {FIRMWARE: target[VERSION]} if firmware else target
        there = {one: "had it already" for one in waiting if _has(wanted, self._shadows.get(one))}
        refused = self._batches.refusals(waiting, Fitting(UPDATE_FIRMWARE if firmware else None, target))
        refused |= _busy(session, job, waiting)
        there = {one: why for one, why in there.items() if one not in refused}
        told = [one for one in waiting if one not in refused and one not in there]
        step_many(session, job.id, there, Step.WAITING, Step.DONE, updated=t)
        step_many(session, job.id, refused, Step.WAITING, Step.REFUSED, updated=t)
        times = {"begun": t, "updated": t, "due": t + round((plan.valid_s + plan.install_s) * SECOND_MS)}
        if not firmware and plan.retry_count:
            times["again"] = t + plan.policy.gap
        step_many(session, job.id, dict.fromkeys(told, ""), Step.WAITING, Step.ORDERED, **times)
        if told and firmware:
            self._update(session, job, told, plan, t=t)
        elif told:
            self._shadows.wish(session, told, target, t=t)
            for device in told:
                self._commands.remind(device)
        return len(told)

    def _update(self, session: Session, job: JobRow, devices: Sequence[int], plan: Plan, *, t: int) -> None:
        order = Order(
            id=batch_id(job),
            name=UPDATE_FIRMWARE,
            arguments=target_of(job),
            issued=t,
            expires=t + round(plan.valid_s * SECOND_MS),
            policy=plan.policy,
            by=job.by,
        )
        told, _ = self._batches.enter(session, devices, order)
        self._commands.dispatch(told, plan.policy)


def too_many(here: Mapping[str, int], failure_ratio: float) -> bool:
    """Whether more than this share of a stage's devices has failed; those not told are not counted."""
    return bool(here) and here[Step.FAILED] > failure_ratio * _begun(here)


def _begun(here: Mapping[str, int]) -> int:
    """Devices of a stage that were told, or had it already."""
    return sum(here.get(one, 0) for one in (Step.ORDERED, Step.DONE, Step.FAILED))


def _give_up(session: Session, job: JobRow, *, t: int) -> None:
    """Devices whose time is over have failed."""
    late = select(JobDeviceRow.device).where(
        JobDeviceRow.job == job.id, JobDeviceRow.state == Step.ORDERED, JobDeviceRow.due <= t
    )
    given_up = dict.fromkeys(session.exec(late).all(), "did not say in time that it has it")
    step_many(session, job.id, given_up, Step.ORDERED, Step.FAILED, updated=t, again=0)


def _busy(session: Session, job: JobRow, devices: Sequence[int]) -> dict[int, str]:
    """Devices that another job has told something and waits for."""
    found: dict[int, str] = {}
    for start in range(0, len(devices), CHUNK):
        others = select(JobDeviceRow.device, JobDeviceRow.job).where(
            col(JobDeviceRow.device).in_(devices[start : start + CHUNK]),
            JobDeviceRow.job != job.id,
            JobDeviceRow.state == Step.ORDERED,
        )
        found |= {device: f"job {other} is under way on it" for device, other in session.exec(others)}
    return found


def _has(wanted: Mapping[str, float], shadow: Shadow) -> bool:
    return all(shadow.reported.get(name) == value for name, value in wanted.items())


def _reached(target: Mapping[str, float], shadow: Shadow) -> tuple[Step, str] | None:
    """Whether a device reports all settings as they are wanted; until its time is over it may still get there."""
    return (Step.DONE, "") if _has(target, shadow) else None


def _ran(version: float, shadow: Shadow, order: CommandRow) -> tuple[Step, str] | None:
    """What is to be made of a device that was told to run a version: what it reports counts, not what it answers."""
    runs = shadow.reported.get(FIRMWARE)
    if runs == version:
        return Step.DONE, ""
    if order.status in (AckStatus.REJECTED, AckStatus.EXPIRED):
        return Step.FAILED, order.detail
    if order.status == AckStatus.DONE and runs is not None and shadow.reported_t >= order.updated:
        return Step.FAILED, f"said it was done, and reports version {runs:g}"
    return None
