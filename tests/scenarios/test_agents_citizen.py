"""Citizens: they call about what they notice, where they notice it, and seldom about nothing."""

from __future__ import annotations

from collections import Counter

from agents_town import EVENING, Town

from datahub.contract.clock import HOUR_MS
from scenarios.agents.way import distance_m


def test_a_burst_is_called_about_by_those_who_pass_and_by_those_without_water() -> None:
    town = Town()
    town.citizens.begin()
    town.run(120)
    town.burst()
    town.run(40)
    about = Counter(call.about for call in town.citizens.calls)
    assert about["water_on_road"] >= 1
    assert about["low_pressure"] >= 1
    roads = [call for call in town.citizens.calls if call.about == "water_on_road"]
    assert all(distance_m(call.lon, call.lat, *town.place) < 1 for call in roads)


def test_nobody_sees_water_on_a_road_on_a_calm_day_and_hardly_anybody_calls() -> None:
    town = Town(start=EVENING - 18 * HOUR_MS)
    town.citizens.begin()
    town.run(24 * 60)
    assert Counter(call.about for call in town.citizens.calls)["water_on_road"] == 0
    assert len(town.citizens.calls) <= 3


def test_calls_are_forgotten_after_an_hour_and_far_ones_belong_to_another_matter() -> None:
    town = Town()
    town.citizens.begin()
    town.burst()
    town.run(30)
    assert town.citizens.calls_near(*town.place)
    assert not town.citizens.calls_near(town.place[0] + 0.3, town.place[1])
    town.world.water.repair(town.main)
    town.run(90)
    assert not town.citizens.calls_near(*town.place)


def test_one_seed_makes_the_same_people_call() -> None:
    def calls() -> list[object]:
        town = Town(seed=5)
        town.citizens.begin()
        town.burst()
        town.run(60)
        return list(town.citizens.calls)

    assert calls() == calls()
