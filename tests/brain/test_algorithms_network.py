"""Segments, valves and cut-off areas, against a plain search through the graph."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brain.algorithms.network import affected, cut_off_nodes, isolation, people_by_node
from datahub.contract.city import City, Division, ObjectTable, WaterNetwork


def table(name: str, n: int, **columns: object) -> ObjectTable:
    return ObjectTable(
        name=name,
        code=np.arange(n, dtype=np.int64) + 1000 * len(name),
        lon=np.linspace(113.5, 113.6, n),
        lat=np.full(n, 22.2),
        community=np.zeros(n, np.int32),
        owner="water_company",
        columns={key: np.asarray(value) for key, value in columns.items()},
    )


def network(
    pipes: list[tuple[int, int]], valves: list[tuple[int, int]], sources: list[int], *, motorised: tuple[int, ...] = ()
) -> WaterNetwork:
    """Pipes as (node, node), valves as (pipe, end)."""
    n = max((max(pipe) for pipe in pipes), default=0) + 1
    return WaterNetwork(
        nodes=table(
            "water_node",
            n,
            elevation_m=np.zeros(n),
            source=np.isin(np.arange(n), sources),
            head_m=np.where(np.isin(np.arange(n), sources), 50.0, np.nan),
            zone=np.where(np.isin(np.arange(n), sources), -1, 0),
        ),
        pipes=table(
            "pipe",
            len(pipes),
            a=[a for a, _ in pipes],
            b=[b for _, b in pipes],
            length_m=np.full(len(pipes), 100.0),
            diameter_m=np.full(len(pipes), 0.3),
            roughness=np.full(len(pipes), 120.0),
            trunk=np.ones(len(pipes), bool),
            zone=np.full(len(pipes), -1),
            road_class=np.ones(len(pipes), int),
        ),
        valves=table(
            "valve",
            len(valves),
            pipe=np.array([pipe for pipe, _ in valves], int),
            end=np.array([end for _, end in valves], int),
            motorised=np.isin(np.arange(len(valves)), motorised),
        ),
        zones=table("zone", 1, inlet=[0], households=[300]),
    )


def reach(water: WaterNetwork, start: list[tuple[str, int]], shut: set[int]) -> set[tuple[str, int]]:
    """What water reaches from ``start`` past joints without a shut valve, step by step."""
    ends = {}
    for row, (pipe, end) in enumerate(
        zip(water.valves.columns["pipe"].tolist(), water.valves.columns["end"].tolist(), strict=True)
    ):
        ends.setdefault((pipe, end), set()).add(row)
    joints = []
    for pipe, (a, b) in enumerate(
        zip(water.pipes.columns["a"].tolist(), water.pipes.columns["b"].tolist(), strict=True)
    ):
        joints += [(pipe, node) for end, node in enumerate((a, b)) if not (ends.get((pipe, end), set()) & shut)]
    seen, todo = set(start), list(start)
    while todo:
        kind, row = todo.pop()
        for pipe, node in joints:
            other = ("node", node) if kind == "pipe" and pipe == row else None
            other = ("pipe", pipe) if kind == "node" and node == row else other
            if other and other not in seen:
                seen.add(other)
                todo.append(other)
    return seen


def test_a_pipe_with_a_valve_at_either_end_is_its_own_segment() -> None:
    water = network([(0, 1), (1, 2), (2, 3)], [(1, 0), (1, 1)], [0], motorised=(1,))
    plan = isolation(water, 1)
    assert plan.pipes.tolist() == [1]
    assert plan.nodes.tolist() == []
    assert plan.motorised.tolist() == [1]
    assert plan.manual.tolist() == [0]
    assert plan.cut_off.tolist() == [2, 3]
    assert plan.possible


def test_a_ring_keeps_its_other_side_supplied() -> None:
    water = network([(0, 1), (1, 2), (2, 3), (3, 0)], [(1, 0), (1, 1), (2, 0), (2, 1)], [0])
    plan = isolation(water, 1)
    assert sorted(plan.valves.tolist()) == [0, 1]
    assert plan.cut_off.tolist() == []


def test_a_valve_that_fails_makes_the_segment_grow_to_the_next_one() -> None:
    water = network([(0, 1), (1, 2), (2, 3), (3, 4)], [(1, 0), (1, 1), (2, 1), (3, 1)], [0])
    assert isolation(water, 1).pipes.tolist() == [1]
    grown = isolation(water, 1, failed=[1])
    assert grown.pipes.tolist() == [1, 2]
    assert sorted(grown.valves.tolist()) == [0, 2]


def test_without_a_valve_towards_the_plant_isolation_is_not_possible() -> None:
    water = network([(0, 1), (1, 2)], [(1, 1)], [0])
    assert not isolation(water, 0).possible


@st.composite
def graphs(draw: st.DrawFn) -> WaterNetwork:
    n = draw(st.integers(2, 8))
    tree = [(draw(st.integers(0, k - 1)), k) for k in range(1, n)]
    more = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=5))
    pipes = tree + [(a, b) for a, b in more if a != b]
    valves = draw(st.lists(st.tuples(st.integers(0, len(pipes) - 1), st.integers(0, 1)), max_size=14, unique=True))
    return network(pipes, valves, draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=2, unique=True)))


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_segment_border_and_cut_off_are_what_a_plain_search_finds(water: WaterNetwork, data: st.DataObject) -> None:
    pipe = data.draw(st.integers(0, len(water.pipes) - 1))
    failed = data.draw(st.lists(st.integers(0, max(len(water.valves) - 1, 0)), max_size=3, unique=True))
    failed = [valve for valve in failed if valve < len(water.valves)]
    plan = isolation(water, pipe, failed=failed)
    working = set(range(len(water.valves))) - set(failed)
    segment = reach(water, [("pipe", pipe)], working)
    assert {("pipe", row) for row in plan.pipes.tolist()} | {("node", row) for row in plan.nodes.tolist()} == segment
    shut = set(plan.valves.tolist())
    assert reach(water, [("pipe", pipe)], shut) == segment, "the chosen valves hold the segment"
    for valve in shut:
        assert reach(water, [("pipe", pipe)], shut - {valve}) != segment, "and none of them is idle"
    sources = [("node", row) for row in np.flatnonzero(water.nodes.columns["source"]).tolist()]
    fed = {row for kind, row in reach(water, sources, shut) if kind == "node"}
    assert set(plan.cut_off.tolist()) == set(range(len(water.nodes))) - fed
    assert cut_off_nodes(water, plan.valves).tolist() == plan.cut_off.tolist()


def test_people_cut_off_are_counted_by_community() -> None:
    water = network([(0, 1), (1, 2), (2, 3)], [(1, 0)], [0])
    water.nodes.community[:] = [0, 0, 1, 1]
    city = City(
        name="t",
        adcode="440400",
        zh="",
        en="",
        divisions={
            code: Division(code, "community", "", "", "", people, 113.5, 22.2)
            for code, people in (("c1", 200), ("c0", 100))
        },
        communities=("c1", "c0"),
        outline=(),
        objects={
            "hydrant": table("hydrant", 3, node=[1, 2, 3]),
            "hospital": table("hospital", 1, node=[3]),
        },
        water=water,
        departments={},
        hash="",
    )
    assert people_by_node(city).sum() == pytest.approx(300)
    lost = affected(city, isolation(water, 1).cut_off)
    assert lost.communities == ("c0",)
    assert lost.total == 200
    assert lost.hydrants == (7001, 7002)
    assert lost.hospitals == (8000,)
    assert lost.zones == (0,)
