"""Orders to devices: sent, sent again while nobody answers, and followed until the device says how it went."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlmodel import Session, col, insert, select

from datahub.contract.codes import AckStatus
from datahub.contract.errors import IllegalMove, UsageError
from datahub.contract.messages import Ack, Command, Desired
from datahub.devices.fitting import Fitting, Way
from datahub.devices.registry import Registry
from datahub.devices.shadow import Shadows
from datahub.events import CommandMoved
from datahub.ingest.admission import MOST_SETTINGS
from datahub.store.session import Store
from datahub.store.tables import AuditRow, BatchItemRow, BatchRow, CommandRow
from datahub.transport.bus import CityBus

CHUNK: Final = 5_000
"""Rows named in one question to the database."""

AT_ONCE: Final = 5_000
"""Live, one tick looks at so many orders without an answer, some 40 us each; the next one at more. Ours to choose."""

_NEVER: Final = 2**62

#: What may follow what. A device that acted although we gave it up is believed: the truth is out there.
MOVES: Mapping[AckStatus, tuple[AckStatus, ...]] = {
    AckStatus.SENT: (AckStatus.ACCEPTED, AckStatus.DONE, AckStatus.REJECTED, AckStatus.EXPIRED),
    AckStatus.ACCEPTED: (AckStatus.DONE, AckStatus.REJECTED),
    AckStatus.EXPIRED: (AckStatus.ACCEPTED, AckStatus.DONE),
    AckStatus.DONE: (),
    AckStatus.REJECTED: (),
}


class CommandRefused(UsageError):
    """An order or a wish that nobody can follow: unknown device, or what its kind or the way to it does not take."""


class Policy(msgspec.Struct, frozen=True):
    """How often an order is sent again to a device that does not answer, and how long apart [ms]."""

    retries: int
    gap: int


class _Unanswered(NamedTuple):
    """When an order without an answer is to be looked at: sent again, or given up [ms]."""

    due: int
    expires: int
    policy: Policy


class CommandStatus(msgspec.Struct, frozen=True):
    """How far an order has come. Times in ms of city time."""

    id: str
    device: int
    name: str
    arguments: dict[str, float]
    issued: int
    expires: int
    status: AckStatus
    updated: int
    detail: str
    tries: int


def move(row: CommandRow, status: AckStatus, *, t: int, detail: str = "") -> None:
    """Let a command come further.

    Raises:
        IllegalMove: if that cannot follow.
    """
    allowed = MOVES[AckStatus(row.status)]
    if status not in allowed:
        raise IllegalMove(f"command {row.id}", stage=row.status, move=status, allowed=allowed)
    row.status, row.updated, row.detail = status, t, detail


class Commands:
    """The way down to the devices.

    Args:
        store: where orders are kept.
        registry: which devices there are, and what commands their kinds take.
        shadows: what settings are wanted.
        wire: by which they go out.
        live: ticks are frequent, and none may take long.

    Attributes:
        ways: nodes behind which a vendor's cloud stands, and what it carries.
    """

    def __init__(
        self,
        store: Store,
        *,
        registry: Registry,
        shadows: Shadows,
        wire: CityBus,
        live: bool,
    ) -> None:
        self._store, self._registry, self._shadows, self._wire = store, registry, shadows, wire
        self._at_once = AT_ONCE if live else _NEVER
        self.ways: Mapping[int, Way] = {}
        self._open: dict[str, _Unanswered] = {}
        self._next = _NEVER
        with store.session() as session:
            self._take_up(session)

    def _take_up(self, session: Session) -> None:
        """Orders that a former process left unanswered; when each is due follows from its row and its batch's."""
        unanswered = (
            select(CommandRow, BatchRow)
            .outerjoin(BatchItemRow, col(BatchItemRow.command) == col(CommandRow.id))
            .outerjoin(BatchRow, col(BatchRow.id) == col(BatchItemRow.batch))
            .where(CommandRow.status == AckStatus.SENT)
        )
        for row, batch in session.exec(unanswered):
            self._wait(row, row.tries, Policy(batch.retries, batch.gap) if batch else _once(row))

    def _wait(self, order: CommandRow | Command, tries: int, policy: Policy, *, earliest: int = 0) -> None:
        """Look at an order again when its next try is due, or when it expires."""
        again = max(order.issued + tries * policy.gap, earliest) if tries <= policy.retries else order.expires
        self._open[order.id] = _Unanswered(min(again, order.expires), order.expires, policy)
        self._next = min(self._next, self._open[order.id].due)

    def refusal(self, device: int, asked: Fitting) -> str:
        """Why a device cannot follow such an order or wish; empty if it can."""
        kind = self._registry.kind_of(device)
        if kind is None:
            return f"no device {device} was ever born; see the registry for the devices there are"
        why = asked.why_not(kind, self.ways.get(self._registry.node_of(device)))
        return f"device {device} {why}" if why else ""

    def order(
        self,
        device: int,
        name: str,
        *,
        arguments: Mapping[str, float],
        t: int,
        expires: int,
        id: str,  # noqa: A002
        by: str = "",
    ) -> CommandStatus:
        """Tell a device to act. The same id again changes nothing and returns what is known of it.

        Args:
            device: unified code.
            name: one of the commands of its kind.
            arguments: by name, unit in the name.
            t: city time [ms].
            expires: when the order becomes worthless if it has not begun [ms].
            id: made from content by the one who orders.
            by: who is to stand for it in the audit trail; empty where the one who orders keeps books of its own.

        Raises:
            CommandRefused: if the device is unknown or does not take such a command with such arguments.
        """
        with self._store.session() as session:
            known = session.get(CommandRow, id)
            if known is not None:
                return _status(known)
            if refused := self.refusal(device, Fitting(name, arguments)):
                raise CommandRefused(refused)
            order = CommandRow(
                id=id,
                device=device,
                node=self._registry.node_of(device),
                name=name,
                arguments=msgspec.json.encode(dict(arguments)),
                issued=t,
                expires=expires,
                status=AckStatus.SENT,
                updated=t,
            )
            session.add(order)
            if by:
                detail = f"{id}: {msgspec.json.encode(dict(arguments)).decode()}"
                session.add(AuditRow(t=t, who=by, action=f"command {name}", subject=str(device), detail=detail))
        with self._store.lock:
            self.dispatch([_message(order)], _once(order))
        return _status(order)

    def enter(
        self,
        session: Session,
        ids: Mapping[int, str],
        name: str,
        *,
        arguments: Mapping[str, float],
        t: int,
        expires: int,
    ) -> list[Command]:
        """Write down one order to many devices (code -> id of its order), all of which can take it.

        It belongs to a transaction of the caller's, who dispatches what is returned.
        """
        if not ids:
            return []
        node = {device: self._registry.node_of(device) for device in ids}
        told = {"name": name, "issued": t, "expires": expires}
        common = told | {"status": AckStatus.SENT.value, "updated": t, "detail": "", "tries": 1}
        body = msgspec.json.encode(dict(arguments))
        session.execute(
            insert(CommandRow),
            [common | {"id": id_, "device": to, "node": node[to], "arguments": body} for to, id_ in ids.items()],
        )
        return [
            Command(id=id_, node=node[to], device=to, name=name, issued=t, expires=expires, arguments=dict(arguments))
            for to, id_ in ids.items()
        ]

    def dispatch(self, orders: Iterable[Command], policy: Policy) -> None:
        """Hand orders to the wire that are written down, and look after them from now on."""
        for order in orders:
            self._wait(order, 1, policy)
            self._wire.send(order)

    def hush(self, ids: Iterable[str]) -> None:
        """Send these orders to nobody any more; who has heard one may still obey."""
        hushed = list(ids)
        self._wire.forget(hushed)
        for id_ in hushed:
            known = self._open.get(id_)
            if known is not None:
                self._open[id_] = known._replace(due=known.expires, policy=Policy(0, known.policy.gap))

    def desire(self, device: int, state: Mapping[str, float | None], t: int, *, by: str = "") -> int:
        """Say what a device's settings should be; returns the version of the wish.

        Args:
            state: by name, unit in the name; None takes a wish back, whatever it was.

        Raises:
            CommandRefused: if the device is unknown or has no such setting, or more would be wanted than a device has.
        """
        wanted = {name: value for name, value in state.items() if value is not None}
        unborn = self._registry.node_of(device) < 0
        if (wanted or unborn) and (refused := self.refusal(device, Fitting(None, wanted))):
            raise CommandRefused(refused)
        if len((self._shadows.get(device).desired.keys() - state.keys()) | wanted.keys()) > MOST_SETTINGS:
            raise CommandRefused(f"device {device} would have more than {MOST_SETTINGS} settings; want fewer")
        with self._store.session() as session:
            self._shadows.wish(session, [device], state, t=t)
            if by:
                detail = msgspec.json.encode(dict(state)).decode()
                session.add(AuditRow(t=t, who=by, action="desire", subject=str(device), detail=detail))
        self.remind(device)
        return self._shadows.get(device).version

    def remind(self, device: int) -> None:
        """Tell a device (again) what is wanted of it."""
        node, shadow = self._registry.node_of(device), self._shadows.get(device)
        self._wire.send(Desired(node=node, device=device, version=shadow.version, state=shadow.desired))

    def status(self, id: str) -> CommandStatus | None:  # noqa: A002
        """How far an order has come; None if it was never given."""
        with self._store.session() as session:
            row = session.get(CommandRow, id)
            return _status(row) if row else None

    def of(self, device: int, *, limit: int = 100) -> list[CommandStatus]:
        """The latest orders to a device, newest first."""
        with self._store.session() as session:
            rows = session.exec(
                select(CommandRow)
                .where(CommandRow.device == device)
                .order_by(col(CommandRow.issued).desc(), col(CommandRow.id))
                .limit(limit)
            )
            return [_status(row) for row in rows]

    def heard(self, session: Session, acks: Sequence[Ack], *, t: int) -> list[CommandMoved]:
        """Take in what devices say of orders; what cannot follow (a second 'accepted') changes nothing."""
        moved: list[CommandMoved] = []
        rows = {row.id: row for row in rows_of(session, sorted({ack.command for ack in acks}))}
        for ack in acks:
            row = rows.get(ack.command)
            if row is None or row.device != ack.device or ack.status not in MOVES[AckStatus(row.status)]:
                continue
            move(row, ack.status, t=ack.t, detail=ack.detail)
            self._open.pop(row.id, None)
            moved.append(CommandMoved(t, row.id, row.device, ack.status, ack.detail))
        return moved

    def follow_up(self, session: Session, *, t: int) -> list[CommandMoved]:
        """Give up orders whose time is over; send again those whose next try is due. Nothing while none is.

        The longest due come first, as many as one tick looks at; the others in the next one.
        """
        if t < self._next:
            return []
        ripe = heapq.nsmallest(self._at_once, ((it.due, id_) for id_, it in self._open.items() if it.due <= t))
        due = {id_: self._open.pop(id_) for _, id_ in ripe}
        self._next = min((it.due for it in self._open.values()), default=_NEVER)
        moved: list[CommandMoved] = []
        for row in rows_of(session, sorted(due)):
            if t >= row.expires:
                move(row, AckStatus.EXPIRED, t=t, detail="no answer in time")
                moved.append(CommandMoved(t, row.id, row.device, AckStatus.EXPIRED, row.detail))
                continue
            policy = due[row.id].policy
            row.tries += 1
            self._wait(row, row.tries, policy, earliest=t + policy.gap)
            self._wire.send(_message(row))
        return moved


def rows_of(session: Session, ids: Sequence[str]) -> list[CommandRow]:
    """The orders of these ids, by id."""
    found: list[CommandRow] = []
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        found += session.exec(select(CommandRow).where(col(CommandRow.id).in_(part)).order_by(CommandRow.id))
    return found


def _once(row: CommandRow) -> Policy:
    """A single order is sent once more, when half of its time is over."""
    return Policy(1, (row.expires - row.issued + 1) // 2)


def _message(row: CommandRow) -> Command:
    return Command(
        id=row.id,
        node=row.node,
        device=row.device,
        name=row.name,
        issued=row.issued,
        expires=row.expires,
        arguments=msgspec.json.decode(row.arguments, type=dict[str, float]),
    )


def _status(row: CommandRow) -> CommandStatus:
    return CommandStatus(
        id=row.id,
        device=row.device,
        name=row.name,
        arguments=msgspec.json.decode(row.arguments, type=dict[str, float]),
        issued=row.issued,
        expires=row.expires,
        status=AckStatus(row.status),
        updated=row.updated,
        detail=row.detail,
        tries=row.tries,
    )
