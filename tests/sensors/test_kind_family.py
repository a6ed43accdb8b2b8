"""Every kind of sensor there is keeps its promises on the harbour city."""

from __future__ import annotations

import numpy as np
import pytest
from field_town import DAY, START, Town, harbour, town

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS
from datahub.contract.units import unit_of
from datahub.devices.coding import CLASSES, split, valid
from scenarios.survey.city import sites
from sensors.actuator import load_actuators
from sensors.kind import BATTERY, load_kinds

KINDS = load_kinds()
ACTUATORS = load_actuators()


@pytest.fixture(scope="module")
def day() -> Town:
    """A day of all kinds, as their makers promise them, with readings as they come."""
    made = town()
    made.run(DAY)
    return made


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_is_declared_whole(name: str) -> None:
    kind = KINDS[name]
    names = [it.name for it in kind.descriptor.properties]
    measured = [it for it in names if it != BATTERY]

    assert [unit_of(it) is not None for it in names] == [True] * len(names)
    assert len(kind.accuracy) == len(measured)
    assert (BATTERY in names) == (kind.battery_years > 0)
    assert names == [*measured, *names[len(measured) :]]
    assert kind.code == CLASSES[name]
    assert kind.gateway_code in {"", *CLASSES.values()}
    assert bool(kind.behind) == bool(kind.gateway_code)
    assert kind.descriptor.report_s == kind.report_s
    assert all(it.zh and it.en for it in (kind.descriptor, *kind.descriptor.properties))
    assert all(it.low < it.high and it.resolution > 0 for it in kind.descriptor.properties)


@pytest.mark.parametrize("name", KINDS)
def test_times_between_reports_are_whole_minutes_and_whole_samplings(name: str) -> None:
    kind = KINDS[name]
    at = sites(harbour(), kind)
    paces = kind.pace(at) if kind.pace else np.array([kind.report_s])

    assert kind.sample_s % 60 == 0
    assert (paces % kind.sample_s == 0).all()
    assert paces.max() == kind.report_s


@pytest.mark.parametrize("name", KINDS)
def test_commands_are_those_of_the_actuator(name: str) -> None:
    actuator = ACTUATORS.get(name)
    assert set(KINDS[name].descriptor.commands) == (set(actuator.commands) if actuator else set())


@pytest.mark.parametrize("name", KINDS)
def test_every_reading_is_finite_within_range_and_rounded(name: str, day: Town) -> None:
    batches = day.batches(name)
    seen = set()
    for batch in batches:
        batch.check()
        for place in np.unique(batch.property):
            declared = KINDS[name].descriptor.properties[place]
            assert batch.properties[place] == declared.name
            value = batch.value[batch.property == place]
            steps = value / declared.resolution
            assert (value >= declared.low).all()
            assert (value <= declared.high).all()
            assert np.abs(steps - np.rint(steps)).max() < 1e-6
            seen.add(declared.name)
    assert seen == {it.name for it in KINDS[name].descriptor.properties}


@pytest.mark.parametrize("name", KINDS)
def test_a_device_says_in_a_day_what_its_periods_promise(name: str, day: Town) -> None:
    kind = KINDS[name]
    fleet = day.field.fleets[name]
    watching = kind.watch is not None
    for place, declared in enumerate(kind.descriptor.properties):
        said = sum(int((batch.property == place).sum()) for batch in day.batches(name))
        promised = len(fleet) * DAY_MS / 1_000 / declared.period_s
        slack = len(fleet) * kind.report_s / declared.period_s  # the first report, and the last one, are on their way
        assert promised - slack <= said <= promised + (slack if watching else 0), declared.name


@pytest.mark.parametrize("name", KINDS)
def test_devices_speak_through_a_node_with_a_valid_code_of_its_class(name: str, day: Town) -> None:
    kind = KINDS[name]
    nodes = day.field.fleets[name].nodes.code

    assert valid(nodes).all()
    assert set(split(nodes)[1].tolist()) == {int(kind.gateway_code or kind.code)}


def test_readings_are_of_the_time_they_name(day: Town) -> None:
    for name, kind in KINDS.items():
        for batch in day.batches(name):
            age = batch.result_time[batch.pack] - batch.phenomenon_time
            assert (age >= 0).all()
            assert (age <= kind.report_s * 1_000 + HOUR_MS * kind.frozen).all()
            assert (batch.phenomenon_time % MINUTE_MS == 0).all()


def test_a_water_meter_freezes_at_full_hours_and_reports_once_a_day(day: Town) -> None:
    fleet = day.field.fleets["water_meter"]
    whole = day.batches("water_meter")
    volumes = [(batch.property == 0) for batch in whole]

    assert all((batch.phenomenon_time[kept] % HOUR_MS == 0).all() for batch, kept in zip(whole, volumes, strict=True))
    assert sum(batch.packs for batch in whole) == len(fleet)
    assert {int(count) for batch in whole for count in batch.counts} == {25}


def test_a_meter_never_runs_back(day: Town) -> None:
    last: dict[int, float] = {}
    for batch in day.batches("water_meter"):
        for device, prop, value in zip(batch.device, batch.property, batch.value, strict=True):
            if prop == 0:
                assert value >= last.get(int(device), 0.0)
                last[int(device)] = value
    assert len(last) == len(day.field.fleets["water_meter"])


def test_a_dark_lamp_shows_in_its_power_while_its_controller_calls_for_light() -> None:
    made = town("smart_pole")
    made.field.world.street.fail(3)
    made.run(23 * 60)
    at_night = [it for it in made.batches() if it.result_time[0] > START + 22 * HOUR_MS]
    power, dimming, light = (
        {
            int(device): value
            for batch in at_night
            for device, value in zip(
                batch.device[batch.property == place], batch.value[batch.property == place], strict=True
            )
        }
        for place in (0, 1, 9)
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
