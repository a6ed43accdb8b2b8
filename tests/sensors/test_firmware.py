"""Firmware over the air, on the devices' side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_town import NO_FAULTS, Town, town

from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.contract.codes import AckStatus
from datahub.contract.firmware import FIRMWARE, UPDATE_FIRMWARE
from datahub.contract.messages import Command
from datahub.contract.observations import ObservationBatch, concatenate
from sensors.firmware import LONGEST_S, SHORTEST_S

VALVE, POLE = "valve_actuator", "smart_pole"


def update(made: Town, kind: str, version: float = 2, *, row: int = 0, id: str = "u1") -> Command:  # noqa: A002
    node, device = made.device(kind, row)
    return Command(
        id=id,
        node=node,
        device=device,
        name=UPDATE_FIRMWARE,
        issued=made.now,
        expires=made.now + HOUR_MS,
        arguments={"version": version},
    )


def runs(made: Town, kind: str, row: int = 0) -> float:
    """The version that a device last reported."""
    return made.reported(made.device(kind, row)[1])[-1].state[FIRMWARE]


@pytest.mark.parametrize("kind", [VALVE, POLE, "signal_controller"])
def test_every_kind_with_a_command_link_takes_another_firmware_in_some_minutes_and_reports_it(kind: str) -> None:
    made = town(kind)
    made.run(1)
    made.order(update(made, kind))
    made.run(round(LONGEST_S / 60) + 1)
    accepted, done = made.acks("u1")
    assert (accepted.status, done.status) == (AckStatus.ACCEPTED, AckStatus.DONE)
    assert SHORTEST_S * SECOND_MS <= done.t - accepted.t <= LONGEST_S * SECOND_MS
    assert runs(made, kind) == 2.0
    made.order(update(made, kind, id="u2"))
    made.run(1)
    assert [(it.status, it.t - made.now) for it in made.acks("u2")] == [
        (AckStatus.ACCEPTED, -MINUTE_MS),
        (AckStatus.DONE, -MINUTE_MS),
    ], "what it runs already it need not load"


def test_a_device_neither_measures_nor_hears_while_it_updates_and_does_again_then() -> None:
    made = town("signal_controller")
    made.run(10)
    made.order(update(made, "signal_controller"))
    made.run(1)
    node, device = made.device("signal_controller")
    busy = Command("c1", node, device, "release", made.now, made.now + HOUR_MS)
    made.order(busy)
    made.run(60)
    accepted, done = made.acks("u1")
    assert made.acks("c1") == []
    silent, other = (said_between(made, it, accepted.t, done.t) for it in (0, 1))
    assert (silent, other > 0) == (0, True)
    assert said_between(made, 0, done.t, made.now) > 0


def said_between(made: Town, row: int, start: int, end: int) -> int:
    """Readings of a signal controller of times in between."""
    said = concatenate([it for it in made.up if isinstance(it, ObservationBatch)])
    device = made.device("signal_controller", row)[1]
    return int(((said.device == device) & (said.phenomenon_time > start) & (said.phenomenon_time < end)).sum())


@pytest.mark.parametrize("version", [0, 1.5, float("nan"), 2e6])
def test_what_is_no_version_is_refused_at_once(version: float) -> None:
    made = town(VALVE)
    made.order(update(made, VALVE, version))
    made.run(1)
    (refusal,) = made.acks("u1")
    assert refusal.status is AckStatus.REJECTED
    assert "whole number" in refusal.detail


def test_a_device_without_a_command_link_refuses() -> None:
    made = town("pressure_logger")
    made.order(update(made, "pressure_logger"))
    made.run(1)
    (refusal,) = made.acks("u1")
    assert (refusal.status, refusal.detail) == (AckStatus.REJECTED, "a pressure_logger takes no commands")


def test_a_damaged_load_is_said_and_the_old_version_goes_on() -> None:
    made = town(VALVE, faults=replace(NO_FAULTS, update_fail=1.0))
    made.order(update(made, VALVE))
    made.run(40)
    accepted, refused = made.acks("u1")
    assert (accepted.status, refused.status) == (AckStatus.ACCEPTED, AckStatus.REJECTED)
    assert refused.detail == "version 2 was damaged when it was loaded; still runs 1"
    assert runs(made, VALVE) == 1.0


def test_a_version_that_does_not_start_shows_only_in_what_the_device_reports() -> None:
    made = town(VALVE, faults=replace(NO_FAULTS, update_revert=1.0))
    made.order(update(made, VALVE))
    made.run(40)
    assert [it.status for it in made.acks("u1")] == [AckStatus.ACCEPTED, AckStatus.DONE]
    assert runs(made, VALVE) == 1.0


def test_a_pole_that_loses_its_power_on_the_way_comes_back_with_the_old_version() -> None:
    made = town(POLE)
    feeder = int(made.field.fleets[POLE].sites.columns["feeder"][0])
    made.order(update(made, POLE))
    made.run(1)
    made.field.world.power.fail(feeder)
    made.run(60)
    assert [it.status for it in made.acks("u1")] == [AckStatus.ACCEPTED], "the dark say nothing"
    made.field.world.power.restore(feeder)
    made.run(1)
    made.order(update(made, POLE, id="u2"))
    made.run(1)
    made.field.world.power.fail(feeder)
    made.run(1)
    made.field.world.power.restore(feeder)
    made.run(60)
    assert [(it.status, it.detail) for it in made.acks("u2")] == [
        (AckStatus.ACCEPTED, ""),
        (AckStatus.REJECTED, "went dark on the way to version 2; still runs 1"),
    ]


def test_declared_shares_of_updates_fail_and_the_same_ones_whoever_else_is_updated() -> None:
    faults = replace(NO_FAULTS, update_fail=0.3, update_revert=0.3)
    ends = []
    for turn in (1, 2):
        made = town(POLE, faults=faults)
        rows = range(0, len(made.field.fleets[POLE]), turn)
        made.order(*(update(made, POLE, row=row, id=f"u{row}") for row in rows))
        made.run(40)
        ends.append({row: (made.acks(f"u{row}")[-1].status, runs(made, POLE, row)) for row in rows})
    every, some = ends
    assert some == {row: every[row] for row in some}
    share = np.array([[end == it for end in every.values()] for it in ENDS]).mean(axis=1)
    spread = 4 * np.sqrt(0.25 / len(every))
    assert share == pytest.approx([0.3, 0.7 * 0.3, 0.7 * 0.7], abs=spread)
    assert share.sum() == pytest.approx(1.0)


ENDS = ((AckStatus.REJECTED, 1.0), (AckStatus.DONE, 1.0), (AckStatus.DONE, 2.0))


def test_updating_one_device_changes_no_reading_of_another() -> None:
    told = []
    for ordered in (False, True):
        made = town(POLE, seed=11, faults=replace(NO_FAULTS, noise=1.0))
        made.run(1)
        if ordered:
            made.order(update(made, POLE))
        made.run(60)
        said, updated = made.whole(POLE), made.device(POLE)[1]
        keep = said.device != updated
        told.append((said.device[keep].tolist(), said.phenomenon_time[keep].tolist(), said.value[keep].tolist()))
    assert told[0] == told[1]
    assert len(told[0][0]) > 100
