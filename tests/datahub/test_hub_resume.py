"""A hub that ended without a good-bye goes on as if nothing had happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack

from datahub.contract.codes import AckStatus, DeviceState
from datahub.contract.messages import Ack, Death, Reported
from datahub.events import CommandMoved, StateReported

STEPS = 12


def step(town: Town, number: int) -> list[object]:
    """One quantum of the town's life: noise that stands still, a meter with a gap, a pole that leaks for a while."""
    t = T0 + number * 15 * MINUTE
    leak = 0.05 if 4 <= number < 8 else 0.001
    town.send(pack(GATEWAY, [(201, "noise_dba", t, 50.0), (201, "leakage_current_a", t, leak)], first=2 * number))
    if number != 5:
        town.send(pack(101, [(101, "volume_m3", t, number / 4)], first=number))
    if number == 9:
        town.send(pack(101, [(101, "volume_m3", T0 + 5 * 15 * MINUTE, 5 / 4)], first=5))
    return list(town.hub.tick(t))


def born(town: Town) -> None:
    town.send(births(METER, devices=[101]), births(POST, devices=[201], nodes=[GATEWAY]))


def known(town: Town) -> tuple[object, ...]:
    queries = town.hub.queries
    latest = {device: queries.latest_of(device) for device in (101, 201)}
    return (
        town.stored(),
        queries.digest(),
        queries.ledger(),
        latest,
        queries.alarms(),
        queries.counts(),
        queries.ahead(),
    )


@pytest.mark.parametrize("written", [False, True], ids=["from the journal", "from the column store"])
@pytest.mark.parametrize("fall", [0, 3, 6, 9])
def test_a_hub_that_falls_between_steps_says_and_knows_the_same_as_one_that_did_not(
    tmp_path: Path, fall: int, written: bool
) -> None:
    whole, broken = Town(), Town(tmp_path)
    born(whole)
    born(broken)
    for number in range(STEPS):
        assert step(broken, number) == step(whole, number)
        if number == fall:
            if written:
                broken.hub.flush()
            broken.vanish()
            broken = Town(tmp_path)
    assert known(broken) == known(whole)
    assert any(row[4] for row in whole.stored())
    whole.hub.close()
    broken.hub.close()


def test_what_no_tick_had_seen_is_evaluated_by_the_next(tmp_path: Path) -> None:
    town = Town(tmp_path)
    born(town)
    status = town.hub.commands.order(201, "dim", arguments={"level_ratio": 0.5}, t=T0, expires=T0 + MINUTE, id="d1")
    assert status.status is AckStatus.SENT
    town.send(
        pack(GATEWAY, [(201, "noise_dba", T0, 55.5)]),
        Ack(node=GATEWAY, device=201, command="d1", status=AckStatus.DONE, t=T0 + 5),
        Reported(node=GATEWAY, device=201, t=T0 + 5, state={"level_ratio": 0.5}),
        Death(node=101, epoch=T0),
    )
    town.vanish()
    town = Town(tmp_path)
    events = town.hub.tick(T0 + MINUTE)
    assert StateReported(T0 + MINUTE, 201, {"level_ratio": 0.5}) in events
    assert CommandMoved(T0 + MINUTE, "d1", 201, AckStatus.DONE) in events
    assert town.hub.queries.new("noise_dba").value.tolist() == [55.5]
    assert town.hub.queries.counts()["water_meter"]["dead"] == 1
    town.vanish()
    town = Town(tmp_path)
    assert town.hub.tick(T0 + 2 * MINUTE) == []
    assert town.hub.queries.counts()["water_meter"]["dead"] == 1
    assert town.hub.queries.shadow(201).reported == {"level_ratio": 0.5}
    town.hub.close()


def test_working_life_and_wishes_survive(tmp_path: Path) -> None:
    town = Town(tmp_path)
    born(town)
    town.hub.lifecycle.move(101, DeviceState.MAINTENANCE, t=T0, by="seat 1")
    town.hub.commands.desire(201, {"level_ratio": 0.3}, T0)
    town.vanish()
    town = Town(tmp_path)
    assert town.hub.queries.stage(101) is DeviceState.MAINTENANCE
    assert town.hub.queries.shadow(201).delta == {"level_ratio": 0.3}
    town.send(births(METER, devices=[101], epoch=T0 + 1))
    assert town.hub.queries.stage(101) is DeviceState.MAINTENANCE
    assert town.hub.queries.counts()["water_meter"]["maintenance"] == 1
    town.hub.close()


def test_a_compacted_pack_journal_says_the_same(tmp_path: Path) -> None:
    town = Town(tmp_path)
    born(town)
    for number in range(STEPS):
        step(town, number)
    town.hub.flush()
    town.hub.compact()
    before = known(town)
    town.vanish()
    town = Town(tmp_path)
    assert known(town) == before
    assert len(town.hub.observations.packs()["node"]) == 2
    town.hub.close()
