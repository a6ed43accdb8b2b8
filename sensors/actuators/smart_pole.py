"""Dimming of a street lamp: the level at which it burns at night (0-10 V, domain.md 5, V2 [S110]).

When the lighting is on, the controller knows by itself, from the sun: an order sets the level, not the hour.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING

from sensors.actuator import Actuator, Argument
from sensors.kind import Sites

if TYPE_CHECKING:
    from sensors.world.world import World


def act(world: World, sites: Sites, row: int, name: str, arguments: Mapping[str, float]) -> Generator[int, None, None]:
    """Set the level; the lamp follows at once."""
    world.street.dimming_ratio[sites.row[row]] = arguments["level_ratio"]
    yield from ()


def state(world: World, sites: Sites, row: int) -> dict[str, float]:
    """The level that is set."""
    return {"level_ratio": float(world.street.dimming_ratio[sites.row[row]])}


ACTUATOR = Actuator(
    kind="smart_pole",
    commands={"dim": {"level_ratio": Argument(0, 1)}},
    act=act,
    state=state,
    settings={"level_ratio": "dim"},
)
