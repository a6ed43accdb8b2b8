"""The register of all that the city owns and all that watches it: from the plan to the scrap, with its history.

Devices come in by birth as well; what is entered here first is expected, and its birth makes it active. Whose a thing
is, where it stands and what sits on it is answered from one place (one pole, many uses: 003 section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlmodel import col, select

from datahub.contract.city import City
from datahub.contract.codes import DeviceState
from datahub.contract.errors import UsageError
from datahub.contract.grid import UnitGrids
from datahub.contract.observations import Ints
from datahub.devices import bulk, coding
from datahub.devices.lifecycle import Lifecycle
from datahub.devices.owners import Owners
from datahub.devices.registry import STAGES, Registry
from datahub.store.session import Store
from datahub.store.tables import AssetRow, AuditRow, MoveRow

_CODED = STAGES.index(DeviceState.CODED)
_CHUNK: Final = 20_000


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a list: lines taken, codes given out (line, code), and what is wrong with the others."""

    accepted: int
    given: tuple[tuple[int, int], ...]
    faults: tuple[bulk.Fault, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """One thing: what the register says, its unit grid and community, what sits on it, and its moves (t, stage, by).

    ``kind`` is the class of an object that was surveyed, or the kind of a device that was born; else empty.
    """

    row: AssetRow
    kind: str
    grid: str
    community: str
    guests: tuple[int, ...]
    moves: tuple[tuple[int, str, str], ...]


class Assets:
    """The register of one city. Every change stands in the history or the audit trail."""

    def __init__(self, store: Store, *, registry: Registry, lifecycle: Lifecycle, owners: Owners, city: City) -> None:
        self._store, self._registry, self._lifecycle, self._city = store, registry, lifecycle, city
        self._grids = UnitGrids(city.divisions)
        self.owners = owners
        owners.survey(city)
        self._surveyed: Ints = np.unique(np.concatenate([[0], *(table.code for table in city.objects.values())]))
        self._districts = np.array([int(one.code[:6]) for one in city.of_level("district")], np.int64)

    def take(self, text: str, *, t: int, by: str, dry: bool = False) -> Report:
        """Enter a list (``bulk``); good lines are taken, of the others each says why not. ``dry``: only say so.

        Raises:
            UsageError: if it is no list at all.
        """
        listed = bulk.read(text)
        with self._store.lock:
            self._judge(listed)
            given = self._give_codes(listed)
            keep = np.flatnonzero(listed.good)
            if not dry and len(keep):
                self._enter(listed, keep, t=t, by=by)
        faults = tuple(sorted(listed.faults, key=lambda one: one.line))
        return Report(len(keep), given, faults)

    def _judge(self, listed: bulk.Listed) -> None:
        """What only the city can say: owners, places, objects, and what is there already."""
        owners = np.array([one in self._city.departments for one in listed.owner], np.bool_)
        known = ", ".join(sorted(self._city.departments))
        listed.refuse(~owners, "owner", lambda i: f"no department '{listed.owner[i]:.40}'", f"give one of {known}")
        inside = np.zeros(len(listed), np.bool_)
        place = np.flatnonzero(listed.good)
        if len(place):
            inside[place] = self._grids.community_of(listed.lon[place], listed.lat[place]) >= 0
        where = f"give a place in {self._city.en}, lon before lat"
        listed.refuse(~inside, "lon", lambda i: f"{listed.lon[i]}, {listed.lat[i]} lies outside", where)
        coded = listed.code > 0
        foreign = coded & ~np.isin(listed.code // 10**11, self._districts)
        listed.refuse(
            foreign, "code", lambda i: f"district {listed.code[i] // 10**11} is none of {self._city.en}", where
        )
        there = coded & (np.isin(listed.code, self._known()) | (self._registry.rows(listed.code) >= 0))
        listed.refuse(
            there, "code", lambda i: f"{listed.code[i]} is in the register already", "move or correct it there"
        )
        objects = np.concatenate([self._surveyed, self._known(), listed.code[listed.good & ~listed.device]])
        lost = listed.device & ~np.isin(listed.object, objects)
        listed.refuse(lost, "object", lambda i: f"no object {listed.object[i]}", "enter it in the same list or before")

    def _known(self) -> Ints:
        with self._store.session() as session:
            return np.array(session.exec(select(AssetRow.code)).all(), np.int64)

    def _give_codes(self, listed: bulk.Listed) -> tuple[tuple[int, int], ...]:
        """Codes for lines that leave them open: the next free ordinal of their district and class."""
        rows = np.flatnonzero(listed.good & (listed.code == 0))
        if not len(rows):
            return ()
        communities = [self._city.communities[i] for i in self._grids.community_of(listed.lon[rows], listed.lat[rows])]
        district = np.array([int(code[:6]) for code in communities], np.int64)
        taken = np.concatenate([self._surveyed[1:], self._known(), self._registry.device, listed.code[listed.code > 0]])
        last: dict[int, int] = {}
        head = taken // 10 // coding.ORDINALS
        for group in np.unique(district * 10_000 + listed.kind[rows]).tolist():
            same = taken[head == group] // 10 % coding.ORDINALS
            last[group] = int(same.max()) if len(same) else 0
        for row, of in zip(rows.tolist(), district.tolist(), strict=True):
            group = of * 10_000 + int(listed.kind[row])
            last[group] += 1
            listed.code[row] = coding.encode(str(of), f"{listed.kind[row]:04d}", last[group])[0]
        return tuple((int(listed.line[row]), int(listed.code[row])) for row in rows.tolist())

    def _enter(self, listed: bulk.Listed, keep: NDArray[np.intp], *, t: int, by: str) -> None:
        rows = [
            {
                "code": int(listed.code[i]),
                "sort": "device" if listed.device[i] else "object",
                "owner": listed.owner[i],
                "object": int(listed.object[i]),
                "lon": float(listed.lon[i]),
                "lat": float(listed.lat[i]),
                "name": listed.name[i],
                "stage": _CODED,
            }
            for i in keep.tolist()
        ]
        moves = [
            {"device": row["code"], "t": t, "stage": stage, "by": by}
            for row in rows
            for stage in (DeviceState.PLANNED.value, DeviceState.CODED.value)
        ]
        with self._store.session() as session:
            for start in range(0, len(rows), _CHUNK):
                session.execute(insert(AssetRow), rows[start : start + _CHUNK])
            for start in range(0, len(moves), _CHUNK):
                session.execute(insert(MoveRow), moves[start : start + _CHUNK])
            session.add(AuditRow(t=t, who=by, action="import", subject="assets", detail=f"{len(rows)} lines"))

    def find(self, code: int) -> Asset:
        """One thing: entered by a list, surveyed with the city, or born.

        Raises:
            UsageError: if it is none of these.
        """
        with self._store.session() as session:
            kind, found = self._surveyed_or_born(code)
            row = session.get(AssetRow, code) or found
            if row is None:
                raise UsageError(f"the register has no {code}; enter it with a list, or see the devices that were born")
            moved = select(MoveRow).where(MoveRow.device == code).order_by(col(MoveRow.id))
            moves = tuple((one.t, one.stage, one.by) for one in session.exec(moved))
            planned = session.exec(select(AssetRow.code).where(AssetRow.object == code, AssetRow.code != code)).all()
            born = self._registry.device[self._registry.object == code].tolist()
        community = self._city.communities[int(self._grids.community_of(row.lon, row.lat, nearest=True)[0])]
        guests = tuple(sorted({*planned, *born} - {code}))
        return Asset(row, kind, self._grids.grid_of(row.lon, row.lat), community, guests, moves)

    def _surveyed_or_born(self, code: int) -> tuple[str, AssetRow | None]:
        """Kind or class of a thing that no list need have entered, and what is known of it."""
        at, registry = self._registry.row(code), self._registry
        if at >= 0:
            kind = registry.kinds.kinds[registry.kind[at]].name
            place = float(registry.lon[at]), float(registry.lat[at])
            whose, thing = self.owner_of(np.array([code], np.int64))[0], int(registry.object[at])
            return kind, _row(code, "device", whose, place, thing=thing, stage=int(registry.stage[at]))
        for name, table in self._city.objects.items():
            i = int(np.searchsorted(table.code, code))
            if i < len(table) and table.code[i] == code:
                place = float(table.lon[i]), float(table.lat[i])
                return name, _row(code, "object", table.owner, place, stage=STAGES.index(DeviceState.ACTIVE))
        return "", None

    def owner_of(self, devices: Ints) -> list[str]:
        """Owner department of each device (code); empty where nobody knows."""
        with self._store.lock, self._store.session() as session:
            self.owners.refresh(session)
            return self.owners.of(devices.tolist())

    def owned_by(self, owner: str) -> Ints:
        """Codes of the devices that were born and that a department owns; the empty name stands for nobody."""
        with self._store.lock, self._store.session() as session:
            self.owners.refresh(session)
            return self.owners.devices_of(owner)

    def owned(self, owner: str) -> Ints:
        """The same, of a department that must be one of the city's.

        Raises:
            UsageError: if the city has no such department.
        """
        if owner not in self._city.departments:
            known = ", ".join(sorted(self._city.departments))
            raise UsageError(f"no department '{owner:.40}'; give one of {known}")
        return self.owned_by(owner)

    def shares(self) -> Mapping[str, int]:
        """How many devices that were born each department owns; those of nobody under the empty name."""
        with self._store.lock, self._store.session() as session:
            self.owners.refresh(session)
            return self.owners.shares()

    def count(self) -> Mapping[tuple[str, str, str], int]:
        """How many things there are by sort, owner and stage."""
        counted: dict[tuple[str, str, str], int] = {}
        with self._store.session() as session:
            for sort, owner, stage in session.exec(select(AssetRow.sort, AssetRow.owner, AssetRow.stage)):
                key = (sort, owner, STAGES[stage].value)
                counted[key] = counted.get(key, 0) + 1
        return dict(sorted(counted.items()))

    def move(self, code: int, to: DeviceState, *, t: int, by: str) -> None:
        """Take a thing to another stage of its life.

        Raises:
            IllegalMove: if that cannot follow.
            UsageError: if the register does not have it.
        """
        self._lifecycle.move(code, to, t=t, by=by)


def _row(code: int, sort: str, owner: str, place: tuple[float, float], *, stage: int, thing: int = 0) -> AssetRow:
    """What the register would hold of a thing that no list entered; it is not kept."""
    return AssetRow(code=code, sort=sort, owner=owner, object=thing, lon=place[0], lat=place[1], name="", stage=stage)
