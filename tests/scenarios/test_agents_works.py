"""What crews find and do: each duty's findings are what a person on the spot can know."""

from __future__ import annotations

import numpy as np
import pytest
from agents_town import Town

from datahub.contract.clock import HOUR_MS
from datahub.contract.codes import TaskStage
from scenarios.agents.way import distance_m


def test_a_patrol_finds_the_burst_on_the_main_that_it_was_sent_to() -> None:
    town = Town()
    town.burst()
    found = town.finish(town.order("water_company", "patrol_main", [town.main_code])).findings
    pipes = town.city.water.pipes
    assert found["burst_seen"] == 1.0
    assert found["pipe"] == str(town.main_code)
    assert distance_m(float(found["lon"]), float(found["lat"]), *town.place) < 1.0
    assert found["road_blocked"] == float(pipes.columns["road_class"][town.main] >= 1)


def test_a_patrol_sees_nothing_where_nothing_is_and_nothing_far_away() -> None:
    town = Town()
    town.burst()
    pipes = town.city.water.pipes
    away = int(
        np.argmax(
            [distance_m(*town.place, float(lon), float(lat)) for lon, lat in zip(pipes.lon, pipes.lat, strict=True)]
        )
    )
    there = {"lon": float(pipes.lon[away]), "lat": float(pipes.lat[away])}
    found = town.finish(town.order("water_company", "patrol_main", [int(pipes.code[away])], **there)).findings
    assert (found["burst_seen"], found["pipe"], found["road_blocked"]) == (0.0, "", 0.0)


def test_a_patrol_does_not_see_a_leak_that_stays_below_ground() -> None:
    town = Town()
    town.burst(hole_m2=0.0001)
    assert town.finish(town.order("water_company", "patrol_main", [town.main_code])).findings["burst_seen"] == 0.0


def test_a_main_is_not_mended_while_water_runs() -> None:
    town = Town()
    town.burst()
    said = town.finish(town.order("water_company", "repair_main", [town.main_code]))
    assert (said.stage, said.findings["repaired"]) == (TaskStage.FAILED, 0.0)
    assert said.findings["why"] == "the water still runs"
    assert town.main in town.world.water.bursts


def test_an_isolated_main_is_mended_flushed_disinfected_and_passes_its_test() -> None:
    town = Town()
    town.burst()
    town.isolate()
    repair = town.order("water_company", "repair_main", [town.main_code])
    assert town.finish(repair).findings == {"repaired": 1.0}
    assert town.main not in town.world.water.bursts
    assert 4 * HOUR_MS < town.said(repair)[-1].t - town.said(repair)[0].t < 30 * HOUR_MS
    dirty = town.world.water.quality_of_pipe(town.main)
    assert dirty.turbidity_ntu[0] > 1.0
    flushed = town.finish(town.order("water_company", "flush_main", [town.main_code])).findings
    assert float(flushed["volume_m3"]) >= town.world.water.stretch_m3(town.main) * 0.99
    assert town.world.water.quality_of_pipe(town.main).turbidity_ntu[0] <= 1.0
    rinsed = town.finish(town.order("water_company", "disinfect_main", [town.main_code])).findings
    assert 0.05 <= float(rinsed["free_chlorine_mg_l"]) <= 2.0
    sampling = town.order("water_company", "water_quality_test", [town.main_code])
    test = town.finish(sampling)
    assert float(test.findings["turbidity_ntu"]) <= 1.0
    assert float(test.findings["free_chlorine_mg_l"]) >= 0.05
    assert test.findings["coliform_per_100ml"] == 0.0
    assert 18 * HOUR_MS < test.t - town.said(sampling)[0].t < 24 * HOUR_MS


def test_a_main_that_was_mended_but_not_cleaned_fails_its_test() -> None:
    town = Town()
    town.burst()
    town.isolate()
    town.finish(town.order("water_company", "repair_main", [town.main_code]))
    test = town.finish(town.order("water_company", "water_quality_test", [town.main_code])).findings
    assert float(test["turbidity_ntu"]) > 1.0
    assert float(test["coliform_per_100ml"]) > 0.0


def test_a_sound_main_is_dug_up_in_vain() -> None:
    town = Town()
    said = town.finish(town.order("water_company", "repair_main", [town.main_code]))
    assert (said.stage, said.findings) == (TaskStage.FAILED, {"repaired": 0.0, "why": "no hole was found"})


def test_a_lorry_brings_what_was_asked_for_in_as_many_trips_as_it_takes() -> None:
    town = Town()
    one, many = (
        town.order("water_company", "water_tanker", id=f"w-{volume}", details={"volume_m3": volume}, crew=crew)
        for volume, crew in ((8.0, "water-tanker-1"), (24.0, "water-tanker-2"))
    )
    assert town.finish(one).findings == {"volume_m3": 8.0}
    assert town.finish(many).findings == {"volume_m3": 24.0}
    assert town.said(many)[-1].t - town.said(many)[0].t > 2 * (town.said(one)[-1].t - town.said(one)[0].t)


def test_police_close_the_road_when_they_arrive_and_open_it_again() -> None:
    town = Town()
    close = town.order("traffic_police", "close_road", details={"radius_m": 300.0})
    town.run(1)
    assert not town.world.traffic.closures()
    town.finish(close)
    (closed,) = town.world.traffic.closures()
    assert (closed.lon, closed.lat, closed.radius_m) == (*town.place, 300.0)
    assert town.finish(town.order("traffic_police", "open_road")).findings == {"road_closed": 0.0}
    assert not town.world.traffic.closures()


def test_the_fire_brigade_acknowledges_within_minutes() -> None:
    town = Town()
    order = town.order("fire_brigade", "hydrants_out", town.city.objects["hydrant"].code[:2].tolist())
    assert town.finish(order, within_h=0.25).findings == {"acknowledged": 1.0}


def test_most_people_of_an_area_get_the_text_and_the_rest_are_counted() -> None:
    town = Town()
    order = town.order("telecom_sms", "send_sms", details={"people_count": 20_000.0})
    found = town.finish(order, within_h=0.25).findings
    assert found["sent_count"] == 20_000.0
    assert 0.95 < float(found["delivered_count"]) / 20_000 < 0.99


def test_telling_twice_as_many_people_at_the_door_takes_about_twice_as_long() -> None:
    took = []
    for people in (6_000.0, 12_000.0):
        town = Town()
        order = town.order("district_office", "notify_residents", details={"people_count": people})
        found = town.finish(order).findings
        assert 0.7 * people < float(found["people_count"]) < 0.9 * people
        took.append(town.said(order)[-1].t - town.said(order)[-2].t)
    assert took[1] == pytest.approx(2 * took[0], rel=0.2)


def test_a_broken_lamp_is_mended_and_the_inspector_finds_it_so() -> None:
    town = Town()
    pole = int(town.city.objects["pole"].code[0])
    town.world.street.fail(0)
    assert town.finish(town.order("supervision_centre", "verify_case", [pole])).findings == {"solved": 0.0}
    found = town.finish(town.order("lighting", "repair_lamp", [pole])).findings
    assert found["lamp_lit"] == 1.0
    assert found["cause"] in ("driver", "led_module", "wiring", "controller")
    assert not town.world.street.broken[0]
    assert town.finish(town.order("supervision_centre", "verify_case", [pole])).findings == {"solved": 1.0}


def test_a_lamp_without_supply_is_not_mended_at_the_lamp_but_at_its_feeder() -> None:
    town = Town()
    poles = town.city.objects["pole"]
    pole, feeder = int(poles.code[0]), int(poles.columns["feeder"][0])
    town.world.power.fail(feeder)
    found = town.finish(town.order("lighting", "repair_lamp", [pole])).findings
    assert found == {"lamp_lit": 0.0, "cause": "no_supply"}
    assert town.finish(town.order("supervision_centre", "verify_case", [feeder])).findings == {"solved": 0.0}
    assert town.finish(town.order("lighting", "inspect_feeder", [feeder])).findings == {"energised": 1.0}
    assert town.finish(town.order("supervision_centre", "verify_case", [feeder, pole])).findings == {"solved": 1.0}


def test_a_sound_lamp_is_left_alone() -> None:
    town = Town()
    pole = int(town.city.objects["pole"].code[0])
    found = town.finish(town.order("lighting", "repair_lamp", [pole])).findings
    assert found == {"lamp_lit": 1.0, "cause": "none_found"}


def test_calls_about_a_burst_make_it_plausible() -> None:
    town = Town()
    town.citizens.begin()
    town.burst()
    town.run(45)
    found = town.finish(town.order("water_company", "confirm_call")).findings
    assert found["plausible"] == 1.0
    assert float(found["calls_count"]) >= 3


def test_a_quiet_place_is_not_plausible() -> None:
    town = Town()
    town.citizens.begin()
    town.run(25)
    found = town.finish(town.order("water_company", "confirm_call")).findings
    assert found == {"calls_count": 0.0, "plausible": 0.0}
