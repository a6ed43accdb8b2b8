"""Alarms as rows: opened and closed by limits and by silence, each once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

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
        for one in crossings:
            if one.opens:
                limit = one.threshold
                opened = AlarmOpened(
                    t=one.t,
                    id=f"{limit.name}:{one.device}:{one.t}",
                    kind=limit.name,
                    device=one.device,
                    property=limit.property,
                    value=one.value,
                    limit=limit.limit(),
                    fault=limit.fault,
                )
                self.watch.open[one.slot] = opened.id
                said.append(_open(session, opened))
            else:
                said.append(_close(session, self.watch.open.pop(one.slot), t=one.t, device=one.device))
        return said

    def silence(
        self, session: Session, nodes: Nodes, *, fell: Ints, rose: Ints, t: int
    ) -> list[AlarmOpened | AlarmClosed]:
        """Tell the owner of nodes that fell silent, and of those that speak again."""
        said: list[AlarmOpened | AlarmClosed] = []
        for row in fell.tolist():
            node, quiet_s = int(nodes.node[row]), (t - int(nodes.heard[row])) / 1000
            limit_s = int(nodes.report_ms[row]) / 1000
            opened = AlarmOpened(
                t=t,
                id=f"{SILENT}:{node}:{t}",
                kind=SILENT,
                device=node,
                property="",
                value=quiet_s,
                limit=limit_s,
                fault=True,
            )
            self.silent[node] = opened.id
            said.append(_open(session, opened))
        for row in rose.tolist():
            node = int(nodes.node[row])
            alarm = self.silent.pop(node, None)
            if alarm is not None:
                said.append(_close(session, alarm, t=t, device=node))
        return said


def open_alarms(session: Session) -> list[AlarmOpened]:
    """All that is in alarm now, oldest first."""
    rows = session.exec(select(AlarmRow).where(AlarmRow.cleared == 0).order_by(col(AlarmRow.raised), col(AlarmRow.id)))
    return [AlarmOpened(r.raised, r.id, r.kind, r.device, r.property, r.value, r.limit, r.fault) for r in rows]


def _open(session: Session, said: AlarmOpened) -> AlarmOpened:
    session.merge(
        AlarmRow(
            id=said.id,
            kind=said.kind,
            device=said.device,
            property=said.property,
            value=said.value,
            limit=said.limit,
            fault=said.fault,
            raised=said.t,
        )
    )
    return said


def _close(session: Session, alarm: str, *, t: int, device: int) -> AlarmClosed:
    row = session.get_one(AlarmRow, alarm)
    row.cleared = max(t, 1)
    session.add(row)
    return AlarmClosed(t, alarm, row.kind, device)
