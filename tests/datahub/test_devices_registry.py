"""Which devices there are, and how they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack
from hypothesis import given
from hypothesis import strategies as st

from datahub.contract.codes import DeviceState
from datahub.contract.errors import IllegalMove, UsageError
from datahub.contract.messages import BirthBatch, Death, KindDescriptor, PropertyDescriptor
from datahub.devices.lifecycle import MOVES, check
from datahub.devices.registry import Registry
from datahub.devices.silence import FOR_EVER, tolerated_ms
from datahub.events import AlarmClosed, AlarmOpened, DevicesBorn

BORN = (
    births(METER, devices=[105, 101]),
    births(METER, devices=[103]),
    births(POST, devices=[102, 104], nodes=[GATEWAY, GATEWAY]),
    births(METER, devices=[103], epoch=T0 + 5),
)


def columns(registry: Registry) -> tuple[list[float], ...]:
    registry.settle()
    names = [registry.kinds.kinds[k].name for k in registry.kind]
    parts = (registry.device, registry.object, registry.node, registry.lon, registry.slot, registry.nodes.node)
    return (*(part.tolist() for part in parts), registry.nodes.epoch.tolist(), names)  # type: ignore[return-value]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(BORN)))))
def test_the_registry_is_the_same_whatever_the_order_of_births(order: tuple[int, ...]) -> None:
    straight, shuffled = Registry(), Registry()
    for batch in BORN:
        straight.learn(batch)
    for at in order:
        shuffled.learn(BORN[at])
        if at % 2:
            shuffled.settle()
    assert columns(shuffled) == columns(straight)


def test_every_device_and_property_has_a_slot_of_its_own() -> None:
    registry = Registry()
    for batch in BORN:
        registry.learn(batch)
    registry.settle()
    slots = [registry.slot_of(device, "volume_m3") for device in (101, 103, 105)]
    slots += [registry.slot_of(d, name) for d in (102, 104) for name in ("leakage_current_a", "noise_dba")]
    assert sorted(slots) == list(range(7)) == list(range(registry.slots))
    assert registry.slot_of(101, "noise_dba") == registry.slot_of(999, "volume_m3") == -1


def test_latest_values_stay_with_their_device_when_more_are_born_between() -> None:
    town = Town()
    town.send(births(METER, devices=[101, 109]), births(POST, devices=[205], nodes=[GATEWAY]))
    town.send(pack(101, [(101, "volume_m3", T0, 1.0)]), pack(109, [(109, "volume_m3", T0, 9.0)]))
    town.send(pack(GATEWAY, [(205, "noise_dba", T0, 55.0)]))
    town.hub.tick(T0)
    town.send(births(METER, devices=[100, 105, 300]), births(POST, devices=[204, 206], nodes=[GATEWAY, GATEWAY]))
    town.send(pack(105, [(105, "volume_m3", T0, 5.0)]))
    town.hub.tick(T0 + MINUTE)
    found = town.hub.queries.latest("volume_m3")
    assert dict(zip(found.device.tolist(), found.value.tolist(), strict=True)) == {101: 1.0, 105: 5.0, 109: 9.0}
    assert town.hub.queries.latest("noise_dba").device.tolist() == [205]
    assert town.hub.queries.latest_of(205) == {"noise_dba": (T0, 55.0, 0)}
    town.hub.close()


def test_a_kind_that_comes_back_with_a_new_property_keeps_what_it_had() -> None:
    town = Town()
    town.send(births(METER, devices=[101, 102]))
    town.send(pack(101, [(101, "volume_m3", T0, 1.0)]), pack(102, [(102, "volume_m3", T0, 2.0)]))
    town.hub.tick(T0)
    battery = PropertyDescriptor("battery_v", 0.01, 0.0, 5.0, 86_400.0)
    newer = KindDescriptor("water_meter", "水表", "meter", (battery, *METER.properties), (), METER.report_s)
    town.send(births(newer, devices=[101, 102], epoch=T0 + 1))
    town.send(pack(101, [(101, "battery_v", T0 + 1, 3.6)], epoch=T0 + 1))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.latest_of(101) == {"battery_v": (T0 + 1, 3.6, 0), "volume_m3": (T0, 1.0, 0)}
    assert town.hub.queries.latest_of(102) == {"volume_m3": (T0, 2.0, 0)}
    town.hub.close()


def test_births_are_told_at_the_tick_by_kind() -> None:
    town = Town()
    town.send(*BORN)
    assert town.hub.tick(T0) == [DevicesBorn(T0, "smart_pole", 2), DevicesBorn(T0, "water_meter", 4)]
    assert town.hub.tick(T0 + MINUTE) == []
    town.hub.close()


def test_a_million_meters_are_found_by_code() -> None:
    n = 1_000_000
    device = np.arange(n, dtype=np.int64) * 10 + 44_0402_2101_0000_000
    registry = Registry()
    place = np.full(n, 22.0)
    registry.learn(BirthBatch(METER, device, np.full(n, T0), device, device, place, place))
    registry.settle()
    wanted = device[::-997]
    assert (registry.device[registry.rows(wanted)] == wanted).all()
    assert (registry.rows(wanted + 1) == -1).all()
    assert registry.slots == n


def test_a_node_that_says_nothing_for_long_is_a_fault_until_it_speaks() -> None:
    town = Town()
    town.send(births(POST, devices=[201, 202], nodes=[GATEWAY, GATEWAY]), births(METER, devices=[101]))
    said = [event for minute in range(0, 131, 5) for event in town.hub.tick(T0 + minute * MINUTE)][2:]
    fell = T0 + 125 * MINUTE
    alarm = f"device_silent:{GATEWAY}:{fell}"
    assert said == [AlarmOpened(fell, alarm, "device_silent", GATEWAY, "", 125 * 60.0, 120 * 60.0, True)]
    assert town.hub.queries.counts()["smart_pole"] == {
        "online": 0,
        "silent": 2,
        "dead": 0,
        "maintenance": 0,
        "retired": 0,
    }
    town.send(pack(GATEWAY, [(201, "noise_dba", T0 + 134 * MINUTE, 50.0)]))
    assert town.hub.tick(T0 + 135 * MINUTE) == [AlarmClosed(T0 + 135 * MINUTE, alarm, "device_silent", GATEWAY)]
    town.hub.close()


def test_the_dead_are_not_silent_and_a_birth_brings_them_back() -> None:
    town = Town()
    town.send(births(POST, devices=[201], nodes=[GATEWAY]), births(METER, devices=[101, 102]))
    town.send(Death(node=GATEWAY, epoch=T0, carried=(101,)))
    town.hub.tick(T0)
    assert town.hub.tick(T0 + 60 * MINUTE) == []
    assert [town.hub.queries.counts()[kind]["dead"] for kind in ("smart_pole", "water_meter")] == [1, 1]
    town.send(births(POST, devices=[201], nodes=[GATEWAY], epoch=T0 + 60 * MINUTE))
    assert town.hub.queries.counts()["smart_pole"]["online"] == 1
    town.send(Death(node=GATEWAY, epoch=T0))
    town.hub.tick(T0 + 61 * MINUTE)
    assert town.hub.queries.counts()["smart_pole"]["online"] == 1
    town.hub.close()


def test_what_speaks_on_events_only_is_never_silent() -> None:
    assert tolerated_ms(KindDescriptor("button", "按钮", "button")) == FOR_EVER


@given(st.lists(st.sampled_from(DeviceState), max_size=8))
def test_a_working_life_follows_its_table(wanted: list[DeviceState]) -> None:
    stage = DeviceState.PLANNED
    for to in wanted:
        if to in MOVES[stage]:
            check("pole 1", stage, to)
            stage = to
        else:
            with pytest.raises(IllegalMove, match="pole 1"):
                check("pole 1", stage, to)
    assert stage is not DeviceState.RETIRED or MOVES[stage] == ()


def test_maintenance_is_written_down_and_retirement_is_final() -> None:
    town = Town()
    town.send(births(METER, devices=[101]))
    life = town.hub.lifecycle
    life.move(101, DeviceState.MAINTENANCE, t=T0, by="seat 1")
    life.move(101, DeviceState.RETIRED, t=T0 + 1, by="seat 1")
    with pytest.raises(IllegalMove, match="final"):
        life.move(101, DeviceState.ACTIVE, t=T0 + 2, by="seat 1")
    with pytest.raises(UsageError, match="7 has no life on record"):
        life.stage(7)
    assert town.hub.queries.counts()["water_meter"]["retired"] == 1
    town.hub.close()
