"""Strangers at the door: what no device can be is refused by name, and nothing that it says harms the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as changed
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births, pack
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.contract.codes import Quality, Reason
from datahub.contract.messages import ArgumentDescriptor, Death, Marker, PropertyDescriptor, Reported
from datahub.contract.topics import Topics
from datahub.events import AlarmOpened, DevicesBorn
from datahub.hub import Hub
from datahub.transport.bus import Arrived
from datahub.transport.local import LocalBus

POLE = 201


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path, run="")
    town.send(births(POST, devices=[POLE]))
    town.hub.tick(T0)
    return town


def kind(**other: object) -> object:
    return msgspec.structs.replace(POST, name="new_kind", **other)


def one(**other: object) -> tuple[PropertyDescriptor, ...]:
    return (msgspec.structs.replace(POST.properties[0], **other),)


@pytest.mark.parametrize(
    "strange",
    [
        kind(report_s=1e300),
        kind(report_s=-1.0),
        kind(properties=tuple(msgspec.structs.replace(POST.properties[0], name=f"p{i}_pa") for i in range(2_000))),
        kind(properties=POST.properties[:1] * 2),
        kind(properties=one(low=1e300)),
        kind(properties=one(low=5.0, high=1.0)),
        kind(properties=one(period_s=1e12)),
        kind(properties=one(name="")),
        kind(commands=("x" * 100,)),
        kind(arguments=(ArgumentDescriptor("dance", "level_ratio", 0.0, 1.0),)),
        kind(arguments=(ArgumentDescriptor("dim", "level_ratio", 1.0, 0.0),)),
        kind(arguments=(ArgumentDescriptor("dim", "level_ratio", 0.0, 1e300),)),
        kind(arguments=(ArgumentDescriptor("dim", "level_ratio", 0.0, 1.0),) * 2),
        msgspec.structs.replace(POST, name=""),
    ],
)
def test_a_kind_without_measure_is_refused_and_the_hub_opens_again(town: Town, tmp_path: Path, strange) -> None:  # type: ignore[no-untyped-def]
    town.send(births(strange, devices=[777]), pack(777, [(777, "noise_dba", T0, 40.0)]))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.ledger().by_reason == {Reason.MALFORMED: 1, Reason.UNKNOWN_DEVICE: 1}
    town.hub.close()
    again = Town(tmp_path, run="")
    assert [it.name for it in again.hub.queries.kinds()] == ["smart_pole"]
    again.hub.close()


def test_a_stranger_does_not_change_what_a_known_kind_is(town: Town) -> None:
    for other in (
        msgspec.structs.replace(POST, properties=()),
        msgspec.structs.replace(
            POST, properties=(msgspec.structs.replace(POST.properties[0], high=0.0), POST.properties[1])
        ),
        msgspec.structs.replace(POST, report_s=1.0),
    ):
        town.send(births(other, devices=[777]))
    town.send(pack(POLE, [(POLE, "noise_dba", T0, 40.0)]))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.ledger().by_reason == {Reason.KIND_CONFLICT: 3}
    assert town.hub.queries.ledger().stored == 1
    assert len(town.hub.registry) == 1


def test_what_a_command_takes_may_be_told_later_and_then_stands(town: Town) -> None:
    def takes(high: float) -> object:
        return msgspec.structs.replace(POST, arguments=(ArgumentDescriptor("dim", "level_ratio", 0.0, high),))

    town.send(births(takes(1.0), devices=[202]))  # type: ignore[arg-type]
    for other in (takes(2.0), POST):
        town.send(births(other, devices=[203]))  # type: ignore[arg-type]
    assert town.hub.queries.ledger().by_reason == {Reason.KIND_CONFLICT: 2}
    assert town.hub.queries.kinds()[0] == takes(1.0)


def test_a_kind_may_gain_a_property(town: Town) -> None:
    more = PropertyDescriptor("tilt_deg", 0.01, 0.0, 90.0, 300.0)
    town.send(births(msgspec.structs.replace(POST, properties=(*POST.properties, more)), devices=[202]))
    town.send(pack(202, [(202, "tilt_deg", T0, 1.0)]))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.ledger().stored == 1


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"lon": np.array([1e300])}, Reason.MALFORMED),
        ({"lat": np.array([-91.0])}, Reason.MALFORMED),
        ({"device": np.array([-1])}, Reason.BAD_CODE),
        ({"node": np.array([0])}, Reason.BAD_CODE),
        ({"epoch": np.array([10**17])}, Reason.FAR_FUTURE),
        ({"epoch": np.array([-5])}, Reason.MALFORMED),
    ],
)
def test_what_no_device_can_be_is_refused(town: Town, columns: dict[str, np.ndarray], reason: Reason) -> None:
    town.send(changed(births(METER, devices=[101]), **columns))  # type: ignore[arg-type]
    assert town.hub.queries.ledger().by_reason == {reason: 1}
    town.send(births(METER, devices=[101]), pack(101, [(101, "volume_m3", T0, 1.0)]))
    assert town.hub.queries.ledger().stored == 1, "and the true one comes in after it"


def test_a_strict_hub_wants_check_digits() -> None:
    bus = LocalBus()
    hub = Hub("harbour", "440499", None, bus.city_end, run="test", start=T0, strict=True)
    good, bad = 99010122039000011, 99010122039000012
    bus.field_end.send(births(METER, devices=[good]))
    bus.field_end.send(births(METER, devices=[bad]))
    bus.field_end.send(Death(node=good, epoch=T0))
    bus.field_end.send(Death(node=good, epoch=T0 + DAY_MS))
    hub.intake()
    hub.tick(T0)
    assert hub.queries.devices().device.tolist() == [good]
    assert hub.queries.ledger().by_reason == {Reason.BAD_CODE: 1, Reason.UNKNOWN_DEVICE: 1}
    assert hub.queries.dead([good]).tolist() == [True]  # type: ignore[arg-type]


def test_time_leaps_only_when_it_is_told_twice(town: Town) -> None:
    def told(t: int) -> Marker | None:
        town.field.send(Marker(side="field", run="", t=t, sent=0))
        return town.hub.intake()

    assert told(T0 + MINUTE) is not None
    assert told(9 * 10**17) is None
    assert told(T0 + 40 * DAY_MS) is None, "once is a mistake or a lie"
    assert told(T0 + 2 * MINUTE) is not None
    assert told(T0 + 50 * DAY_MS) is None
    assert told(T0 + 50 * DAY_MS + MINUTE) is not None, "a field that goes on there does live there"
    assert town.hub.queries.ledger().by_reason == {Reason.FAR_FUTURE: 3}


def test_a_reading_from_the_time_to_come_does_not_mute_the_alarms_until_then(town: Town) -> None:
    town.send(pack(POLE, [(POLE, "leakage_current_a", T0 + 23 * HOUR_MS, 0.0)]))
    town.hub.tick(T0 + MINUTE)
    town.send(pack(POLE, [(POLE, "leakage_current_a", T0 + 2 * MINUTE, 0.9)], first=1))
    events = town.hub.tick(T0 + 2 * MINUTE)
    assert [it.value for it in events if isinstance(it, AlarmOpened)] == [0.9]
    t, value, quality = town.hub.queries.latest_of(POLE)["leakage_current_a"]
    assert (t, value, quality & Quality.LATE) == (T0 + 2 * MINUTE, 0.9, 0)


def test_an_epoch_in_which_a_node_was_never_born_brings_nothing(town: Town) -> None:
    reading = [(POLE, "noise_dba", T0, 40.0)]
    town.send(pack(POLE, reading))
    for epoch in (0, 1, 2, T0 - 1):
        town.send(pack(POLE, reading, epoch=epoch))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.ledger().stored == 1
    assert town.hub.queries.ledger().by_reason == {Reason.UNKNOWN_DEVICE: 4}


def test_what_a_node_said_before_its_power_was_cut_still_comes_in_even_after_a_restart(
    town: Town, tmp_path: Path
) -> None:
    town.send(births(POST, devices=[POLE], epoch=T0 + HOUR_MS))
    town.send(pack(POLE, [(POLE, "noise_dba", T0 + HOUR_MS, 41.0)], epoch=T0 + HOUR_MS))
    town.hub.tick(T0 + HOUR_MS)
    town.hub.close()
    again = Town(tmp_path, run="")
    again.send(pack(POLE, [(POLE, "noise_dba", T0 + MINUTE, 40.0)]))
    assert again.hub.queries.ledger().stored == 2
    assert again.hub.queries.ledger().by_reason == {}
    again.hub.close()


def test_a_node_that_is_born_anew_is_heard_in_the_same_breath(town: Town) -> None:
    town.send(births(POST, devices=[POLE], epoch=T0 + 5), pack(POLE, [(POLE, "noise_dba", T0, 40.0)], epoch=T0 + 5))
    assert town.hub.queries.ledger().stored == 1
    assert town.hub.queries.ledger().by_reason == {}


def test_a_shadow_has_bounds(town: Town) -> None:
    many = {f"setting_{i}": 1.0 for i in range(65)}
    for state, t in ((many, T0), ({"x": 1e300}, T0), ({"": 1.0}, T0), ({"dimming_ratio": 0.5}, 10**17)):
        town.send(Reported(node=POLE, device=POLE, t=t, state=state))
    town.send(Reported(node=POLE, device=POLE, t=T0, state={"dimming_ratio": 0.7}))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.shadows.get(POLE).reported == {"dimming_ratio": 0.7}
    assert town.hub.queries.ledger().by_reason == {Reason.MALFORMED: 4}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
SOUND = msgspec.to_builtins(POST)


@pytest.fixture(scope="module")
def long_lived() -> Iterator[Town]:
    """A town that hears one birth an hour; opening one for each would take longer than all it hears."""
    town = Town(run="")
    yield town
    town.vanish()


@settings(deadline=None, max_examples=300)
@given(
    name=st.sampled_from(["node", "epoch", "kind", "devices", "schema"]),
    inner=st.sampled_from(["", "report_s", "properties", "name", "commands"]),
    value=JSON,
)
def test_any_birth_is_taken_or_refused_and_counted(long_lived: Town, name: str, inner: str, value: object) -> None:
    town = long_lived
    body = {
        "node": POLE,
        "epoch": T0,
        "kind": SOUND,
        "devices": [{"device": POLE, "object": 1, "lon": 1.0, "lat": 1.0}],
    }
    body |= {name: dict(SOUND) | {inner: value} if name == "kind" and inner else value}  # type: ignore[operator]
    topic = Topics("harbour").of(POLE, "birth")  # type: ignore[arg-type]
    before = town.hub.queries.ledger().unattributed
    town.bus.upward.append(Arrived(topic, msgspec.json.encode(body), 1, 1))  # type: ignore[arg-type]
    town.hub.intake()
    events = town.hub.tick((town.hub.now or T0) + HOUR_MS)
    ledger = town.hub.queries.ledger()
    born = any(isinstance(event, DevicesBorn) for event in events)
    assert born or ledger.unattributed > before or body["devices"] == []
    assert ledger.closes()
