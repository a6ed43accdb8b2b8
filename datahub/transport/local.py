"""The wire within one process: messages are handed over as they are, without a byte in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from datahub.contract.messages import Down, North, Up
from datahub.contract.observations import Ints
from datahub.transport.bus import Delivery, Handed


@dataclass(slots=True)
class LocalBus:
    """Both ends of an in-process wire."""

    upward: deque[Handed] = field(default_factory=deque)
    downward: deque[Down] = field(default_factory=deque)

    @property
    def field_end(self) -> LocalFieldBus:
        """The end for the field."""
        return LocalFieldBus(self)

    @property
    def city_end(self) -> LocalCityBus:
        """The end for the city."""
        return LocalCityBus(self)


@dataclass(slots=True)
class LocalFieldBus:
    """Field's end of a ``LocalBus``."""

    bus: LocalBus

    def send(self, message: Up) -> None:
        """Hand one message up."""
        self.bus.upward.append(Handed(message))

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Down]:
        """All that was handed down; there is nothing to wait for within one thread."""
        messages = tuple(self.bus.downward)
        self.bus.downward.clear()
        return messages

    def cut_off(self, nodes: Ints) -> NDArray[np.bool_]:
        """None: nothing can be cut within a process."""
        return np.zeros(len(nodes), np.bool_)

    def close(self) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class LocalCityBus:
    """City's end of a ``LocalBus``."""

    bus: LocalBus

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        """All that was handed up; there is nothing to wait for within one thread."""
        deliveries = tuple(self.bus.upward)
        self.bus.upward.clear()
        return deliveries

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Within a process nobody waits for it."""

    def send(self, message: Down) -> None:
        """Hand one message down."""
        self.bus.downward.append(message)

    def forget(self, orders: Iterable[str]) -> None:
        """Whatever was handed down is out."""

    def report(self, message: North) -> None:
        """Nobody listens northbound within a process: the brain reads the hub's events."""

    def close(self) -> None:
        """Nothing is held."""
