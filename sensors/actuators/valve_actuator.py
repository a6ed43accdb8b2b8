"""A motorised valve moves slowly, so that no water hammer runs through the main.

Travel of a DN600 butterfly valve with electric drive: some minutes (unverified). The world is told the opening once a
minute, the grain in which the network is solved.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from math import ceil
from typing import TYPE_CHECKING

from datahub.contract.clock import MINUTE_MS, SECOND_MS
from sensors.actuator import Actuator, Argument
from sensors.kind import Sites

if TYPE_CHECKING:
    from sensors.world.world import World

#: Fastest and slowest travel from end to end, and what a command means that names none [s] (unverified).
FASTEST_S, SLOWEST_S, USUAL_S = 10.0, 7_200.0, 300.0


def act(world: World, sites: Sites, row: int, name: str, arguments: Mapping[str, float]) -> Generator[int, None, None]:
    """Move from where it is to ``position_ratio`` within ``travel_s``, in steps of at most a minute."""
    valve = int(sites.columns["valve"][row])
    start, end = float(world.water.opening[valve]), arguments["position_ratio"]
    travel_ms = round(arguments["travel_s"] * SECOND_MS)
    steps = ceil(travel_ms / MINUTE_MS) if start != end else 0
    done = 0
    for step in range(1, steps + 1):
        until = travel_ms * step // steps
        yield until - done
        done = until
        world.water.set_valve(valve, start + (end - start) * step / steps if step < steps else end)


def state(world: World, sites: Sites, row: int) -> dict[str, float]:
    """How far the valve is open."""
    return {"position_ratio": float(world.water.opening[int(sites.columns["valve"][row])])}


ACTUATOR = Actuator(
    kind="valve_actuator",
    commands={"move": {"position_ratio": Argument(0, 1), "travel_s": Argument(FASTEST_S, SLOWEST_S, USUAL_S)}},
    act=act,
    state=state,
    settings={"position_ratio": "move"},
)
