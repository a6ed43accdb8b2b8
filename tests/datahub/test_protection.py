"""A mad node does not fill the database, a thief does not get another's device, and a false death does not last."""

from __future__ import annotations

from pathlib import Path

import pytest
from hub_town import METER, MINUTE, POST, T0, Town, births, pack
from sqlalchemy import create_engine, text

from datahub.contract.codes import DeviceState, Reason
from datahub.contract.errors import DeclarationError, UsageError
from datahub.contract.messages import Death, Lost, Reported
from datahub.devices.credentials import Credentials, Role
from datahub.devices.guard import FILE, FLOOD, RUBBISH, load
from datahub.events import AlarmClosed, AlarmOpened
from datahub.store.migrations import HUB, bring_up
from datahub.transport.bus import Arrived

POLE, OTHER, THIEF = 201, 202, 666


@pytest.fixture
def town() -> Town:
    town = Town()
    town.send(births(POST, devices=[POLE, OTHER]), births(METER, devices=[101]))
    town.hub.tick(T0)
    return town


def flood(town: Town, count: int, *, first: int, minute: int, node: int = POLE) -> list[AlarmOpened | AlarmClosed]:
    """One pack of so many readings, evaluated at a minute."""
    readings = [(node, "noise_dba", T0 + minute * MINUTE + i, 40.0 + i % 9) for i in range(count)]
    town.send(pack(node, readings, first=first))
    events = town.hub.tick(T0 + minute * MINUTE)
    return [one for one in events if isinstance(one, AlarmOpened | AlarmClosed) and one.kind == FLOOD]


def test_a_pole_may_send_two_days_of_readings_at_once_and_no_more(town: Town) -> None:
    promised = 2 * 10 * 172_800 // 300  # two properties every five minutes, ten times that, for two days
    assert flood(town, promised, first=0, minute=1) == []
    (alarm,) = flood(town, 500, first=promised, minute=2)
    assert isinstance(alarm, AlarmOpened)
    assert (alarm.device, alarm.fault) == (POLE, True)
    assert flood(town, 10, first=promised + 500, minute=3) == [], "once is enough"
    ledger = town.hub.queries.ledger()
    assert ledger.by_reason == {Reason.QUARANTINED: 10}
    assert ledger.rejected == 10
    assert ledger.closes()
    assert town.hub.queries.health().quarantined_nodes == 1


def test_what_a_node_in_quarantine_says_moves_its_window_and_nothing_else(town: Town) -> None:
    flood(town, 12_000, first=0, minute=1)
    before = len(town.stored())
    flood(town, 7, first=12_000, minute=2)
    town.send(Reported(node=POLE, device=POLE, t=T0, state={"dimming_ratio": 0.5}))
    town.hub.tick(T0 + 3 * MINUTE)
    assert len(town.stored()) == before
    assert town.hub.registry.windows.watermark(town.hub.registry.nodes.rows([POLE]), [T0]).tolist() == [12_006]  # type: ignore[arg-type]
    assert town.hub.shadows.get(POLE).reported == {}
    assert flood(town, 5, first=0, minute=4, node=OTHER) == [], "another node is not touched"
    assert town.hub.queries.ledger().by_reason == {Reason.QUARANTINED: 8}


def test_a_node_in_quarantine_bears_nobody_and_gives_nothing_up(town: Town) -> None:
    flood(town, 12_000, first=0, minute=1)
    town.send(births(METER, devices=range(1000, 1500), nodes=[POLE] * 500, epoch=T0 + MINUTE))
    town.send(Lost(node=POLE, epoch=T0, first=12_000, last=12_004, t=T0 + MINUTE, why="memory full"))
    town.hub.tick(T0 + 2 * MINUTE)
    assert len(town.hub.queries.devices()) == 3
    assert town.hub.registry.nodes.epoch[town.hub.registry.nodes.row(POLE)] == T0
    assert town.hub.gaps.open(node=POLE) == []
    assert town.hub.queries.ledger().lost == 0
    assert town.hub.queries.ledger().by_reason == {Reason.QUARANTINED: 501}


def test_a_release_that_was_not_told_before_a_crash_is_told_after_it(tmp_path: Path) -> None:
    town = Town(tmp_path, run="")
    town.send(births(POST, devices=[POLE]))
    flood(town, 12_000, first=0, minute=1)
    town.hub.release(POLE, by="lighting desk")
    town.vanish()
    again = Town(tmp_path, run="")
    (closed,) = [one for one in again.hub.tick(T0 + 2 * MINUTE) if isinstance(one, AlarmClosed)]
    assert (closed.kind, closed.device) == (FLOOD, POLE)
    assert again.hub.queries.alarms() == []
    again.hub.close()


def test_an_operator_lets_a_node_out_and_both_stand_in_the_audit_trail(town: Town) -> None:
    flood(town, 12_000, first=0, minute=1)
    town.hub.release(POLE, by="lighting desk")
    (closed,) = flood(town, 5, first=12_000, minute=2)
    assert isinstance(closed, AlarmClosed)
    assert town.hub.queries.ledger().by_reason == {}
    assert [(one.who, one.action, one.subject) for one in town.hub.queries.audit()] == [
        ("lighting desk", "release", str(POLE)),
        ("hub", "quarantine", str(POLE)),
    ]
    (row,) = town.hub.queries.quarantine()
    assert (row.node, row.why, row.by) == (POLE, FLOOD, "lighting desk")
    with pytest.raises(UsageError, match="not in quarantine"):
        town.hub.release(POLE, by="anybody")


def test_the_order_in_which_packs_come_does_not_decide_who_is_mad() -> None:
    counts = []
    for turn in (1, -1):
        town = Town()
        town.send(births(POST, devices=[POLE]))
        packs = [
            pack(POLE, [(POLE, "noise_dba", T0 + i, 40.0 + i % 9) for i in range(a, a + 3_000)], first=a)
            for a in range(0, 15_000, 3_000)
        ]
        for one in packs[::turn]:
            town.send(one)
        town.hub.tick(T0 + MINUTE)
        counts.append((town.hub.queries.ledger().stored, town.hub.queries.health().quarantined_nodes))
    assert counts == [(15_000, 1)] * 2


def test_rubbish_on_a_nodes_topic_is_borne_once_a_minute_and_no_more(town: Town) -> None:
    topic = f"city/harbour~test/{POLE}/obs"
    town.bus.upward.extend(Arrived(topic, b"{", 1, i) for i in range(60))  # type: ignore[misc]
    town.hub.intake()
    assert town.hub.queries.health().quarantined_nodes == 0
    town.hub.tick(T0 + MINUTE)
    town.bus.upward.append(Arrived(topic, b"\xff", 1, 61))  # type: ignore[arg-type]
    town.hub.intake()
    (alarm,) = [one for one in town.hub.tick(T0 + 2 * MINUTE) if isinstance(one, AlarmOpened)]
    assert (alarm.kind, alarm.device, alarm.value) == (RUBBISH, POLE, 61.0)


def test_quarantine_survives_a_restart(tmp_path: Path) -> None:
    town = Town(tmp_path, run="")
    town.send(births(POST, devices=[POLE]))
    flood(town, 12_000, first=0, minute=1)
    town.hub.close()
    again = Town(tmp_path, run="")
    again.send(pack(POLE, [(POLE, "noise_dba", T0 + MINUTE, 41.0)], first=12_000))
    assert again.hub.queries.ledger().by_reason == {Reason.QUARANTINED: 1}
    again.hub.close()


def test_a_birth_that_claims_anothers_device_is_refused_counted_and_audited(tmp_path: Path) -> None:
    town = Town(tmp_path, run="")
    town.send(births(POST, devices=[POLE]))
    town.hub.tick(T0)
    town.send(births(POST, devices=[POLE], nodes=[THIEF], epoch=T0 + 5))
    town.send(pack(THIEF, [(POLE, "noise_dba", T0, 90.0)], epoch=T0 + 5))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.ledger().by_reason == {Reason.WRONG_SENDER: 1}
    assert town.hub.queries.health().claims_refused == 1
    (trail,) = town.hub.queries.audit(subject=str(POLE))
    assert (trail.who, trail.action) == (str(THIEF), "claimed")
    town.hub.close()
    again = Town(tmp_path, run="")
    assert again.hub.queries.devices(device=POLE).node.tolist() == [POLE], "nor after a restart"
    again.hub.close()


def test_in_maintenance_a_device_gets_another_gateway(town: Town) -> None:
    town.hub.lifecycle.move(POLE, DeviceState.MAINTENANCE, t=T0, by="lighting")
    town.send(births(POST, devices=[POLE], nodes=[THIEF], epoch=T0 + 5))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.devices(device=POLE).node.tolist() == [THIEF]
    assert town.hub.queries.health().claims_refused == 0


def test_who_speaks_after_a_death_was_told_is_alive(town: Town) -> None:
    town.send(Death(node=OTHER, epoch=T0, carried=(POLE,)))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.dead([POLE, OTHER]).tolist() == [True, True]  # type: ignore[arg-type]
    town.send(pack(POLE, [(POLE, "noise_dba", T0 + MINUTE, 41.0)], result_time=T0 + MINUTE))
    assert town.hub.queries.dead([POLE]).tolist() == [True], "said before, come late"  # type: ignore[arg-type]
    town.send(pack(POLE, [(POLE, "noise_dba", T0 + 2 * MINUTE, 42.0)], first=1))
    assert town.hub.queries.dead([POLE, OTHER]).tolist() == [False, True]  # type: ignore[arg-type]


def test_a_false_death_of_many_is_refused_where_credentials_say_who_carries_whom(town: Town) -> None:
    credentials = Credentials(town.hub.store)
    credentials.issue(str(THIEF), Role.NODE, t=T0, by="x")
    credentials.issue("900", Role.CARRIER, t=T0, by="x", carries=[POLE, OTHER])
    credentials.issue("901", Role.CARRIER, t=T0, by="x", carries=[OTHER, 1010])
    town.send(births(METER, devices=[THIEF]))
    town.send(Death(node=THIEF, epoch=T0, carried=(POLE, OTHER)), Death(node=OTHER, epoch=T0, carried=(101,)))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.ledger().by_reason == {Reason.WRONG_SENDER: 2}
    assert town.hub.queries.health().dead_nodes == 0
    town.send(Death(node=POLE, epoch=T0, carried=(OTHER,)))
    town.hub.tick(T0 + 2 * MINUTE)
    assert town.hub.queries.dead([POLE, OTHER, 101]).tolist() == [True, True, False]  # type: ignore[arg-type]


def test_who_is_dead_and_stays_quiet_is_its_owners_matter(town: Town) -> None:
    town.send(Death(node=POLE, epoch=T0))
    events = [one for minute in range(5, 130, 5) for one in town.hub.tick(T0 + minute * MINUTE)]
    assert [(one.kind, one.device) for one in events if isinstance(one, AlarmOpened)] == [
        ("device_silent", POLE),
        ("device_silent", OTHER),
    ]


def test_a_limit_that_lets_nothing_in_is_refused() -> None:
    text_ = (Path(__file__).parents[2] / "datahub/devices" / FILE).read_text("utf-8")
    assert load(text_).margin_ratio.value == 10
    with pytest.raises(DeclarationError, match="lets nothing in"):
        load(text_.replace("value = 10\n", "value = 0\n"))


def test_a_database_of_before_quarantine_is_brought_up(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'city.sqlite'}")
    bring_up(engine, HUB, city="harbour", place="city.sqlite")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE hub_quarantine"))
        connection.execute(text("DROP TABLE hub_audit"))
        connection.execute(text("DROP TABLE hub_credential"))
        connection.execute(text("DROP TABLE hub_asset"))
        connection.execute(text("DROP TABLE hub_epoch"))
        connection.execute(text("UPDATE hub_schema SET version = 1"))
    engine.dispose()
    town = Town(tmp_path, run="")
    assert town.hub.queries.quarantine() == []
    town.hub.close()
