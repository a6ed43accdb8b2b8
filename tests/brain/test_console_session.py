"""One tab against a real brain: what it is shown, what it is sent, what its person may order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from play import START, Play, burst, finding_well

from brain.console.changes import apply
from brain.console.door import Door
from brain.console.land import Land
from brain.console.look import Look
from brain.console.room import STALE_S, Room
from brain.console.session import Session
from brain.console.shown import span, vital_scale
from brain.console.traces import traces
from brain.console.words import words
from brain.model import OrderGiven
from brain.views import Curve, Name, Situation, Vital
from datahub.connector import WorkOrder
from datahub.contract.clock import HOUR_MS, MINUTE_MS


@dataclass
class Tab:
    """A tab of a page: what the browser would hold."""

    play: Play
    role: str = ""
    lang: str = "zh"
    wall: float = 0.0
    orders: list[OrderGiven] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)
    held: Any = None

    def __post_init__(self) -> None:
        city = self.play.city
        self.room = Room(city, self.look_up, self.order, Door({}), Land(city), wall=lambda: self.wall)
        self.session = Session(self.room, Look(lang=self.lang, seat=self.role, role=self.role), self.take)
        self.held = apply(self.session.first(), {})

    def look_up(self) -> Situation:
        return self.play.brain.board.situation

    def order(self, given: OrderGiven) -> None:
        self.orders.append(given)
        self.play.brain.order(given)

    def take(self, patch: Any) -> None:
        msgspec.json.encode(patch)
        self.sent.append(patch)
        self.held = apply(patch, self.held)


@pytest.fixture
def play() -> Iterator[Play]:
    play = Play(watched=True)
    play.step()
    yield play
    play.store.close()


def activated(play: Play) -> None:
    play.senses.says = [burst(play.t + MINUTE_MS)]
    play.run(30)


def test_a_new_incident_takes_a_page_that_looks_at_the_city_and_leaves_one_that_looks_elsewhere(play: Play) -> None:
    tab = Tab(play)
    assert tab.held["matter"] == {}
    play.senses.says = [burst(play.t + MINUTE_MS)]
    play.step()
    tab.session.push()
    assert tab.held["matter"]["id"] == tab.held["seat"]["incident"] == play.incident.id
    tab.session.hear({"what": "select", "incident": ""})
    play.step()
    tab.session.push()
    assert tab.held["matter"] == {}


def test_only_what_has_changed_is_sent_and_the_browser_ends_up_with_the_whole(play: Play) -> None:
    activated(play)
    tab = Tab(play)
    whole = len(msgspec.json.encode(tab.held))
    for _ in range(5):
        play.step()
        tab.session.push()
    assert tab.held == apply(Tab(play).held | {"seat": tab.held["seat"]}, {})
    assert max(len(msgspec.json.encode(patch)) for patch in tab.sent) < whole / 4
    before = len(tab.sent)
    tab.session.push()
    assert len(tab.sent) == before


def test_a_tab_that_nobody_sees_is_sent_nothing_and_everything_when_it_is_seen_again(play: Play) -> None:
    tab = Tab(play)
    tab.session.hear({"what": "awake", "awake": False})
    play.step()
    tab.session.push()
    assert tab.sent == []
    tab.session.hear({"what": "awake", "awake": True})
    assert tab.held["head"]["t"] == play.t


def test_the_plan_is_shown_in_full_with_its_own_names_in_both_languages(play: Play) -> None:
    activated(play)
    plan = play.brain.office.plan_of(play.incident)
    assert plan is not None
    for lang in ("zh", "en"):
        shown = Tab(play, lang=lang).held["matter"]["steps"]
        assert [step["name"] for step in shown] == [getattr(step, lang) for step in plan.step]


@pytest.mark.parametrize(("fits", "word"), [(1.0, "calls fit"), (0.0, "no match")])
def test_a_step_that_is_done_says_what_came_of_it(fits: float, word: str) -> None:
    def finds(order: WorkOrder) -> dict[str, float | str]:
        return {"calls_count": 3.0, "plausible": fits} if order.duty == "confirm_call" else finding_well(order)

    play = Play(watched=True, finds=finds)
    play.step()
    activated(play)
    steps = {step["id"]: step for step in Tab(play, lang="en").held["matter"]["steps"]}
    assert steps["confirm_call"]["outcome"] == word
    assert steps["patrol"]["outcome"] == "burst seen"
    assert steps["stand_down"]["outcome"] == ""
    play.store.close()


def test_a_desk_has_taken_up_its_task_and_is_never_on_site(play: Play) -> None:
    activated(play)
    tab = Tab(play, lang="en")
    desks = {crew.code for office in play.city.departments.values() for crew in office.crews if crew.vehicle == "desk"}
    said = [task["word"] for task in tab.held["matter"]["tasks"].values() if task["code"] in desks]
    assert said
    assert "on site" not in said


def test_the_map_shows_the_area_once_it_is_sure_and_where_crews_go(play: Play) -> None:
    activated(play)
    drawn = Tab(play).held["map"]
    assert drawn["chosen"]["area"] == dict(play.incident.shutdown.communities)
    assert drawn["chosen"]["candidates"] == []
    busy = {code: crew for code, crew in drawn["crews"].items() if crew["busy"]}
    assert busy
    assert all(crew["to"] and crew["task"] for crew in busy.values())
    desks = {crew.code for office in play.city.departments.values() for crew in office.crews if crew.vehicle == "desk"}
    assert not desks & set(drawn["crews"])


def test_the_loop_goes_from_trigger_to_closure_and_only_forward(play: Play) -> None:
    tab = Tab(play)
    assert tab.held["loop"] == {}
    play.senses.says = [burst(play.t + MINUTE_MS)]
    play.step()
    tab.session.push()
    parts = tab.held["loop"]["parts"]
    assert [part["key"] for part in parts] == ["trigger", "linkage", "dispatch", "feedback", "closure"]
    assert [part["state"] for part in parts] == ["done", "now", "waiting", "waiting", "waiting"]
    play.run(60)
    tab.session.push()
    parts = tab.held["loop"]["parts"]
    assert [part["state"] for part in parts] == ["done", "done", "done", "now", "waiting"]
    patrol = next(task for task in play.brain.memory.tasks.values() if task.step == "patrol" and task.arrived)
    assert parts[2]["t"] == patrol.arrived
    assert "步" in parts[3]["note"]
    play.senses.is_normal = True
    play.run(400, until=lambda: not play.incident.open)
    tab.session.push()
    parts = tab.held["loop"]["parts"] if tab.held["loop"] else []
    assert [part["state"] for part in parts] == ["done"] * 5
    times = [part["t"] for part in parts]
    assert times[0] == play.incident.raised
    assert times[1] == play.incident.activated
    assert times[4] == play.incident.closed
    assert dict(tab.held["matter"]["record"])


def test_the_loop_of_what_was_not_so_ends_at_once(play: Play) -> None:
    play.senses.says, play.senses.is_normal = [burst(play.t + MINUTE_MS)], True
    tab = Tab(play)
    play.run(60, until=lambda: play.brain.memory.incidents != {} and not play.incident.open)
    tab.session.hear({"what": "select", "incident": play.incident.id})
    states = [part["state"] for part in tab.held["loop"]["parts"]]
    patrolled = any(task.arrived for task in play.brain.memory.tasks.values() if task.step == "patrol")
    assert states == ["done", "none", "done" if patrolled else "none", "none", "done"]
    assert tab.held["loop"]["parts"][4]["note"] == words("zh")("loop.dismissed_note")


@pytest.mark.parametrize("role", ["", "operator"])
def test_who_may_not_order_is_told_and_nothing_reaches_the_brain(play: Play, role: str) -> None:
    activated(play)
    tab = Tab(play, role=role)
    tab.session.hear(
        {
            "what": "order",
            "order": "set_level",
            "subject": play.incident.id,
            "arguments": {"level": 1},
            "role": "commander",
        }
    )
    assert tab.held["told"]["kind"] == "refused"
    assert tab.orders == []


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"what": 3},
        {"what": "order"},
        {"what": "order", "order": "explode", "subject": "x"},
        {"what": "order", "order": "set_level", "subject": "x", "arguments": {"level": "1"}},
        {"what": "order", "order": "set_level", "subject": "x", "arguments": "all"},
        {"what": "order", "order": "close", "subject": "x", "arguments": {"why": "  "}},
        {"what": "curve", "property": "../etc", "step": 1},
        {"what": "lang", "lang": "<script>"},
        {"what": "select", "incident": ["x"]},
    ],
)
def test_what_is_no_order_is_none_and_stops_nothing(play: Play, said: dict[str, object]) -> None:
    tab = Tab(play, role="commander")
    tab.session.hear(said)
    assert tab.orders == []
    play.step()
    tab.session.push()
    assert tab.held["head"]["t"] == play.t


def test_an_order_bears_the_servers_seat_and_its_end_is_told(play: Play) -> None:
    activated(play)
    tab = Tab(play, role="commander")
    said = {"what": "order", "order": "set_level", "subject": play.incident.id, "arguments": {"level": 1}, "seat": "x"}
    tab.session.hear(said)
    (order,) = tab.orders
    assert (order.seat, order.role, order.arguments) == ("commander", "commander", {"level": 1})
    assert tab.held["told"]["kind"] == "sent"
    play.step()
    tab.session.push()
    assert tab.held["told"]["kind"] == "done"
    assert tab.held["matter"]["level"] == 1
    assert any("指挥长席" in line["text"] for line in tab.held["ticker"]["by"].values())


def test_the_second_of_two_people_is_told_that_the_matter_has_moved_on(play: Play) -> None:
    play.senses.says = [burst(play.t + MINUTE_MS)]
    play.step()
    first, second = Tab(play, role="commander"), Tab(play, role="operator")
    for tab in (first, second):
        tab.session.hear({"what": "order", "order": "confirm", "subject": play.incident.id})
    play.step()
    first.session.push()
    second.session.push()
    told = {first.held["told"]["kind"], second.held["told"]["kind"]}
    assert "refused" in told


def test_a_task_can_be_given_only_to_crews_that_can_do_it(play: Play) -> None:
    activated(play)
    choices = Tab(play, role="operator").held["matter"]["assign"]
    skilled = {crew.code: crew.skills for office in play.city.departments.values() for crew in office.crews}
    tasks = play.brain.memory.tasks
    assert all(tasks[id_].duty in skilled[code] for id_, it in choices.items() for code, _ in it["crews"])
    assert Tab(play, role="viewer").held["matter"]["assign"] == {}


def test_a_platform_that_publishes_nothing_is_told_from_one_that_does(play: Play) -> None:
    tab = Tab(play)
    assert tab.room.shared(tab.look_up(), tab.session.look)["head"]["stale_s"] == 0
    tab.wall += STALE_S + 3.0
    tab.session.push()
    assert tab.held["head"]["stale_s"] == 15
    play.step()
    tab.session.push()
    assert tab.held["head"]["stale_s"] == 0


def test_the_speed_of_the_citys_clock_is_measured(play: Play) -> None:
    tab = Tab(play)
    for _ in range(6):
        play.step()
        tab.wall += 1.0
        tab.session.push()
    assert tab.held["head"]["speed"] == 60.0


def test_values_are_shown_in_the_units_of_the_trade() -> None:
    zh = words("zh")
    pressure = Vital("zone_pressure_pa", Name("压力", "pressure"), "Pa", 17_240.0)
    assert vital_scale(pressure, zh) == (1e-3, "kPa", 1)
    assert vital_scale(Vital("dry_people", Name("停水", "dry"), "1", 3.0), zh)[1] == "人"
    assert [span(ms, words("en")) for ms in (5_000, 65_000, 3_900_000, 2 * 24 * HOUR_MS + 3 * HOUR_MS)] == [
        "5 s", "1 min", "1 h 5 min", "2 d 3 h",
    ]  # fmt: skip


def test_a_curve_sends_only_its_last_hour_and_a_backward_flow_is_shown_as_what_passes(play: Play) -> None:
    times = tuple(START - 3 * HOUR_MS + MINUTE_MS * i for i in range(180))
    flow = Curve(
        7, "flow_m3_s", Name("流量", "Flow"), "m3/s", times, (-0.5,) * 180, times, (-0.6,) * 180, (-0.4,) * 180
    )
    situation = Situation(START, Name("海港市", "Harbour"), curves=(flow,))
    shown: Any = traces(situation, Look(), Land(play.city))["flow_m3_s"]
    values = [value for hour in shown["points"].values() for _, value in hour]
    assert len(values) == 36
    assert set(values) == {1_800}
    (edges,) = {(low, high) for hour in shown["band"].values() for _, low, high in hour}
    assert edges == (1_440, 2_160)


def test_a_band_from_one_day_only_is_marked_as_the_guess_it_is(play: Play) -> None:
    times = (START - HOUR_MS, START)
    curve = Curve(
        7, "pressure_pa", Name("压力", "Pressure"), "Pa", times, (3e5, 3e5), times, (2e5, 2.9e5), (4e5, 3.1e5),
        guessed=(True, False),
    )  # fmt: skip
    situation = Situation(START, Name("海港市", "Harbour"), curves=(curve,))
    shown: Any = traces(situation, Look(), Land(play.city))["pressure_pa"]
    assert [edge for hour in shown["band"].values() for edge in hour] == [
        [times[0], 200.0, 400.0, 1],
        [times[1], 290.0, 310.0],
    ]


def test_the_ground_of_the_map_is_the_register_and_shows_the_whole_city(play: Play) -> None:
    land = Land(play.city)
    ground: Any = land.document
    trunk = int(np.sum(np.asarray(play.city.water.pipes.columns["trunk"])))
    assert len(ground["mains"]) == trunk
    assert set(ground["communities"]) == set(play.city.communities)
    (south, west), (north, east) = ground["view"]
    middles = [each["at"] for each in ground["communities"].values()]
    points = [*middles, *(point for ring in ground["outline"] for point in ring)]
    assert all(south <= lat <= north and west <= lon <= east for lat, lon in points)
    near = land.near(*reversed(middles[0]))
    assert near is not None
    assert near.code == next(iter(ground["communities"]))
