"""Crews: they drive no faster than they can, do one thing at a time, and change the world only where they are."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from agents_town import EVENING, Town

from datahub.connector import WorkUpdate
from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.contract.codes import TaskStage
from scenarios.agents.way import distance_m

ACCEPTED, EN_ROUTE, ON_SITE = TaskStage.ACCEPTED, TaskStage.EN_ROUTE, TaskStage.ON_SITE
DONE, FAILED, WITHDRAWN, SUBMITTED = TaskStage.DONE, TaskStage.FAILED, TaskStage.WITHDRAWN, TaskStage.SUBMITTED


def opening(town: Town, row: int) -> float:
    town.world.advance(town.now)
    return float(town.world.water.opening[row])


def test_a_crew_reports_every_stage_of_its_order_in_turn() -> None:
    town = Town()
    order = town.order("traffic_police", "close_road", crew="traffic-1")
    done = town.finish(order)
    assert town.stages(order) == [SUBMITTED, ACCEPTED, EN_ROUTE, ON_SITE, DONE]
    assert (done.crew, done.findings) == ("traffic-1", {"road_closed": 1.0})
    times = [update.t for update in town.said(order)]
    assert times == sorted(times)


def test_no_crew_is_ever_faster_than_its_vehicle() -> None:
    town = Town(start=EVENING - 15 * HOUR_MS)
    for crew in ("traffic-1", "traffic-2"):
        town.order("traffic_police", "close_road", crew=crew, id=f"c-{crew}")
    town.order("water_company", "patrol_main", town.city.water.pipes.code[::9].tolist())
    town.order("water_company", "close_valve", town.city.water.valves.code[:4].tolist())
    town.run(300)
    vehicles = {crew.code: crew.vehicle for office in town.city.departments.values() for crew in office.crews}
    moved = 0.0
    for crew, track in town.tracks.items():
        for one, other in pairwise(track):
            way = distance_m(one.lon, one.lat, other.lon, other.lat)
            moved += way
            # positions are told to a millionth of a degree: 0.1 m
            assert way <= town.practice.fastest_m_s(vehicles[crew]) * (other.t - one.t) / SECOND_MS + 0.3
    assert moved > 1000


def test_a_moving_crew_tells_once_a_minute_where_it_is_and_when_it_will_be_there() -> None:
    town = Town()
    order = town.order("traffic_police", "close_road", crew="traffic-1")
    town.finish(order)
    on_way, there = (update.t for update in town.said(order) if update.stage in (EN_ROUTE, ON_SITE))
    track = [status for status in town.tracks["traffic-1"] if on_way <= status.t <= there]
    assert {status.order for status in track} == {order.id}
    assert all(other.t - one.t <= MINUTE_MS for one, other in pairwise(track))
    assert [status.t + round(status.eta_s * SECOND_MS) for status in track] == [there] * len(track)


def test_a_crew_works_on_one_order_at_a_time_in_the_order_they_came() -> None:
    town = Town()
    orders = [town.order("traffic_police", "close_road", crew="traffic-1", id=f"o-{n}") for n in range(3)]
    for order in orders:
        town.finish(order)
    spans = [[update.t for update in town.said(order) if update.stage in (ACCEPTED, DONE)] for order in orders]
    assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_a_department_that_may_choose_sends_different_crews_to_two_places_at_once() -> None:
    town = Town()
    orders = [town.order("traffic_police", "close_road", id=f"o-{n}") for n in range(2)]
    assert {town.finish(order).crew for order in orders} == {"traffic-1", "traffic-2"}


def test_a_valve_is_closed_slowly_and_only_once_the_crew_has_come() -> None:
    town = Town()
    row = town.valves[0]
    order = town.order("water_company", "close_valve", [int(town.city.water.valves.code[row])], crew="water-valve-1")
    seen: list[tuple[list[TaskStage], float]] = []
    while DONE not in town.stages(order):
        town.run(1)
        seen.append((town.stages(order), opening(town, row)))
    assert all(open_ratio == 1.0 for stages, open_ratio in seen if ON_SITE not in stages)
    between = [open_ratio for _, open_ratio in seen if 0 < open_ratio < 1]
    assert len(between) >= 5
    assert between == sorted(between, reverse=True)
    assert seen[-1][1] == 0.0
    assert town.said(order)[-1].findings == {"valves_count": 1.0, "failed": ""}


def test_a_valve_that_does_not_turn_is_reported_and_stays_as_it_is_whoever_tries() -> None:
    town = Town(amounts={"stuck_share": 1.0})
    by_hand = ~np.asarray(town.city.water.valves.columns["motorised"], np.bool_)
    manual = int(np.flatnonzero(by_hand)[0])
    code = int(town.city.water.valves.code[manual])
    for crew in ("water-valve-1", "water-valve-2"):
        done = town.finish(town.order("water_company", "close_valve", [code], crew=crew))
        assert done.findings == {"valves_count": 0.0, "failed": str(code)}
    assert opening(town, manual) == 1.0


def test_a_withdrawn_order_stops_where_it_is() -> None:
    town = Town()
    row = town.valves[0]
    order = town.order("water_company", "close_valve", [int(town.city.water.valves.code[row])], crew="water-valve-1")
    while not 0 < opening(town, row) < 1:
        town.run(1)
    town.withdraw("water_company", order)
    town.run(1)
    left = opening(town, row)
    town.run(120)
    assert opening(town, row) == left > 0
    assert town.stages(order) == [SUBMITTED, ACCEPTED, EN_ROUTE, ON_SITE, WITHDRAWN]
    home = town.tracks["water-valve-1"][-1]
    crew = next(crew for crew in town.city.departments["water_company"].crews if crew.code == "water-valve-1")
    assert (home.lon, home.lat, home.order) == (pytest.approx(crew.lon), pytest.approx(crew.lat), "")


def test_a_withdrawn_order_still_in_the_queue_is_never_begun() -> None:
    town = Town()
    first = town.order("traffic_police", "close_road", crew="traffic-1", id="first")
    second = town.order("traffic_police", "close_road", crew="traffic-1", id="second")
    town.run(2)
    town.withdraw("traffic_police", second)
    town.finish(first)
    town.run(60)
    assert town.stages(second) == [SUBMITTED, WITHDRAWN]


def test_a_crew_on_its_way_home_takes_the_next_order_from_where_it_is() -> None:
    town = Town()
    station = next(it for it in town.city.departments["traffic_police"].crews if it.code == "traffic-1")
    nodes = town.city.water.nodes
    far = max(
        zip(nodes.lon.tolist(), nodes.lat.tolist(), strict=True),
        key=lambda at: distance_m(*at, station.lon, station.lat),
    )
    first = town.order("traffic_police", "close_road", crew="traffic-1", lon=far[0], lat=far[1])
    while DONE not in town.stages(first):
        town.run(1)
    town.run(1)
    middle = town.tracks["traffic-1"][-1]
    assert (middle.order, middle.eta_s > 300) == ("", True)
    order = town.order("traffic_police", "open_road", crew="traffic-1", lon=middle.lon, lat=middle.lat)
    town.finish(order)
    on_way, there = (update.t for update in town.said(order) if update.stage in (EN_ROUTE, ON_SITE))
    begun = next(update.t for update in town.said(order) if update.stage is ACCEPTED)
    # it drove on towards home until it accepted, and turns back from there
    assert (there - on_way) <= 1.3 * (begun - middle.t)


@pytest.mark.parametrize("seed", range(3))
def test_a_silent_crew_stays_silent_until_long_after_its_order_was_taken_back(seed: int) -> None:
    town = Town(silent_share=1.0, seed=seed)
    order = town.order("traffic_police", "close_road", crew="traffic-1")
    town.run(30)
    town.withdraw("traffic_police", order)
    town.run(300)
    assert town.stages(order) in ([SUBMITTED, WITHDRAWN], [SUBMITTED, ACCEPTED, WITHDRAWN])
    assert not town.world.traffic.closures()
    silence = max(other.t - one.t for one, other in pairwise(town.tracks["traffic-1"]))
    assert silence >= 2 * HOUR_MS


def test_a_silent_crew_whose_order_still_stands_does_it_when_it_turns_up() -> None:
    town = Town(silent_share=1.0)
    order = town.order("traffic_police", "close_road", crew="traffic-1")
    assert town.finish(order).findings == {"road_closed": 1.0}
    assert town.said(order)[-1].t - town.said(order)[0].t > 2 * HOUR_MS


def test_the_declared_share_of_orders_goes_unanswered() -> None:
    town = Town(silent_share=0.25)
    orders = [town.order("telecom_sms", "send_sms", id=f"m-{n}") for n in range(40)]
    town.run(40 * 60)
    waits = [town.said(order)[-1].t - town.said(before)[-1].t for before, order in pairwise(orders)]
    longest = 1_000 * (200 + 240 + 480)  # accept, release and reports at their slowest
    assert 4 <= sum(wait > longest for wait in waits) <= 18


def test_at_a_desk_somebody_takes_up_within_minutes_what_one_has_left_lying() -> None:
    town = Town(silent_share=1.0)
    order = town.order("telecom_sms", "send_sms", details={"people_count": 4000.0})
    assert town.finish(order).findings["sent_count"] == 4000.0
    assert 600_000 < town.said(order)[-1].t - town.said(order)[0].t < 1_600_000


def story(seed: int) -> list[WorkUpdate]:
    town = Town(seed=seed, silent_share=0.2)
    town.burst()
    town.run(20)
    town.order("water_company", "confirm_call")
    town.order("water_company", "patrol_main", [town.main_code])
    town.order("water_company", "close_valve", town.city.water.valves.code[list(town.valves[:3])].tolist())
    town.order("telecom_sms", "send_sms", details={"people_count": 4000.0})
    town.run(240)
    return town.updates


def test_one_seed_tells_one_story_and_another_seed_another() -> None:
    assert story(3) == story(3)
    assert story(3) != story(4)


def test_one_order_more_changes_nothing_in_the_story_of_the_others() -> None:
    def patrol(*, more: bool) -> list[WorkUpdate]:
        town = Town()
        if more:
            town.order("traffic_police", "close_road", crew="traffic-2")
        order = town.order("water_company", "patrol_main", [town.main_code], crew="water-patrol-1")
        town.finish(order)
        return town.said(order)

    assert patrol(more=False) == patrol(more=True)


@pytest.mark.parametrize(
    ("department", "duty", "objects", "details"),
    [
        ("water_company", "close_valve", [5], {}),
        ("water_company", "repair_main", [], {}),
        ("water_company", "water_tanker", [], {"volume_m3": "much"}),
        ("lighting", "repair_lamp", [99], {}),
        ("supervision_centre", "verify_case", [99], {}),
        ("telecom_sms", "send_sms", [], {"people_count": "all"}),
    ],
)
def test_an_order_that_makes_no_sense_on_the_spot_is_given_back_with_the_reason(
    department: str, duty: str, objects: list[int], details: dict[str, float | str]
) -> None:
    town = Town()
    said = town.finish(town.order(department, duty, objects, details=details))
    assert said.stage is FAILED
    assert "makes no sense on the spot" in str(said.findings["why"])
    again = town.order(department, duty, objects, details=details)
    assert town.finish(again).stage is FAILED


def test_crews_turn_out_more_slowly_at_night() -> None:
    def turn_out_s(start: int) -> float:
        waits = []
        for seed in range(5):
            town = Town(start=start, seed=seed)
            order = town.order("water_company", "patrol_main", [town.main_code], crew="water-patrol-1")
            town.run(25)
            accepted, on_way = (update.t for update in town.said(order) if update.stage in (ACCEPTED, EN_ROUTE))
            waits.append((on_way - accepted) / SECOND_MS)
        return float(np.mean(waits))

    assert turn_out_s(EVENING + 6 * HOUR_MS) > turn_out_s(EVENING) * 1.3


def test_a_crew_that_is_still_there_begins_the_next_work_within_minutes() -> None:
    town = Town(start=EVENING + 6 * HOUR_MS)
    first = town.order("traffic_police", "close_road", crew="traffic-1", id="first")
    second = town.order("traffic_police", "open_road", crew="traffic-1", id="second")
    town.finish(second)
    left = town.said(first)[-1].t
    accepted, on_way, there = (update.t for update in town.said(second)[1:4])
    assert accepted - left <= 200 * SECOND_MS
    assert there - accepted <= 180 * SECOND_MS
    assert there == on_way
