"""The supply of water as it is: pressures and flows, valves, bursts, what was delivered and what was lost.

Hydraulics are steady between changes: solved on every quarter of an hour of city time, and at once after a change
(burst, valve, repair). What flowed meanwhile is added up exactly. An area is cut off when no open way leads to a
source; demand and leaks there are nothing. A valve that is closing throttles by its loss coefficient (gate valve,
Idelchik diagram 9-5, unverified): hardly at all until it is nearly shut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable, WaterNetwork
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from datahub.contract.units import PASCAL_PER_METRE
from sensors.chance import Seeds
from sensors.world.demand import STEP_MS, Demand, leak_coefficient
from sensors.world.hydraulics import Engine, served_ratio
from sensors.world.layout import lay_out
from sensors.world.meters import KEPT_H, Meters
from sensors.world.quality import RINSE, Quality, Stretches

#: Discharge of a hole: q = Cd A sqrt(2 g h) with Cd 0.75 (domain.md 7.2, V).
DISCHARGE, GRAVITY_M_S2 = 0.75, 9.80665
#: What a source's pumps lose between idling and the peak hour [m] (unverified), and that hour's demand over the mean.
PUMP_DROP_M, PEAK = 4.0, 1.45
#: Opening of a gate valve and its loss coefficient (Idelchik diagram 9-5, unverified); shut under ``SHUT``.
OPENING = np.array([0.02, 0.05, 0.125, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
VALVE_LOSS = np.array([3_800.0, 611.0, 97.8, 35.0, 10.0, 4.6, 2.06, 0.98, 0.44, 0.17, 0.06, 0.03])
SHUT = 0.02


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
class _State:
    """What is so until something changes. Per point: cut_off; per node: all else; rates in m3/s."""

    open_link: NDArray[np.bool_]
    cut_off: NDArray[np.bool_]
    pressure_m: Floats
    households: Floats
    others: Floats
    leaking: Floats
    ratio: Floats
    supplied: float


class Water:
    """The water supply of one city, by rows of its register, at the world's time.

    Attributes:
        now: city time [ms].
        opening: how far each valve is open, 0 to 1 (read only; change it with ``set_valve``).
        bursts: holes in mains by pipe row.
        engine_warnings: steps that the hydraulic engine ended with a warning.
    """

    def __init__(self, water: WaterNetwork, meters: ObjectTable | None, seeds: Seeds, *, start: int) -> None:
        self.now = start
        self._water = water
        self._nodes = len(water.nodes)
        self._head_m = np.asarray(water.nodes.columns["head_m"], np.float64)
        self._demand = Demand(water, seeds, start=start)
        mean = self._demand.households + self._demand.others
        self._leaks = leak_coefficient(water, mean)
        households = np.asarray(water.nodes.columns["households"], np.int64)
        self._meters = Meters(meters, households, self._demand.households * 86_400, seeds)
        self._stretches = Stretches(seeds.rng("water", "quality"))
        self.opening: Floats = np.ones(len(water.valves))
        self.bursts: dict[int, Burst] = {}
        self.engine_warnings = 0
        self.solutions = 0
        self._delivered_m3 = np.zeros((3, self._nodes))
        self._source_m3 = self._burst_m3 = 0.0
        self._solved: _State | None = None
        self._ways: tuple[NDArray[np.bool_], Floats, NDArray[np.bool_]] | None = None
        self._flow_of: _State | None = None
        self._flow = np.zeros(0)
        self._layout = lay_out(water)
        self._pump_loss = np.zeros(len(self._layout.sources))
        self._engine = self._start_engine()
        self._choose_pumps(mean * PEAK)
        self._remember_past(start)

    # ---- reading -----------------------------------------------------------------------------------------------------

    def pressure_pa(self, nodes: Ints) -> Floats:
        """Pressure over the atmosphere at nodes [Pa]; of a source, at the outlet of its pumps; 0 where cut off."""
        return self._state().pressure_m[nodes] * PASCAL_PER_METRE

    def flow_m3_s(self, pipes: Ints) -> Floats:
        """Flow in pipes [m3/s], positive from end a to end b; of a burst pipe, the flow at its end a."""
        return self._flows()[pipes]

    def velocity_m_s(self, pipes: Ints) -> Floats:
        """Mean velocity in pipes [m/s]."""
        area = np.pi / 4 * self._layout.diameter_m[pipes] ** 2
        return np.asarray(np.abs(self.flow_m3_s(pipes)) / area)

    def delivered_m3_s(self, nodes: Ints) -> Floats:
        """What customers draw at nodes now [m3/s]."""
        state = self._state()
        return state.households[nodes] + state.others[nodes]

    def supply_ratio(self, nodes: Ints) -> Floats:
        """Part of what customers of nodes want that they get now, 0 to 1 (1 where nobody wants any)."""
        return self._state().ratio[nodes]

    def cut_off(self) -> NDArray[np.bool_]:
        """For each node, whether no open way leads from a source to it."""
        return self._state().cut_off[: self._nodes]

    def leak_m3_s(self, pipe: int) -> float:
        """What runs out of a burst main now [m3/s]; 0 of a sound one."""
        self._state()
        return self.bursts[pipe].leak_m3_s if pipe in self.bursts else 0.0

    def isolated(self, pipe: int) -> bool:
        """Whether a main is cut off from every source (the hole of a burst one no longer runs)."""
        state = self._state()
        if pipe in self._layout.broken:
            return bool(state.cut_off[self._layout.break_point(pipe)])
        return bool(self._dry(state)[pipe])

    def volume_m3(self, meters: Ints, t: int | Ints) -> Floats:
        """Reading of household meters (rows) as of ``t`` [ms], up to two days back; see ``Meters``."""
        return self._meters.volume_m3(meters, t, now=self.now, volume_m3=self._delivered_m3[0])

    def balance_m3(self) -> dict[str, float]:
        """Volumes since the start [m3]: from the sources, delivered, leaked in the background, lost by bursts."""
        households, others, leaked = self._delivered_m3.sum(axis=1)
        return {
            "supplied": self._source_m3,
            "delivered": float(households + others),
            "leaked": float(leaked),
            "burst": self._burst_m3,
        }

    def quality(self, nodes: Ints) -> Quality:
        """Samples of water at nodes."""
        return self._stretches.at_nodes(np.asarray(nodes))

    def quality_of_pipe(self, pipe: int) -> Quality:
        """One sample from a main."""
        return self._stretches.at_pipe(pipe)

    # ---- changing ----------------------------------------------------------------------------------------------------

    def set_valve(self, valve: int, opening: float) -> None:
        """Put a valve (row) to an opening, 0 shut to 1 open.

        Raises:
            UsageError: if the opening lies outside.
        """
        if not 0.0 <= opening <= 1.0:
            raise UsageError(f"opening {opening} of valve row {valve} lies outside 0 (shut) to 1 (open)")
        if self.opening[valve] != opening:
            self.opening[valve] = opening
            self._solved = self._ways = None

    def burst(self, pipe: int, hole_m2: float) -> None:
        """A main (row) bursts in its middle; a second time, the hole grows.

        Raises:
            UsageError: if the hole has no size.
        """
        if not hole_m2 > 0:
            raise UsageError(f"a hole of {hole_m2} m2 in pipe row {pipe} is none; give an area above 0")
        if pipe in self.bursts:
            self.bursts[pipe].hole_m2 += hole_m2
        else:
            self.bursts[pipe] = Burst(since=self.now, hole_m2=hole_m2)
        if pipe not in self._layout.broken:
            self._layout = lay_out(self._water, (*self._layout.broken, pipe))
            self._engine.close()
            self._engine = self._start_engine()
        self._solved = self._ways = None

    def repair(self, pipe: int) -> bool:
        """A burst main is sound again, and the stretch that was dry for it is dirty; False if it was sound before."""
        if pipe not in self.bursts:
            return False
        state = self._state()
        pipes, nodes = self._stretch_of(pipe, state)
        self._stretches.foul(pipes=pipes, nodes=nodes, volume_m3=self._content_m3(pipes))
        del self.bursts[pipe]
        self._solved = None
        return True

    def stretch_m3(self, pipe: int) -> float:
        """Water that the stretch of a main holds [m3]: the dirty one after a repair, else what is dry for it now."""
        if stretch := self._stretches.of(pipe):
            return stretch.volume_m3
        return self._content_m3(self._stretch_of(pipe, self._state())[0])

    def flush(self, pipe: int, volume_m3: float) -> Quality:
        """Flush the stretch of a main with so much water; what it is like then."""
        if stretch := self._stretches.of(pipe):
            stretch.exchange(volume_m3 / stretch.volume_m3)
        return self.quality_of_pipe(pipe)

    def disinfect(self, pipe: int, *, dose_mg_l: float, contact_s: float) -> Quality:
        """Fill the stretch of a main with chlorinated water, let it stand, rinse it; what it is like then.

        The standing is reckoned at once; call it when the contact time is over. GB 50268 asks for 20 mg/l over a
        day for new mains (unverified).
        """
        if stretch := self._stretches.of(pipe):
            stretch.chlorine_mg_l = dose_mg_l
            stretch.rest(contact_s * SECOND_MS / HOUR_MS)
            stretch.exchange(RINSE)
        return self.quality_of_pipe(pipe)

    def advance(self, t: int) -> None:
        """Go to city time ``t`` [ms], adding up what flows on the way."""
        while self.now < t:
            until = min(t, self.now - self.now % STEP_MS + STEP_MS)
            self._flow_on(until - self.now)
            self.now = until
            if until % STEP_MS == 0:
                self._demand.step()
                self._solved = None
            if until % HOUR_MS == 0:
                self._meters.remember(until, self._delivered_m3[0])

    def close(self) -> None:
        """Give back what the engine holds."""
        self._engine.close()

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _state(self) -> _State:
        if self._solved is None:
            self._solved = self._solve()
        return self._solved

    def _solve(self) -> _State:
        layout, n = self._layout, self._nodes
        if self._ways is None:
            self._ways = self._links()
        open_link, loss, cut_off = self._ways
        wanted = self._demand.wanted(self.now)
        demand, emitter = np.zeros(layout.points), np.zeros(layout.points)
        demand[:n], emitter[:n] = wanted.households + wanted.others, self._leaks
        for pipe, burst in self.bursts.items():
            emitter[layout.break_point(pipe)] = DISCHARGE * burst.hole_m2 * (2 * GRAVITY_M_S2) ** 0.5
        demand[cut_off], emitter[cut_off] = 0.0, 0.0
        self._engine.set_open(open_link)
        self._engine.set_minor_loss(loss)
        self._engine.set_demand(demand)
        head, emitter = self._settle(emitter)
        pressure = np.where(cut_off, 0.0, head - layout.elevation_m)
        leaking = emitter * np.sqrt(np.maximum(pressure, 0.0))
        for pipe, burst in self.bursts.items():
            burst.leak_m3_s = float(leaking[layout.break_point(pipe)])
        ratio = np.where(cut_off, 0.0, served_ratio(pressure))[:n]
        return _State(
            open_link=open_link,
            cut_off=cut_off,
            pressure_m=pressure[:n],
            households=wanted.households * ratio,
            others=wanted.others * ratio,
            leaking=leaking[:n],
            ratio=np.where(demand[:n] + cut_off[:n] > 0, ratio, 1.0),
            supplied=float(self._engine.pump_flow_m3_s().sum()),
        )

    def _settle(self, emitter: Floats) -> tuple[Floats, Floats]:
        """Heads; a leak at which the pressure falls under the air's is closed, as the engine would let it suck."""
        for _ in range(3):
            self._engine.set_emitter(emitter)
            before = sum(self._engine.warnings.values())
            head = self._engine.solve()
            self.engine_warnings += sum(self._engine.warnings.values()) - before
            self.solutions += 1
            sucking = (emitter > 0) & (head < self._layout.elevation_m)
            if not sucking.any():
                break
            emitter = np.where(sucking, 0.0, emitter)
        return head, emitter

    def _flows(self) -> Floats:
        """Flow of every link now; read from the engine when first asked for."""
        state = self._state()
        if self._flow_of is not state:
            self._flow_of, self._flow = state, self._engine.flow_m3_s()
        return self._flow

    def _links(self) -> tuple[NDArray[np.bool_], Floats, NDArray[np.bool_]]:
        """Which links are open, the loss coefficient of the valves on each, and which points are cut off."""
        shut = self.opening < SHUT
        closed = np.bincount(self._layout.valve_link, weights=shut, minlength=len(self._layout.a))
        open_link = np.asarray(closed == 0, np.bool_)
        loss = np.exp(np.interp(self.opening, OPENING, np.log(VALVE_LOSS)))
        total = np.bincount(self._layout.valve_link, weights=loss, minlength=len(self._layout.a))
        return open_link, np.asarray(total, np.float64), self._layout.cut_off(open_link)

    def _dry(self, state: _State) -> NDArray[np.bool_]:
        """For each register pipe, whether it is cut off from every source, between its valves or with its ends."""
        pipes, valves = self._water.pipes.columns, self._water.valves.columns
        shut = np.zeros((len(self._water.pipes), 2), np.bool_)
        closed = self.opening < SHUT
        np.logical_or.at(shut, (np.asarray(valves["pipe"])[closed], np.asarray(valves["end"])[closed]), True)
        cut_off = state.cut_off
        dry = (shut[:, 0] | cut_off[np.asarray(pipes["a"])]) & (shut[:, 1] | cut_off[np.asarray(pipes["b"])])
        for pipe in self._layout.broken:
            dry[pipe] = cut_off[self._layout.break_point(pipe)]
        return np.asarray(dry, np.bool_)

    def _stretch_of(self, pipe: int, state: _State) -> tuple[Ints, Ints]:
        """Pipes and nodes that lie dry together with a burst main; the main alone if it is still under pressure."""
        own = np.array([pipe], np.int64)
        if pipe not in self._layout.broken or not self.isolated(pipe):
            return own, np.zeros(0, np.int64)
        component = self._layout.component(state.open_link)
        same = component == component[self._layout.break_point(pipe)]
        inside = state.open_link & same[self._layout.a]
        pipes = np.union1d(self._layout.pipe[inside], own)
        return np.asarray(pipes, np.int64), np.flatnonzero(same[: self._nodes]).astype(np.int64)

    def _content_m3(self, pipes: Ints) -> float:
        columns = self._water.pipes.columns
        diameter, length = np.asarray(columns["diameter_m"])[pipes], np.asarray(columns["length_m"])[pipes]
        return float((np.pi / 4 * diameter**2 * length).sum())

    def _flow_on(self, ms: int) -> None:
        state, seconds = self._state(), ms / SECOND_MS
        self._delivered_m3 += np.stack((state.households, state.others, state.leaking)) * seconds
        self._source_m3 += state.supplied * seconds
        for burst in self.bursts.values():
            burst.lost_m3 += burst.leak_m3_s * seconds
            self._burst_m3 += burst.leak_m3_s * seconds
        if self._stretches.any():
            self._stretches.advance(ms, ~self._dry(state), self._flows()[: len(self._water.pipes)])

    def _start_engine(self) -> Engine:
        return Engine(self._layout, head_m=self._head_m[self._layout.sources], pump_loss=self._pump_loss)

    def _choose_pumps(self, peak_m3_s: Floats) -> None:
        """Give every source a pump curve that loses ``PUMP_DROP_M`` when the city draws its peak."""
        self._engine.set_demand(peak_m3_s)
        self._engine.set_emitter(self._leaks)
        self._engine.solve()
        sources = self._layout.sources
        first = [int(np.flatnonzero((self._layout.a == one) | (self._layout.b == one))[0]) for one in sources]
        area = np.pi / 4 * self._layout.diameter_m[first] ** 2
        velocity = np.maximum(self._engine.pump_flow_m3_s() / area, 0.1)
        self._pump_loss = np.asarray(PUMP_DROP_M * 2 * GRAVITY_M_S2 / velocity**2)
        self._engine.set_pump_loss(self._pump_loss)

    def _remember_past(self, start: int) -> None:
        """What the nodes drew in the hours before the start, as is to be expected: meters have a past."""
        latest = start - start % HOUR_MS
        drawn = [self._demand.expected_since(latest, start)]
        for hour in range(KEPT_H - 1):
            end = latest - hour * HOUR_MS
            drawn.append(drawn[-1] + self._demand.expected_since(end - HOUR_MS, end))
        for hour in range(KEPT_H - 1, -1, -1):
            self._meters.remember(latest - hour * HOUR_MS, -drawn[hour])
