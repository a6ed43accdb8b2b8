"""What a wire must be able to do, seen from either end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from datahub.contract.messages import Down, North, Up
from datahub.contract.observations import Ints


@dataclass(frozen=True, slots=True)
class Handed:
    """A message that came as it is, within the process."""

    message: Up


@dataclass(slots=True)
class Arrived:
    """A message that came as bytes, and the token by which it is acknowledged."""

    topic: str
    payload: bytes
    qos: int
    token: int


Delivery: TypeAlias = Handed | Arrived


class FieldBus(Protocol):
    """The field's end of the wire."""

    def send(self, message: Up) -> None:
        """Send one message up. Order is kept per sender."""

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Down]:
        """What has come down since the last call; waits at most ``wait_s`` [s] of wall time for the first."""

    def cut_off(self, nodes: Ints) -> NDArray[np.bool_]:
        """Which of these nodes (codes) have no line to the broker now, as each of them sees for itself."""

    def close(self) -> None:
        """Say good-bye and let go."""


class CityBus(Protocol):
    """The city's end of the wire."""

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        """What has come up since the last call; waits at most ``wait_s`` [s] of wall time for the first."""

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """All of these are durable: the broker may forget them."""

    def send(self, message: Down) -> None:
        """Send one message down."""

    def forget(self, orders: Iterable[str]) -> None:
        """Let these orders (ids) not go out, as far as they have not."""

    def report(self, message: North) -> None:
        """Tell whoever listens northbound; it counts for no quantum, as the field does not hear it."""

    def close(self) -> None:
        """Say good-bye and let go."""
