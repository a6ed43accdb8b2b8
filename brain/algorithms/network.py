"""The supply network as a graph: segments between valves, and whom their closing cuts off.

Pipes and nodes are both vertices; a pipe hangs on its end node by a joint, and a valve sits in a joint (pipe, end).
A segment is what stays together when every valve is shut: the smallest part of the network that can be taken out
of service (Walski 1993, Reliab. Eng. Syst. Saf. 42:57; Jun & Loganathan 2007, J. Water Resour. Plan. Manage. 133:145).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datahub.contract.city import City, WaterNetwork
from datahub.contract.observations import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Isolation:
    """How to take a broken pipe out of service.

    Attributes:
        pipes, nodes: rows of the segment that will lie dry.
        motorised, manual: rows of the valves to close, nearest to the broken pipe's middle first.
        cut_off: rows of all nodes that lose every way to a source: the segment and what hangs on it alone.
        possible: false if the segment holds a source, so that valves alone cannot stop the water.
    """

    pipes: Ints
    nodes: Ints
    motorised: Ints
    manual: Ints
    cut_off: Ints
    possible: bool

    @property
    def valves(self) -> Ints:
        """All valves to close, motorised ones first."""
        return np.concatenate((self.motorised, self.manual))


@dataclass(frozen=True, slots=True, eq=False)
class CutOff:
    """Who and what loses water.

    Attributes:
        communities: codes of the communities concerned, ascending.
        people: estimated number of people per community, in the same order.
        hydrants, hospitals: unified codes, ascending.
        zones: rows of the zones concerned.
    """

    communities: tuple[str, ...]
    people: tuple[int, ...]
    hydrants: tuple[int, ...]
    hospitals: tuple[int, ...]
    zones: tuple[int, ...]

    @property
    def total(self) -> int:
        """People without water, in all."""
        return sum(self.people)


def column(water: WaterNetwork, table: str, name: str) -> NDArray[np.int64]:
    """One surveyed column of whole numbers (or yes/no)."""
    return np.asarray(getattr(water, table).columns[name]).astype(np.int64)


def _components(water: WaterNetwork, shut: Ints) -> NDArray[np.int64]:
    """For each node, then each pipe, the connected part it is in when the valves ``shut`` (rows) are closed."""
    n, p = len(water.nodes), len(water.pipes)
    ends = np.stack((column(water, "pipes", "a"), column(water, "pipes", "b")))
    whole = np.ones((2, p), np.bool_)
    whole[column(water, "valves", "end")[shut], column(water, "valves", "pipe")[shut]] = False
    end, pipe = np.nonzero(whole)
    graph = coo_array((np.ones(len(pipe), np.int8), (ends[end, pipe], n + pipe)), shape=(n + p, n + p))
    labels: NDArray[np.int32] = connected_components(graph.tocsr(), directed=False)[1]
    return labels.astype(np.int64)


def cut_off_nodes(water: WaterNetwork, shut: Sequence[int] | Ints) -> Ints:
    """Rows of the nodes with no way to any source once the valves ``shut`` (rows) are closed."""
    parts = _components(water, np.asarray(shut, np.int64))
    nodes = parts[: len(water.nodes)]
    fed = np.isin(nodes, nodes[column(water, "nodes", "source") > 0])
    return np.flatnonzero(~fed)


def isolation(water: WaterNetwork, pipe: int, *, failed: Sequence[int] = ()) -> Isolation:
    """The best isolation of ``pipe`` (row): close the valves around its segment.

    ``failed`` valves (rows) do not close: the segment grows past them to the next ones. A valve both of whose sides
    lie in the segment need not be closed.
    """
    n = len(water.nodes)
    working = np.setdiff1d(np.arange(len(water.valves)), np.asarray(failed, np.int64))
    parts = _components(water, working)
    mine = parts == parts[n + pipe]
    on, end = column(water, "valves", "pipe"), column(water, "valves", "end")
    node = np.where(end == 0, column(water, "pipes", "a")[on], column(water, "pipes", "b")[on])
    border = working[mine[n + on[working]] != mine[node[working]]]
    border = border[np.lexsort((border, _distance_m(water, border, pipe)))]
    motorised = column(water, "valves", "motorised")[border] > 0
    nodes = np.flatnonzero(mine[:n])
    return Isolation(
        pipes=np.flatnonzero(mine[n:]),
        nodes=nodes,
        motorised=border[motorised],
        manual=border[~motorised],
        cut_off=cut_off_nodes(water, border),
        possible=not bool((column(water, "nodes", "source")[nodes] > 0).any()),
    )


def distance_m(lon: Floats, lat: Floats, *, to: tuple[float, float]) -> Floats:
    """Distance [m] of each position to one position [deg]; flat earth of 111 195 m per degree (R = 6 371 km)."""
    x = (np.asarray(lon) - to[0]) * np.cos(np.radians(to[1]))
    result: Floats = np.hypot(x, np.asarray(lat) - to[1]) * 111_195.0
    return result


def _distance_m(water: WaterNetwork, valves: Ints, pipe: int) -> Floats:
    middle = (float(water.pipes.lon[pipe]), float(water.pipes.lat[pipe]))
    return distance_m(water.valves.lon[valves], water.valves.lat[valves], to=middle)


def people_by_node(city: City) -> Floats:
    """Estimated people per water node: the households that it supplies times the city's mean household.

    Where the register knows households by zone only, they are spread evenly over the zone's nodes. The sum is the
    population of all communities.
    """
    water = city.water
    if "households" in water.nodes.columns:
        households = np.asarray(water.nodes.columns["households"], np.float64)
    else:
        zone = column(water, "nodes", "zone")
        inside = zone >= 0
        held = np.maximum(np.bincount(zone[inside], minlength=len(water.zones)), 1).astype(np.float64)
        each = np.asarray(water.zones.columns["households"], np.float64) / held
        households = np.where(inside, each[np.where(inside, zone, 0)], 0.0)
    people = float(sum(division.population for division in city.of_level("community")))
    result: Floats = households * people / max(float(households.sum()), 1.0)
    return result


def affected(city: City, nodes: Ints) -> CutOff:
    """Communities, people, hydrants and hospitals that the water ``nodes`` (rows) supply."""
    people = people_by_node(city)[nodes]
    community = city.water.nodes.community[nodes]
    rows = np.unique(community[people > 0])
    count = np.bincount(community, weights=people, minlength=len(city.communities))
    ordered = sorted(rows.tolist(), key=lambda row: city.communities[row])
    zone = column(city.water, "nodes", "zone")[nodes]
    return CutOff(
        communities=tuple(city.communities[row] for row in ordered),
        people=tuple(round(float(count[row])) for row in ordered),
        hydrants=_objects_at(city, "hydrant", nodes),
        hospitals=_objects_at(city, "hospital", nodes),
        zones=tuple(int(row) for row in np.unique(zone[zone >= 0])),
    )


def _objects_at(city: City, name: str, nodes: Ints) -> tuple[int, ...]:
    table = city.objects.get(name)
    if table is None:
        return ()
    return tuple(int(code) for code in table.code[np.isin(np.asarray(table.columns["node"]), nodes)])
