from __future__ import annotations

import numpy as np
import pytest
from world_town import METERS, MIDNIGHT, city

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS
from datahub.contract.errors import UsageError
from datahub.contract.units import PASCAL_PER_METRE
from sensors.chance import Seeds
from sensors.world.demand import STEP_MS
from sensors.world.hydraulics import served_ratio
from sensors.world.water import Water

TOWN = city()
NODES, PIPES, VALVES = (table.columns for table in (TOWN.water.nodes, TOWN.water.pipes, TOWN.water.valves))
N, M = len(TOWN.water.nodes), len(TOWN.water.pipes)
A, B = np.asarray(PIPES["a"]), np.asarray(PIPES["b"])
EVENING = MIDNIGHT + 20 * HOUR_MS
EVERY = np.arange(N)


def water(seed: int = 3, *, at: int = MIDNIGHT) -> Water:
    return Water(TOWN.water, TOWN.objects["meter_point"], Seeds(seed), start=at)


def main(*, valves: int) -> int:
    """The widest backbone main of the mainland with so many valves of its own, and no plant at its ends."""
    own = np.bincount(np.asarray(VALVES["pipe"]), minlength=M)
    source = np.asarray(NODES["source"])
    near_plant = np.isin(A, B[source[A]]) | np.isin(B, B[source[A]]) | source[A]
    fits = np.asarray(PIPES["trunk"]) & (own == valves) & ~near_plant & (np.asarray(NODES["system"])[A] == 0)
    rows = np.flatnonzero(fits)
    return int(rows[np.argmax(np.asarray(PIPES["diameter_m"])[rows])])


def valves_around(pipe: int) -> list[int]:
    """Valves to close for a main, found by walking from it until a valve stops the way (not with the world's means)."""
    at = {(int(p), int(e)): row for row, (p, e) in enumerate(zip(VALVES["pipe"], VALVES["end"], strict=True))}
    way, seen, found = [(pipe, 0), (pipe, 1)], {pipe}, []
    while way:
        here, end = way.pop()
        if (here, end) in at:
            found.append(at[here, end])
            continue
        node = (A, B)[end][here]
        for other in np.flatnonzero((node == A) | (node == B)).tolist():
            near = 0 if A[other] == node else 1
            if (other, near) in at:
                found.append(at[other, near])
            elif other not in seen:
                seen.add(other)
                way.append((other, 1 - near))
    return sorted(set(found))


def reached(closed: list[int], *, without: int) -> set[int]:
    """Nodes that a walk from the sources reaches when valves are closed and one main is gone."""
    shut = {int(VALVES["pipe"][row]) for row in closed} | {without}
    way = np.flatnonzero(np.asarray(NODES["source"])).tolist()
    seen = set(way)
    while way:
        node = way.pop()
        for pipe in np.flatnonzero((node == A) | (node == B)).tolist():
            other = int(B[pipe] if A[pipe] == node else A[pipe])
            if pipe not in shut and other not in seen:
                seen.add(other)
                way.append(other)
    return seen


def test_what_the_plants_give_is_what_is_drawn_and_what_leaks() -> None:
    room = water()
    room.advance(MIDNIGHT + DAY_MS)
    balance = room.balance_m3()
    assert balance["supplied"] == pytest.approx(balance["delivered"] + balance["leaked"], rel=1e-3)
    assert balance["burst"] == 0
    assert 0.10 < balance["leaked"] / balance["supplied"] < 0.14
    per_household_d = balance["delivered"] / float(np.asarray(NODES["households"]).sum())
    assert 0.7 < per_household_d < 1.1


def test_the_engine_serves_what_wagner_says() -> None:
    room = water(at=EVENING)
    room.burst(main(valves=2), 0.25)
    room.pressure_pa(EVERY)
    outflow = room._supply.engine.outflow_m3_s()[:N]
    assert (room.supply_ratio(EVERY) < 0.99).any()
    assert outflow == pytest.approx(room.delivered_m3_s(EVERY) + room.leaking_m3_s(EVERY), abs=2e-4)
    assert served_ratio(np.array([0.0, 3.5, 14.0, 50.0])).tolist() == [0.0, 0.0, 1.0, 1.0]


def test_pressures_and_velocities_are_a_healthy_towns_all_day() -> None:
    room = water()
    tap = ~np.asarray(NODES["source"])
    for step in range(96):
        room.advance(MIDNIGHT + step * STEP_MS)
        head = room.pressure_pa(EVERY)[tap] / PASCAL_PER_METRE
        assert head.min() > 14.0
        assert head.max() < 60.0
        assert room.velocity_m_s(np.arange(M)).max() < 2.0
    assert room.engine_warnings == 0
    assert not room.cut_off().any()


def test_the_town_draws_most_by_day_and_least_before_dawn() -> None:
    room, drawn = water(), []
    for hour in range(24):
        room.advance(MIDNIGHT + hour * HOUR_MS)
        drawn.append(float(room.delivered_m3_s(EVERY).sum()))
    assert int(np.argmin(drawn)) in range(1, 6)
    assert int(np.argmax(drawn)) in (8, 9, 10, 20, 21)
    assert 1.2 < max(drawn) / float(np.mean(drawn)) < 1.6


def test_a_flow_runs_from_higher_to_lower_head() -> None:
    room = water(at=EVENING)
    head = room.pressure_pa(EVERY) / PASCAL_PER_METRE + np.asarray(NODES["elevation_m"])
    flow = room.flow_m3_s(np.arange(M))
    strong = np.abs(flow) > 1e-3
    assert (np.sign(flow[strong]) == np.sign((head[A] - head[B])[strong])).all()


def test_a_hole_of_a_square_decimetre_loses_what_torricelli_says() -> None:
    room, pipe = water(at=EVENING), main(valves=2)
    room.burst(pipe, 0.01)
    head = room.pressure_pa(EVERY) / PASCAL_PER_METRE
    middle = (head[A[pipe]] + head[B[pipe]]) / 2
    assert room.leak_m3_s(pipe) == pytest.approx(0.75 * 0.01 * (2 * 9.80665 * middle) ** 0.5, rel=0.03)
    assert room.leak_m3_s(pipe) * 3600 * (28 / middle) ** 0.5 == pytest.approx(633, rel=0.03)


def test_a_burst_lowers_the_pressure_around_it_and_raises_what_the_plants_give() -> None:
    room, pipe = water(at=EVENING), main(valves=2)
    before, given = room.pressure_pa(EVERY), room.supplied_m3_s()
    room.burst(pipe, 0.03)
    drop = before - room.pressure_pa(EVERY)
    mainland = np.asarray(NODES["system"]) == 0
    assert (drop[mainland] >= -1.0).all()
    assert np.abs(drop[~mainland]).max() < 1.0
    ends = drop[[A[pipe], B[pipe]]].max()
    assert ends > 0.5 * PASCAL_PER_METRE
    assert ends >= np.quantile(drop, 0.8)
    assert room.supplied_m3_s() > given + 0.9 * room.leak_m3_s(pipe) - 0.02


@pytest.mark.parametrize("own", [1, 2])
def test_closing_the_valves_around_a_burst_stops_it_and_cuts_off_exactly_what_hangs_on_it(own: int) -> None:
    room, pipe = water(at=EVENING), main(valves=own)
    room.burst(pipe, 0.01)
    around = valves_around(pipe)
    for valve in np.flatnonzero(np.asarray(VALVES["pipe"]) == pipe).tolist()[:1]:
        room.set_valve(valve, 0.0)
    assert room.leak_m3_s(pipe) > 0
    assert not room.isolated(pipe)
    for valve in around:
        room.set_valve(valve, 0.0)
    assert room.leak_m3_s(pipe) == 0
    assert room.isolated(pipe)
    assert set(np.flatnonzero(~room.cut_off()).tolist()) == reached(around, without=pipe)
    dry = np.flatnonzero(room.cut_off())
    assert not room.pressure_pa(dry).any()
    assert not room.delivered_m3_s(dry).any()
    assert bool(len(dry)) == (own < 2)


def test_repaired_and_reopened_the_town_is_as_it_was() -> None:
    room, pipe = water(at=EVENING), main(valves=1)
    before = room.pressure_pa(EVERY)
    room.burst(pipe, 0.02)
    around = valves_around(pipe)
    for valve in around:
        room.set_valve(valve, 0.0)
    assert room.cut_off().any()
    assert room.repair(pipe)
    assert not room.repair(pipe)
    for valve in around:
        room.set_valve(valve, 1.0)
    assert room.pressure_pa(EVERY) == pytest.approx(before, abs=0.02 * PASCAL_PER_METRE)
    assert room.bursts == {}


def test_losses_of_a_burst_are_booked_and_the_balance_still_closes() -> None:
    room, pipe = water(at=EVENING), main(valves=2)
    room.burst(pipe, 0.02)
    room.advance(EVENING + 50 * MINUTE_MS)
    leak = room.leak_m3_s(pipe)
    balance = room.balance_m3()
    assert balance["burst"] == pytest.approx(leak * 3000, rel=0.05)
    assert balance["supplied"] == pytest.approx(sum(balance[one] for one in ("delivered", "leaked", "burst")), rel=1e-3)


def test_a_closing_valve_bites_only_when_it_is_nearly_shut() -> None:
    room, pipe = water(at=EVENING), main(valves=2)
    valve = int(np.flatnonzero(np.asarray(VALVES["pipe"]) == pipe)[0])
    flows = []
    for opening in (1.0, 0.5, 0.2, 0.05, 0.0):
        room.set_valve(valve, opening)
        flows.append(float(np.abs(room.flow_m3_s(np.array([pipe])))[0]))
    assert flows == sorted(flows, reverse=True)
    assert flows[1] > 0.95 * flows[0]
    assert flows[3] < 0.7 * flows[0]
    assert flows[4] == pytest.approx(0, abs=1e-6)


def test_a_second_hole_and_a_second_burst_add_to_the_first() -> None:
    room, pipe = water(at=EVENING), main(valves=2)
    room.burst(pipe, 0.01)
    one = room.leak_m3_s(pipe)
    room.burst(pipe, 0.01)
    assert 1.4 * one < room.leak_m3_s(pipe) < 2 * one
    other = main(valves=1)
    room.burst(other, 0.01)
    assert room.leak_m3_s(other) > 0
    assert room.leak_m3_s(pipe) > one
    assert list(room.bursts) == [pipe, other]


def test_a_solver_that_begins_again_still_knows_what_is_shut() -> None:
    room, pipe = water(at=EVENING), main(valves=2)
    flowing = abs(float(room.flow_m3_s(np.array([pipe]))[0]))
    room.set_valve(int(np.flatnonzero(np.asarray(VALVES["pipe"]) == pipe)[0]), 0.0)
    before = room.flow_m3_s(np.arange(M))
    engine = room._supply.engine
    engine.begin_again()
    engine.solve()
    assert flowing > 0.01
    assert engine.flow_m3_s()[pipe] == pytest.approx(0, abs=1e-6)
    assert engine.flow_m3_s() == pytest.approx(before, abs=1e-4)


def test_same_seed_same_water_and_another_seed_another() -> None:
    def story(seed: int) -> bytes:
        room = water(seed, at=EVENING)
        room.burst(main(valves=2), 0.01)
        room.advance(EVENING + 2 * HOUR_MS)
        return room.pressure_pa(EVERY).tobytes() + room.flow_m3_s(np.arange(M)).tobytes()

    assert story(1) == story(1)
    assert story(1) != story(2)


def test_reading_in_between_changes_nothing() -> None:
    silent, watched = water(), water()
    silent.advance(EVENING)
    for minute in range(0, 20 * 60, 7):
        watched.advance(MIDNIGHT + minute * MINUTE_MS)
        if minute % 3 == 0:
            watched.flow_m3_s(np.arange(M))
    watched.advance(EVENING)
    assert silent.pressure_pa(EVERY) == pytest.approx(watched.pressure_pa(EVERY), rel=1e-9)
    assert silent.balance_m3()["delivered"] == pytest.approx(watched.balance_m3()["delivered"], rel=1e-9)


def test_openings_and_holes_that_cannot_be_are_refused() -> None:
    room = water()
    with pytest.raises(UsageError, match=r"opening 1\.5"):
        room.set_valve(0, 1.5)
    with pytest.raises(UsageError, match="hole"):
        room.burst(0, 0.0)


def test_meters_never_run_back_and_sum_up_to_what_their_nodes_drew() -> None:
    room = water()
    meters = np.arange(len(TOWN.objects["meter_point"]))
    assert len(meters) == 2 * METERS
    start = room.volume_m3(meters, MIDNIGHT)
    readings = [start]
    for hour in range(1, 25):
        room.advance(MIDNIGHT + hour * HOUR_MS)
        readings.append(room.volume_m3(meters, room.now))
    assert (np.diff(readings, axis=0) > 0).all()
    isle = np.flatnonzero(np.asarray(NODES["system"]) == 1)
    drawn = room.drawn_m3(isle).sum()
    assert (readings[-1] - start).sum() == pytest.approx(drawn, rel=1e-9)
    assert np.std(readings[-1] - start) > 0.1 * np.mean(readings[-1] - start)


def test_a_meter_tells_its_frozen_hours_a_day_later_as_it_would_have_told_them_then() -> None:
    room, meters = water(), np.arange(5)
    then = {}
    for hour in range(1, 25):
        room.advance(MIDNIGHT + hour * HOUR_MS)
        then[room.now] = room.volume_m3(meters, room.now)
    room.advance(room.now + 37 * MINUTE_MS)
    for t, reading in then.items():
        assert room.volume_m3(meters, t).tolist() == reading.tolist()
    each = room.volume_m3(np.zeros(24, np.int64), np.array(list(then)))
    assert each.tolist() == [reading[0] for reading in then.values()]


def test_meters_have_a_past_before_the_start_and_no_future() -> None:
    room, meters = water(), np.arange(80)
    past = [room.volume_m3(meters, MIDNIGHT - hour * HOUR_MS) for hour in range(25)]
    assert (np.diff(past, axis=0) < 0).all()
    assert 0.2 < float((past[0] - past[24]).mean()) < 0.8
    assert (past[24] > 0).all()
    assert np.isnan(room.volume_m3(meters, MIDNIGHT - 90 * HOUR_MS)).all()
    with pytest.raises(UsageError):
        room.volume_m3(meters, MIDNIGHT + 1)


def test_a_meter_stands_still_while_its_tap_is_dry() -> None:
    room, meters = water(at=EVENING), np.arange(80)
    pump = int(np.flatnonzero(np.asarray(NODES["source"])[A] & (np.asarray(NODES["system"])[A] == 1))[0])
    valve = int(np.flatnonzero(np.asarray(VALVES["pipe"]) == pump)[0])
    room.set_valve(valve, 0.0)
    assert room.cut_off().sum() == (np.asarray(NODES["system"]) == 1).sum() - 1
    before = room.volume_m3(meters, room.now)
    room.advance(EVENING + 3 * HOUR_MS)
    assert room.volume_m3(meters, room.now).tolist() == before.tolist()
