"""Alarms as rows: opened and closed by limits, by silence and by what shows over hours; each once, none forty times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import insert, text
from sqlmodel import Session, col, func, select

from datahub.contract.clock import SECOND_MS
from datahub.contract.observations import Ints
from datahub.devices.flapping import FLAPPING, Flapping
from datahub.devices.nodes import Nodes
from datahub.devices.registry import Registry
from datahub.events import AlarmClosed, AlarmOpened
from datahub.ingest.thresholds import Crossing, Watch
from datahub.store.tables import AlarmRow

SILENT = "device_silent"

OVER_HOURS: Final = ("device_stuck", "device_drift", "device_incomplete", "device_invalid")
"""Faults that show only over hours and days (``Faults``)."""


class Alarms:
    """Which alarms are open; their id is empty while they are held (``Flapping``).

    Attributes:
        silent: id of the open alarm of a silent node, by its code.
        faults: id of each open fault that shows only over hours (``Faults``), by kind and device.
    """

    def __init__(self, watch: Watch, flapping: Flapping) -> None:
        self.watch, self.flapping = watch, flapping
        self.silent: dict[int, str] = {}
        self.faults: dict[tuple[str, int], str] = {}
        self._fresh = True

    def count(self) -> int:
        """How many alarms are open."""
        told = [*self.watch.open.values(), *self.silent.values(), *self.faults.values()]
        return sum(map(bool, told)) + len(self.flapping.held)

    def restore(self, session: Session, registry: Registry) -> None:
        """Take up the open alarms of the database; slots may have moved since."""
        self.watch.open.clear()
        self.silent = {node: alarm for node, alarm in self.silent.items() if not alarm}
        self.faults = {key: alarm for key, alarm in self.faults.items() if not alarm}
        rows = session.exec(select(AlarmRow).where(AlarmRow.cleared == 0)).all()
        for row in rows:
            if row.kind == SILENT:
                self.silent[row.device] = row.id
                at = registry.nodes.row(row.device)
                if at >= 0:
                    registry.nodes.silent[at] = True
            elif row.kind in OVER_HOURS:
                self.faults[row.kind, row.device] = row.id
            elif (slot := registry.slot_of(row.device, row.property)) >= 0:
                self.watch.open[slot] = row.id
        for held in self.flapping.held.values():
            if held.present is not None and held.present.property and held.present.kind not in OVER_HOURS:
                self.watch.open[registry.slot_of(held.present.device, held.present.property)] = ""
        if self._fresh:
            self._fresh = False
            self._remember(session, rows)

    def _remember(self, session: Session, rows: Sequence[AlarmRow]) -> None:
        """Take up how often faults were told of late, and which of them flap."""
        last = session.exec(select(func.max(AlarmRow.raised))).one() or 0
        late = col(AlarmRow.raised) > last - self.flapping.window_ms
        told = session.exec(
            select(AlarmRow.kind, AlarmRow.device, AlarmRow.raised).where(AlarmRow.fault, late).order_by("raised")
        ).all()
        self.flapping.restore(told, _opened([row for row in rows if row.kind == FLAPPING]), t=last)

    def cross(self, session: Session, crossings: Sequence[Crossing]) -> list[AlarmOpened | AlarmClosed]:
        """Open and close alarms for readings that crossed a limit, in order."""
        said: list[AlarmOpened | AlarmClosed] = []
        for one in crossings:
            limit = one.threshold
            if one.opens:
                alarm = f"{limit.name}:{one.device}:{one.t}"
                opened = AlarmOpened(
                    one.t, alarm, limit.name, one.device, limit.property, one.value, limit.limit(), limit.fault
                )
                self.watch.open[one.slot] = self._open(opened, said)
            else:
                alarm = self.watch.open.pop(one.slot)
                self._close(AlarmClosed(one.t, alarm, limit.name, one.device), said)
        keep_alarms(session, said)
        return said

    def silence(
        self, session: Session, nodes: Nodes, *, fell: Ints, rose: Ints, t: int
    ) -> list[AlarmOpened | AlarmClosed]:
        """Tell the owner of nodes that fell silent, and of those that speak again."""
        said: list[AlarmOpened | AlarmClosed] = []
        for row in fell.tolist():
            node, quiet_s = int(nodes.node[row]), (t - int(nodes.heard[row])) / SECOND_MS
            limit_s = int(nodes.tolerated_ms[row]) / SECOND_MS
            opened = AlarmOpened(t, f"{SILENT}:{node}:{t}", SILENT, node, "", quiet_s, limit_s, True)
            self.silent[node] = self._open(opened, said)
        for row in rose.tolist():
            node = int(nodes.node[row])
            closed = self.silent.pop(node, None)
            if closed is not None:
                self._close(AlarmClosed(t, closed, SILENT, node), said)
        keep_alarms(session, said)
        return said

    def judge(self, session: Session, found: Sequence[AlarmOpened | AlarmClosed]) -> list[AlarmOpened | AlarmClosed]:
        """Open and close what shows only over hours."""
        said: list[AlarmOpened | AlarmClosed] = []
        for one in found:
            key = one.kind, one.device
            if isinstance(one, AlarmOpened):
                self.faults[key] = self._open(one, said)
            else:
                self._close(AlarmClosed(one.t, self.faults.pop(key), one.kind, one.device), said)
        keep_alarms(session, said)
        return said

    def settle(self, session: Session, registry: Registry, *, t: int) -> list[AlarmOpened | AlarmClosed]:
        """End the flapping of what has been quiet for long; a fault that is still there is open from now on."""
        said = self.flapping.settle(t)
        for one in said:
            if not isinstance(one, AlarmOpened):
                continue
            if one.kind == SILENT:
                self.silent[one.device] = one.id
            elif one.kind in OVER_HOURS:
                self.faults[one.kind, one.device] = one.id
            else:
                self.watch.open[registry.slot_of(one.device, one.property)] = one.id
        keep_alarms(session, said)
        return said

    def _open(self, one: AlarmOpened, said: list[AlarmOpened | AlarmClosed]) -> str:
        """Tell what opens; returns the alarm's id, empty if it is held."""
        told = self.flapping.opens(one) if one.fault else [one]
        said += told
        return one.id if one in told else ""

    def _close(self, one: AlarmClosed, said: list[AlarmOpened | AlarmClosed]) -> None:
        self.flapping.closes(one.kind, one.device, t=one.t)
        if one.id:
            said.append(one)


def open_alarms(session: Session) -> list[AlarmOpened]:
    """All that is in alarm now, oldest first."""
    rows = session.exec(select(AlarmRow).where(AlarmRow.cleared == 0).order_by(col(AlarmRow.raised), col(AlarmRow.id)))
    return _opened(rows)


def _opened(rows: Iterable[AlarmRow]) -> list[AlarmOpened]:
    return [AlarmOpened(r.raised, r.id, r.kind, r.device, r.property, r.value, r.limit, r.fault) for r in rows]


def keep_alarms(session: Session, said: Sequence[AlarmOpened | AlarmClosed]) -> None:
    """Make alarms durable, many at once: a power cut may silence a thousand nodes in one tick."""
    if not said:
        return
    opened = [
        {
            "id": one.id,
            "kind": one.kind,
            "device": one.device,
            "property": one.property,
            "value": one.value,
            "limit": one.limit,
            "fault": one.fault,
            "raised": one.t,
            "cleared": 0,
        }
        for one in said
        if isinstance(one, AlarmOpened)
    ]
    closed = [{"alarm": one.id, "at": max(one.t, 1)} for one in said if isinstance(one, AlarmClosed)]
    connection = session.connection()
    if opened:
        connection.execute(insert(AlarmRow), opened)
    if closed:
        connection.execute(text("UPDATE hub_alarm SET cleared = :at WHERE id = :alarm"), closed)
