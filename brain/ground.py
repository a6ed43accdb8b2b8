"""The lie of the land: what the asset register says around an incident, and which device moves what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from brain.algorithms.network import affected, column, distance_m, isolation
from brain.model import Place
from brain.state import Shutdown
from datahub.contract.city import City, ObjectTable
from datahub.contract.grid import UnitGrids
from datahub.contract.observations import Ints


@dataclass(slots=True, eq=False)
class Ground:
    """Lookups in the asset register.

    ``movers`` gives (device codes, codes of the objects they watch) of a kind; asked anew while an object has none.
    """

    city: City
    movers: Callable[[str], tuple[Ints, Ints]]
    _known: dict[str, dict[int, int]] = field(default_factory=dict)
    _motors: dict[int, int] = field(default_factory=dict)
    _grids: UnitGrids | None = None

    def __post_init__(self) -> None:
        table = self.city.objects.get("motorised_valve")
        if table is not None:
            valves = self.city.water.valves.code[np.asarray(table.columns["valve"], np.int64)]
            self._motors = dict(zip(valves.tolist(), table.code.tolist(), strict=True))

    def device(self, kind: str, code: int) -> int:
        """The device of a kind on a managed object; 0 if none is known."""
        known = self._known.setdefault(kind, {})
        if code not in known:
            devices, objects = self.movers(kind)
            known.update(zip(objects.tolist(), devices.tolist(), strict=True))
        return known.get(code, 0)

    def actuator(self, valve: int) -> int:
        """The device that turns a valve (unified code of the valve); 0 if it is turned by hand."""
        motor = self._motors.get(valve, 0)
        return self.device("valve_actuator", motor) if motor else 0

    def place(self, table: ObjectTable, code: int) -> Place | None:
        """Where a managed object stands; None if the table does not have it."""
        row = row_of(table, code)
        if row is None:
            return None
        community = self.city.communities[int(table.community[row])]
        lon, lat = float(table.lon[row]), float(table.lat[row])
        return Place(lon=lon, lat=lat, object=code, community=community, grid=self.grid(lon, lat))

    def grid(self, lon: float, lat: float) -> str:
        """Code of the unit grid at a place [deg]."""
        if self._grids is None:
            self._grids = UnitGrids(self.city.divisions)
        return self._grids.grid_of(lon, lat)

    def pipe(self, code: int) -> Place | None:
        """Middle of a pipe."""
        return self.place(self.city.water.pipes, code)

    def valve(self, code: int) -> Place | None:
        """Where a valve is."""
        return self.place(self.city.water.valves, code)

    def pipe_facts(self, code: int) -> dict[str, float | str]:
        """What the register says of a pipe: diameter [m] and class of the road above."""
        pipes = self.city.water.pipes
        row = row_of(pipes, code)
        if row is None:
            return {}
        return {
            "diameter_m": float(np.asarray(pipes.columns["diameter_m"])[row]),
            "road_class": float(np.asarray(pipes.columns["road_class"])[row]),
        }

    def neighbours(self, codes: Sequence[int]) -> list[int]:
        """Pipes that share a node with any of these and are none of them, ascending."""
        water = self.city.water
        rows = [row for code in codes if (row := row_of(water.pipes, code)) is not None]
        a, b = column(water, "pipes", "a"), column(water, "pipes", "b")
        nodes = np.union1d(a[rows], b[rows])
        near = np.flatnonzero(np.isin(a, nodes) | np.isin(b, nodes))
        return [int(code) for code in water.pipes.code[np.setdiff1d(near, rows)]]

    def system(self, lon: float, lat: float) -> int:
        """The supply system around a place: 0 mainland, 1 and on islands; -1 if the register does not say."""
        nodes = self.city.water.nodes
        if "system" not in nodes.columns or not len(nodes):
            return -1
        nearest = int(np.argmin(distance_m(nodes.lon, nodes.lat, to=(lon, lat))))
        return int(np.asarray(nodes.columns["system"])[nearest])

    def shutdown(self, pipe: int, *, failed: Sequence[int] = (), by_hand: Sequence[int] = ()) -> Shutdown:
        """Which valves still a burst in ``pipe``, and whom that cuts off (codes throughout).

        ``failed`` valves do not close: the segment grows past them. Those ``by_hand`` have a motor that does not obey.
        """
        water = self.city.water
        row = row_of(water.pipes, pipe)
        if row is None:
            return Shutdown()
        out = [at for code in failed if (at := row_of(water.valves, code)) is not None]
        best = isolation(water, row, failed=out)
        cut = affected(self.city, best.cut_off)
        motorised = [int(code) for code in water.valves.code[best.motorised]]
        manual = [int(code) for code in water.valves.code[best.manual]]
        driven = [code for code in motorised if code not in by_hand and self.actuator(code)]
        return Shutdown(
            motorised=tuple(driven),
            manual=(*manual, *(code for code in motorised if code not in driven)),
            communities=dict(zip(cut.communities, cut.people, strict=True)),
            hydrants=cut.hydrants,
            hospitals=cut.hospitals,
            possible=best.possible,
        )

    def junctions(self, place: Place, *, radius_m: float, most: int) -> list[tuple[int, int]]:
        """(object, device) of the signalled junctions nearest to a place, nearest first."""
        table = self.city.objects.get("signal_junction")
        if table is None or not len(table):
            return []
        away = distance_m(table.lon, table.lat, to=(place.lon, place.lat))
        near = [int(row) for row in np.argsort(away, kind="stable")[:most] if away[row] <= radius_m]
        found = [(int(table.code[row]), self.device("signal_controller", int(table.code[row]))) for row in near]
        return [(code, device) for code, device in found if device]

    def community(self, code: str) -> Place:
        """Middle of a community."""
        division = self.city.divisions[code]
        return Place(lon=division.lon, lat=division.lat, community=code)

    def names(self, communities: Sequence[str]) -> tuple[str, str]:
        """Names of communities in Chinese and English, at most three and 'and more'."""
        divisions = [self.city.divisions[code] for code in communities if code in self.city.divisions]
        zh, en = "、".join(each.zh for each in divisions[:3]), ", ".join(each.en for each in divisions[:3])
        more = len(divisions) - 3
        return (f"{zh}等{len(divisions)}个社区", f"{en} and {more} more") if more > 0 else (zh, en)


def row_of(table: ObjectTable, code: int) -> int | None:
    """Row of a code in its table."""
    row = int(np.searchsorted(table.code, code))
    return row if row < len(table) and int(table.code[row]) == code else None
