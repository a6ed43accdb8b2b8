"""The pipes, pumps, valves and holes of a supply network, and the steady state they come to.

An area is cut off when no open way leads from a source to it; demand and leaks there are nothing. A valve that is
closing throttles by its loss coefficient (gate valve, Idelchik diagram 9-5, unverified): hardly at all until it is
nearly shut. A hole discharges q = Cd A sqrt(2 g h) (domain.md 7.2, V).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import WaterNetwork
from datahub.contract.observations import Floats, Ints
from sensors.world.demand import Wanted
from sensors.world.hydraulics import Engine, served_ratio
from sensors.world.layout import lay_out

#: Coefficient of discharge of a hole (domain.md 7.2, V), and gravity [m/s2] (ISO 80000-3).
DISCHARGE, GRAVITY_M_S2 = 0.75, 9.80665
#: What a source's pumps lose between idling and the peak hour [m] (unverified).
PUMP_DROP_M = 4.0
#: Opening of a gate valve and its loss coefficient (Idelchik diagram 9-5, unverified); shut under ``SHUT``.
OPENING = np.array([0.02, 0.05, 0.125, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
VALVE_LOSS = np.array([3_800.0, 611.0, 97.8, 35.0, 10.0, 4.6, 2.06, 0.98, 0.44, 0.17, 0.06, 0.03])
SHUT = 0.02
#: An opening to the air that holds one point of each piece that is cut off [m3/s per square root of a metre]: with
#: nothing to fix its level, the engine's equations have no solution there. What it gives is not counted.
ANCHOR = 1e-4


@dataclass(slots=True)
class Burst:
    """A hole in a main.

    Attributes:
        since: when it burst [ms].
        hole_m2: area of the hole.
        lost_m3: what has run out so far.
        leak_m3_s: what runs out now.
    """

    since: int
    hole_m2: float
    lost_m3: float = 0.0
    leak_m3_s: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What is so until something changes.

    Attributes:
        open_link: per link of the layout, whether it lets water through.
        cut_off: per point of the layout, whether no open way leads from a source to it.
        pressure_m: pressure head at each node [m].
        households, others, leaking: what leaves at each node [m3/s].
        ratio: part of what is wanted at each node that is served.
        supplied: what all sources give [m3/s].
    """

    open_link: NDArray[np.bool_]
    cut_off: NDArray[np.bool_]
    pressure_m: Floats
    households: Floats
    others: Floats
    leaking: Floats
    ratio: Floats
    supplied: float


class Supply:
    """One network in its present condition.

    Attributes:
        opening: how far each valve is open, 0 to 1.
        bursts: holes in mains by pipe row.
        warnings: solutions that the engine ended with a warning.
        solutions: how many there were.
    """

    def __init__(self, water: WaterNetwork, *, leaks: Floats, peak_m3_s: Floats) -> None:
        self._water = water
        self._nodes, self._pipes = len(water.nodes), len(water.pipes)
        self._leaks = leaks
        self.opening: Floats = np.ones(len(water.valves))
        self.bursts: dict[int, Burst] = {}
        self.warnings = self.solutions = 0
        self._ways: tuple[NDArray[np.bool_], Floats, NDArray[np.bool_], Ints] | None = None
        self._layout = lay_out(water)
        self._pump_loss = np.zeros(len(self._layout.sources))
        self.engine = self._start_engine()
        self._choose_pumps(peak_m3_s)

    def set_valve(self, valve: int, opening: float) -> bool:
        """Put a valve to an opening; False if it stands there already."""
        moved = bool(self.opening[valve] != opening)
        if moved:
            self.opening[valve] = opening
            self._ways = None
        return moved

    def burst(self, pipe: int, hole_m2: float, t: int) -> None:
        """A main bursts in its middle; a second time, the hole grows."""
        if pipe in self.bursts:
            self.bursts[pipe].hole_m2 += hole_m2
        else:
            self.bursts[pipe] = Burst(since=t, hole_m2=hole_m2)
        if pipe not in self._layout.broken:
            self._layout = lay_out(self._water, (*self._layout.broken, pipe))
            self.engine.close()
            self.engine = self._start_engine()
            self._ways = None

    def solve(self, wanted: Wanted) -> State:
        """The steady state for what people want."""
        layout, n = self._layout, self._nodes
        if self._ways is None:
            self._ways = self._links()
        open_link, loss, cut_off, anchors = self._ways
        demand, emitter = np.zeros(layout.points), np.zeros(layout.points)
        demand[:n], emitter[:n] = wanted.households + wanted.others, self._leaks
        for pipe, burst in self.bursts.items():
            emitter[layout.break_point(pipe)] = DISCHARGE * burst.hole_m2 * (2 * GRAVITY_M_S2) ** 0.5
        demand[cut_off], emitter[cut_off] = 0.0, 0.0
        emitter[anchors] = ANCHOR
        self.engine.set_open(open_link)
        self.engine.set_minor_loss(loss)
        self.engine.set_demand(demand)
        head, emitter = self._settle(emitter, cut_off)
        pressure = np.where(cut_off, 0.0, head - layout.elevation_m)
        leaking = np.where(cut_off, 0.0, emitter * np.sqrt(np.maximum(pressure, 0.0)))
        for pipe, burst in self.bursts.items():
            burst.leak_m3_s = float(leaking[layout.break_point(pipe)])
        ratio = np.where(cut_off, 0.0, served_ratio(pressure))[:n]
        return State(
            open_link=open_link,
            cut_off=cut_off,
            pressure_m=pressure[:n],
            households=wanted.households * ratio,
            others=wanted.others * ratio,
            leaking=leaking[:n],
            ratio=np.where(demand[:n] + cut_off[:n] > 0, ratio, 1.0),
            supplied=float(self.engine.pump_flow_m3_s().sum()),
        )

    def dry(self, state: State) -> NDArray[np.bool_]:
        """For each register pipe, whether it is cut off from every source, between its valves or with its ends."""
        pipes, valves = self._water.pipes.columns, self._water.valves.columns
        shut = np.zeros((self._pipes, 2), np.bool_)
        closed = self.opening < SHUT
        shut[np.asarray(valves["pipe"])[closed], np.asarray(valves["end"])[closed]] = True
        cut_off = state.cut_off
        dry = (shut[:, 0] | cut_off[np.asarray(pipes["a"])]) & (shut[:, 1] | cut_off[np.asarray(pipes["b"])])
        for pipe in self._layout.broken:
            dry[pipe] = cut_off[self._layout.break_point(pipe)]
        return np.asarray(dry, np.bool_)

    def stretch_of(self, pipe: int, state: State) -> tuple[Ints, Ints]:
        """Pipes and nodes that lie dry together with a burst main; the main alone if it is still under pressure."""
        own = np.array([pipe], np.int64)
        if pipe not in self._layout.broken or not state.cut_off[self._layout.break_point(pipe)]:
            return own, np.zeros(0, np.int64)
        component = self._layout.component(state.open_link)
        same = component == component[self._layout.break_point(pipe)]
        pipes = np.union1d(self._layout.pipe[state.open_link & same[self._layout.a]], own)
        return np.asarray(pipes, np.int64), np.flatnonzero(same[: self._nodes]).astype(np.int64)

    def content_m3(self, pipes: Ints) -> float:
        """Water that mains hold [m3]."""
        columns = self._water.pipes.columns
        diameter, length = np.asarray(columns["diameter_m"])[pipes], np.asarray(columns["length_m"])[pipes]
        return float((np.pi / 4 * diameter**2 * length).sum())

    def _settle(self, emitter: Floats, cut_off: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Heads; a leak at which the pressure falls under the air's is closed, as the engine would let it suck."""
        for _ in range(3):
            self.engine.set_emitter(emitter)
            before = self.engine.warned
            head = self.engine.solve()
            self.warnings += self.engine.warned - before
            self.solutions += 1
            sucking = (emitter > 0) & (head < self._layout.elevation_m) & ~cut_off
            if not sucking.any():
                break
            emitter = np.where(sucking, 0.0, emitter)
        return head, emitter

    def _links(self) -> tuple[NDArray[np.bool_], Floats, NDArray[np.bool_], Ints]:
        """Which links are open, the loss of the valves on each, which points are cut off, one of each such piece."""
        link, count = self._layout.valve_link, len(self._layout.a)
        open_link = np.asarray(np.bincount(link, weights=self.opening < SHUT, minlength=count) == 0, np.bool_)
        loss = np.exp(np.interp(self.opening, OPENING, np.log(VALVE_LOSS)))
        total = np.asarray(np.bincount(link, weights=loss, minlength=count), np.float64)
        return open_link, total, *self._layout.cut_off(open_link)

    def _start_engine(self) -> Engine:
        head = np.asarray(self._water.nodes.columns["head_m"], np.float64)
        return Engine(self._layout, head_m=head[self._layout.sources], pump_loss=self._pump_loss)

    def _choose_pumps(self, peak_m3_s: Floats) -> None:
        """Give every source a pump curve that loses ``PUMP_DROP_M`` when the city draws its peak."""
        self.engine.set_demand(peak_m3_s)
        self.engine.set_emitter(self._leaks)
        self.engine.solve()
        first = [
            int(np.flatnonzero((self._layout.a == one) | (self._layout.b == one))[0]) for one in self._layout.sources
        ]
        area = np.pi / 4 * self._layout.diameter_m[first] ** 2
        velocity = np.maximum(self.engine.pump_flow_m3_s() / area, 0.1)
        self._pump_loss = np.asarray(PUMP_DROP_M * 2 * GRAVITY_M_S2 / velocity**2)
        self.engine.set_pump_loss(self._pump_loss)
