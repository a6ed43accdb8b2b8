"""Everything outside the wire: the world, its devices, the departments' systems and their people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import simpy

from datahub.connector import Stub
from datahub.contract.city import City
from datahub.contract.clock import duration_ms
from datahub.contract.errors import UsageError
from datahub.contract.observations import Ints
from datahub.transport.bus import FieldBus
from scenarios.agents.citizen import Citizens
from scenarios.agents.crew import Crews
from scenarios.bridging import clouds_of, played
from scenarios.clouds import CloudHost, Clouds
from scenarios.edges import declared as edges
from scenarios.exchange import stubs_of
from scenarios.place import pipe_for
from scenarios.scenario import Disturbance as Declared
from scenarios.scenario import Scenario
from scenarios.survey.city import sites
from sensors.actuator import load_actuators
from sensors.chance import Seeds
from sensors.faults import Faults
from sensors.field import Field
from sensors.kind import load_kinds
from sensors.world.disturbance import Disturbance
from sensors.world.world import World


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """The field side of one run.

    Attributes:
        env: the clock of everything outside [ms of city time].
        disturbances: what befalls the city, with its place found.
        begins: when the scenario itself begins; before that is warm-up [ms].
        clouds: vendors' clouds that carry some devices; None where all speak on the wire.
    """

    env: simpy.Environment
    world: World
    field: Field
    stubs: Mapping[str, Stub]
    citizens: Citizens
    crews: Crews
    disturbances: tuple[Disturbance, ...]
    begins: int
    clouds: Clouds | None = None

    def begin(self) -> None:
        """Switch everything on."""
        self.field.begin()
        self.crews.begin()
        self.citizens.begin()

    @property
    def devices(self) -> int:
        """How many devices there are."""
        return sum(len(fleet) for fleet in self.field.fleets.values())

    def ledger(self, *, bridged: int = 0) -> tuple[int, int]:
        """Readings published so far, and those of them still in flight, in outboxes and clouds.

        ``bridged``: readings that the platform has by its bridges.
        """
        published, in_flight = self.field.ledger()
        if self.clouds is None:
            return published, in_flight
        return published + self.clouds.corrected, in_flight + self.clouds.told - bridged


def assemble(
    scenario: Scenario,
    city: City,
    bus: FieldBus,
    *,
    seed: int,
    run: str = "",
    stubs: Mapping[str, Stub] | None = None,
    resend_s: float = 600.0,
    secrets: Mapping[str, str] | None = None,
) -> Outside:
    """The outside of one scenario, at rest at the beginning of its warm-up.

    Args:
        run: run id of a virtual run.
        stubs: departments' systems; None makes fresh ones.
        resend_s: what the hub has not acknowledged for so long goes up again [s of city time].
        secrets: shared with vendors' clouds; None takes those of a virtual run.
    """
    seeds = Seeds(seed)
    begins = scenario.start
    start = begins - (duration_ms(scenario.warmup.duration) if scenario.warmup else 0)
    disturbances: tuple[Disturbance, ...] = ()
    for declared in scenario.disturbance:
        disturbances += (placed(declared, city, begins=begins, seeds=seeds, earlier=disturbances),)
    env = simpy.Environment(initial_time=start)
    world = World(city, disturbances, seeds, start=start)
    kinds = load_kinds()
    shared = played(city, seed) if secrets is None else secrets
    clouds = _clouds(city, bus, env, seeds=seeds, secrets=shared) if scenario.bridges else None
    early = set(scenario.warmup.kinds) if scenario.warmup else set(kinds)
    if unknown := sorted(early - set(kinds)):
        raise UsageError(f"warm-up names kind '{unknown[0]}', which does not exist; there are: {', '.join(kinds)}")
    field = Field(
        env,
        world,
        kinds,
        {name: sites(city, kind) for name, kind in kinds.items()},
        clouds or bus,
        seeds,
        faults=Faults.declared(scenario.faults),
        run=run,
        switch_on={name: begins for name in kinds if name not in early},
        resend_s=resend_s,
        edges=[edges.load(edges.path_of(name), kinds=kinds, actuators=load_actuators()) for name in scenario.edge],
    )
    systems = stubs_of(city) if stubs is None else stubs
    citizens = Citizens(env, world, seeds)
    crews = Crews(env, world, systems, seeds, citizens=citizens, silent_share=scenario.silent_share)
    return Outside(env, world, field, systems, citizens, crews, disturbances, begins, clouds)


def _clouds(city: City, wire: FieldBus, env: simpy.Environment, *, seeds: Seeds, secrets: Mapping[str, str]) -> Clouds:
    """Vendors' clouds between the wire and the devices that they carry."""
    hosts = {vendor: CloudHost(*both) for vendor, both in clouds_of(city, secrets, seeds, since=int(env.now)).items()}
    return Clouds(wire, hosts, clock=lambda: int(env.now))


def placed(
    declared: Declared, city: City, *, begins: int, seeds: Seeds, earlier: Sequence[Disturbance] = ()
) -> Disturbance:
    """A declared disturbance with its moment and its object found; the seed chooses among places that fit alike.

    Raises:
        UsageError: if it should strike where an earlier one did, and there is no such.
    """
    at = begins + duration_ms(declared.after)
    rng = seeds.rng("disturbance", declared.kind, str(len(earlier)))
    lasts = duration_ms(declared.lasts) if declared.lasts else 0
    if declared.kind == "main_burst":
        code = int(city.water.pipes.code[pipe_for(city, declared.where, rng=rng)])
    else:
        code = int(rng.choice(_on_streets(declared, city, earlier)))
    return Disturbance(kind=declared.kind, at=at, object=code, size=declared.size, lasts=lasts)


def _on_streets(declared: Declared, city: City, earlier: Sequence[Disturbance]) -> Ints:
    """Codes of the poles or lamp feeders among which a disturbance may choose."""
    poles = city.objects["pole"]
    feeder = np.asarray(poles.columns["feeder"], np.int64)
    at_pole, same = declared.kind in ("lamp_failure", "pole_leak"), declared.where.same_feeder_as
    if same is None and declared.kind != "uplink_cut":
        return poles.code if at_pole else city.objects["lamp_feeder"].code
    wanted = feeder
    if same is not None:
        if same >= len(earlier):
            raise UsageError(
                f"'{declared.kind}' should strike where disturbance {same} did, which is not an earlier one"
            )
        where = earlier[same].object
        wanted = feeder[(feeder == where) | (poles.code == where)]
    return poles.code[np.isin(feeder, wanted)] if at_pole else np.unique(wanted)
