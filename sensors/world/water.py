"""The supply of water as it is: pressures and flows, valves, bursts, what was delivered and what was lost.

Hydraulics are steady between changes: solved on every quarter of an hour of city time, and at once after a change
(burst, valve, repair). What flowed meanwhile is added up exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datahub.contract.city import ObjectTable, WaterNetwork
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.errors import UsageError
from datahub.contract.observations import Floats, Ints
from datahub.contract.units import PASCAL_PER_METRE
from sensors.chance import Seeds
from sensors.world.condition import as_it_lies
from sensors.world.demand import STEP_MS, Demand, leak_coefficient
from sensors.world.meters import KEPT_H, Meters
from sensors.world.quality import RINSE, Quality, Stretches
from sensors.world.supply import Burst, State, Supply

#: Demand of the peak hour over the mean, for which pumps are chosen (domain.md 7.2: K_h 1.2-1.6, G).
PEAK = 1.45


class Water:
    """The water supply of one city, by rows of its register, at the world's time.

    Attributes:
        now: city time [ms].
    """

    def __init__(self, water: WaterNetwork, meters: ObjectTable | None, seeds: Seeds, *, start: int) -> None:
        self.now = start
        self._diameter_m = np.asarray(water.pipes.columns["diameter_m"], np.float64)
        self._demand = Demand(water, seeds, start=start)
        mean = self._demand.households + self._demand.others
        leaks, peak = leak_coefficient(water, mean), mean * PEAK
        self._supply = Supply(as_it_lies(water, seeds), leaks=leaks, peak_m3_s=peak)
        households = np.asarray(water.nodes.columns["households"], np.int64)
        self._meters = Meters(meters, households, self._demand.households * 86_400, seeds)
        self._stretches = Stretches(seeds.rng("water", "quality"))
        self._drawn_m3 = np.zeros((3, len(water.nodes)))
        self._source_m3 = self._burst_m3 = 0.0
        self._solved: State | None = None
        self._flow_of: State | None = None
        self._flow = np.zeros(0)
        self._remember_past(start)

    @property
    def opening(self) -> Floats:
        """How far each valve is open, 0 to 1 (read only; change it with ``set_valve``)."""
        return self._supply.opening

    @property
    def bursts(self) -> dict[int, Burst]:
        """Holes in mains by pipe row (read only; change it with ``burst`` and ``repair``)."""
        return self._supply.bursts

    @property
    def engine_warnings(self) -> int:
        """Steps so far that the hydraulic engine ended with a warning."""
        return self._supply.warnings

    # ---- reading -----------------------------------------------------------------------------------------------------

    def pressure_pa(self, nodes: Ints) -> Floats:
        """Pressure over the atmosphere at nodes [Pa]; of a source, at the outlet of its pumps; 0 where cut off."""
        return self._state().pressure_m[nodes] * PASCAL_PER_METRE

    def flow_m3_s(self, pipes: Ints) -> Floats:
        """Flow in pipes [m3/s], positive from end a to end b; of a burst pipe, the flow at its end a."""
        return self._flows()[pipes]

    def velocity_m_s(self, pipes: Ints) -> Floats:
        """Mean velocity in pipes [m/s]."""
        area = np.pi / 4 * self._diameter_m[pipes] ** 2
        return np.asarray(np.abs(self.flow_m3_s(pipes)) / area)

    def delivered_m3_s(self, nodes: Ints) -> Floats:
        """What customers draw at nodes now [m3/s]."""
        state = self._state()
        return state.households[nodes] + state.others[nodes]

    def supplied_m3_s(self) -> float:
        """What all plants and reservoirs give now [m3/s]."""
        return self._state().supplied

    def leaking_m3_s(self, nodes: Ints) -> Floats:
        """Background leakage at nodes now [m3/s]."""
        return self._state().leaking[nodes]

    def drawn_m3(self, nodes: Ints) -> Floats:
        """What the households of nodes have drawn since the start [m3]."""
        return np.asarray(self._drawn_m3[0][nodes], np.float64)

    def supply_ratio(self, nodes: Ints) -> Floats:
        """Part of what customers of nodes want that they get now, 0 to 1 (1 where nobody wants any)."""
        return self._state().ratio[nodes]

    def cut_off(self) -> NDArray[np.bool_]:
        """For each node, whether no open way leads from a source to it."""
        return self._state().cut_off[: self._drawn_m3.shape[1]]

    def leak_m3_s(self, pipe: int) -> float:
        """What runs out of a burst main now [m3/s]; 0 of a sound one."""
        self._state()
        return self.bursts[pipe].leak_m3_s if pipe in self.bursts else 0.0

    def isolated(self, pipe: int) -> bool:
        """Whether a main is cut off from every source (the hole of a burst one no longer runs)."""
        return bool(self._supply.dry(self._state())[pipe])

    def volume_m3(self, meters: Ints, t: int | Ints) -> Floats:
        """Reading of household meters (rows) as of ``t`` [ms], up to two days back; see ``Meters``."""
        return self._meters.volume_m3(meters, t, now=self.now, volume_m3=self._drawn_m3[0])

    def balance_m3(self) -> dict[str, float]:
        """Volumes since the start [m3]: from the sources, delivered, leaked in the background, lost by bursts."""
        households, others, leaked = self._drawn_m3.sum(axis=1)
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
        if self._supply.set_valve(valve, opening):
            self._solved = None

    def burst(self, pipe: int, hole_m2: float) -> None:
        """A main (row) bursts in its middle; a second time, the hole grows.

        Raises:
            UsageError: if the hole has no size.
        """
        if not hole_m2 > 0:
            raise UsageError(f"a hole of {hole_m2} m2 in pipe row {pipe} is none; give an area above 0")
        self._supply.burst(pipe, hole_m2, self.now)
        self._solved = None

    def repair(self, pipe: int) -> bool:
        """A burst main is sound again, and the stretch that was dry for it is dirty; False if it was sound before."""
        if pipe not in self.bursts:
            return False
        pipes, nodes = self._supply.stretch_of(pipe, self._state())
        self._stretches.foul(pipes=pipes, nodes=nodes, volume_m3=self._supply.content_m3(pipes))
        del self.bursts[pipe]
        self._solved = None
        return True

    def stretch_m3(self, pipe: int) -> float:
        """Water that the stretch of a main holds [m3]: the dirty one after a repair, else what is dry for it now."""
        if stretch := self._stretches.of(pipe):
            return stretch.volume_m3
        return self._supply.content_m3(self._supply.stretch_of(pipe, self._state())[0])

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
                self._meters.remember(until, self._drawn_m3[0])

    def close(self) -> None:
        """Give back what the engine holds."""
        self._supply.engine.close()

    # ---- inside ------------------------------------------------------------------------------------------------------

    def _state(self) -> State:
        if self._solved is None:
            self._solved = self._supply.solve(self._demand.wanted(self.now))
        return self._solved

    def _flows(self) -> Floats:
        """Flow of every register pipe now [m3/s]; read from the engine when first asked for."""
        state = self._state()
        if self._flow_of is not state:
            self._flow_of, self._flow = state, self._supply.engine.flow_m3_s()[: len(self._diameter_m)]
        return self._flow

    def _flow_on(self, ms: int) -> None:
        state, seconds = self._state(), ms / SECOND_MS
        self._drawn_m3 += np.stack((state.households, state.others, state.leaking)) * seconds
        self._source_m3 += state.supplied * seconds
        for burst in self.bursts.values():
            burst.lost_m3 += burst.leak_m3_s * seconds
            self._burst_m3 += burst.leak_m3_s * seconds
        if self._stretches.any():
            self._stretches.advance(ms, ~self._supply.dry(state), self._flows())

    def _remember_past(self, start: int) -> None:
        """What the nodes drew in the hours before the start, as is to be expected: meters have a past."""
        latest = start - start % HOUR_MS
        drawn = [self._demand.expected_since(latest, start)]
        for hour in range(KEPT_H - 1):
            end = latest - hour * HOUR_MS
            drawn.append(drawn[-1] + self._demand.expected_since(end - HOUR_MS, end))
        for hour in range(KEPT_H - 1, -1, -1):
            self._meters.remember(latest - hour * HOUR_MS, -drawn[hour])
