"""Whom it cuts off to take a main out of service: by the register alone, for scenarios that seek a place for a story.

Written apart from the brain's own search for valves, so that the one can be held against the other.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from datahub.contract.city import City
from datahub.contract.observations import Floats, Ints


def people_behind(city: City, pipes: Ints) -> Floats:
    """People who lose their water when all valves around each of ``pipes`` (rows) are closed, shape (n,)."""
    nodes, valves = city.water.nodes, city.water.valves
    people = np.asarray(nodes.columns["households"], np.float64) * _household_size(city)
    n, p = len(nodes), len(city.water.pipes)
    joint = np.arange(2 * p)  # joint 2 * pipe + end holds a pipe to its node
    whole = np.ones(2 * p, np.bool_)
    whole[2 * np.asarray(valves.columns["pipe"], np.int64) + np.asarray(valves.columns["end"], np.int64)] = False
    ends = np.stack((city.water.pipes.columns["a"], city.water.pipes.columns["b"]), axis=1).astype(np.int64).ravel()
    parts = _parts(n, ends, joint[whole], size=n + p)
    result = np.zeros(len(pipes))
    for place, pipe in enumerate(pipes.tolist()):
        inside = parts == parts[n + pipe]
        left = joint[inside[ends] == inside[n + joint // 2]]  # what crosses the segment's edge is closed
        now = _parts(n, ends, left, size=n + p)[:n]
        fed = np.isin(now, now[np.asarray(nodes.columns["source"]) > 0]) & ~inside[:n]
        result[place] = people[~fed].sum()
    return result


def _parts(n: int, ends: Ints, joints: Ints, *, size: int) -> Ints:
    """For each node, then each pipe, the connected part it is in if these joints hold."""
    graph = coo_array((np.ones(len(joints), np.int8), (ends[joints], n + joints // 2)), shape=(size, size))
    labels = connected_components(graph.tocsr(), directed=False)[1]
    return np.asarray(labels, np.int64)


def _household_size(city: City) -> float:
    people = sum(division.population for division in city.of_level("community"))
    return people / max(float(np.asarray(city.water.nodes.columns["households"], np.float64).sum()), 1.0)
