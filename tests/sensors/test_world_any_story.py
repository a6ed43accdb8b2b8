"""Whatever breaks and whoever turns which valves: the books close, and water comes only where a way is open."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from world_town import MIDNIGHT, city

from datahub.contract.clock import HOUR_MS, MINUTE_MS
from sensors.chance import Seeds
from sensors.world.water import Water

TOWN = city()
PIPES, VALVES, NODES = (table.columns for table in (TOWN.water.pipes, TOWN.water.valves, TOWN.water.nodes))
A, B = np.asarray(PIPES["a"]).tolist(), np.asarray(PIPES["b"]).tolist()
M, V, N = len(A), len(TOWN.water.valves), len(TOWN.water.nodes)
EVERY = np.arange(N)

ACTS = st.one_of(
    st.tuples(st.just("burst"), st.integers(0, M - 1), st.floats(0.001, 0.2)),
    st.tuples(st.just("repair"), st.integers(0, M - 1), st.just(0.0)),
    st.tuples(st.just("valve"), st.integers(0, V - 1), st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0])),
    st.tuples(st.just("wait"), st.integers(1, 50), st.just(0.0)),
)


def play(room: Water, acts: list[tuple[str, int, float]]) -> None:
    for act, number, size in acts:
        match act:
            case "burst":
                room.burst(number, size)
            case "repair":
                room.repair(sorted(room.bursts)[number % len(room.bursts)] if room.bursts else number)
            case "valve":
                room.set_valve(number, size)
            case _:
                room.advance(room.now + number * MINUTE_MS)


def walked(room: Water) -> set[int]:
    """Nodes that a walk from the sources reaches, a burst main being open as long as its valves are."""
    shut = {int(VALVES["pipe"][valve]) for valve in range(V) if room.opening[valve] < 0.02}
    way = np.flatnonzero(np.asarray(NODES["source"])).tolist()
    seen = set(way)
    while way:
        node = way.pop()
        for pipe in range(M):
            if pipe not in shut and node in (A[pipe], B[pipe]):
                other = B[pipe] if A[pipe] == node else A[pipe]
                if other not in seen:
                    seen.add(other)
                    way.append(other)
    return seen


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(ACTS, min_size=1, max_size=14))
def test_the_books_close_and_nothing_flows_where_no_way_is_open(acts: list[tuple[str, int, float]]) -> None:
    room = Water(TOWN.water, TOWN.objects["meter_point"], Seeds(1), start=MIDNIGHT + 19 * HOUR_MS)
    play(room, acts)
    room.advance(room.now + 20 * MINUTE_MS)
    dry = room.cut_off()
    assert set(np.flatnonzero(~dry).tolist()) == walked(room)
    assert not room.pressure_pa(np.flatnonzero(dry)).any()
    assert not room.delivered_m3_s(np.flatnonzero(dry)).any()
    ratio = room.supply_ratio(EVERY)
    assert ((ratio >= 0) & (ratio <= 1)).all()
    for pipe in room.bursts:
        assert room.leak_m3_s(pipe) >= 0
        if room.isolated(pipe):
            assert room.leak_m3_s(pipe) == 0
    books = room.balance_m3()
    assert (
        abs(books["supplied"] - books["delivered"] - books["leaked"] - books["burst"]) < 0.003 * books["supplied"] + 1
    )
    room.close()


def test_a_burst_at_a_plants_own_outlet_can_be_isolated_too() -> None:
    room = Water(TOWN.water, None, Seeds(1), start=MIDNIGHT)
    pump = int(np.flatnonzero(np.asarray(NODES["source"])[np.asarray(A)])[0])
    room.burst(pump, 0.02)
    assert room.leak_m3_s(pump) > 0
    for valve in np.flatnonzero(np.asarray(VALVES["pipe"]) == pump).tolist():
        room.set_valve(valve, 0.0)
    assert room.isolated(pump)
    assert room.leak_m3_s(pump) == 0
