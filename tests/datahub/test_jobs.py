"""Jobs: firmware and settings in stages, judged by what devices report, stopped by failures, and safe from crashes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.contract.codes import AckStatus, DeviceState
from datahub.contract.errors import DeclarationError, IllegalMove, UsageError
from datahub.contract.firmware import FIRMWARE, UPDATE_FIRMWARE
from datahub.contract.messages import Ack, Command, Desired, Reported
from datahub.devices.joblife import MOVES, STEPS, JobState, Sort, Step, move, step
from datahub.devices.jobs import Job
from datahub.devices.rollout import FILE, Plan, load, staged
from datahub.store.tables import JobDeviceRow, JobRow

LAMP = msgspec.structs.replace(POST, commands=("dim", UPDATE_FIRMWARE))
LAMPS = tuple(range(1_001, 1_041))
PLAN = Plan(
    stages=(0.1, 0.5, 1.0),
    wait_s=600.0,
    failure_ratio=0.25,
    valid_s=600.0,
    install_s=600.0,
    retry_count=1,
    retry_gap_s=300.0,
)

ENDS = (
    *[(AckStatus.DONE, 2.0)] * 6,
    (AckStatus.DONE, 1.0),
    (AckStatus.REJECTED, 1.0),
    (AckStatus.ACCEPTED, 1.0),
    (AckStatus.SENT, 1.0),
)
"""How a device answers, and the version that it reports then; most do as they were told."""

Answer = Callable[[int], tuple[AckStatus, float]]


@dataclass
class Street:
    """A town of lamps that answer orders as told: the status, and the version that they report then."""

    town: Town
    answer: Answer = lambda _device: (AckStatus.DONE, 2.0)
    minute: int = 0
    told: list[tuple[int, int]] = field(default_factory=list)

    @property
    def now(self) -> int:
        return T0 + self.minute * MINUTE

    def draft(self, devices: Sequence[int] = LAMPS, *, plan: Plan = PLAN, version: float = 2.0) -> Job:
        target = {"version": version}
        return self.town.hub.jobs.draft(
            devices, sort=Sort.FIRMWARE, target=target, plan=plan, t=self.now, id="j1", by="lighting"
        )

    def set(self, to: JobState) -> Job:
        return self.town.hub.jobs.move("j1", to, t=self.now, by="operator")

    @property
    def job(self) -> Job:
        return self.town.hub.jobs.status("j1")

    def run(self, minutes: int, *, deaf: bool = False) -> None:
        for _ in range(minutes):
            self.minute += 1
            self.town.hub.tick(self.now)
            self.obey(deaf=deaf)

    def obey(self, *, deaf: bool) -> None:
        """Devices answer at once, and the hub hears them at the next tick."""
        for message in self.town.field.receive():
            if isinstance(message, Command):
                self.told.append((self.minute, message.device))
                if not deaf:
                    self.town.send(*self.words(message))

    def words(self, order: Command) -> list[Ack | Reported]:
        status, version = self.answer(order.device)
        node, device, t = order.node, order.device, self.now + 1
        if status is AckStatus.SENT:
            return []
        said: list[Ack | Reported] = [Ack(node, device, order.id, AckStatus.ACCEPTED, t)]
        if status is not AckStatus.ACCEPTED:
            said.append(Ack(node, device, order.id, status, t + 5, "damaged"))
            said.append(Reported(node, device, t + 5, {FIRMWARE: version}))
        return said

    def steps(self) -> list[dict[str, int]]:
        """Of each stage how many devices have come how far, leaving out where none is."""
        return [{name: count for name, count in stage.items() if count} for stage in self.job.counts]

    def stage_of(self) -> dict[int, int]:
        return {one.device: one.stage for one in self.town.hub.jobs.results("j1")}


def street(directory: Path | None = None) -> Street:
    town = Town(directory, run="" if directory else "test")
    town.send(births(LAMP, devices=LAMPS))
    town.hub.tick(T0)
    town.field.receive()
    return Street(town)


@pytest.fixture
def lamps() -> Iterator[Street]:
    made = street()
    yield made
    made.town.hub.close()


def test_a_drafted_job_tells_no_device_anything(lamps: Street) -> None:
    job = lamps.draft()
    lamps.run(60)
    assert (job.state, lamps.job) == (JobState.DRAFTED, job)
    assert (lamps.told, lamps.steps()) == ([], [{"waiting": 4}, {"waiting": 16}, {"waiting": 20}])


def test_stages_follow_one_another_after_their_wait_and_the_job_is_done(lamps: Street) -> None:
    lamps.draft()
    lamps.set(JobState.RUNNING)
    lamps.run(30)
    stage = lamps.stage_of()
    # told at the tick, judged at the next one, ten minutes later the next stage
    assert lamps.told == [
        *((1, device) for device in LAMPS if stage[device] == 0),
        *((12, device) for device in LAMPS if stage[device] == 1),
        *((23, device) for device in LAMPS if stage[device] == 2),
    ]
    assert (lamps.job.state, lamps.job.updated) == (JobState.DONE, T0 + 24 * MINUTE)
    assert lamps.steps() == [{"done": 4}, {"done": 16}, {"done": 20}]
    assert [(row.who, row.action) for row in lamps.town.hub.queries.audit(subject="j1")] == [
        ("hub", "job done"),
        ("operator", "job running"),
        ("lighting", "job drafted"),
    ]


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ((AckStatus.REJECTED, 1.0), "damaged"),
        ((AckStatus.DONE, 1.0), "said it was done, and reports version 1"),
        ((AckStatus.SENT, 1.0), "no answer in time"),
        ((AckStatus.ACCEPTED, 1.0), "did not say in time that it has it"),
    ],
)
def test_too_many_failures_in_a_stage_stop_the_job_by_itself(
    lamps: Street, answer: tuple[AckStatus, float], detail: str
) -> None:
    lamps.draft()
    stage = lamps.stage_of()
    second = [device for device in LAMPS if stage[device] == 1]
    lamps.answer = lambda device: answer if device in second[:5] else (AckStatus.DONE, 2.0)
    lamps.set(JobState.RUNNING)
    lamps.run(60)
    assert lamps.job.state is JobState.STOPPED
    assert lamps.job.detail == "5 failed, more than 25.0% of the 16 devices of stage 2"
    assert lamps.steps() == [{"done": 4}, {"done": 11, "failed": 5}, {"spared": 20}]
    failed = lamps.town.hub.jobs.results("j1", step="failed")
    assert [(one.device, one.detail) for one in failed] == [(device, detail) for device in second[:5]]
    assert {device for _, device in lamps.told} == {device for device in LAMPS if stage[device] < 2}
    (trail, *_) = lamps.town.hub.queries.audit(subject="j1")
    assert (trail.who, trail.action, trail.detail.endswith("; 20 devices spared")) == ("hub", "job stopped", True)
    counts = lamps.town.hub.jobs.counts()
    assert [state for state in JobState if counts[state]] == [JobState.STOPPED]


def test_as_many_failures_as_allowed_do_not_stop_it(lamps: Street) -> None:
    lamps.draft()
    stage = lamps.stage_of()
    bad = {one for it, count in enumerate((1, 4, 5)) for one in [at for at in LAMPS if stage[at] == it][:count]}
    lamps.answer = lambda device: (AckStatus.REJECTED, 1.0) if device in bad else (AckStatus.DONE, 2.0)
    lamps.set(JobState.RUNNING)
    lamps.run(30)
    assert lamps.job.state is JobState.DONE
    assert lamps.steps() == [{"done": 3, "failed": 1}, {"done": 12, "failed": 4}, {"done": 15, "failed": 5}]


def test_one_canary_that_dies_stops_everything(lamps: Street) -> None:
    lamps.draft(plan=msgspec.structs.replace(PLAN, stages=(0.01, 1.0)))
    lamps.answer = lambda _device: (AckStatus.REJECTED, 1.0)
    lamps.set(JobState.RUNNING)
    lamps.run(30)
    assert lamps.steps() == [{"failed": 1}, {"spared": 39}]


def test_nobody_is_told_again_after_a_stop(lamps: Street) -> None:
    lamps.draft()
    lamps.set(JobState.RUNNING)
    lamps.run(2, deaf=True)
    lamps.set(JobState.STOPPED)
    lamps.run(30, deaf=True)
    assert len(lamps.told) == 4
    assert lamps.steps() == [{"failed": 4}, {"spared": 16}, {"spared": 20}]


def test_a_paused_job_hears_what_it_told_and_tells_no_one_else_until_it_is_resumed(lamps: Street) -> None:
    lamps.draft()
    lamps.set(JobState.RUNNING)
    lamps.run(1)
    lamps.set(JobState.PAUSED)
    lamps.run(60)
    assert lamps.steps() == [{"done": 4}, {"waiting": 16}, {"waiting": 20}]
    lamps.set(JobState.RUNNING)
    lamps.run(30)
    assert lamps.job.state is JobState.DONE


def test_who_runs_it_already_is_done_and_who_cannot_be_told_is_refused(lamps: Street) -> None:
    town = lamps.town
    town.send(births(METER, devices=[101]))
    town.send(Reported(node=1_001, device=1_001, t=T0 + 1, state={FIRMWARE: 2.0}))
    town.hub.tick(T0)
    town.hub.lifecycle.move(1_002, DeviceState.RETIRED, t=T0, by="lighting")
    lamps.draft([101, 999, 1_001, 1_002], plan=msgspec.structs.replace(PLAN, stages=(0.25, 1.0)))
    lamps.set(JobState.RUNNING)
    lamps.run(12)
    assert lamps.told == []
    assert lamps.job.state is JobState.DONE
    assert {one.device: (one.step, one.detail) for one in town.hub.jobs.results("j1")} == {
        101: (Step.REFUSED, f"device 101 is a water_meter and does not take '{UPDATE_FIRMWARE}'; it takes: none"),
        999: (Step.REFUSED, "no device 999 was ever born; see the registry for the devices there are"),
        1_001: (Step.DONE, "had it already"),
        1_002: (Step.REFUSED, "device 1002 is retired"),
    }


def test_a_device_that_got_there_late_is_believed_while_the_job_lasts(lamps: Street) -> None:
    lamps.draft(plan=msgspec.structs.replace(PLAN, failure_ratio=1.0))
    lamps.answer = lambda _device: (AckStatus.REJECTED, 1.0)
    lamps.set(JobState.RUNNING)
    lamps.run(3)
    (late, *_) = (one.device for one in lamps.town.hub.jobs.results("j1", step="failed"))
    lamps.town.send(Reported(node=late, device=late, t=lamps.now + 1, state={FIRMWARE: 2.0}))
    lamps.run(1)
    assert lamps.steps()[0] == {"done": 1, "failed": 3}


def test_two_jobs_do_not_tell_one_device_at_once(lamps: Street) -> None:
    whole = msgspec.structs.replace(PLAN, stages=(1.0,))
    lamps.draft(LAMPS[:3], plan=whole)
    jobs = lamps.town.hub.jobs
    jobs.draft(LAMPS[2:4], sort=Sort.FIRMWARE, target={"version": 3.0}, plan=whole, t=T0, id="j2", by="x")
    lamps.set(JobState.RUNNING)
    lamps.run(1, deaf=True)
    jobs.move("j2", JobState.RUNNING, t=lamps.now, by="x")
    lamps.run(1, deaf=True)
    assert [(one.device, one.step, one.detail) for one in jobs.results("j2")] == [
        (LAMPS[2], Step.REFUSED, "job j1 is under way on it"),
        (LAMPS[3], Step.ORDERED, ""),
    ]


# configuration


def settings_job(lamps: Street, devices: Sequence[int]) -> None:
    lamps.town.hub.jobs.draft(
        devices,
        sort=Sort.CONFIGURATION,
        target={"level_ratio": 0.4, "fade_s": 2.0},
        plan=msgspec.structs.replace(PLAN, stages=(1.0,), failure_ratio=1.0),
        t=T0,
        id="j1",
        by="lighting",
    )
    lamps.set(JobState.RUNNING)


def wishes(lamps: Street) -> list[tuple[int, int, dict[str, float]]]:
    """Since when, to whom and what: wishes that went down."""
    return [(lamps.minute, one.device, one.state) for one in lamps.town.field.receive() if isinstance(one, Desired)]


def test_settings_are_wanted_in_the_shadow_and_there_when_they_are_reported(lamps: Street) -> None:
    settings_job(lamps, LAMPS[:2])
    lamps.minute += 1
    lamps.town.hub.tick(lamps.now)
    wanted = {"level_ratio": 0.4, "fade_s": 2.0}
    assert wishes(lamps) == [(1, device, wanted) for device in LAMPS[:2]]
    assert lamps.town.hub.queries.shadow(LAMPS[0]).delta == wanted
    for state in ({"level_ratio": 0.4}, {"fade_s": 2.0}):
        lamps.town.send(Reported(node=LAMPS[0], device=LAMPS[0], t=lamps.now + 1, state=state))
        lamps.minute += 1
        lamps.town.hub.tick(lamps.now)
    assert lamps.town.hub.queries.shadow(LAMPS[0]).delta == {}
    assert lamps.steps() == [{"done": 1, "ordered": 1}]


def test_a_wish_that_nobody_reports_is_told_again_and_fails_in_the_end(lamps: Street) -> None:
    settings_job(lamps, LAMPS[:1])
    told = []
    for _ in range(30):
        lamps.minute += 1
        lamps.town.hub.tick(lamps.now)
        told += [minute for minute, _, _ in wishes(lamps)]
    assert told == [1, 6]
    (result,) = lamps.town.hub.jobs.results("j1")
    assert (result.step, result.updated) == (Step.FAILED, T0 + 21 * MINUTE)
    assert lamps.job.state is JobState.DONE


def test_what_has_no_command_link_is_refused_settings(lamps: Street) -> None:
    lamps.town.send(births(METER, devices=[101]))
    with pytest.raises(UsageError, match="none of the 1 devices aimed at can follow; the first: device 101 is a water"):
        settings_job(lamps, [101])
    settings_job(lamps, [101, LAMPS[0]])
    lamps.run(1)
    (result,) = lamps.town.hub.jobs.results("j1", step="refused")
    assert (result.step, result.detail) == (Step.REFUSED, "device 101 is a water_meter and has no command link")


# crash


@pytest.mark.parametrize("crash", range(1, 26, 2))
def test_a_job_ends_the_same_if_the_hub_dies_in_the_middle(tmp_path: Path, crash: int) -> None:
    bad = set(LAMPS[::9])

    def answer(device: int) -> tuple[AckStatus, float]:
        return (AckStatus.REJECTED, 1.0) if device in bad else (AckStatus.DONE, 2.0)

    whole, broken = street(tmp_path / "whole"), street(tmp_path / "broken")
    for made in (whole, broken):
        made.answer = answer
        made.draft()
        made.set(JobState.RUNNING)
    whole.run(30)
    broken.run(crash)
    broken.town.vanish()
    again = Street(Town(tmp_path / "broken", run=""), answer, broken.minute, broken.told)
    again.run(30 - crash)
    assert again.told == whole.told
    assert again.job == whole.job
    assert again.town.hub.jobs.results("j1") == whole.town.hub.jobs.results("j1")
    whole.town.hub.close()
    again.town.hub.close()


def test_an_order_that_was_on_the_wire_before_its_commit_is_the_same_order_after_the_crash(tmp_path: Path) -> None:
    """The files as they lay before the tick are what a hub leaves that dies before it commits."""
    made = street(tmp_path / "hub")
    made.draft()
    made.set(JobState.RUNNING)
    shutil.copytree(tmp_path / "hub", tmp_path / "before")
    made.town.hub.tick(T0 + MINUTE)
    sent = made.town.field.receive()
    made.town.vanish()
    again = Town(tmp_path / "before", run="")
    again.hub.tick(T0 + MINUTE)
    assert again.field.receive() == sent
    assert [type(one) for one in sent] == [Command] * 4
    again.hub.close()


# life


@given(st.lists(st.sampled_from(JobState), max_size=6))
def test_a_job_moves_by_the_table_or_not_at_all(wanted: list[JobState]) -> None:
    row = JobRow(
        id="j", sort="firmware", target=b"{}", plan=b"{}", state=JobState.DRAFTED, drafted=0, updated=0, by="x"
    )
    for to in wanted:
        before = JobState(row.state)
        if to in MOVES[before]:
            move(row, to, t=1, detail="")
            assert row.state == to
        else:
            with pytest.raises(IllegalMove, match=f"job j is '{before}'"):
                move(row, to, t=1, detail="")
            assert row.state == before


@given(st.lists(st.sampled_from(Step), max_size=6))
def test_a_device_of_a_job_moves_by_the_table_or_not_at_all(wanted: list[Step]) -> None:
    row = JobDeviceRow(job="j", device=1, stage=0, state=Step.WAITING, updated=0)
    for to in wanted:
        before = Step(row.state)
        if to in STEPS[before]:
            step(row, to, t=1)
            assert row.state == to
        else:
            with pytest.raises(IllegalMove, match=f"device 1 of job j is '{before}'"):
                step(row, to, t=1)
            assert row.state == before


@settings(max_examples=25)
@given(
    st.lists(
        st.sampled_from(("wait", "wait", "wait", JobState.RUNNING, JobState.PAUSED, JobState.STOPPED)), max_size=40
    ),
    st.lists(st.sampled_from(ENDS), min_size=len(LAMPS), max_size=len(LAMPS)),
    st.sampled_from((0.0, 0.25, 1.0)),
)
def test_whatever_devices_answer_and_people_do_a_stage_waits_for_the_one_before_and_a_stop_is_a_stop(
    deeds: list[str], ends: list[tuple[AckStatus, float]], failure_ratio: float
) -> None:
    lamps = street()
    lamps.draft(plan=msgspec.structs.replace(PLAN, failure_ratio=failure_ratio, wait_s=60.0))
    stage, end = lamps.stage_of(), dict(zip(LAMPS, ends, strict=True))
    lamps.answer = end.__getitem__
    for deed in deeds:
        before, told = lamps.job, set(lamps.told)
        if deed == "wait":
            lamps.run(7)
        elif JobState(deed) in MOVES[before.state]:
            lamps.set(JobState(deed))
        fresh = {device for _, device in set(lamps.told) - told}
        after = lamps.job
        if before.state in (JobState.DRAFTED, JobState.STOPPED, JobState.DONE):
            assert not fresh
        if before.state is JobState.PAUSED:
            assert after.stage == before.stage
        assert all(stage[device] <= after.stage for device in fresh)
        for counts in after.counts[: max(after.stage, 0)]:
            assert counts["waiting"] + counts["ordered"] + counts["spared"] == 0
            assert counts["failed"] <= failure_ratio * (counts["failed"] + counts["done"])
        assert sum(sum(counts.values()) for counts in after.counts) == len(LAMPS)
    done = {one.device for one in lamps.town.hub.jobs.results("j1", step="done")}
    assert done <= {device for device in LAMPS if end[device] == (AckStatus.DONE, 2.0)}
    lamps.town.hub.close()


def test_a_person_cannot_call_a_job_done_nor_begin_one_that_is_over(lamps: Street) -> None:
    lamps.draft()
    with pytest.raises(IllegalMove, match="allowed: running, stopped"):
        lamps.set(JobState.DONE)
    lamps.set(JobState.STOPPED)
    with pytest.raises(IllegalMove, match="final"):
        lamps.set(JobState.RUNNING)
    assert lamps.steps() == [{"spared": 4}, {"spared": 16}, {"spared": 20}]


@given(
    st.sets(st.integers(1, 10**17), max_size=60),
    st.lists(st.floats(0.01, 1), max_size=4),
    st.randoms(use_true_random=False),
)
def test_stages_come_from_job_and_device_alone_and_hold_everybody_once(
    devices: set[int], shares: list[float], chance: object
) -> None:
    stages = (*sorted({round(share, 2) for share in shares} - {1.0}), 1.0)
    listed = sorted(devices)
    found = staged("a", listed, stages)
    chance.shuffle(listed)  # type: ignore[attr-defined]
    assert staged("a", listed, stages) == found
    assert set(found) == devices
    for stage, share in enumerate(stages):
        reached = sum(it <= stage for it in found.values())
        assert share * len(devices) - 1e-4 <= reached < share * len(devices) + 1


def test_another_job_begins_with_other_devices() -> None:
    first = [{device for device, stage in staged(job, LAMPS, (0.25, 1.0)).items() if not stage} for job in "abc"]
    assert len({frozenset(one) for one in first}) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"stages": ()}, "do not rise"),
        ({"stages": (0.5,)}, "do not rise"),
        ({"stages": (0.5, 0.5, 1.0)}, "do not rise"),
        ({"stages": (0.0, 1.0)}, "do not rise"),
        ({"failure_ratio": 1.5}, "give 0 to 1"),
        ({"valid_s": 0.0}, "valid_s 0 leaves no time"),
        ({"wait_s": -1.0}, "not below 0"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(lamps: Street, change: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        lamps.draft(plan=msgspec.structs.replace(PLAN, **change))


@pytest.mark.parametrize(
    ("sort", "target", "says"),
    [
        (Sort.FIRMWARE, {"version": 1.5}, "is no version"),
        (Sort.FIRMWARE, {"level_ratio": 1.0}, "is no version"),
        (Sort.CONFIGURATION, {}, "0 settings"),
        (Sort.CONFIGURATION, {"level\n": 1.0}, "each by its name"),
    ],
)
def test_a_target_that_no_device_can_have_is_refused(
    lamps: Street, sort: Sort, target: dict[str, float], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        lamps.town.hub.jobs.draft(LAMPS, sort=sort, target=target, plan=PLAN, t=T0, id="x", by="y")


def test_the_same_job_again_is_the_same_and_another_under_its_id_is_refused(lamps: Street) -> None:
    assert lamps.draft() == lamps.draft()
    with pytest.raises(UsageError, match="is another one"):
        lamps.draft(version=3.0)


def test_the_declared_plan_is_one_percent_ten_fifty_and_the_rest() -> None:
    assert load().stages == (0.01, 0.1, 0.5, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[0.01, 0.1, 0.5, 1.0]", "[0.5]", "rollout.toml: stages .* do not rise"),
        ("[retry_gap_s]\nvalue = 300", "[retry_gap_s]\nvalue = 0", "retry_gap_s 0 leaves no time"),
        ("[wait_s]", "[rest_s]", "rest_s"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(before: str, after: str, says: str) -> None:
    text = (Path(__file__).parents[2] / "datahub/devices" / FILE).read_text("utf-8")
    assert before in text
    with pytest.raises(DeclarationError, match=says):
        load(text.replace(before, after))
