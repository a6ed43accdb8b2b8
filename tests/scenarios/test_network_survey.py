from __future__ import annotations

import numpy as np
import pytest
from world_town import ADCODE, METERS, communities, network, plants

from datahub.contract.city import WaterNetwork
from datahub.contract.errors import UsageError
from datahub.devices.coding import split, valid
from scenarios.survey import sizing
from scenarios.survey.city import load_city
from scenarios.survey.network import PlantSpec, lay_network, neighbours

TOWN = network()


def joined(water: WaterNetwork, pipes: np.ndarray) -> np.ndarray:
    """For each node the lowest node that it hangs together with through some pipes."""
    a, b = np.asarray(water.pipes.columns["a"])[pipes], np.asarray(water.pipes.columns["b"])[pipes]
    label = np.arange(len(water.nodes))
    while True:
        low = np.minimum(label[a], label[b])
        before = label.copy()
        np.minimum.at(label, a, low)
        np.minimum.at(label, b, low)
        if (label == before).all():
            return label


def test_every_community_hangs_on_a_plant_of_its_own_system() -> None:
    columns = TOWN.nodes.columns
    label = joined(TOWN, np.arange(len(TOWN.pipes)))
    system, source = np.asarray(columns["system"]), np.asarray(columns["source"])
    assert len(np.unique(label)) == 2
    for one in (0, 1):
        assert len(np.unique(label[system == one])) == 1
        assert (source & (system == one)).any()
    assert (np.isfinite(np.asarray(columns["head_m"])) == source).all()


def test_a_zone_has_one_way_in_and_it_is_metered() -> None:
    columns, zone = TOWN.pipes.columns, np.asarray(TOWN.nodes.columns["zone"])
    a, b = np.asarray(columns["a"]), np.asarray(columns["b"])
    crossing = np.flatnonzero(zone[a] != zone[b])
    assert sorted(crossing.tolist()) == sorted(np.asarray(TOWN.zones.columns["inlet"]).tolist())
    for row, inlet in enumerate(np.asarray(TOWN.zones.columns["inlet"]).tolist()):
        assert (zone[a[inlet]], zone[b[inlet]], columns["zone"][inlet]) == (-1, row, row)
    assert not np.asarray(columns["trunk"])[np.asarray(columns["zone"]) >= 0].any()


def test_households_are_neither_lost_nor_invented() -> None:
    columns = TOWN.nodes.columns
    households = np.asarray(columns["households"])
    per_community = np.bincount(TOWN.nodes.community, weights=households, minlength=14)
    assert per_community.tolist() == [2_500.0] * 12 + [METERS, METERS]
    zone = np.asarray(columns["zone"])
    assert not households[zone < 0].any()
    inside = np.bincount(zone[zone >= 0], weights=households[zone >= 0])
    assert inside.tolist() == np.asarray(TOWN.zones.columns["households"]).tolist()


def test_codes_are_valid_ascending_and_of_their_class() -> None:
    for table, klass in ((TOWN.nodes, 2101), (TOWN.pipes, 2102), (TOWN.valves, 2103), (TOWN.zones, 2104)):
        district, found, _ = split(table.code)
        assert valid(table.code).all()
        assert (np.diff(table.code) > 0).all()
        assert set(district.tolist()) == {int(ADCODE)}
        assert set(found.tolist()) == {klass}


def test_junctions_have_valves_on_all_pipes_but_one() -> None:
    a, b = np.asarray(TOWN.pipes.columns["a"]), np.asarray(TOWN.pipes.columns["b"])
    pipe, end = np.asarray(TOWN.valves.columns["pipe"]), np.asarray(TOWN.valves.columns["end"])
    node = np.where(end == 0, a[pipe], b[pipe])
    have = np.bincount(node, minlength=len(TOWN.nodes))
    degree = np.bincount(np.concatenate((a, b)), minlength=len(TOWN.nodes))
    source = np.asarray(TOWN.nodes.columns["source"])
    outlet = np.zeros(len(TOWN.nodes), np.bool_)
    outlet[b[source[a]]] = True
    assert (have[outlet | source] == degree[outlet | source]).all()
    ordinary = ~source & ~outlet & (degree > 1)
    assert (have[ordinary] == degree[ordinary] - 1).all()
    assert len(np.unique(pipe * 2 + end)) == len(pipe)


def test_motorised_valves_stand_on_the_big_mains_only() -> None:
    pipe, motorised = np.asarray(TOWN.valves.columns["pipe"]), np.asarray(TOWN.valves.columns["motorised"])
    diameter, trunk = np.asarray(TOWN.pipes.columns["diameter_m"]), np.asarray(TOWN.pipes.columns["trunk"])
    assert motorised.any()
    assert trunk[pipe[motorised]].all()
    mainland = np.asarray(TOWN.nodes.columns["system"])[np.asarray(TOWN.pipes.columns["a"])[pipe]] == 0
    largest = min(0.6, float(diameter[trunk].max()))
    assert diameter[pipe[motorised & mainland]].min() >= largest
    assert (diameter[pipe[~motorised & trunk[pipe] & mainland]] < largest).all()


def test_the_backbone_has_loops_so_that_one_broken_main_leaves_few_dry() -> None:
    trunk = np.flatnonzero(np.asarray(TOWN.pipes.columns["trunk"]))
    system = np.asarray(TOWN.nodes.columns["system"])
    on_it = np.unique(np.stack([np.asarray(TOWN.pipes.columns[end])[trunk] for end in ("a", "b")]))
    main = system[np.asarray(TOWN.pipes.columns["a"])[trunk]] == 0
    loops = main.sum() - (system[on_it] == 0).sum() + 1
    assert loops >= 3
    essential = 0
    for pipe in trunk[main].tolist():
        label = joined(TOWN, np.setdiff1d(np.arange(len(TOWN.pipes)), [pipe]))
        essential += len(np.unique(label)) > 2
    assert essential <= 2 + 3  # the plants' own outlets, and a few ends


def test_mains_are_wide_enough_for_the_peak_and_not_absurdly_wide() -> None:
    columns = TOWN.pipes.columns
    diameter = np.asarray(columns["diameter_m"])
    assert set((diameter * 1_000).round().astype(int).tolist()) <= set(sizing.DIAMETER_MM.astype(int).tolist())
    mainland = np.asarray(TOWN.nodes.columns["system"])[np.asarray(columns["a"])] == 0
    assert 0.5 <= diameter[mainland].max() <= 1.0
    assert diameter[~mainland].max() == 0.3


def test_the_same_stream_lays_the_same_network_and_another_another() -> None:
    again, other = network(), network(seed=6)
    for name in ("a", "b", "length_m", "diameter_m"):
        assert np.asarray(again.pipes.columns[name]).tolist() == np.asarray(TOWN.pipes.columns[name]).tolist()
    assert again.nodes.lon.tolist() == TOWN.nodes.lon.tolist()
    assert other.nodes.lon.tolist() != TOWN.nodes.lon.tolist()


def test_a_system_without_a_plant_is_refused() -> None:
    places = communities()
    with pytest.raises(UsageError, match="system 1"):
        lay_network(
            adcodes=[ADCODE] * 14,
            communities=places,
            households=np.full(14, 100),
            system=np.array([0] * 12 + [1, 1], np.int32),
            plants=plants()[:2],
            rng=np.random.default_rng(1),
        )


@pytest.mark.parametrize("count", [1, 2, 3])
def test_even_a_single_village_gets_its_net(count: int) -> None:
    water = lay_network(
        adcodes=[ADCODE] * count,
        communities=communities()[:count],
        households=np.full(count, 300),
        system=np.zeros(count, np.int32),
        plants=[PlantSpec("well", "井", "Well", 114.31, 22.11, 45.0)],
        rng=np.random.default_rng(1),
    )
    assert len(np.unique(joined(water, np.arange(len(water.pipes))))) == 1
    assert len(water.zones) == count


def test_neighbours_are_those_between_whom_nobody_stands() -> None:
    places = np.array([(0.0, 0.0), (1.0, 0.0), (2.0, 0.1), (3.0, 0.0), (1.0, 5.0)])
    pairs = neighbours(places, least_degree=range(0))
    assert {(0, 1), (1, 2), (2, 3)} <= set(pairs)
    assert (0, 3) not in pairs
    assert len({index for pair in pairs for index in pair}) == 5


def test_the_solver_agrees_with_hazen_and_williams_on_one_pipe() -> None:
    graph = sizing.Graph(np.array([0]), np.array([1]), np.array([1_000.0]), np.array([True, False]))
    flow, head = sizing.solve(
        graph, diameter_m=np.array([0.3]), demand_m3_s=np.array([0.0, 0.07]), head_m=np.array([50.0, 0.0])
    )
    assert flow[0] == pytest.approx(0.07)
    assert 50.0 - head[1] == pytest.approx(10.667 * 120**-1.852 * 0.3**-4.871 * 1_000 * 0.07**1.852, rel=1e-4)


def test_the_solver_shares_a_flow_between_two_ways_by_their_resistance() -> None:
    graph = sizing.Graph(np.array([0, 0]), np.array([1, 1]), np.array([1_000.0, 2_000.0]), np.array([True, False]))
    flow, _ = sizing.solve(
        graph, diameter_m=np.array([0.3, 0.3]), demand_m3_s=np.array([0.0, 0.1]), head_m=np.array([50.0, 0.0])
    )
    assert flow.sum() == pytest.approx(0.1)
    assert flow[0] / flow[1] == pytest.approx(2 ** (1 / 1.852), rel=1e-3)


def test_a_far_end_gets_wider_mains_until_it_has_its_pressure() -> None:
    graph = sizing.Graph(
        np.array([0, 1, 1]), np.array([1, 2, 3]), np.array([500.0, 9_000.0, 500.0]), np.array([True] + [False] * 3)
    )
    narrow = np.array([0.3, 0.3, 0.3])
    case = {"demand_m3_s": np.array([0.0, 0.0, 0.07, 0.01]), "head_m": np.array([50.0, 0.0, 0.0, 0.0])}
    _, before = sizing.solve(graph, diameter_m=narrow, **case)
    wide = sizing.strengthen(graph, narrow, **case, ground_m=np.full(4, 5.0), wanted_m=30.0)
    _, after = sizing.solve(graph, diameter_m=wide, **case)
    assert before[2] < 35.0 <= after[2]
    assert wide[2] == 0.3
    assert sizing.way_to(graph, np.array([0.08, 0.07, 0.01]), 2).tolist() == [1, 0]


def test_harbours_own_network_keeps_the_same_rules() -> None:
    water = load_city("harbour").water
    assert (np.asarray(water.pipes.columns["diameter_m"]) <= 0.6).all()
    assert np.asarray(water.valves.columns["motorised"]).sum() >= 2
    zone = np.asarray(water.nodes.columns["zone"])
    a, b = np.asarray(water.pipes.columns["a"]), np.asarray(water.pipes.columns["b"])
    assert (zone[a] != zone[b]).sum() == len(water.zones)
