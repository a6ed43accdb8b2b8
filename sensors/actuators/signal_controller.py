"""Pre-emption of a traffic signal: end the running phase, all red within 2 s, then green for who needs it.

After domain.md 5 (V2 [S127]). The order is done when the phase is green; it stays so for ``hold_s`` or until
``release``, then the junction goes back to its cycle by itself.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from datahub.contract.clock import SECOND_MS
from sensors.actuator import Actuator, Argument, Refused
from sensors.kind import Sites
from sensors.world.traffic import PREEMPT_S

if TYPE_CHECKING:
    from sensors.world.world import World

#: Longest hold and the usual one [s] (unverified).
LONGEST_S, USUAL_S = 7_200.0, 600.0


def act(world: World, sites: Sites, row: int, name: str, arguments: Mapping[str, float]) -> Generator[int, None, None]:
    """Give a phase green, or go back to the cycle."""
    junction = int(sites.row[row])
    if name == "release":
        world.traffic.release(junction)
        return
    phase, phases = int(arguments["phase_state"]), int(world.traffic.phases(np.array([junction]))[0])
    if phase != arguments["phase_state"] or not 1 <= phase <= phases:
        raise Refused(f"phase_state = {arguments['phase_state']:g} is no phase of this junction; it has 1 to {phases}")
    world.traffic.preempt(junction, phase_state=phase, hold_s=arguments["hold_s"])
    yield PREEMPT_S * SECOND_MS


def state(world: World, sites: Sites, row: int) -> dict[str, float]:
    """What the signal shows, and whether a pre-emption is in force."""
    junction = np.array([sites.row[row]])
    return {
        "phase_state": float(world.traffic.phase_state(junction)[0]),
        "preempted": float(world.traffic.preempted(junction)[0]),
    }


ACTUATOR = Actuator(
    kind="signal_controller",
    commands={
        "preempt": {"phase_state": Argument(1, 8), "hold_s": Argument(1, LONGEST_S, USUAL_S)},
        "release": {},
    },
    act=act,
    state=state,
)
