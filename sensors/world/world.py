"""The world: ground truth of one city, room by room, brought to one time.

Whoever stands in the field (sensors, actuators, crews, citizens) reads and changes it here; the platform never does.
Changes take effect at ``world.now``; disturbances happen at their own time on the way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datahub.contract.city import City, ObjectTable
from datahub.contract.errors import UsageError
from sensors.chance import Seeds
from sensors.world.disturbance import Breakage, Disturbance
from sensors.world.power import Power
from sensors.world.street import Street
from sensors.world.sun import Sun
from sensors.world.traffic import Traffic
from sensors.world.uplink import Uplinks
from sensors.world.water import Water
from sensors.world.weather import Weather


def row_of(table: ObjectTable, code: int) -> int:
    """Row of an object in its table.

    Raises:
        UsageError: if the register does not hold it.
    """
    row = int(np.searchsorted(table.code, code))
    if row == len(table) or table.code[row] != code:
        raise UsageError(f"{table.name} {code} is not in the register of {len(table)}; take a code of City's own")
    return row


class World:
    """One city as it is.

    Attributes:
        now: city time [ms].
        weather, sun, power, uplinks, street, traffic, water: its rooms; each tells what is so at ``now``.
    """

    def __init__(
        self, city: City, disturbances: Sequence[Disturbance] = (), seeds: Seeds | None = None, *, start: int
    ) -> None:
        seeds = seeds or Seeds(0)
        lon, lat = centre(city)
        self.city, self.now = city, start
        self.weather = Weather(seeds, lon=lon, lat=lat, start=start)
        self.sun = Sun(lon=lon, lat=lat, start=start)
        feeders = city.objects.get("lamp_feeder")
        self.power = Power(feeders.code if feeders is not None else np.zeros(0, np.int64))
        self.uplinks = Uplinks()
        self.traffic = Traffic(city.objects.get("signal_junction"), seeds, start=start)
        self.street = Street(
            city.objects.get("pole"),
            seeds,
            power=self.power,
            sun=self.sun,
            weather=self.weather,
            traffic=self.traffic,
            start=start,
        )
        self.water = Water(city.water, city.objects.get("meter_point"), seeds, start=start)
        self._pending = sorted(disturbances, key=lambda it: (it.at, it.kind, it.object))

    def advance(self, t: int) -> None:
        """Bring every room to city time ``t`` [ms]; disturbances due until then happen at their time.

        Raises:
            UsageError: if ``t`` lies before ``now``; time does not run back.
        """
        if t < self.now:
            raise UsageError(f"the world stands at {self.now} ms and cannot go back to {t} ms; start a new one")
        if t == self.now and not (self._pending and self._pending[0].at <= t):
            return
        while self._pending and self._pending[0].at <= t:
            due = self._pending.pop(0)
            self._go(max(self.now, due.at))
            self.apply(due)
        self._go(t)

    def apply(self, disturbance: Disturbance) -> None:
        """Let something break now.

        Raises:
            UsageError: if the kind is unknown or the object is not in the register.
        """
        match disturbance.kind:
            case Breakage.MAIN_BURST:
                self.water.burst(row_of(self.city.water.pipes, disturbance.object), hole_m2=disturbance.size)
            case Breakage.LAMP_FAILURE:
                self.street.fail(row_of(self.city.objects["pole"], disturbance.object))
            case Breakage.FEEDER_FAILURE:
                self.power.fail(disturbance.object)
            case Breakage.POLE_LEAK:
                self.street.leak(row_of(self.city.objects["pole"], disturbance.object), current_a=disturbance.size)
            case Breakage.UPLINK_CUT:
                feeder = row_of(self.city.objects["lamp_feeder"], disturbance.object)
                code = int(self.city.objects["lamp_feeder"].code[feeder])
                self.uplinks.cut(code, until=disturbance.at + disturbance.lasts)
            case _:
                kinds = ", ".join(Breakage)
                raise UsageError(f"disturbance '{disturbance.kind}' is unknown; take one of {kinds}")

    def close(self) -> None:
        """Give back what the engines hold."""
        self.water.close()

    def _go(self, t: int) -> None:
        self.now = t
        for room in (self.weather, self.sun, self.traffic, self.street, self.water):
            room.advance(t)


def centre(city: City) -> tuple[float, float]:
    """Middle of the city [deg]: its people's, as the mean of its communities weighted by population."""
    places = [city.divisions[code] for code in city.communities]
    weight = np.array([max(1, place.population) for place in places], np.float64)
    lon = float(np.average([place.lon for place in places], weights=weight))
    return lon, float(np.average([place.lat for place in places], weights=weight))
