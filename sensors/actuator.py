"""What a device can do in the city when told to: a declaration, and a generator that does it and waits.

An order's life on the field's side: refused at once (expired, unknown, out of range), or accepted, and done when the
motion is over. A newer order to the same device ends an older one on its way.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from datahub.contract.errors import CitybrainError
from datahub.contract.messages import ArgumentDescriptor
from sensors.kind import Sites

if TYPE_CHECKING:
    from sensors.world.world import World


class Refused(CitybrainError):
    """A device will not do what it was told; the text says why."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command: its range [unit of its name], and its value where the command leaves it out."""

    low: float
    high: float
    default: float | None = None


class Act(Protocol):
    """How a command is carried out on the world."""

    def __call__(
        self, world: World, sites: Sites, row: int, name: str, arguments: Mapping[str, float]
    ) -> Generator[int, None, None]:
        """Do command ``name`` at the device of one row; yields how long to wait before going on [ms].

        Raises:
            Refused: before the first wait, if this device cannot do it.
        """


@dataclass(frozen=True, slots=True)
class Actuator:
    """One type of actuator.

    Attributes:
        kind: kind of device that carries it.
        commands: what it understands: command -> argument -> its range.
        act: how it does it.
        state: its settings at one site, as it reports them.
        settings: desired setting -> the command that brings it about, with the setting as argument of that name.
    """

    kind: str
    commands: Mapping[str, Mapping[str, Argument]]
    act: Act
    state: Callable[[World, Sites, int], dict[str, float]]
    settings: Mapping[str, str] = field(default_factory=dict)

    def arguments(self) -> tuple[ArgumentDescriptor, ...]:
        """What its commands take, as its kind's births say it."""
        return tuple(
            ArgumentDescriptor(command, name, it.low, it.high, it.default)
            for command, takes in self.commands.items()
            for name, it in takes.items()
        )

    def complete(self, name: str, arguments: Mapping[str, float]) -> dict[str, float]:
        """All arguments of a command, defaults filled in.

        Raises:
            Refused: naming the command or argument that is unknown, missing or out of range.
        """
        declared = self.commands.get(name)
        if declared is None:
            raise Refused(f"command '{name}' is unknown to a {self.kind}; it takes {', '.join(self.commands)}")
        for extra in arguments:
            if extra not in declared:
                raise Refused(f"'{name}' takes no '{extra}'; it takes {', '.join(declared) or 'nothing'}")
        values: dict[str, float] = {}
        for key, it in declared.items():
            value = arguments.get(key, it.default)
            if value is None:
                raise Refused(f"'{name}' needs '{key}' between {it.low:g} and {it.high:g}")
            if not it.low <= value <= it.high:
                raise Refused(f"{key} = {value:g} does not lie between {it.low:g} and {it.high:g}")
            values[key] = float(value)
        return values


def load_actuators() -> dict[str, Actuator]:
    """Every actuator there is, by the kind that carries it: the files of ``sensors/actuators/``."""
    package = importlib.import_module("sensors.actuators")
    found: dict[str, Actuator] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda it: it.name):
        actuator = importlib.import_module(f"sensors.actuators.{module.name}").ACTUATOR
        if not isinstance(actuator, Actuator) or actuator.kind != module.name:
            raise TypeError(f"sensors/actuators/{module.name}.py: ACTUATOR must be an Actuator of kind '{module.name}'")
        found[actuator.kind] = actuator
    return found
