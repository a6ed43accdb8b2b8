"""A street lamp's controller: the level at which it burns at night (0-10 V, domain.md 5, V2 [S110]), and its circuit.

When the lighting is on, the controller knows by itself, from the sun: an order sets the level, not the hour. The relay
of the lamp's circuit is for safety and for work; what else the pole carries keeps its supply.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from sensors.actuator import Actuator, Argument, Refused
from sensors.kind import Sites

if TYPE_CHECKING:
    from sensors.world.world import World


def act(world: World, sites: Sites, row: int, name: str, arguments: Mapping[str, float]) -> Generator[int, None, None]:
    """Set the level, or open (0) or close (1) the lamp's circuit; the lamp follows at once.

    Raises:
        Refused: if the relay is told anything between open and closed.
    """
    if name == "dim":
        world.street.dimming_ratio[sites.row[row]] = arguments["level_ratio"]
    elif arguments["lamp_on"] not in (0.0, 1.0):
        raise Refused(f"lamp_on = {arguments['lamp_on']:g} is neither 0 (circuit open) nor 1 (closed)")
    else:
        world.street.closed[sites.row[row]] = arguments["lamp_on"] == 1.0
    yield from ()


def state(world: World, sites: Sites, row: int) -> dict[str, float]:
    """The level that is set, and whether the lamp's circuit is closed."""
    place, street = sites.row[row], world.street
    return {"level_ratio": float(street.dimming_ratio[place]), "lamp_on": float(street.closed[place])}


ACTUATOR = Actuator(
    kind="smart_pole",
    commands={"dim": {"level_ratio": Argument(0, 1)}, "switch": {"lamp_on": Argument(0, 1)}},
    act=act,
    state=state,
    settings={"level_ratio": "dim", "lamp_on": "switch"},
)
