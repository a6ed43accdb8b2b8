"""Orders that a scenario has an operator give: to the devices at a place where something befalls the city."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from datahub.commands import Commands
from datahub.contract.clock import duration_ms
from datahub.contract.observations import Ints
from scenarios.outside import Outside
from scenarios.scenario import Order


@dataclass(slots=True)
class Given:
    """The orders of one run, each given once, at its time.

    Attributes:
        ids: of each order so far the commands that it became, by its place in the scenario.
    """

    outside: Outside
    orders: Sequence[Order]
    ids: dict[int, list[str]] = field(default_factory=dict)

    def give(self, commands: Commands, t: int) -> None:
        """Give what is due up to city time ``t`` [ms]."""
        for place, order in enumerate(self.orders):
            if place not in self.ids and self.outside.begins + duration_ms(order.after) <= t:
                self.ids[place] = self._give(commands, place, order, t)

    def _give(self, commands: Commands, place: int, order: Order, t: int) -> list[str]:
        devices = devices_at(self.outside, order.at).tolist()
        if order.desire:
            for device in devices:
                commands.desire(device, order.desire, t)
            return []
        expires, ids = t + duration_ms(order.expires), [f"scenario-{place}-{device}" for device in devices]
        for device, id_ in zip(devices, ids, strict=True):
            commands.order(device, order.command, arguments=order.arguments, t=t, expires=expires, id=id_)
        return ids


def devices_at(outside: Outside, disturbance: int) -> Ints:
    """Codes of the poles' controllers where a disturbance strikes: at its pole, or all behind its feeder."""
    code, sites = outside.disturbances[disturbance].object, outside.field.fleets["smart_pole"].sites
    at = (sites.object == code) | (np.asarray(sites.columns["feeder"], np.int64) == code)
    return np.asarray(sites.device[at], np.int64)
