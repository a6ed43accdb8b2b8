"""The one door for reading what the hub knows; answers are small frozen structs of numpy arrays.

Safe from any thread. History is as of the last tick: a reading that no tick has seen yet is in no answer, so that the
order of arrival never shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray
from sqlmodel import col, select

from datahub import history
from datahub.answers import Devices, Health, Rejected, Rows, Series
from datahub.conditions import Wards
from datahub.contract.codes import DeviceState
from datahub.contract.errors import UsageError
from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from datahub.devices.alarms import open_alarms
from datahub.devices.condition import WORDS
from datahub.devices.guard import Limits
from datahub.devices.registry import STAGES
from datahub.devices.shadow import Shadow
from datahub.events import AlarmOpened
from datahub.ingest.latest import NEVER
from datahub.ingest.ledger import Tally
from datahub.store.paging import last_numbers
from datahub.store.tables import AuditRow, QuarantineRow, RejectedRow

if TYPE_CHECKING:
    from datahub.hub import Hub

EARTH_M = 6_371_008.8
"""Mean radius of the earth [m] (IUGG)."""


class Queries:
    """Reads registry, memory and both databases of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.wards = Wards(hub)

    # what there is

    def kinds(self) -> tuple[KindDescriptor, ...]:
        """Kinds of device known, in the order of acquaintance."""
        with self._hub.store.lock:
            return tuple(self._hub.registry.kinds.kinds)

    def properties(self) -> tuple[str, ...]:
        """Observed properties known."""
        with self._hub.store.lock:
            return tuple(sorted(self._hub.registry.kinds.properties))

    def describe(self, device: int, name: str) -> PropertyDescriptor | None:
        """What the maker says of a device's property; None if it has none such."""
        with self._hub.store.lock:
            registry = self._hub.registry
            row = registry.row(device)
            if row < 0:
                return None
            kind = registry.kinds.kinds[registry.kind[row]]
        return next((one for one in kind.properties if one.name == name), None)

    def devices(
        self,
        *,
        kind: str | None = None,
        object: int | None = None,  # noqa: A002 - the contract's word
        device: int | None = None,
        near: tuple[float, float, float] | None = None,
    ) -> Devices:
        """Devices of a kind, watching an object, of one code, or within (lon, lat [deg], radius [m]); all, if none."""
        with self._hub.store.lock:
            registry = self._hub.registry
            registry.settle()
            keep = np.ones(len(registry), np.bool_)
            if kind is not None:
                keep &= registry.kind == registry.kinds.kind_number(kind)
            if object is not None:
                keep &= registry.object == object
            if device is not None:
                keep &= registry.device == device
            if near is not None:
                keep &= distance_m(registry.lon, registry.lat, lon=near[0], lat=near[1]) <= near[2]
            return self._devices(np.flatnonzero(keep))

    def _devices(self, rows: Ints) -> Devices:
        registry = self._hub.registry
        nodes = registry.nodes
        at = nodes.rows(registry.node[rows])
        return Devices(
            kinds=tuple(kind.name for kind in registry.kinds.kinds),
            stages=STAGES,
            words=WORDS,
            device=registry.device[rows],
            object=registry.object[rows],
            node=registry.node[rows],
            kind=registry.kind[rows],
            stage=registry.stage[rows],
            lon=registry.lon[rows],
            lat=registry.lat[rows],
            word=self._hub.care.condition.words(self._hub.now or 0, rows),
            heard=nodes.heard[at],
        )

    def dead(self, devices: Ints) -> NDArray[np.bool_]:
        """Whether the node that speaks for each device has died (last gasp or last will) and not come back.

        A node that merely lost its link is silent, not dead. Unknown devices are not dead. This is what the node itself
        said, for those who decide by it (a feeder without power); it is not the word ``dead`` that pages show
        (``Condition.words``), which a silence of days gives too, and which maintenance and retirement hide.
        """
        with self._hub.store.lock:
            registry = self._hub.registry
            registry.settle()
            rows = registry.rows(np.asarray(devices, np.int64))
            known = np.flatnonzero(rows >= 0)
            result = np.zeros(len(rows), np.bool_)
            result[known] = registry.nodes.dead[registry.nodes.rows(registry.node[rows[known]])]
            return result

    def counts(self) -> dict[str, dict[str, int]]:
        """How many devices of each kind are in each state (``Condition.words``)."""
        found = self.devices()
        size, width = len(found.kinds), len(found.words)
        place = found.kind.astype(np.int64) * width + found.word
        table = np.bincount(place, minlength=size * width).reshape(size, width).tolist()
        names = [word.value for word in found.words]
        return {kind: dict(zip(names, row, strict=True)) for kind, row in zip(found.kinds, table, strict=True)}

    # readings

    def new(self, property: str) -> Rows:  # noqa: A002 - the contract's word
        """Readings of a property that the last tick evaluated, by device and time; from memory, no database."""
        with self._hub.store.lock:
            r = self._hub.memory.fresh.readings
            keep = self._hub.memory.of_property(self._number(property))
        return Rows(r.device[keep], r.phenomenon_time[keep], r.value[keep], r.quality[keep])

    def latest(self, property: str, devices: Ints | None = None) -> Rows:  # noqa: A002
        """Latest reading of a property: of all devices that have one, or of those asked for, in their order.

        Among those asked for, a device without a reading has value NaN and time ``latest.NEVER``.
        """
        with self._hub.store.lock:
            registry, latest = self._hub.registry, self._hub.memory.latest
            self._hub.memory.fit()
            if devices is None:
                rows, slot = registry.observers(property)
                some = latest.t[slot] > NEVER
                rows, slot = rows[some], slot[some]
                return Rows(registry.device[rows], latest.t[slot], latest.value[slot], latest.quality[slot])
            number = np.full(len(devices), registry.kinds.number(property), np.int16)
            slot = registry.locate(np.asarray(devices, np.int64), number).slot
            known = slot >= 0
            at = slot[known]
            t, value = np.full(len(slot), NEVER, np.int64), np.full(len(slot), np.nan)
            quality = np.zeros(len(slot), np.uint8)
            t[known], value[known], quality[known] = latest.t[at], latest.value[at], latest.quality[at]
            return Rows(np.asarray(devices, np.int64), t, value, quality)

    def latest_of(self, device: int) -> dict[str, tuple[int, float, int]]:
        """Everything a device last said: property -> (time [ms], value, quality)."""
        with self._hub.store.lock:
            registry, latest = self._hub.registry, self._hub.memory.latest
            self._hub.memory.fit()
            row = registry.row(device)
            if row < 0:
                return {}
            slot = int(registry.slot[row])
            names = [one.name for one in registry.kinds.kinds[registry.kind[row]].properties]
            return {
                name: (int(latest.t[slot + i]), float(latest.value[slot + i]), int(latest.quality[slot + i]))
                for i, name in enumerate(names)
                if latest.t[slot + i] > NEVER
            }

    def raw(self, device: int, property: str, *, start: int, end: int) -> Rows:  # noqa: A002
        """Every reading of one device's property with start <= phenomenon_time < end [ms], by time."""
        found = self._ask(
            "SELECT device, phenomenon_time, value, quality FROM observation WHERE device = ? AND property = ? "
            "AND phenomenon_time >= ? AND phenomenon_time < ? ORDER BY phenomenon_time, sequence",
            [device, self._number(property), start, end],
        )
        return _rows(found)

    def series(
        self,
        device: int,
        property: str,  # noqa: A002
        *,
        start: int,
        end: int,
        every_s: float | None = None,
    ) -> Series:
        """A device's property over time, start <= phenomenon_time < end [ms], down-sampled.

        Steps last ``every_s`` [s] and are counted from ``start``; without it each reading is a step of its own.
        Impossible values (quality RANGE) are left out. Where single readings are no longer kept, hourly or daily steps
        stand for them, at their start; ``spans`` says where.

        Raises:
            UsageError: if ``every_s`` is not positive.
        """
        if every_s is not None and every_s < 0.001:
            raise UsageError(f"every_s is {every_s}; steps last at least 0.001 s")
        self._hub.flush()
        step_ms = None if every_s is None else round(every_s * 1000)
        return history.series(
            self._hub.observations, device, number=self._number(property), start=start, end=end, step_ms=step_ms
        )

    def window(self, property: str, *, start: int, end: int, kind: str | None = None) -> Rows:  # noqa: A002
        """All readings of a property with start <= phenomenon_time < end [ms], by device and time."""
        found = self._ask(
            "SELECT device, phenomenon_time, value, quality FROM observation WHERE property = ? "
            "AND phenomenon_time >= ? AND phenomenon_time < ? ORDER BY device, phenomenon_time, sequence",
            [self._number(property), start, end],
        )
        rows = _rows(found)
        if kind is None or not len(rows):
            return rows
        with self._hub.store.lock:
            registry = self._hub.registry
            keep = registry.kind[registry.rows(rows.device)] == registry.kinds.kind_number(kind)
        return Rows(rows.device[keep], rows.phenomenon_time[keep], rows.value[keep], rows.quality[keep])

    def _number(self, name: str) -> int:
        with self._hub.store.lock:
            return self._hub.registry.kinds.number(name)

    def _ask(self, statement: str, values: list[int | float | str]) -> dict[str, NDArray[np.generic]]:
        self._hub.flush()
        return dict(self._hub.observations.ask(statement, values))

    # state

    def ledger(self) -> Tally:
        """Totals at the hub's door, by reason and by kind."""
        with self._hub.store.lock:
            return self._hub.ledger.totals()

    def ahead(self) -> int:
        """Readings the hub has beyond a gap of their node, so that the node still counts them in flight."""
        with self._hub.store.lock:
            return self._hub.registry.windows.ahead()

    def shadow(self, device: int) -> Shadow:
        """Wanted and reported settings of a device."""
        with self._hub.store.lock:
            return self._hub.shadows.get(device)

    def stage(self, device: int) -> DeviceState:
        """Where a device stands in its working life."""
        with self._hub.store.lock:
            return self._hub.lifecycle.stage(device)

    def alarms(self) -> list[AlarmOpened]:
        """Alarms that are open, oldest first."""
        with self._hub.store.session() as session:
            return open_alarms(session)

    def rejected(self, *, limit: int = 100, before: int | None = None) -> list[Rejected]:
        """Details of what was refused lately, newest first."""
        with self._hub.store.session() as session:
            rows = session.exec(last_numbers(select(RejectedRow), RejectedRow.id, before=before, limit=limit))
            return [msgspec.convert(row.model_dump(), type=Rejected) for row in rows]

    def limits(self) -> Limits:
        """What the hub bears of one node."""
        return self._hub.guard.limits

    def quarantine(
        self, *, held: bool | None = None, limit: int = 100, before: int | None = None
    ) -> list[QuarantineRow]:
        """Nodes that were taken for mad, newest first; ``held``: only those that still are in quarantine, or were."""
        chosen = select(QuarantineRow)
        if held is not None:
            chosen = chosen.where((col(QuarantineRow.released) == 0) == held)
        with self._hub.store.session() as session:
            return list(session.exec(last_numbers(chosen, QuarantineRow.id, before=before, limit=limit)))

    def audit(self, *, limit: int = 100, subject: str = "", before: int | None = None) -> list[AuditRow]:
        """What was done (to ``subject``), newest first."""
        chosen = select(AuditRow).where(AuditRow.subject == subject) if subject else select(AuditRow)
        with self._hub.store.session() as session:
            return list(session.exec(last_numbers(chosen, AuditRow.id, before=before, limit=limit)))

    def digest(self) -> str:
        """SHA-256 over all readings evaluated so far."""
        return self._hub.digest()

    def health(self) -> Health:
        """How the hub is."""
        return self._hub.health()


def distance_m(lon_deg: Floats, lat_deg: Floats, *, lon: float, lat: float) -> Floats:
    """Distance of each point from one [m], on a sphere, by the haversine formula."""
    here, there = np.radians(lat), np.radians(lat_deg)
    half = np.sin((there - here) / 2) ** 2
    half = half + np.cos(here) * np.cos(there) * np.sin(np.radians(lon_deg - lon) / 2) ** 2
    distance: Floats = 2 * EARTH_M * np.arcsin(np.sqrt(half))
    return distance


def _rows(found: dict[str, NDArray[np.generic]]) -> Rows:
    return Rows(
        np.asarray(found["device"], np.int64),
        np.asarray(found["phenomenon_time"], np.int64),
        np.asarray(found["value"], np.float64),
        np.asarray(found["quality"], np.uint8),
    )
