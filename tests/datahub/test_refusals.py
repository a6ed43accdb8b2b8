"""Strangers are counted, not written down one by one; who bears a valid code is written down each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from hub_town import MINUTE, POST, T0, Town, births
from sqlmodel import func, select
from test_api import TOKEN, Asgi
from test_sharing import NOISE, Desk, problem

from datahub.api.app import app
from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.resources.calling import load
from datahub.resources.refusals import OTHERS, Entrance, Refusals, source_of
from datahub.store.session import Store
from datahub.store.tables import AuditRow, RefusalRow
from datahub.store.trail import PIECE, trim

POLE, THIEF = 201, 666
HALF_YEAR = 184 * DAY_MS


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.town.hub.close()


@pytest.fixture
def store() -> Iterator[Store]:
    store = Store(None, city="harbour")
    yield store
    store.close()


def rows(store: Store) -> int:
    with store.session() as session:
        return session.exec(select(func.count()).select_from(AuditRow)).one()


def refusals(store: Store, **limits: int) -> Refusals:
    declared = load()
    own = {name: msgspec.structs.replace(getattr(declared, name), value=value) for name, value in limits.items()}
    return Refusals(store, msgspec.structs.replace(declared, **own), kept_ms=HALF_YEAR)


def keep(refusals: Refusals, store: Store, *, t: int) -> None:
    with store.session() as session:
        refusals.keep(session, t=t)


def trail(store: Store) -> list[tuple[int, str, str, str, str]]:
    with store.session() as session:
        found = session.exec(select(AuditRow).order_by(AuditRow.id)).all()  # type: ignore[arg-type]
        return [(row.t, row.who, row.action, row.subject, row.detail) for row in found]


def test_three_hundred_calls_without_a_code_are_one_line_of_the_trail(desk: Desk) -> None:
    store, before = desk.town.hub.store, rows(desk.town.hub.store)
    answers = [desk.call(f"{i % 9 + 1}-{'a' * 32}", property="x" * 3000).status_code for i in range(300)]
    assert answers == [401] * 60 + [429] * 240
    assert rows(store) == before, "nothing is written at the call"
    desk.town.hub.tick(desk.town.end)
    assert rows(store) == before + 1
    (row,) = desk.town.hub.queries.audit(limit=1)
    assert (row.who, row.action, row.subject) == ("203.0.113.9", "call", "application 1")
    assert row.detail.startswith("401 this authorisation code is unknown, expired or revoked: /latest?property=xxx")
    assert row.detail.endswith("(the first of 300 in this hour)")
    assert len(row.detail) < 450


def test_who_is_refused_too_often_waits_for_the_next_hour(desk: Desk) -> None:
    town = desk.town
    for _ in range(60):
        problem(desk.call("nonsense"), 401)
    answer = desk.call("nonsense")
    assert problem(answer, 429) == "too many calls without a valid code came from your address"
    assert answer.headers["retry-after"] == "3600"
    town.hub.tick(town.end + HOUR_MS)
    problem(desk.call("nonsense"), 401)


def test_who_has_called_with_a_good_code_is_not_shut_out_by_a_neighbour_and_is_on_record_each_time(desk: Desk) -> None:
    number, code = desk.granted()
    assert desk.call(code).status_code == 200
    for _ in range(70):
        desk.call("nonsense")
    assert [desk.call(code).status_code for _ in range(3)] == [200] * 3
    calls = [detail[:2] for who, action, detail in desk.trail(number) if (who, action) == ("water_company", "call")]
    assert calls == ["12"] * 4
    desk.do(number, "revoke", why="project ended")
    problem(desk.call(code), 401)
    problem(desk.call(code), 429)


def test_a_call_beyond_its_quota_is_on_record_under_its_department(desk: Desk) -> None:
    number = desk.apply()
    desk.do(number, "grant", calls_per_hour=1)
    code = desk.code(number)
    assert [desk.call(code).status_code for _ in range(3)] == [200, 429, 429]
    calls = [(who, detail[:3]) for who, action, detail in desk.trail(number) if action == "call"]
    assert calls == [("water_company", "12 "), ("water_company", "429"), ("water_company", "429")]


def test_other_addresses_are_not_shut_out(desk: Desk) -> None:
    for _ in range(61):
        desk.call("nonsense")
    api = app(desk.town.hub, token=TOKEN)
    with httpx.Client(transport=Asgi(api, host="198.51.100.7"), base_url="http://hub") as other:
        assert other.get("/shared/latest", params={"property": NOISE}).status_code == 401


def test_an_hour_counts_on_in_its_line_over_ticks_and_restarts(store: Store) -> None:
    first = refusals(store, refusals_per_hour=3)
    for k in range(2):
        first.count(Entrance.CALL, "a", t=T0 + k, subject="application 1", detail=f"401 no {k}")
        keep(first, store, t=T0 + k)
    again = refusals(store, refusals_per_hour=3)
    assert again.wait_s("a", t=T0 + 2) == 0
    again.count(Entrance.CALL, "a", t=T0 + 2, subject="application 2", detail="401 no 2")
    assert again.wait_s("a", t=T0 + 2) == -(-(HOUR_MS - (T0 + 2) % HOUR_MS) // 1000)
    assert again.wait_s("b", t=T0 + 2) == 0
    keep(again, store, t=T0 + 2)
    assert trail(store) == [(T0, "a", "call", "application 1", "401 no 0 (the first of 3 in this hour)")]
    again.count(Entrance.CALL, "a", t=T0 + HOUR_MS, subject="application 3", detail="401 later")
    keep(again, store, t=T0 + HOUR_MS)
    assert [line[4] for line in trail(store)] == ["401 no 0 (the first of 3 in this hour)", "401 later"]
    assert refusals(store).total(Entrance.CALL) == 4


def test_a_call_of_the_hour_before_does_not_forget_this_one(store: Store) -> None:
    one, hour = refusals(store, refusals_per_hour=1), T0 // HOUR_MS * HOUR_MS
    one.count(Entrance.CALL, "a", t=hour, subject="-", detail="401")
    one.count(Entrance.CALL, "b", t=hour - 1, subject="-", detail="401")
    assert one.wait_s("a", t=hour) > 0
    assert one.wait_s("a", t=hour + HOUR_MS) == 0


def test_more_sources_than_are_told_apart_share_one_line_and_one_limit(store: Store) -> None:
    many = refusals(store, refusal_sources=3, refusals_per_hour=5)
    for k in range(1000):
        many.count(Entrance.CALL, f"source {k}", t=T0, subject="-", detail="401")
    keep(many, store, t=T0)
    assert [(line[1], line[4]) for line in trail(store)] == [
        ("source 0", "401"),
        ("source 1", "401"),
        ("source 2", "401"),
        (OTHERS, "401 (the first of 997 in this hour)"),
    ]
    assert many.wait_s("source 5000", t=T0) > 0
    assert many.wait_s("source 2", t=T0) == 0


def test_claims_are_counted_by_node_and_the_count_survives_a_restart(tmp_path: Path) -> None:
    town = Town(tmp_path, run="")
    town.send(births(POST, devices=[POLE, POLE + 1]))
    town.hub.tick(T0)
    before = rows(town.hub.store)
    for minute in range(1, 40):
        town.send(births(POST, devices=[POLE, POLE + 1], nodes=[THIEF] * 2, epoch=T0 + minute))
        town.hub.tick(T0 + minute * MINUTE)
    lines = [one for one in town.hub.queries.audit(limit=1000) if one.action == "claimed"]
    hours = {(T0 + minute * MINUTE) // HOUR_MS for minute in range(1, 40)}
    assert (rows(town.hub.store) - before, len(lines)) == (len(hours), len(hours))
    assert {(one.who, one.subject) for one in lines} == {(str(THIEF), str(POLE))}
    assert town.hub.queries.health().claims_refused == 78
    town.hub.close()
    again = Town(tmp_path, run="")
    assert again.hub.queries.health().claims_refused == 78
    again.send(births(POST, devices=[POLE], nodes=[THIEF], epoch=T0 + 41))
    again.hub.tick(T0 + 41 * MINUTE)
    assert again.hub.queries.health().claims_refused == 79
    again.hub.close()


def test_the_trail_is_kept_half_a_year_and_goes_in_small_pieces(tmp_path: Path) -> None:
    town = Town(tmp_path, run="")
    town.hub.tick(T0)
    with town.hub.store.session() as session:
        for k in range(2 * PIECE + 10):
            session.add(AuditRow(t=T0 + k, who="x", action="x", subject="x", detail="x"))
        session.add(RefusalRow(hour=T0 // HOUR_MS, entrance=Entrance.CALL, source="a", count=7))
        session.add(RefusalRow(hour=-1, entrance=Entrance.CLAIM, source="", count=7))
    left = []
    for t in (T0 + HALF_YEAR, *(T0 + HALF_YEAR + HOUR_MS + k for k in range(5))):
        town.hub.tick(t)
        left.append(rows(town.hub.store))
    assert left == [2 * PIECE + 10, PIECE + 10, 10, 0, 0, 0]
    with town.hub.store.session() as session:
        assert [(row.hour, row.count) for row in session.exec(select(RefusalRow))] == [(-1, 7)]
    town.hub.close()


def test_a_line_that_is_young_or_has_no_time_stays_although_it_lies_among_old_ones(store: Store) -> None:
    with store.session() as session:
        for t in (0, 5, 50, 6):
            session.add(AuditRow(t=t, who="x", action="x", subject="x", detail="x"))
            session.flush()
    with store.session() as session:
        assert trim(session, before=10)
        assert not trim(session, before=10)
    assert [line[0] for line in trail(store)] == [0, 50]


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", "unknown"),
        ("testclient", "testclient"),
    ],
)
def test_a_source_is_an_address_or_the_network_of_one_subscriber(address: str, source: str) -> None:
    assert source_of(address) == source
