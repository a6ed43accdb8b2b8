"""The brain's ears: takes what devices said since the last tick to the watches, and brings back what they noticed.

The one place of awareness that touches the hub. Watches begin when their devices have been born and are made anew,
with what was learned, when more appear or when a day begins on which other numbers of policy are in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from brain.awareness.bands import BandRules
from brain.awareness.lamps import PROPERTIES, LampFinding, LampRules, LampWatch, poles
from brain.awareness.loggers import loggers
from brain.awareness.supply import SupplyAnomaly, SupplyRules, SupplyWatch
from brain.awareness.zones import ZoneRules
from brain.parameter import bind
from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS, local_date
from datahub.contract.observations import Ints
from datahub.queries import Queries


@dataclass(frozen=True, slots=True)
class Noticed:
    """What one tick brought: a new anomaly of the supply, or None; lamps, feeders and poles newly found wanting."""

    supply: SupplyAnomaly | None
    lamps: tuple[LampFinding, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of policy in force on one day of the city."""

    supply: SupplyRules
    bands: BandRules
    zones: ZoneRules
    lamps: LampRules


def in_force(day: date) -> Rules:
    """What the declared tables say for a day."""
    return Rules(
        supply=bind(SupplyRules, "supply", day=day),
        bands=bind(BandRules, "bands", day=day),
        zones=bind(ZoneRules, "zones", day=day),
        lamps=bind(LampRules, "lamps", day=day),
    )


@dataclass(slots=True, eq=False)
class Attention:
    """All watches of one city. ``saved``: what ``state`` gave before a restart; ``policy``: the numbers of a day."""

    city: City
    queries: Queries
    saved: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    policy: Callable[[date], Rules] = in_force
    supply: SupplyWatch | None = None
    lamps: LampWatch | None = None
    _known: dict[str, int] = field(default_factory=dict)
    _looked: int = -1
    _day: date | None = None
    _rules: Rules | None = None

    def tick(self, t: int) -> Noticed:
        """Hear and judge at city time ``t`` [ms]."""
        if t // HOUR_MS != self._looked or self.supply is None or self.lamps is None:
            self._meet(t)
        found = None
        if self.supply is not None:
            for name in ("pressure_pa", "flow_m3_s"):
                rows = self.queries.new(name).good()
                self.supply.take(rows.device, rows.phenomenon_time, rows.value)
            found = self.supply.tick(t)
        lamps: list[LampFinding] = []
        if self.lamps is not None:
            for place, name in enumerate(PROPERTIES):
                rows = self.queries.new(name).good()
                self.lamps.take(place, rows.device, rows.phenomenon_time, rows.value)
            lamps = self.lamps.tick(t, dead=self.queries.dead(self.lamps.speakers))
        return Noticed(found, tuple(lamps))

    def recovered(self, devices: Sequence[int]) -> bool:
        """Whether the deviations of these loggers have been gone for long enough."""
        return self.supply is not None and self.supply.recovered(devices)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays by name."""
        held: dict[str, NDArray[np.generic]] = {}
        if self.supply is not None:
            held |= {f"supply.{name}": array for name, array in self.supply.state().items()}
        if self.lamps is not None:
            held |= {f"lamps.{name}": array for name, array in self.lamps.state().items()}
        return held

    def _meet(self, t: int) -> None:
        """Make the watches, or make them anew if devices have been added."""
        self._looked = t // HOUR_MS
        pressure, flow, pole = (self._born(kind) for kind in ("pressure_logger", "flow_logger", "smart_pole"))
        saved = dict(self.saved) | self.state()
        rules, anew = self._of_day(local_date(t))
        if self._due("supply", len(pressure[0]) + len(flow[0]), anew=anew):
            known = loggers(self.city, pressure=pressure, flow=flow)
            self.supply = SupplyWatch(self.city.water, known, rules.supply, rules.bands, rules.zones)
            self.supply.restore(_part(saved, "supply."))
        if self._due("lamps", len(pole[0]), anew=anew):
            middle = self.city.objects["pole"]
            lon, lat = float(np.mean(middle.lon)), float(np.mean(middle.lat))
            self.lamps = LampWatch(poles(self.city, *pole), rules.lamps, lon, lat)
            self.lamps.restore(_part(saved, "lamps."))

    def _of_day(self, day: date) -> tuple[Rules, bool]:
        """The numbers in force, and whether they are others than before."""
        before, rules = self._rules, self._rules
        if rules is None or day != self._day:
            self._day, rules = day, self.policy(day)
        self._rules = rules
        return rules, rules != before

    def _due(self, watch: str, devices: int, *, anew: bool) -> bool:
        """Whether a watch must be made: it has other devices than before, or other numbers to go by."""
        due = devices != self._known.get(watch, 0) or (anew and devices > 0)
        self._known[watch] = devices
        return due

    def _born(self, kind: str) -> tuple[Ints, Ints]:
        if all(known.name != kind for known in self.queries.kinds()):
            nothing = np.zeros(0, np.int64)
            return nothing, nothing
        found = self.queries.devices(kind=kind)
        return found.device, found.object


def _part(saved: Mapping[str, NDArray[np.generic]], prefix: str) -> dict[str, NDArray[np.generic]]:
    return {name[len(prefix) :]: array for name, array in saved.items() if name.startswith(prefix)}
