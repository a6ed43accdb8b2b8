"""Firmware goes out to the lamp poles of the harbour town: devices that take minutes, fail, and lose their power."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec
import pytest
import simpy

from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS, MINUTE_MS, from_datetime
from datahub.contract.errors import UsageError
from datahub.contract.firmware import FIRMWARE
from datahub.devices.joblife import JobState, Sort, Step
from datahub.devices.jobs import Job
from datahub.devices.rollout import Plan, load
from datahub.devices.targets import Where, chosen
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.faults import NO_FAULTS, Faults
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10))  # noqa: DTZ001 - city-local, as from_datetime has it
POLE, VALVE = "smart_pole", "valve_actuator"
PLAN = Plan(
    stages=(0.05, 0.3, 1.0),
    wait_s=900.0,
    failure_ratio=0.1,
    valid_s=1_800.0,
    install_s=2_400.0,
    retry_count=2,
    retry_gap_s=600.0,
)


@cache
def harbour() -> City:
    return load_city("harbour")


@dataclass
class Story:
    """Poles and valves of the harbour and the hub that they speak to, minute by minute."""

    faults: Faults
    directory: Path | None = None
    bus: LocalBus = field(default_factory=LocalBus)
    minute: int = 0

    def __post_init__(self) -> None:
        kinds, seeds = load_kinds(), Seeds(3)
        self.field = Field(
            simpy.Environment(START),
            World(harbour(), (), seeds, start=START),
            kinds,
            {name: sites(harbour(), kinds[name]) for name in (POLE, VALVE)},
            self.bus.field_end,
            seeds,
            faults=self.faults,
        )
        self.hub = self.open()
        self.field.begin()
        self.run(1)

    def open(self) -> Hub:
        return Hub("harbour", "990100", self.directory, self.bus.city_end, run="", start=START, strict=True)

    @property
    def now(self) -> int:
        return START + self.minute * MINUTE_MS

    def run(self, minutes: int) -> None:
        for _ in range(minutes):
            self.minute += 1
            self.field.run_to(self.now)
            self.hub.intake()
            self.hub.tick(self.now)
            self.field.receive()

    def begin(self, sort: Sort, target: Mapping[str, float], *, kind: str = POLE, plan: Plan = PLAN) -> None:
        devices = chosen(self.hub.registry, Where(kind=kind), owned=None)
        self.hub.jobs.draft(devices, sort=sort, target=target, plan=plan, t=self.now, id="j", by="lighting")
        self.hub.jobs.move("j", JobState.RUNNING, t=self.now, by="lighting")

    @property
    def job(self) -> Job:
        return self.hub.jobs.status("j")

    def steps(self) -> list[dict[str, int]]:
        return [{name: count for name, count in stage.items() if count} for stage in self.job.counts]

    def running(self, version: float) -> int:
        """How many poles really run a version, as far as the hub has heard."""
        poles = self.hub.queries.devices(kind=POLE).device.tolist()
        return sum(self.hub.queries.shadow(code).reported.get(FIRMWARE) == version for code in poles)

    def trail(self) -> list[tuple[str, str]]:
        return [(one.who, one.action) for one in reversed(self.hub.queries.audit(subject="j"))]


def test_a_good_version_reaches_every_pole_stage_by_stage() -> None:
    story = Story(NO_FAULTS)
    story.begin(Sort.FIRMWARE, {"version": 2.0})
    story.run(90)
    assert story.steps() == [{"done": 4}, {"done": 19}, {"done": 52}]
    assert (story.job.state, story.running(2.0)) == (JobState.DONE, 75)
    assert story.hub.queries.ledger().closes()
    story.hub.close()


def test_a_bad_version_stops_by_itself_long_before_it_has_reached_everybody() -> None:
    story = Story(replace(NO_FAULTS, update_fail=0.25, update_revert=0.25))
    story.begin(Sort.FIRMWARE, {"version": 2.0}, plan=msgspec.structs.replace(PLAN, failure_ratio=0.3))
    story.run(240)
    assert (story.job.state, story.job.detail) == (
        JobState.STOPPED,
        "8 failed, more than 30.0% of the 19 devices of stage 2",
    )
    assert story.steps() == [{"done": 3, "failed": 1}, {"done": 11, "failed": 8}, {"spared": 52}]
    assert {one.detail for one in story.hub.jobs.results("j", step=Step.FAILED)} == {
        "version 2 was damaged when it was loaded; still runs 1",
        "said it was done, and reports version 1",
    }
    assert story.running(2.0) == 14
    assert story.trail() == [("lighting", "job drafted"), ("lighting", "job running"), ("hub", "job stopped")]
    story.hub.close()


def test_poles_in_the_dark_are_told_again_and_fail_when_the_light_does_not_come_back_in_time() -> None:
    story = Story(NO_FAULTS)
    fleet = story.field.fleets[POLE]
    dark = fleet.sites.device[fleet.sites.columns["feeder"] == fleet.sites.columns["feeder"][0]]
    story.field.world.power.fail(int(fleet.sites.columns["feeder"][0]))
    story.run(2)
    plan = msgspec.structs.replace(PLAN, stages=(1.0,), failure_ratio=1.0)
    story.begin(Sort.FIRMWARE, {"version": 2.0}, plan=plan)
    story.run(40)
    failed = story.hub.jobs.results("j", step=Step.FAILED)
    assert [(one.device, one.detail) for one in failed] == [(code, "no answer in time") for code in dark.tolist()]
    assert {one.tries for one in story.hub.batches.results("j~0", status="expired")} == {3}
    assert story.running(2.0) == 75 - len(dark)
    story.hub.close()


def test_poles_are_set_and_a_setting_that_they_cannot_have_is_refused_before_anybody_is_told() -> None:
    story = Story(NO_FAULTS)
    plan = msgspec.structs.replace(PLAN, stages=(0.1, 1.0), wait_s=0.0)
    story.begin(Sort.CONFIGURATION, {"level_ratio": 0.4}, plan=plan)
    story.run(6)
    assert (story.job.state, story.steps()) == (JobState.DONE, [{"done": 8}, {"done": 67}])
    assert set(story.field.world.street.dimming_ratio.tolist()) == {0.4}
    story.hub.close()
    other = Story(NO_FAULTS)
    why = "none of the 75 devices aimed at can follow; .* level_ratio = 7 does not lie between 0 and 1"
    with pytest.raises(UsageError, match=why):
        other.begin(Sort.CONFIGURATION, {"level_ratio": 7.0}, plan=plan)
    assert other.hub.jobs.latest() == []
    other.hub.close()


def test_the_hub_dies_in_the_middle_of_a_rollout_and_the_field_notices_nothing(tmp_path: Path) -> None:
    ends = []
    for crashes in ((), (12, 25, 40)):
        directory = tmp_path / str(len(crashes))
        story = Story(replace(NO_FAULTS, update_fail=0.05), directory)
        story.begin(Sort.FIRMWARE, {"version": 2.0}, plan=msgspec.structs.replace(PLAN, failure_ratio=0.3))
        for minute in range(1, 91):
            if minute in crashes:
                story.hub.observations.close()
                story.hub.store.close()
                story.hub = story.open()
            story.run(1)
        ends.append((story.job, story.hub.jobs.results("j"), story.running(2.0)))
        story.hub.close()
    assert ends[0] == ends[1]
    assert ends[0][0].state is JobState.DONE


def test_after_a_crash_before_the_commit_devices_get_the_same_orders_and_obey_once(tmp_path: Path) -> None:
    """What is on the wire and in no database: the files as they lay before the tick that sent it."""
    story = Story(NO_FAULTS, tmp_path / "hub")
    story.begin(Sort.FIRMWARE, {"version": 2.0}, plan=msgspec.structs.replace(PLAN, stages=(1.0,)))
    shutil.copytree(tmp_path / "hub", tmp_path / "before")
    story.run(1)
    story.hub.observations.close()
    story.hub.store.close()
    story.directory = tmp_path / "before"
    story.hub = story.open()
    story.run(40)
    assert (story.job.state, story.steps(), story.running(2.0)) == (JobState.DONE, [{"done": 75}], 75)
    assert story.hub.queries.ledger().closes()
    story.hub.close()


def test_the_declared_plan_reaches_every_pole_in_a_working_day_whatever_ordinarily_goes_wrong() -> None:
    story = Story(Faults())
    story.begin(Sort.FIRMWARE, {"version": 2.0}, plan=load())
    story.run(12 * 60)
    assert (story.job.state, story.job.updated < START + 8 * HOUR_MS) == (JobState.DONE, True)
    assert story.steps() == [{"done": 1}, {"done": 7}, {"done": 30}, {"done": 36, "failed": 1}]
    story.hub.close()
