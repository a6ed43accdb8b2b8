"""Alarms as rows: opened and closed by limits and by silence, each once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import insert, text
from sqlmodel import Session, col, select

from datahub.contract.clock import SECOND_MS
from datahub.contract.observations import Ints
from datahub.devices.nodes import Nodes
from datahub.devices.registry import Registry
from datahub.events import AlarmClosed, AlarmOpened
from datahub.ingest.thresholds import Crossing, Watch
from datahub.store.tables import AlarmRow

SILENT = "device_silent"


class Alarms:
    """Which alarms are open. ``silent``: id of the open alarm of a silent node, by its code."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.silent: dict[int, str] = {}

    def count(self) -> int:
        """How many alarms are open."""
        return len(self.watch.open) + len(self.silent)

    def restore(self, session: Session, registry: Registry) -> None:
        """Take up the open alarms of the database; slots may have moved since."""
        self.watch.open.clear()
        self.silent.clear()
        for row in session.exec(select(AlarmRow).where(AlarmRow.cleared == 0)):
            if row.kind == SILENT:
                self.silent[row.device] = row.id
                at = registry.nodes.row(row.device)
                if at >= 0:
                    registry.nodes.silent[at] = True
            elif (slot := registry.slot_of(row.device, row.property)) >= 0:
                self.watch.open[slot] = row.id

    def cross(self, session: Session, crossings: Sequence[Crossing]) -> list[AlarmOpened | AlarmClosed]:
        """Open and close alarms for readings that crossed a limit, in order."""
        said: list[AlarmOpened | AlarmClosed] = []
        if not crossings:
            return said
        for one in crossings:
            limit = one.threshold
            if one.opens:
                alarm = f"{limit.name}:{one.device}:{one.t}"
                self.watch.open[one.slot] = alarm
                said.append(
                    AlarmOpened(
                        one.t, alarm, limit.name, one.device, limit.property, one.value, limit.limit(), limit.fault
                    )
                )
            else:
                said.append(AlarmClosed(one.t, self.watch.open.pop(one.slot), limit.name, one.device))
        keep_alarms(session, said)
        return said

    def silence(
        self, session: Session, nodes: Nodes, *, fell: Ints, rose: Ints, t: int
    ) -> list[AlarmOpened | AlarmClosed]:
        """Tell the owner of nodes that fell silent, and of those that speak again."""
        said: list[AlarmOpened | AlarmClosed] = []
        if not len(fell) and not len(rose):
            return said
        for row in fell.tolist():
            node, quiet_s = int(nodes.node[row]), (t - int(nodes.heard[row])) / SECOND_MS
            alarm = self.silent[node] = f"{SILENT}:{node}:{t}"
            limit_s = int(nodes.tolerated_ms[row]) / SECOND_MS
            said.append(AlarmOpened(t, alarm, SILENT, node, "", quiet_s, limit_s, True))
        for row in rose.tolist():
            node = int(nodes.node[row])
            closed = self.silent.pop(node, None)
            if closed is not None:
                said.append(AlarmClosed(t, closed, SILENT, node))
        keep_alarms(session, said)
        return said


def open_alarms(session: Session) -> list[AlarmOpened]:
    """All that is in alarm now, oldest first."""
    rows = session.exec(select(AlarmRow).where(AlarmRow.cleared == 0).order_by(col(AlarmRow.raised), col(AlarmRow.id)))
    return [AlarmOpened(r.raised, r.id, r.kind, r.device, r.property, r.value, r.limit, r.fault) for r in rows]


def keep_alarms(session: Session, said: Sequence[AlarmOpened | AlarmClosed]) -> None:
    """Make alarms durable, many at once: a power cut may silence a thousand nodes in one tick."""
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
