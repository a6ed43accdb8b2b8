"""What the survey knows of the waterworks' equipment beside the pipes: plants, loggers, motorised valves, hydrants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import Division, ObjectTable, WaterNetwork
from datahub.contract.observations import Ints
from scenarios.survey.declared import HydrantFleet, LoggerFleet, Plant
from scenarios.survey.people import apportioned
from scenarios.survey.plane import Plane
from scenarios.survey.register import MOUNTED, chosen, coded

PLANT, TRUNK, INLET = 0, 1, 2
"""Column ``place`` of pressure and flow points."""


def lay_plants(
    declared: Sequence[Plant], *, water: WaterNetwork, communities: Sequence[Division], plane: Plane, owner: str
) -> ObjectTable:
    """The plants, each with the row of its source node."""
    sources = np.flatnonzero(water.nodes.columns["source"])
    there = plane.xy(water.nodes.lon[sources], water.nodes.lat[sources])
    own = plane.xy([p.lon for p in declared], [p.lat for p in declared])
    node = sources[((own[:, None] - there[None]) ** 2).sum(axis=2).argmin(axis=1)]
    return _at_nodes(
        "plant",
        node,
        water=water,
        communities=communities,
        owner=owner,
        columns={
            "name": np.array([p.name for p in declared]),
            "zh": np.array([p.zh for p in declared]),
            "en": np.array([p.en for p in declared]),
        },
    )


def lay_loggers(
    *, water: WaterNetwork, communities: Sequence[Division], fleet: LoggerFleet
) -> tuple[ObjectTable, ObjectTable]:
    """Pressure points and flow points: plant outlets, trunk mains from a width up, inlets of metered areas.

    A pressure point stands at the node behind the metered pipe, seen from the plant; on trunk mains at every
    junction of two wide ones.
    """
    columns, zones = water.pipes.columns, water.zones.columns
    a, b = np.asarray(columns["a"], np.int64), np.asarray(columns["b"], np.int64)
    source = np.asarray(water.nodes.columns["source"], np.bool_)
    outlet = np.flatnonzero(source[a] | source[b])
    behind = np.where(source[a[outlet]], b[outlet], a[outlet])
    inlet = np.asarray(zones["inlet"], np.int64)
    first = np.where(np.asarray(water.nodes.columns["zone"])[b[inlet]] >= 0, b[inlet], a[inlet])
    wide = np.asarray(columns["trunk"], np.bool_) & (np.asarray(columns["diameter_m"]) >= fleet.trunk_flow_from_m)
    wide[outlet] = False
    trunk = np.flatnonzero(wide)
    ends = np.bincount(np.concatenate((a[trunk], b[trunk])), minlength=len(water.nodes))
    ends[behind] = 0
    joined = np.flatnonzero(ends >= 2)
    pressure = _at_nodes(
        "pressure_point",
        np.concatenate((behind, joined, first)),
        water=water,
        communities=communities,
        owner=fleet.owner,
        columns={
            "place": np.repeat(np.array([PLANT, TRUNK, INLET], np.int8), [len(behind), len(joined), len(first)]),
            "zone": np.concatenate((np.full(len(behind) + len(joined), -1), np.arange(len(first)))).astype(np.int32),
        },
    )
    pipes = np.concatenate((outlet, trunk, inlet))
    flow, _ = coded(
        "flow_point",
        communities=communities,
        community=water.pipes.community[pipes],
        lon=water.pipes.lon[pipes],
        lat=water.pipes.lat[pipes],
        owner=fleet.owner,
        columns={
            "pipe": pipes.astype(np.int32),
            "place": np.repeat(np.array([PLANT, TRUNK, INLET], np.int8), [len(outlet), len(trunk), len(inlet)]),
            "zone": np.concatenate((np.full(len(outlet) + len(trunk), -1), np.arange(len(inlet)))).astype(np.int32),
        },
    )
    return pressure, flow


def lay_valve_drives(*, water: WaterNetwork, communities: Sequence[Division], owner: str) -> ObjectTable:
    """The drives of the motorised valves."""
    valve = np.flatnonzero(water.valves.columns["motorised"])
    table, _ = coded(
        "motorised_valve",
        communities=communities,
        community=water.valves.community[valve],
        lon=water.valves.lon[valve],
        lat=water.valves.lat[valve],
        owner=owner,
        columns={"valve": valve.astype(np.int32)},
    )
    return table


def lay_hydrants(
    *,
    water: WaterNetwork,
    communities: Sequence[Division],
    households: Ints,
    fleet: HydrantFleet,
    scale: float,
    rng: np.random.Generator,
) -> ObjectTable:
    """Hydrants on the distribution mains, in proportion to households, each on the near half of a pipe at its node.

    All of them, whatever the ``scale``, for a dry one must be known to be dry; column ``mounted`` says which have a
    monitor.
    """
    nodes, pipes = water.nodes, water.pipes
    a, b = np.asarray(pipes.columns["a"], np.int64), np.asarray(pipes.columns["b"], np.int64)
    ring = np.flatnonzero((np.asarray(pipes.columns["zone"]) >= 0) & ~np.asarray(pipes.columns["trunk"], np.bool_))
    ring = ring[~np.isin(ring, np.asarray(water.zones.columns["inlet"]))]
    near, far = np.concatenate((a[ring], b[ring])), np.concatenate((b[ring], a[ring]))
    number = np.maximum(apportioned(households.astype(np.float64), fleet.count), 1)
    node: list[NDArray[np.int64]] = []
    towards: list[NDArray[np.int64]] = []
    for c, count in enumerate(number):
        own = np.flatnonzero(nodes.community[near] == c)
        own = own[np.argsort(near[own], kind="stable")]
        pick = own[np.arange(count) * len(own) // count if count < len(own) else np.arange(count) % len(own)]
        node.append(near[pick])
        towards.append(far[pick])
    at, to = np.concatenate(node), np.concatenate(towards)
    part = rng.uniform(0.02, 0.48, len(at))
    table, _ = coded(
        "hydrant",
        communities=communities,
        community=nodes.community[at],
        lon=nodes.lon[at] + part * (nodes.lon[to] - nodes.lon[at]),
        lat=nodes.lat[at] + part * (nodes.lat[to] - nodes.lat[at]),
        owner=fleet.owner,
        columns={"node": at.astype(np.int32)},
    )
    return replace(table, columns={**table.columns, MOUNTED: chosen(table.code, scale)})


def _at_nodes(
    name: str,
    node: NDArray[np.int64],
    *,
    water: WaterNetwork,
    communities: Sequence[Division],
    owner: str,
    columns: Mapping[str, NDArray[np.generic]],
) -> ObjectTable:
    """A table of objects that stand at nodes of the network."""
    table, _ = coded(
        name,
        communities=communities,
        community=water.nodes.community[node],
        lon=water.nodes.lon[node],
        lat=water.nodes.lat[node],
        owner=owner,
        columns={"node": node.astype(np.int32), **columns},
    )
    return table
