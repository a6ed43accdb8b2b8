"""One order to many devices: each has its own result, and who cannot follow stops nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births, pack

from datahub.commands import CommandRefused, Policy
from datahub.contract.codes import AckStatus, DeviceState
from datahub.contract.messages import Ack, Command
from datahub.devices.batches import Batch, Order, Result

POLES, MAD, OLD, TAP = (201, 202, 203, 204), 205, 206, 101
THRICE = Policy(retries=2, gap=3 * MINUTE)


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    equip(town)
    yield town
    town.hub.close()


def equip(town: Town) -> None:
    """Four poles, one in quarantine, one retired, and a meter that takes no orders."""
    town.send(births(POST, devices=[*POLES, MAD, OLD]), births(METER, devices=[TAP]))
    town.hub.tick(T0)
    town.hub.lifecycle.move(OLD, DeviceState.RETIRED, t=T0, by="lighting")
    readings = [(MAD, "noise_dba", T0 + i, 40.0 + i % 9) for i in range(12_000)]
    town.send(pack(MAD, readings))
    town.hub.tick(T0)
    town.field.receive()


def order(devices: tuple[int, ...], town: Town, *, policy: Policy = THRICE, id: str = "b1") -> Batch:  # noqa: A002
    told = Order(id, "dim", {"level_ratio": 0.5}, issued=T0, expires=T0 + 10 * MINUTE, policy=policy, by="lighting")
    return town.hub.batches.order(devices, told)


def ack(device: int, status: AckStatus, t: int, detail: str = "") -> Ack:
    return Ack(node=device, device=device, command=f"b1~{device}", status=status, t=t, detail=detail)


def sent(town: Town) -> list[int]:
    """Devices that got an order since the last look."""
    return [message.device for message in town.field.receive() if isinstance(message, Command)]


def some(town: Town) -> dict[str, int]:
    """How many have come how far, leaving out where nobody is."""
    return {status: count for status, count in town.hub.batches.status("b1").counts.items() if count}


def test_each_device_gets_its_order_and_has_its_result(town: Town) -> None:
    assert order((*POLES, MAD, OLD, TAP, 999), town).counts["sent"] == 4
    first, *_ = (message for message in town.field.receive())
    assert first == Command(
        id="b1~201",
        node=201,
        device=201,
        name="dim",
        issued=T0,
        expires=T0 + 10 * MINUTE,
        arguments={"level_ratio": 0.5},
    )
    town.send(
        ack(201, AckStatus.ACCEPTED, T0 + 5),
        ack(201, AckStatus.DONE, T0 + 9),
        ack(202, AckStatus.ACCEPTED, T0 + 6),
        ack(203, AckStatus.REJECTED, T0 + 7, "lamp broken"),
    )
    for minute in range(1, 11):
        town.hub.tick(T0 + minute * MINUTE)
    expired = T0 + 10 * MINUTE
    quarantine = "node 205, which speaks for device 205, is in quarantine; release it first"
    meter = "device 101 is a water_meter and does not take 'dim'; it takes: none"
    assert town.hub.batches.results("b1") == [
        Result(TAP, "refused", meter, T0, 0),
        Result(201, "done", "", T0 + 9, 1),
        Result(202, "accepted", "", T0 + 6, 1),
        Result(203, "rejected", "lamp broken", T0 + 7, 1),
        Result(204, "expired", "no answer in time", expired, 3),
        Result(MAD, "refused", quarantine, T0, 0),
        Result(OLD, "refused", f"device {OLD} is retired", T0, 0),
        Result(999, "refused", "no device 999 was ever born; see the registry for the devices there are", T0, 0),
    ]
    assert some(town) == {"refused": 4, "done": 1, "accepted": 1, "rejected": 1, "expired": 1}


def test_results_come_page_by_page_and_by_status(town: Town) -> None:
    order((*POLES, TAP, 999), town)
    first = town.hub.batches.results("b1", limit=2)
    rest = town.hub.batches.results("b1", after=first[-1].device)
    assert [one.device for one in (*first, *rest)] == [TAP, *POLES, 999]
    assert [one.device for one in town.hub.batches.results("b1", status="refused")] == [TAP, 999]
    assert [one.device for one in town.hub.batches.results("b1", status="sent", after=202)] == [203, 204]


@pytest.mark.parametrize(
    ("policy", "minutes"),
    [
        (Policy(0, MINUTE), []),
        (Policy(1, 4 * MINUTE), [4]),
        (Policy(3, 2 * MINUTE), [2, 4, 6]),
        (Policy(9, 4 * MINUTE), [4, 8]),
    ],
)
def test_who_does_not_answer_is_told_again_as_declared_until_the_order_expires(
    town: Town, policy: Policy, minutes: list[int]
) -> None:
    order((201, 202), town, policy=policy)
    assert sent(town) == [201, 202]
    town.send(ack(201, AckStatus.ACCEPTED, T0 + 5))
    again = []
    for minute in range(1, 13):
        town.hub.tick(T0 + minute * MINUTE)
        again += [(minute, device) for device in sent(town)]
    assert again == [(minute, 202) for minute in minutes]
    assert some(town) == {"accepted": 1, "expired": 1}


def test_the_same_batch_again_is_not_sent_again(town: Town) -> None:
    before = order((201, 202), town)
    sent(town)
    assert order((203,), town) == before
    assert sent(town) == []


def test_a_batch_that_reaches_nobody_is_refused_and_leaves_nothing(town: Town) -> None:
    first = "the first: device 101 is a water_meter and does not take 'dim'; it takes: none"
    with pytest.raises(CommandRefused, match=f"none of the 3 devices aimed at can follow; {first}"):
        order((TAP, OLD, 999), town)
    assert (town.hub.batches.latest(), town.hub.queries.audit(subject="b1"), sent(town)) == ([], [], [])
    before = order((201, TAP), town)
    assert order((TAP,), town) == before


def test_who_ordered_what_stands_in_the_audit_trail(town: Town) -> None:
    order((*POLES, 999), town)
    (row,) = town.hub.queries.audit(subject="b1")
    assert (row.t, row.who, row.action) == (T0, "lighting", "batch")
    assert row.detail == 'dim {"level_ratio":0.5} to 4 devices, 1 refused'


def test_a_batch_of_a_thousand_goes_out_with_one_order_and_is_answered_in_one_tick() -> None:
    town = Town()
    devices = tuple(range(10_001, 11_001))
    town.send(births(POST, devices=devices))
    town.hub.tick(T0)
    town.field.receive()
    order(devices, town)
    assert sent(town) == list(devices)
    town.send(*(ack(device, AckStatus.DONE, T0 + 5) for device in devices))
    assert len(town.hub.tick(T0 + MINUTE)) == 1_000
    assert some(town) == {"done": 1_000}
    town.hub.close()


def test_a_batch_goes_on_where_it_was_when_the_hub_is_opened_again(tmp_path: Path) -> None:
    town = Town(tmp_path, run="")
    equip(town)
    order((201, 202), town)
    town.send(ack(201, AckStatus.DONE, T0 + 5))
    town.vanish()
    again = Town(tmp_path, run="")
    told = []
    for minute in range(1, 11):
        again.hub.tick(T0 + minute * MINUTE)
        told += [(minute, device) for device in sent(again)]
    assert told == [(3, 202), (6, 202)]
    assert some(again) == {"done": 1, "expired": 1}
    again.hub.close()
