"""Work on the street: closing and opening roads, mending lamps and feeders, verifying cases."""

from __future__ import annotations

import numpy as np

from datahub.connector import WorkOrder
from scenarios.agents.citizen import Citizens
from scenarios.agents.eyes import lamp_sound
from scenarios.agents.team import Outcome, Team, Work
from sensors.world.world import row_of


def close_road(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Police close the stretch around a place: first themselves across the lane, then cones and signs."""
    team.there().traffic.close_road(order.lon, order.lat, _radius_m(team, order))
    yield team.take("close_road")
    return Outcome({"road_closed": 1.0})


def open_road(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Police clear the cones away and let traffic through."""
    yield team.take("open_road")
    team.there().traffic.open_road(order.lon, order.lat, _radius_m(team, order))
    return Outcome({"road_closed": 0.0})


def repair_lamp(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Switch the lamp on for a test; mend what is broken at the lamp itself."""
    poles = team.world.city.objects["pole"]
    row = row_of(poles, order.objects[0])
    yield team.take("test_lamp")
    feeder = np.asarray(poles.columns["feeder"], np.int64)[[row]]
    if not team.there().power.energised(feeder)[0]:
        return Outcome({"lamp_lit": 0.0, "cause": "no_supply"})
    if lamp_sound(team.world, row):
        return Outcome({"lamp_lit": 1.0, "cause": "none_found"})
    yield team.take("repair_lamp")
    cause = team.there().street.repair(row)
    return Outcome({"lamp_lit": float(lamp_sound(team.world, row)), "cause": cause or "dimmed_to_nothing"})


def inspect_feeder(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Measure at the lighting cabinet; find and mend what is wrong."""
    feeder = order.objects[0]
    row_of(team.world.city.objects["lamp_feeder"], feeder)
    yield team.take("inspect_feeder")
    if not team.there().power.energised(np.array([feeder], np.int64))[0]:
        yield team.take("repair_feeder")
        team.there().power.restore(feeder)
    return Outcome({"energised": float(team.world.power.energised(np.array([feeder], np.int64))[0])})


def verify_case(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """An inspector looks whether it is so: lamps by night, or by day by the test switch at the cabinet."""
    yield team.take("verify_case")
    city, world, solved = team.world.city, team.there(), True
    for code in order.objects:
        pole, feeder = city.objects["pole"].code, np.array([code], np.int64)
        if code in pole:
            solved &= lamp_sound(world, row_of(city.objects["pole"], code))
        else:
            row_of(city.objects["lamp_feeder"], code)
            solved &= bool(world.power.energised(feeder)[0])
    return Outcome({"solved": float(solved)})


def _radius_m(team: Team, order: WorkOrder) -> float:
    return float(order.details.get("radius_m", team.practice.of("closed_radius_m")))
