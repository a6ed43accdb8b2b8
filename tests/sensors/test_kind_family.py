"""Every kind of sensor there is keeps its promises on the harbour city."""

from __future__ import annotations

import re

import numpy as np
import pytest
from field_town import DAY, START, Town, harbour, town

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS
from datahub.contract.firmware import UPDATE, UPDATE_FIRMWARE
from datahub.contract.observations import ObservationBatch, concatenate
from datahub.contract.units import unit_of
from datahub.devices.coding import CLASSES, DEVICE_MAJOR, split, valid
from scenarios.survey.city import sites
from sensors.actuator import load_actuators
from sensors.kind import BATTERY, load_kinds

KINDS = load_kinds()
ACTUATORS = load_actuators()
Said = dict[str, ObservationBatch]


@pytest.fixture(scope="module")
def day() -> Town:
    """A day of all kinds, as their makers promise them, with readings as they come."""
    made = town()
    made.run(DAY)
    return made


@pytest.fixture(scope="module")
def said(day: Town) -> Said:
    """What each kind said that day."""
    return {name: day.whole(name) for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_declared_whole(name: str) -> None:
    kind = KINDS[name]
    names = [it.name for it in kind.descriptor.properties]
    measured = [it for it in names if it != BATTERY]

    for it in names:
        unit_of(it)  # raises where a property's name carries no unit
    assert len(kind.accuracy) == len(measured)
    assert (BATTERY in names) == (kind.battery_years > 0)
    assert names == [*measured, *names[len(measured) :]]
    assert bool(kind.behind) == bool(kind.gateway_code)
    assert kind.descriptor.report_s == kind.report_s
    assert all(it.zh and it.en for it in (kind.descriptor, *kind.descriptor.properties))
    assert all(it.low < it.high and it.resolution > 0 for it in kind.descriptor.properties)


@pytest.mark.parametrize("name", KINDS)
def test_the_class_of_a_kind_is_four_digits_for_devices_and_nobody_elses(name: str) -> None:
    kind = KINDS[name]
    others = {code for it in KINDS.values() if it is not kind for code in (it.code, it.gateway_code)}

    assert re.fullmatch(DEVICE_MAJOR + "[0-9]{2}", kind.code)
    assert kind.code not in {*others, kind.gateway_code, *CLASSES.values()}
    assert re.fullmatch(f"({DEVICE_MAJOR}[0-9]{{2}})?", kind.gateway_code)


@pytest.mark.parametrize("name", KINDS)
def test_times_between_reports_are_whole_minutes_and_whole_samplings(name: str) -> None:
    kind = KINDS[name]
    at = sites(harbour(), kind)
    paces = kind.pace(at) if kind.pace else np.array([kind.report_s])

    assert kind.sample_s % 60 == 0
    assert (paces % kind.sample_s == 0).all()
    assert paces.max() == kind.report_s


@pytest.mark.parametrize("name", KINDS)
def test_commands_are_those_of_the_actuator_and_the_update_of_its_firmware(name: str) -> None:
    actuator = ACTUATORS.get(name)
    descriptor = KINDS[name].descriptor
    assert set(descriptor.commands) == ({*actuator.commands, UPDATE_FIRMWARE} if actuator else set())
    assert descriptor.arguments == ((*actuator.arguments(), UPDATE) if actuator else None)


@pytest.mark.parametrize("name", KINDS)
def test_every_reading_is_finite_within_range_and_rounded(name: str, said: Said) -> None:
    batch = said[name].check()
    properties = KINDS[name].descriptor.properties
    assert batch.properties == tuple(it.name for it in properties)
    assert np.unique(batch.property).tolist() == list(range(len(properties)))
    for place, declared in enumerate(properties):
        value = batch.value[batch.property == place]
        steps = value / declared.resolution
        assert (value >= declared.low).all()
        assert (value <= declared.high).all()
        assert np.abs(steps - np.rint(steps)).max() < 1e-6


@pytest.mark.parametrize("name", KINDS)
def test_a_device_says_in_a_day_what_its_periods_promise(name: str, day: Town, said: Said) -> None:
    kind, n = KINDS[name], len(day.field.fleets[name])
    for place, declared in enumerate(kind.descriptor.properties):
        count = int((said[name].property == place).sum())
        promised = n * DAY_MS / 1_000 / declared.period_s
        slack = n * kind.report_s / declared.period_s  # what lies before the first report is not sent yet
        assert promised - slack <= count <= promised + (slack if kind.watch else 0), declared.name


@pytest.mark.parametrize("name", KINDS)
def test_devices_speak_through_a_node_with_a_valid_code_of_its_class(name: str, day: Town) -> None:
    kind = KINDS[name]
    nodes = day.field.fleets[name].nodes.code

    assert valid(nodes).all()
    assert set(split(nodes)[1].tolist()) == {int(kind.gateway_code or kind.code)}


@pytest.mark.parametrize("name", KINDS)
def test_readings_are_of_the_time_they_name(name: str, said: Said) -> None:
    kind, batch = KINDS[name], said[name]
    age = batch.result_time[batch.pack] - batch.phenomenon_time
    assert (age >= 0).all()
    assert (age <= kind.report_s * 1_000 + HOUR_MS * kind.frozen).all()
    assert (batch.phenomenon_time % MINUTE_MS == 0).all()


def test_a_water_meter_freezes_at_full_hours_and_reports_once_a_day(day: Town, said: Said) -> None:
    batch = said["water_meter"]
    assert (batch.phenomenon_time % HOUR_MS == 0).all()
    assert sorted(batch.node.tolist()) == day.field.fleets["water_meter"].nodes.code.tolist()
    assert set(batch.counts.tolist()) == {25}


def test_a_meter_never_runs_back(day: Town, said: Said) -> None:
    batch = said["water_meter"]
    volumes = batch.value[batch.property == 0].reshape(-1, 24)
    assert len(volumes) == len(day.field.fleets["water_meter"])
    assert (np.diff(volumes, axis=1) >= 0).all()
    assert (volumes[:, -1] > volumes[:, 0]).mean() > 0.95


def test_a_dark_lamp_shows_in_its_power_while_its_controller_calls_for_light() -> None:
    made = town("smart_pole")
    made.field.world.street.fail(3)
    made.run(23 * 60)
    at_night = [it for it in made.batches() if it.result_time[0] > START + 22 * HOUR_MS]
    batch = concatenate(at_night)
    power, dimming, light = (
        dict(zip(batch.device[batch.property == it].tolist(), batch.value[batch.property == it], strict=True))
        for it in (0, 1, 9)
    )
    dark = made.device("smart_pole", 3)[1]

    assert set(dimming.values()) == {1.0}
    assert [device for device, watts in power.items() if watts < 10] == [dark]
    assert light[dark] < 3 < min(value for device, value in light.items() if device != dark)


def test_by_day_lamps_are_off_and_say_so() -> None:
    made = town("smart_pole")
    made.run(12 * 60)
    noon = [it for it in made.batches() if it.result_time[0] > START + 11 * HOUR_MS]

    assert noon
    assert all((batch.value[batch.property <= 1] == 0).all() for batch in noon)
