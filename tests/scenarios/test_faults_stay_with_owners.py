"""A burst of device faults is the owners' matter alone: the brain hears of each and raises nothing for it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from datetime import datetime

import simpy

from brain.model import (
    AlarmRaised,
    AnomalyFound,
    EventRaised,
    Message,
    PlanActivated,
    TaskOrdered,
    WarningIssued,
)
from datahub.contract.clock import MINUTE_MS, from_datetime
from datahub.devices.alarm_life import AlarmState
from datahub.transport.local import LocalBus
from scenarios.exchange import DirectExchange
from scenarios.platform import assemble
from scenarios.survey.city import load_city, sites
from sensors.chance import Seeds
from sensors.faults import Faults
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.world import World

START = from_datetime(datetime(2025, 6, 10, 6))  # noqa: DTZ001 - city-local, by daylight: no lamp burns
HOURS = 12


def test_a_burst_of_faults_raises_no_incident_and_every_fault_has_an_owner() -> None:
    bus, city, kinds, seeds = LocalBus(), load_city("harbour"), load_kinds(), Seeds(3)
    broken = dataclasses.replace(Faults(), stuck_year=400.0, silent_year=200.0, drift_year=400.0)
    names = ("smart_pole", "pressure_logger", "flow_logger", "hydrant_monitor")
    field = Field(
        simpy.Environment(START),
        World(city, (), seeds, start=START),
        kinds,
        {name: sites(city, kinds[name]) for name in names},
        bus.field_end,
        seeds,
        faults=broken,
    )
    platform = assemble(city, bus.city_end, DirectExchange({}, seeds), directory=None, run="faults", start=START)
    said: list[Message] = []
    field.begin()
    for minute in range(1, HOURS * 60 + 1):
        t = START + minute * MINUTE_MS
        field.run_to(t)
        field.end_quantum(t)
        platform.hub.intake()
        said += platform.quantum(t)
        field.receive()
    wards = platform.hub.queries.wards
    faults = wards.alarms(fault=True, limit=100_000)
    kinds_of = Counter(one.kind for one in faults)
    assert kinds_of["device_silent"] >= 10
    assert kinds_of["device_stuck"] >= 10
    raised = {one.id for one in said if isinstance(one, AlarmRaised) and one.fault}
    assert raised == {one.id for one in faults}
    still = [(one.kind, one.device) for one in wards.alarms(states=[AlarmState.OPENED], fault=True, limit=100_000)]
    assert len(still) == len(set(still)), "one open alarm for each device and kind"
    assert {one.owner for one in faults} <= set(city.departments), "no fault without an owner"
    assert [one for one in said if isinstance(one, AnomalyFound | PlanActivated | WarningIssued)] == []
    assert {one.type for one in said if isinstance(one, EventRaised)} == {"device_silent"}, "a case of the grid desk"
    assert {one.department for one in said if isinstance(one, TaskOrdered)} <= {"lighting"}, "and its owner's work"
    assert platform.brain.board.situation.incidents == ()
    platform.close()
