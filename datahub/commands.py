"""Orders to devices: sent once, once more before they expire, and followed until the device says how it went."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlmodel import Session, col, select

from datahub.contract.codes import AckStatus
from datahub.contract.errors import IllegalMove, UsageError
from datahub.contract.messages import Ack, Command, Desired
from datahub.devices.registry import Registry
from datahub.devices.shadow import Shadows
from datahub.events import CommandMoved
from datahub.ingest.admission import MOST_SETTINGS
from datahub.store.session import Store
from datahub.store.tables import CommandRow

#: What may follow what. A device that acted although we gave it up is believed: the truth is out there.
MOVES: Mapping[AckStatus, tuple[AckStatus, ...]] = {
    AckStatus.SENT: (AckStatus.ACCEPTED, AckStatus.DONE, AckStatus.REJECTED, AckStatus.EXPIRED),
    AckStatus.ACCEPTED: (AckStatus.DONE, AckStatus.REJECTED),
    AckStatus.EXPIRED: (AckStatus.ACCEPTED, AckStatus.DONE),
    AckStatus.DONE: (),
    AckStatus.REJECTED: (),
}


class CommandRefused(UsageError):
    """An order that cannot be given: unknown device, or a command its kind does not take."""


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
        send: hands a message to the wire.
    """

    def __init__(
        self, store: Store, *, registry: Registry, shadows: Shadows, send: Callable[[Command | Desired], None]
    ) -> None:
        self._store, self._registry, self._shadows, self._send = store, registry, shadows, send
        with store.session() as session:
            open_ = select(CommandRow.id).where(CommandRow.status == AckStatus.SENT)
            self._sent = set(session.exec(open_).all())

    def order(
        self,
        device: int,
        name: str,
        *,
        arguments: Mapping[str, float],
        t: int,
        expires: int,
        id: str,  # noqa: A002
    ) -> CommandStatus:
        """Tell a device to act. The same id again changes nothing and returns what is known of it.

        Args:
            device: unified code.
            name: one of the commands of its kind.
            arguments: by name, unit in the name.
            t: city time [ms].
            expires: when the order becomes worthless if it has not begun [ms].
            id: made from content by the one who orders.

        Raises:
            CommandRefused: if the device is unknown or does not take such a command.
        """
        row = self._registry.row(device)
        if row < 0:
            raise CommandRefused(f"no device {device} was ever born; see the registry for the devices there are")
        kind = self._registry.kinds.kinds[self._registry.kind[row]]
        if name not in kind.commands:
            taken = ", ".join(kind.commands) or "none"
            raise CommandRefused(f"device {device} is a {kind.name} and does not take '{name}'; it takes: {taken}")
        with self._store.session() as session:
            known = session.get(CommandRow, id)
            if known is not None:
                return _status(known)
            order = CommandRow(
                id=id,
                device=device,
                node=int(self._registry.node[row]),
                name=name,
                arguments=msgspec.json.encode(dict(arguments)),
                issued=t,
                expires=expires,
                status=AckStatus.SENT,
                updated=t,
            )
            session.add(order)
        self._sent.add(id)
        self._send(_message(order))
        return _status(order)

    def desire(self, device: int, state: Mapping[str, float], t: int) -> int:
        """Say what a device's settings should be; returns the version of the wish.

        Raises:
            CommandRefused: if the device is unknown, or more settings would be wanted than a device has.
        """
        row = self._registry.row(device)
        if row < 0:
            raise CommandRefused(f"no device {device} was ever born; see the registry for the devices there are")
        if len({*self._shadows.get(device).desired, *state}) > MOST_SETTINGS:
            raise CommandRefused(f"device {device} would have more than {MOST_SETTINGS} settings; want fewer")
        version = self._shadows.desire(device, state, t=t)
        self._send(
            Desired(
                node=int(self._registry.node[row]),
                device=device,
                version=version,
                state=self._shadows.get(device).desired,
            )
        )
        return version

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
        for ack in acks:
            row = session.get(CommandRow, ack.command)
            if row is None or row.device != ack.device or ack.status not in MOVES[AckStatus(row.status)]:
                continue
            move(row, ack.status, t=ack.t, detail=ack.detail)
            session.add(row)
            self._sent.discard(row.id)
            moved.append(CommandMoved(t, row.id, row.device, ack.status, ack.detail))
        return moved

    def follow_up(self, session: Session, *, t: int) -> list[CommandMoved]:
        """Give up orders whose time is over; send those half-way there once more. Nothing while none is unanswered."""
        if not self._sent:
            return []
        moved: list[CommandMoved] = []
        rows = session.exec(select(CommandRow).where(CommandRow.status == AckStatus.SENT).order_by(CommandRow.id)).all()
        for row in rows:
            if t >= row.expires:
                move(row, AckStatus.EXPIRED, t=t, detail="no answer in time")
                self._sent.discard(row.id)
                moved.append(CommandMoved(t, row.id, row.device, AckStatus.EXPIRED, row.detail))
            elif row.tries == 1 and 2 * t >= row.issued + row.expires:
                row.tries = 2
                self._send(_message(row))
            session.add(row)
        return moved


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
