"""The supply network as the engine sees it: register nodes and pipes, a pump at each source, and burst pipes in two.

A burst sits inside its pipe. The pipe is then split in its middle, so that the valve at its end a and the one at its
end b isolate different things. Pure topology; the hydraulic engine builds on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from datahub.contract.city import WaterNetwork
from datahub.contract.observations import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Points and links of one state of damage.

    Points: the n register nodes first (a source stands for its pumps' outlet), then a break for each split pipe.
    Links: the m register pipes first (of a split pipe the half at its end a), then the halves at the ends b.

    Attributes:
        a, b: ends of each link.
        length_m, diameter_m, roughness: of each link.
        pipe: register pipe of each link.
        sources: register rows of the sources.
        elevation_m: of each point.
        broken: split pipes, in the order of their breaks.
        valve_link: link on which each valve of the register sits.
    """

    a: Ints
    b: Ints
    length_m: Floats
    diameter_m: Floats
    roughness: Floats
    pipe: Ints
    sources: Ints
    elevation_m: Floats
    broken: tuple[int, ...]
    valve_link: Ints

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.elevation_m)

    def break_point(self, pipe: int) -> int:
        """Point of the break of a split pipe."""
        return self.points - len(self.broken) + self.broken.index(pipe)

    def component(self, open_link: NDArray[np.bool_]) -> NDArray[np.int32]:
        """For each point the number of the piece of network it hangs on through open links."""
        a, b = self.a[open_link], self.b[open_link]
        matrix = coo_matrix((np.ones(len(a), np.int8), (a, b)), shape=(self.points, self.points))
        return np.asarray(connected_components(matrix, directed=False)[1], np.int32)

    def cut_off(self, open_link: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], Ints]:
        """For each point whether no open way leads from any source to it, and one point of each piece cut off."""
        component = self.component(open_link)
        fed = np.zeros(int(component.max()) + 1, np.bool_)
        fed[component[self.sources]] = True
        piece, first = np.unique(component, return_index=True)
        return ~fed[component], np.asarray(first[~fed[piece]], np.int64)


def lay_out(water: WaterNetwork, broken: Sequence[int] = ()) -> Layout:
    """The network with the given pipes split in their middles."""
    nodes, pipes, valves = water.nodes.columns, water.pipes.columns, water.valves.columns
    n, m = len(water.nodes), len(water.pipes)
    split = np.array(broken, np.int64)
    a, b = np.array(pipes["a"], np.int64), np.array(pipes["b"], np.int64)
    elevation = np.asarray(nodes["elevation_m"], np.float64)
    length = np.array(pipes["length_m"], np.float64)
    length[split] /= 2
    breaks = n + np.arange(len(split))
    far = b[split]
    middle = (elevation[a[split]] + elevation[far]) / 2
    b[split] = breaks
    pipe = np.concatenate((np.arange(m), split))
    half = np.full(m, -1, np.int64)
    half[split] = m + np.arange(len(split))
    valve_pipe = np.asarray(valves["pipe"], np.int64)
    at_far_half = (np.asarray(valves["end"]) == 1) & (half[valve_pipe] >= 0)
    return Layout(
        a=np.concatenate((a, breaks)),
        b=np.concatenate((b, far)),
        length_m=np.concatenate((length, length[split])),
        diameter_m=np.asarray(pipes["diameter_m"], np.float64)[pipe],
        roughness=np.asarray(pipes["roughness"], np.float64)[pipe],
        pipe=pipe,
        sources=np.flatnonzero(np.asarray(nodes["source"], np.bool_)),
        elevation_m=np.concatenate((elevation, middle)),
        broken=tuple(int(one) for one in broken),
        valve_link=np.where(at_far_half, half[valve_pipe], valve_pipe),
    )
