"""The end of a quantum: a marker counts the messages before it and waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import OutsideError

PATIENCE_S: Final = 30.0
"""How long an end waits for its broker before it gives up [s]. Ours to choose."""

Held = TypeVar("Held")


@dataclass(slots=True)
class Gate(Generic[Held]):
    """Lets a marker pass once all messages it counts have come."""

    arrived: int = 0
    held: tuple[int, Held] | None = None
    since: float = 0.0

    def hold(self, sent: int, marker: Held) -> None:
        """Keep a marker that counts ``sent`` messages."""
        self.held, self.since = (sent, marker), elapsed_s()

    def passing(self) -> list[Held]:
        """The marker, if it may pass now."""
        if self.held is None:
            return []
        sent, marker = self.held
        if self.arrived >= sent:
            self.held = None
            return [marker]
        if elapsed_s() - self.since > PATIENCE_S:
            raise OutsideError(
                f"the MQTT broker delivered {self.arrived} of {sent} messages and no more within {PATIENCE_S:.0f} s; "
                "raise its limit on queued messages, then start the run again"
            )
        return []
