"""A department applies, is granted or refused, and calls what it was granted: that, and nothing else, and on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import numpy as np
import pytest
from area_town import DAY0, HARBOUR, STOOD, AreaTown
from hypothesis import given, settings
from hypothesis import strategies as st
from test_api import TOKEN, Asgi

from datahub.api.app import app
from datahub.area_queries import AreaQueries
from datahub.contract.clock import DAY_MS, HOUR_MS, to_utc
from datahub.contract.codes import ApplicationStage as Stage
from datahub.contract.codes import AreaLevel
from datahub.contract.errors import DeclarationError, IllegalMove, UsageError
from datahub.resources.applications import MOVES, Applications
from datahub.resources.authorisation import Authorisation, Denied, Grant
from datahub.resources.calling import load
from datahub.resources.scope import Scope, from_text, to_text, within
from datahub.resources.sharing import Shared
from datahub.store.session import Store
from datahub.store.tables import CodeRow

NOISE, LEAK = "noise_dba", "leakage_current_a"


@dataclass
class Desk:
    """A hub with its API: the operator's seat, and whoever bears a code."""

    town: AreaTown = field(default_factory=AreaTown)

    def __post_init__(self) -> None:
        api = app(self.town.hub, city=HARBOUR, token=TOKEN)
        seat = {"Authorization": f"Bearer {TOKEN}"}
        self.operator = httpx.Client(transport=Asgi(api), base_url="http://hub", headers=seat)
        self.department = httpx.Client(transport=Asgi(api, host="203.0.113.9"), base_url="http://hub")

    def apply(self, **given: object) -> int:
        body: dict[str, object] = {
            "department": "water_company",
            "purpose": "noise of pumps",
            "properties": [NOISE],
            "ends": to_utc(self.town.end + 30 * DAY_MS),
        }
        answer = self.operator.post("/applications", json=body | given)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["number"])

    def do(self, number: int, what: str, **given: object) -> httpx.Response:
        return self.operator.post(f"/applications/{number}/{what}", json={"by": "data office"} | given)

    def code(self, number: int) -> str:
        answer = self.do(number, "code")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["code"])

    def granted(self, **given: object) -> tuple[int, str]:
        """The number of a granted application, and its code."""
        number = self.apply(**given)
        assert self.do(number, "grant").status_code == 200
        return number, self.code(number)

    def call(self, code: str, path: str = "latest", **given: str) -> httpx.Response:
        asked = given or {"property": NOISE}
        return self.department.get(f"/shared/{path}", params=asked, headers={"Authorization": f"Bearer {code}"})

    def trail(self, number: int) -> list[tuple[str, str, str]]:
        rows = self.town.hub.queries.audit(subject=f"application {number}", limit=1000)
        return [(row.who, row.action, row.detail) for row in reversed(rows)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.town.hub.close()


def problem(answer: httpx.Response, status: int) -> str:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    return str(answer.json()["detail"])


def test_a_department_sees_what_it_was_granted_and_every_call_is_on_record(desk: Desk) -> None:
    number, code = desk.granted(areas=[STOOD[0].code, STOOD[2].code], kinds=["smart_pole"])
    answer = desk.call(code).json()
    inside = np.isin(desk.town.community, [0, 2])
    assert answer["device"] == [str(one) for one in desk.town.device[inside].tolist()]
    assert answer["value"] == desk.town.noise[inside, -1].tolist()
    assert problem(desk.call(code, property=LEAK), 403) == f"'{LEAK}' is not within grant {number}"
    calls = [(who, detail) for who, action, detail in desk.trail(number) if action == "call"]
    assert calls == [
        ("water_company", "6 rows: /latest?property=noise_dba"),
        ("water_company", f"403 '{LEAK}' is not within grant {number}: /latest?property={LEAK}"),
    ]


def test_a_series_and_aggregates_are_called_too(desk: Desk) -> None:
    number, code = desk.granted(areas=[STOOD[1].code])
    when = {"start": to_utc(DAY0), "end": to_utc(desk.town.end), "every_s": "86400"}
    mine = int(desk.town.device[desk.town.community == 1][0])
    found = desk.call(code, f"devices/{mine}/series/{NOISE}", **when).json()
    assert [step["count"] for step in found["steps"]] == [
        int((row <= 130.0).sum()) for row in desk.town.noise[mine - 1001].reshape(2, -1)
    ]
    for code_of in (int(desk.town.device[0]), 424_242):
        refused = desk.call(code, f"devices/{code_of}/series/{NOISE}", **when)
        assert "not within grant" in problem(refused, 403), "whether there is such a device is not said"
    rows = desk.call(code, "aggregates", property=NOISE, by="city", **when).json()["rows"]
    possible = desk.town.noise[desk.town.community == 1] <= 130.0
    assert [row["count"] for row in rows] == possible.reshape(3, 2, -1).sum(axis=(0, 2)).tolist()
    assert {row["devices"] for row in rows} == {3}
    assert [detail[:6] for _, action, detail in desk.trail(number) if action == "call"] == [
        "2 rows",
        "403 de",
        "403 de",
        "2 rows",
    ]


def test_a_question_that_cannot_be_asked_is_on_record_too(desk: Desk) -> None:
    number, code = desk.granted()
    problem(desk.call(code, "aggregates", property=NOISE, by="planet"), 422)
    when = {"start": to_utc(DAY0 + HOUR_MS), "end": to_utc(DAY0)}
    problem(desk.call(code, "aggregates", property=NOISE, by="city", **when), 422)
    calls = [detail for _, action, detail in desk.trail(number) if action == "call"]
    assert [detail[:4] for detail in calls] == ["422 ", "422 "]


@pytest.mark.parametrize("bad", ["", "nonsense", "7-" + "a" * 32, "1-" + "a" * 32])
def test_a_code_that_nobody_gave_out_opens_nothing(desk: Desk, bad: str) -> None:
    desk.granted()
    answer = desk.call(bad)
    problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    desk.town.hub.tick(desk.town.end)
    row = desk.town.hub.queries.audit(limit=1)[0]
    assert (row.who, row.action, row.detail[:4]) == ("203.0.113.9", "call", "401 ")
    assert not bad or bad.partition("-")[2] not in row.detail or len(bad) < 9, "the code itself is not written down"


def test_a_revoked_grant_is_worth_nothing_at_once(desk: Desk) -> None:
    number, code = desk.granted()
    assert desk.call(code).status_code == 200
    assert desk.do(number, "revoke", why="project ended").json()["stage"] == "revoked"
    problem(desk.call(code), 401)
    assert problem(desk.do(number, "code"), 409).endswith("only one that is granted has a code")


def test_a_new_code_ends_the_one_before(desk: Desk) -> None:
    number, former = desk.granted()
    now = desk.code(number)
    problem(desk.call(former), 401)
    assert desk.call(now).status_code == 200


def test_a_grant_begins_and_expires_with_city_time(desk: Desk) -> None:
    town = desk.town
    number, code = desk.granted(starts=to_utc(town.end + HOUR_MS), ends=to_utc(town.end + 2 * HOUR_MS))
    assert "good from" in problem(desk.call(code), 401)
    town.hub.tick(town.end + HOUR_MS)
    assert desk.call(code).status_code == 200
    town.hub.tick(town.end + 2 * HOUR_MS)
    problem(desk.call(code), 401)
    assert town.hub.applications.find(number).stage == Stage.EXPIRED
    assert ("hub", "expired", "") in desk.trail(number)


def test_a_code_expires_before_its_grant_and_another_is_given_out(desk: Desk) -> None:
    town = desk.town
    number, code = desk.granted(ends=to_utc(town.end + 300 * DAY_MS))
    town.hub.tick(town.end + 90 * DAY_MS)
    problem(desk.call(code), 401)
    assert desk.call(desk.code(number)).status_code == 200


def test_calls_beyond_the_hours_quota_wait_for_the_next_hour(desk: Desk) -> None:
    town = desk.town
    number = desk.apply()
    assert desk.do(number, "grant", calls_per_hour=2).json()["calls_per_hour"] == 2
    code = desk.code(number)
    assert [desk.call(code).status_code for _ in range(3)] == [200, 200, 429]
    answer = desk.call(code)
    assert problem(answer, 429) == "all 2 calls of this hour are spent"
    assert answer.headers["retry-after"] == "3600"
    town.hub.tick(town.end + HOUR_MS)
    assert desk.call(code).status_code == 200
    assert [d[:3] for _, action, d in desk.trail(number) if action == "call"] == ["12 ", "12 ", "429", "429", "12 "]


def test_codes_are_kept_hashed_only(desk: Desk) -> None:
    number, code = desk.granted()
    with desk.town.hub.store.session() as session:
        proof = session.get_one(CodeRow, 1).proof
    assert code.partition("-")[2] not in proof
    assert all(code not in detail for _, _, detail in desk.trail(number))


def test_a_grant_may_be_narrower_than_the_application_and_not_wider(desk: Desk) -> None:
    district = STOOD[0].code[:6]
    number = desk.apply(areas=[district], properties=[NOISE, LEAK])
    wider: dict[str, list[str]]
    for wider in ({"areas": []}, {"areas": [HARBOUR.adcode]}, {"properties": ["volume_m3"]}, {"properties": []}):
        assert "was not applied for" in problem(desk.do(number, "grant", **wider), 400)
    ends = to_utc(desk.town.end + 31 * DAY_MS)
    assert "was applied for" in problem(desk.do(number, "grant", ends=ends), 400)
    view = desk.do(number, "grant", areas=[STOOD[0].code], properties=[LEAK], conditions="not to be passed on").json()
    assert view["granted"] == {"properties": [LEAK], "kinds": [], "areas": [STOOD[0].code]}
    assert (view["stage"], view["words"]) == ("granted", "not to be passed on")
    assert len(desk.call(desk.code(number), property=LEAK).json()["device"]) == 3


def test_a_refusal_has_a_reason_and_is_final(desk: Desk) -> None:
    number = desk.apply()
    view = desk.do(number, "refuse", why="on the negative list").json()
    assert (view["stage"], view["words"]) == ("refused", "on the negative list")
    assert "nothing (this stage is final)" in problem(desk.do(number, "grant"), 409)
    assert [(who, action) for who, action, _ in desk.trail(number)] == [
        ("water_company", "apply"),
        ("data office", "refused"),
    ]


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"department": "moon_office"}, 404, "no department 'moon_office'"),
        ({"properties": []}, 400, "at least one property"),
        ({"properties": ["mood_ratio"]}, 400, "no property 'mood_ratio'"),
        ({"kinds": ["tram"]}, 400, "no kind 'tram'"),
        ({"areas": ["110000"]}, 400, "'110000' is no area"),
        ({"ends": "2020-01-01T00:00:00Z"}, 400, "the period"),
        ({"ends": "2050-01-01T00:00:00Z"}, 400, "longer than 366 days"),
        ({"mood": "good"}, 422, "mood"),
    ],
)
def test_an_application_for_what_there_is_not_is_refused_at_the_door(
    desk: Desk, given: dict[str, object], status: int, words: str
) -> None:
    body: dict[str, object] = {"department": "lighting", "purpose": "x", "properties": [NOISE]}
    answer = desk.operator.post("/applications", json=body | {"ends": to_utc(desk.town.end + DAY_MS)} | given)
    assert words in problem(answer, status)


def test_only_the_seat_decides(desk: Desk) -> None:
    number = desk.apply()
    problem(desk.department.post(f"/applications/{number}/grant", json={"by": "me"}), 403)
    problem(desk.department.get("/applications"), 403)
    assert problem(desk.do(999, "grant"), 404).startswith("there is no application 999")


@given(path=st.lists(st.sampled_from(list(Stage)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_an_application_moves_as_the_table_says(path: list[Stage]) -> None:
    store = Store(None, city="harbour")
    applications = Applications(store, load())
    number = applications.apply("lighting", Scope((NOISE,)), purpose="x", starts=0, ends=100, t=0)
    moves = {
        Stage.GRANTED: lambda: applications.grant(number, Scope((NOISE,)), t=1, by="x"),
        Stage.REFUSED: lambda: applications.refuse(number, t=1, by="x", why="x"),
        Stage.REVOKED: lambda: applications.revoke(number, t=1, by="x", why="x"),
    }
    for to in path:
        stage = Stage(applications.find(number).stage)
        if to is Stage.EXPIRED:
            with store.session() as session:
                applications.expire(session, t=100)
            assert applications.find(number).stage == (to if to in MOVES[stage] else stage)
        elif to in moves and to in MOVES[stage]:
            moves[to]()
            assert applications.find(number).stage == to
        elif to in moves:
            with pytest.raises(IllegalMove, match=f"application {number} is '{stage}'"):
                moves[to]()
            assert applications.find(number).stage == stage
    store.close()


AREAS = [HARBOUR.adcode, STOOD[0].code[:6], *{one.parent for one in STOOD}, *(one.code for one in STOOD)]
names = st.lists(st.sampled_from([NOISE, LEAK, "volume_m3"]), min_size=1, unique=True).map(
    lambda one: tuple(sorted(one))
)
scopes = st.builds(
    Scope,
    properties=names,
    kinds=st.lists(st.sampled_from(["smart_pole", "water_meter"]), unique=True).map(tuple),
    areas=st.lists(st.sampled_from(sorted(AREAS)), unique=True, max_size=3).map(tuple),
)


@pytest.fixture(scope="module")
def still() -> Iterator[AreaTown]:
    town = AreaTown()
    yield town
    town.hub.close()


@settings(max_examples=60, deadline=None)
@given(
    scope=scopes,
    name=st.sampled_from([NOISE, LEAK, "volume_m3", "mood_ratio"]),
    kind=st.sampled_from([None, "smart_pole", "water_meter", "tram"]),
    device=st.sampled_from([1001, 1003, 1005, 1008, 1012, 9999]),
    level=st.sampled_from(list(AreaLevel)),
)
def test_whatever_the_grant_and_the_question_nothing_beyond_the_grant_is_in_the_answer(
    still: AreaTown, scope: Scope, name: str, kind: str | None, device: int, level: AreaLevel
) -> None:
    shared = Shared(still.hub.queries, AreaQueries(still.hub, HARBOUR))
    grant = Grant(1, "lighting", from_text(to_text(scope)))
    around = [{STOOD[k].code, STOOD[k].parent, STOOD[k].code[:6], HARBOUR.adcode} for k in still.community.tolist()]
    mine = np.array([not scope.areas or bool(place & set(scope.areas)) for place in around])
    mine &= (not scope.kinds or "smart_pole" in scope.kinds) and name in scope.properties
    wanted = mine & (kind in (None, "smart_pole"))
    values = {NOISE: still.noise, LEAK: still.leak}.get(name, np.zeros((len(mine), 0)))
    when = {"start": DAY0, "end": still.end}
    try:
        assert shared.latest(grant, name, kind=kind).device.tolist() == (
            still.device[wanted].tolist() if values.size else []
        )
        sums = shared.aggregates(grant, name, by=level, every_s=86_400.0, kind=kind, **when)
        assert int(sums.count.sum()) == int((values[wanted] <= 130.0).sum())
    except Denied:
        assert name not in scope.properties or (kind is not None and bool(scope.kinds) and kind not in scope.kinds)
    try:
        shared.series(grant, device, name, every_s=None, **when)
        assert device in still.device[mine].tolist()
    except Denied:
        assert device not in still.device[mine].tolist() or name not in scope.properties


@settings(max_examples=80, deadline=None)
@given(inner=scopes, outer=scopes)
def test_what_is_within_a_scope_sees_nothing_that_the_scope_does_not(
    still: AreaTown, inner: Scope, outer: Scope
) -> None:
    areas = AreaQueries(still.hub, HARBOUR)
    try:
        within(inner, outer, around=areas.around)
    except UsageError:
        return
    seen = areas.devices(kinds=inner.kinds, areas=inner.areas)
    assert np.isin(seen, areas.devices(kinds=outer.kinds, areas=outer.areas)).all()
    assert set(inner.properties) <= set(outer.properties)


def test_limits_that_let_nobody_call_are_refused() -> None:
    with pytest.raises(DeclarationError, match=r"\[calls_per_hour\] 0 lets nobody call"):
        load(_limits().replace("value = 600", "value = 0"))
    with pytest.raises(DeclarationError, match=r"sharing.toml"):
        load("[calls_per_hour]\nvalue = 1")


def _limits() -> str:
    row = 'unit = "x"\nzh = "x"\nen = "x"\nsource = "x"\ndate = 2026-11-25'
    named = {"calls_per_hour": 600, "code_days": 90, "grant_days": 366, "refusals_per_hour": 60, "refusal_sources": 256}
    return "\n".join(f"[{name}]\nvalue = {value}\n{row}" for name, value in named.items())


def test_grants_and_codes_outlive_the_process(desk: Desk) -> None:
    number, code = desk.granted()
    later = Authorisation(desk.town.hub.store, Applications(desk.town.hub.store, load()))
    assert later.admit(code, t=desk.town.end) == Grant(number, "water_company", Scope((NOISE,)))


def test_a_grant_over_areas_without_devices_shows_none(desk: Desk) -> None:
    number, code = desk.granted(areas=[HARBOUR.of_level("community")[-1].code])
    assert desk.call(code).json() == {"device": [], "phenomenon_time_ms": [], "value": [], "quality": []}
    assert desk.trail(number)[-1][2].startswith("0 rows")
