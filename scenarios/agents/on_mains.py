"""Work of the water company: looking for a burst, turning valves, mending, cleaning, testing, bringing water."""

from __future__ import annotations

from math import pi

import numpy as np

from datahub.connector import WorkOrder
from datahub.contract.clock import MINUTE_MS, SECOND_MS
from datahub.contract.codes import TaskStage
from scenarios.agents.citizen import Citizens
from scenarios.agents.eyes import blocks_road, line_of, seen_along
from scenarios.agents.team import Outcome, Steps, Team, Work
from scenarios.agents.way import distance_m
from sensors.world.world import row_of

LOOK_AGAIN_MS = 5 * MINUTE_MS


def patrol_main(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Go along the mains asked about, in their order, until water is seen on the road."""
    pipes = team.world.city.water.pipes
    pace = team.practice.of("patrol_m_s")
    yield team.take("look_round")
    seen = seen_along(team.there(), team.practice, start=team.place(), end=team.place())
    for code in order.objects:
        if seen is not None:
            break
        ends = line_of(team.world.city, row_of(pipes, code))
        near, far = sorted(ends, key=lambda end: distance_m(*team.place(), *end))
        yield from team.go(*near)
        seen = seen_along(team.there(), team.practice, start=near, end=near)
        if seen is None:
            yield from team.walk(*far, pace_m_s=pace)
            seen = seen_along(team.there(), team.practice, start=near, end=far)
    if seen is None:
        return Outcome({"burst_seen": 0.0, "pipe": "", "lon": order.lon, "lat": order.lat, "road_blocked": 0.0})
    yield from team.walk(seen.lon, seen.lat, pace_m_s=pace)
    return Outcome(
        {
            "burst_seen": 1.0,
            "pipe": str(pipes.code[seen.pipe]),
            "lon": round(seen.lon, 6),
            "lat": round(seen.lat, 6),
            "road_blocked": float(blocks_road(seen, team.practice)),
        }
    )


def close_valve(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Close valves one after another."""
    return (yield from _turn(team, order, opening=0.0, s_per_m=team.practice.of("close_s_per_m")))


def open_valve(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Open valves one after another, more slowly."""
    return (yield from _turn(team, order, opening=1.0, s_per_m=team.practice.of("open_s_per_m")))


def _turn(team: Team, order: WorkOrder, *, opening: float, s_per_m: float) -> Work:
    valves, pipes = team.world.city.water.valves, team.world.city.water.pipes
    failed: list[int] = []
    for code in order.objects:
        row = row_of(valves, code)
        yield from team.go(float(valves.lon[row]), float(valves.lat[row]))
        yield team.take("find_valve")
        if team.there().water.opening[row] == opening:
            continue
        if stuck(team, code, motorised=bool(np.asarray(valves.columns["motorised"])[row])):
            failed.append(code)
            continue
        width = float(np.asarray(pipes.columns["diameter_m"])[int(np.asarray(valves.columns["pipe"])[row])])
        yield from _turn_one(team, row, opening=opening, takes_s=width * s_per_m)
    turned = len(order.objects) - len(failed)
    return Outcome({"valves_count": float(turned), "failed": ",".join(str(code) for code in failed)})


def _turn_one(team: Team, row: int, *, opening: float, takes_s: float) -> Steps:
    before = float(team.there().water.opening[row])
    steps = max(1, round(team.practice.of("valve_steps")))
    for step in range(1, steps + 1):
        yield team.wait_s(takes_s / steps)
        now_at = opening if step == steps else before + (opening - before) * step / steps
        team.there().water.set_valve(row, min(1.0, max(0.0, now_at)))


def stuck(team: Team, valve: int, *, motorised: bool) -> bool:
    """Whether a valve cannot be turned by hand: a lasting trait of it, whoever tries. Driven ones are kept well."""
    if motorised:
        return False
    return bool(team.seeds.rng("valve", "stuck", str(valve)).random() < team.practice.of("stuck_share"))


def repair_main(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Mend a burst main; for the crew's safety not before the flow has stopped."""
    row = row_of(team.world.city.water.pipes, order.objects[0])
    given_up = team.now + round(team.practice.of("wait_dry_s") * SECOND_MS)
    while team.there().water.leak_m3_s(row) > team.practice.of("dry_m3_s"):
        if team.now >= given_up:
            return Outcome({"repaired": 0.0, "why": "the water still runs"}, TaskStage.FAILED)
        yield team.env.timeout(LOOK_AGAIN_MS)
    if row not in team.there().water.bursts:
        yield team.take("no_fault")
        return Outcome({"repaired": 0.0, "why": "no hole was found"}, TaskStage.FAILED)
    width = _width_m(team, row) / team.practice.of("repair_reference_m")
    yield team.wait_s(team.draw_s("repair_main") * width**0.5)
    if team.there().water.leak_m3_s(row) > team.practice.of("dry_m3_s"):
        return Outcome({"repaired": 0.0, "why": "water came back into the trench"}, TaskStage.FAILED)
    return Outcome({"repaired": float(team.world.water.repair(row))})


def flush_main(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Let water through the repaired stretch until it runs clear."""
    row = row_of(team.world.city.water.pipes, order.objects[0])
    yield team.take("flush_setup")
    volume, flushed = team.there().water.stretch_m3(row), 0.0
    flow = pi / 4 * _width_m(team, row) ** 2 * team.practice.of("flush_m_s")
    for _ in range(round(team.practice.of("flush_turnovers"))):
        yield team.wait_s(volume / flow)
        quality = team.there().water.flush(row, volume)
        flushed += volume
        if quality.turbidity_ntu[0] <= team.practice.of("flush_ntu"):
            break
    return Outcome({"volume_m3": round(flushed, 1)})


def disinfect_main(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Fill the stretch with chlorinated water, let it stand, rinse it."""
    row = row_of(team.world.city.water.pipes, order.objects[0])
    contact_s = team.practice.of("contact_s")
    yield team.take("disinfect_setup")
    yield team.wait_s(contact_s)
    dose = team.practice.of("chlorine_mg_l")
    quality = team.there().water.disinfect(row, dose_mg_l=dose, contact_s=contact_s)
    return Outcome({"free_chlorine_mg_l": round(float(quality.free_chlorine_mg_l[0]), 2)})


def water_quality_test(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Take samples, bring them to the laboratory, let them grow, sign the result."""
    row = row_of(team.world.city.water.pipes, order.objects[0])
    yield team.take("sample")
    sample = team.there().water.quality_of_pipe(row)
    yield from team.go(team.crew.lon, team.crew.lat)
    yield team.wait_s(team.practice.of("incubation_s"))
    yield team.take("report_back")
    return Outcome(
        {
            "turbidity_ntu": round(float(sample.turbidity_ntu[0]), 2),
            "free_chlorine_mg_l": round(float(sample.free_chlorine_mg_l[0]), 2),
            "coliform_per_100ml": float(sample.coliform_per_100ml[0]),
        }
    )


def water_tanker(team: Team, order: WorkOrder, citizens: Citizens) -> Work:
    """Bring water by lorry, as often as it takes or as the time asked for allows; the lorry came full."""
    tank, practice = team.practice.of("tank_m3"), team.practice
    wanted = float(order.details.get("volume_m3", tank)) or tank
    brought = 0.0
    while True:
        yield team.take("lorry_setup")
        load = min(tank, wanted - brought)
        yield team.wait_s(load / practice.of("serve_m3_s"))
        brought += load
        if brought >= wanted or team.now >= order.deadline:
            return Outcome({"volume_m3": round(brought, 1)})
        yield from team.go(team.crew.lon, team.crew.lat)
        yield team.wait_s(tank / practice.of("fill_m3_s"))
        yield from team.go(order.lon, order.lat)


def _width_m(team: Team, pipe: int) -> float:
    return float(np.asarray(team.world.city.water.pipes.columns["diameter_m"])[pipe])
