"""A device's settings as wanted (desired) and as it says they are (reported); what differs is the delta."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import text
from sqlmodel import Session, select

from datahub.contract.messages import Reported
from datahub.events import StateReported
from datahub.store.session import Store
from datahub.store.tables import AuditRow, ShadowRow

ACTED_LOCALLY: Final = "acted_locally"
"""Word of the audit for what an edge node did, or kept against a wish, by a rule of its own."""

LONGEST_REASON: Final = 500
"""A reason is kept up to so many characters; what a node says is not to be trusted with the disk."""

_UPSERT: Final = text(
    "INSERT INTO hub_shadow (device, desired, version, desired_t, reported, reported_t) "
    "VALUES (:device, :desired, :version, :desired_t, :reported, :reported_t) ON CONFLICT (device) DO UPDATE SET "
    "desired = excluded.desired, version = excluded.version, desired_t = excluded.desired_t, "
    "reported = excluded.reported, reported_t = excluded.reported_t"
)


class Shadow(msgspec.Struct, frozen=True):
    """Both sides of one device's settings. Times in ms of city time."""

    device: int
    desired: dict[str, float] = {}
    version: int = 0
    desired_t: int = 0
    reported: dict[str, float] = {}
    reported_t: int = 0

    @property
    def delta(self) -> dict[str, float]:
        """What is wanted and not reported yet."""
        return {name: value for name, value in self.desired.items() if self.reported.get(name) != value}


class Shadows:
    """The shadows of all devices that have one; rare compared with readings, so one object each."""

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.session() as session:
            self._known = {row.device: _shadow(row) for row in session.exec(select(ShadowRow))}

    def get(self, device: int) -> Shadow:
        """The shadow of a device; empty if nothing was ever wanted or reported."""
        return self._known.get(device) or Shadow(device)

    def wanted(self, devices: Iterable[int]) -> list[Shadow]:
        """Shadows of those devices of which something is wanted, by device."""
        known = (self._known.get(device) for device in sorted(set(devices)))
        return [shadow for shadow in known if shadow is not None and shadow.desired]

    def owed(self) -> list[int]:
        """Devices of which something is wanted that they have not reported."""
        return sorted(device for device, shadow in self._known.items() if shadow.delta)

    def desire(self, device: int, state: Mapping[str, float | None], *, t: int) -> int:
        """Want settings in addition to those wanted before (None: no longer); returns the new version."""
        with self._store.session() as session:
            self.wish(session, [device], state, t=t)
        return self.get(device).version

    def wish(self, session: Session, devices: Sequence[int], state: Mapping[str, float | None], *, t: int) -> None:
        """Want settings of many devices, in addition to those wanted before, in a transaction of the caller's.

        None takes a wish back.
        """
        new: dict[int, Shadow] = {}
        for device in devices:
            old = self.get(device)
            wanted = {name: value for name, value in {**old.desired, **state}.items() if value is not None}
            new[device] = msgspec.structs.replace(old, desired=wanted, version=old.version + 1, desired_t=t)
        self._keep(session, new)

    def _keep(self, session: Session, new: Mapping[int, Shadow]) -> None:
        if new:
            session.connection().execute(_UPSERT, [_row(shadow) for shadow in new.values()])
            self._known.update(new)

    def heard(self, session: Session, reports: Sequence[Reported], *, t: int) -> list[StateReported]:
        """Take in reports, given in their order; one older than what is known says nothing new.

        What the field did or kept by itself goes into the audit with its reason, once however often it is said.
        """
        said: list[StateReported] = []
        new: dict[int, Shadow] = {}
        for report in reports:
            old = new.get(report.device) or self.get(report.device)
            if report.reason and not _told(session, report):
                session.add(_audit(report))
            if report.t < old.reported_t:
                continue
            told = old.reported | report.state
            new[report.device] = msgspec.structs.replace(old, reported=told, reported_t=report.t)
            said.append(StateReported(t, report.device, report.state))
        self._keep(session, new)
        return said


def _audit(report: Reported) -> AuditRow:
    state = ", ".join(f"{name} = {value:g}" for name, value in sorted(report.state.items()))
    return AuditRow(
        t=report.t,
        who=str(report.node),
        action=ACTED_LOCALLY,
        subject=str(report.device),
        detail=f"{state}; {report.reason[:LONGEST_REASON]}",
    )


def _told(session: Session, report: Reported) -> bool:
    """Whether the audit holds this already; a node says again what may have been lost on the way."""
    row = _audit(report)
    same = select(AuditRow.id).where(
        AuditRow.subject == row.subject,
        AuditRow.action == row.action,
        AuditRow.t == row.t,
        AuditRow.detail == row.detail,
    )
    return session.exec(same).first() is not None


def _shadow(row: ShadowRow) -> Shadow:
    read = msgspec.json.Decoder(dict[str, float]).decode
    return Shadow(row.device, read(row.desired), row.version, row.desired_t, read(row.reported), row.reported_t)


def _row(shadow: Shadow) -> dict[str, int | bytes]:
    write = msgspec.json.encode
    return {
        "device": shadow.device,
        "desired": write(shadow.desired),
        "version": shadow.version,
        "desired_t": shadow.desired_t,
        "reported": write(shadow.reported),
        "reported_t": shadow.reported_t,
    }
