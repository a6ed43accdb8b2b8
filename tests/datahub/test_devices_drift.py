"""Real field devices that really drift: who creeps is found within days, and nobody else is accused."""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime

import numpy as np
import pytest
import simpy

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS, from_datetime
from datahub.devices.health_policy import load
from datahub.events import AlarmOpened
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.faults import Faults
from sensors.field import Field, Wrong
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10))  # noqa: DTZ001 - city-local, as from_datetime has it
DAYS, KIND, SEED = 6, "smart_pole", 7


def watched() -> tuple[set[tuple[int, str]], dict[tuple[int, str], Wrong], Field]:
    """Every pole of the harbour for six days with ten times the ordinary drift: who was accused, and the truth."""
    bus, city, kinds, seeds = LocalBus(), load_city("harbour"), load_kinds(), Seeds(SEED)
    faults = dataclasses.replace(Faults(), drift_year=3.0, drift_h=240.0)
    world = World(city, (), seeds, start=START)
    field = Field(
        simpy.Environment(START), world, kinds, {KIND: sites(city, kinds[KIND])}, bus.field_end, seeds, faults=faults
    )
    hub = Hub("harbour", "990100", None, bus.city_end, run="drift", start=START)
    field.begin()
    accused: set[tuple[int, str]] = set()
    truth: dict[tuple[int, str], Wrong] = {}
    for minute in range(1, DAYS * 24 * 60 + 181):
        t = START + minute * MINUTE_MS
        field.run_to(t)
        field.end_quantum(t)
        hub.intake()
        if minute % 10 == 0:
            said = hub.tick(t)
            accused |= {(e.device, e.property) for e in said if isinstance(e, AlarmOpened) and e.kind == "device_drift"}
        if t % HOUR_MS == 0:
            truth |= {(one.device, one.property): one for one in field.truth() if one.fault == "drift"}
        field.receive()
    hub.close()
    return accused, truth, field


def test_a_drift_is_found_within_days_and_healthy_devices_are_not_accused() -> None:
    accused, truth, field = watched()
    levels = len(field.fleets[KIND]) * sum(not one.cumulative for one in field.fleets[KIND].kind.descriptor.properties)
    assert levels > 700
    assert accused <= truth.keys(), "nobody is accused who did not drift (cited: one in 3e9 days of a normal series)"
    now = {(one.device, one.property) for one in field.truth() if one.fault == "drift"}
    begun = {key for key, one in truth.items() if one.since <= START + 3 * DAY_MS and key in now}
    assert len(begun) >= 5
    assert len(begun & accused) >= 0.75 * len(begun), f"missed: {sorted(begun - accused)}"


def test_the_cited_rate_of_false_alarms_is_that_of_a_cusum_with_the_declared_numbers() -> None:
    """Siegmund's formula at the declared allowance and limit; a smaller pair is checked against drawn series."""

    def run_length(k: float, h: float) -> float:
        b = h + 1.166
        return (math.exp(2 * k * b) - 2 * k * b - 1) / (2 * k**2) / 2

    policy = load()
    declared = run_length(policy.drift_allowance_sigma.value, policy.drift_limit_sigma.value)
    assert declared == pytest.approx(3.2e9, rel=0.05)
    rng, lengths = np.random.default_rng(5), np.zeros(4_000)
    upper, lower = np.zeros(4_000), np.zeros(4_000)
    running = np.ones(4_000, np.bool_)
    for n in range(1, 4_000):
        draw = rng.standard_normal(4_000)
        upper, lower = np.maximum(0, upper + draw - 0.5), np.maximum(0, lower - draw - 0.5)
        ended = running & (np.maximum(upper, lower) > 4)
        lengths[ended] = n
        running &= ~ended
    assert lengths.mean() == pytest.approx(run_length(0.5, 4), rel=0.1)
