"""One order to many devices: each gets its own, each has its own result, and one that cannot follow stops no other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from sqlalchemy import func, insert
from sqlmodel import Session, col, select

from datahub.commands import CommandRefused, Commands, Policy
from datahub.contract.codes import AckStatus, DeviceState
from datahub.contract.errors import UsageError
from datahub.contract.messages import Command
from datahub.devices.fitting import Fitting, nobody
from datahub.devices.registry import STAGES, Registry
from datahub.store.paging import newest_first
from datahub.store.session import Store
from datahub.store.tables import AuditRow, BatchItemRow, BatchRow, CommandRow

REFUSED: Final = "refused"
"""Result of a device that the hub gave no order; the others stand in ``AckStatus``."""


class Order(msgspec.Struct, frozen=True):
    """What many devices are told alike.

    Attributes:
        id: made from content by the one who orders.
        name, arguments: a command, and its arguments by name, unit in the name.
        issued, expires: city time, and when it becomes worthless to those that have not begun [ms].
        policy: when those that do not answer are told again.
        by: who is to stand for it in the audit trail.
    """

    id: str
    name: str
    arguments: dict[str, float]
    issued: int
    expires: int
    policy: Policy
    by: str


class Batch(msgspec.Struct, frozen=True):
    """One order to many devices, and how many of them have come how far."""

    order: Order
    counts: dict[str, int]


class Result(msgspec.Struct, frozen=True):
    """What became of one device: a status of ``AckStatus`` or refused, why, since when [ms], after how many tries."""

    device: int
    status: str
    detail: str
    updated: int
    tries: int


def order_id(batch: str, device: int) -> str:
    """Id of the order that a device of a batch gets."""
    return f"{batch}~{device}"


class Batches:
    """Orders to many devices."""

    def __init__(self, store: Store, *, registry: Registry, commands: Commands) -> None:
        self._store, self._registry, self._commands = store, registry, commands

    def order(self, devices: Sequence[int], order: Order) -> Batch:
        """Tell many devices (unified codes) to act. The same id again changes nothing and returns what is known of it.

        Who is unknown, retired, in quarantine or does not take such a command has that as its result.

        Raises:
            CommandRefused: if that is so of all of them.
        """
        with self._store.lock:
            told: list[Command] = []
            with self._store.session() as session:
                if session.get(BatchRow, order.id) is None:
                    told, refused = self.enter(session, devices, order)
                    if why := nobody(devices, refused):
                        raise CommandRefused(why)
                    body = msgspec.json.encode(order.arguments).decode()
                    detail = f"{order.name} {body} to {len(told)} devices, {len(refused)} refused"
                    session.add(AuditRow(t=order.issued, who=order.by, action="batch", subject=order.id, detail=detail))
            self._commands.dispatch(told, order.policy)
            return self.status(order.id)

    def enter(self, session: Session, devices: Sequence[int], order: Order) -> tuple[list[Command], dict[int, str]]:
        """Write a batch down in a transaction of the caller's; the orders to dispatch, and who is refused and why."""
        refused = self.refusals(devices, Fitting(order.name, order.arguments))
        ids = {device: order_id(order.id, device) for device in sorted(set(devices)) if device not in refused}
        session.add(
            BatchRow(
                id=order.id,
                name=order.name,
                arguments=msgspec.json.encode(order.arguments),
                issued=order.issued,
                expires=order.expires,
                retries=order.policy.retries,
                gap=order.policy.gap,
                by=order.by,
            )
        )
        told = self._commands.enter(
            session, ids, order.name, arguments=order.arguments, t=order.issued, expires=order.expires
        )
        items = [{"batch": order.id, "device": to, "command": command, "refused": ""} for to, command in ids.items()]
        items += [{"batch": order.id, "device": to, "command": "", "refused": why} for to, why in refused.items()]
        if items:
            session.execute(insert(BatchItemRow), items)
        return told, refused

    def refusals(self, devices: Sequence[int], asked: Fitting) -> dict[int, str]:
        """Which of these devices cannot follow an order or a wish, and why."""
        found = ((device, self._refusal(device, asked)) for device in sorted(set(devices)))
        return {device: why for device, why in found if why}

    def _refusal(self, device: int, asked: Fitting) -> str:
        why = self._commands.refusal(device, asked)
        if why:
            return why
        registry = self._registry
        row = registry.row(device)
        if STAGES[registry.stage[row]] is DeviceState.RETIRED:
            return f"device {device} is retired"
        node = int(registry.node[row])
        if registry.nodes.quarantined[registry.nodes.row(node)]:
            return f"node {node}, which speaks for device {device}, is in quarantine; release it first"
        return ""

    def hush(self, session: Session, id: str) -> None:  # noqa: A002
        """Send the orders of a batch (if there is one) to nobody again."""
        row = session.get(BatchRow, id)
        if row is not None:
            row.retries = 0
            self._commands.hush(session.exec(select(BatchItemRow.command).where(BatchItemRow.batch == id)))

    def status(self, id: str) -> Batch:  # noqa: A002
        """How far a batch has come.

        Raises:
            UsageError: if it was never ordered.
        """
        with self._store.session() as session:
            return self._status(session, _known(session, id))

    def devices(self, id: str) -> set[int]:  # noqa: A002
        """Codes of the devices at which a batch was aimed."""
        with self._store.session() as session:
            return set(session.exec(select(BatchItemRow.device).where(BatchItemRow.batch == id)))

    def latest(self, *, limit: int = 100, before: str = "") -> list[Batch]:
        """The latest batches, newest first; of those older than the one called ``before``, if that is given.

        Raises:
            UsageError: if that was never ordered.
        """
        with self._store.session() as session:
            last = _known(session, before) if before else None
            key = None if last is None else (last.issued, last.id)
            page = newest_first(select(BatchRow), (BatchRow.issued, BatchRow.id), before=key, limit=limit)
            return [self._status(session, row) for row in session.exec(page).all()]

    def _status(self, session: Session, row: BatchRow) -> Batch:
        counted = session.exec(
            select(CommandRow.status, func.count())
            .select_from(BatchItemRow)
            .outerjoin(CommandRow, col(CommandRow.id) == col(BatchItemRow.command))
            .where(BatchItemRow.batch == row.id)
            .group_by(col(CommandRow.status))
        )
        counts = dict.fromkeys((REFUSED, *AckStatus), 0) | {status or REFUSED: count for status, count in counted}
        return Batch(_order(row), {str(status): count for status, count in counts.items()})

    def results(self, id: str, *, after: int = 0, limit: int = 1_000, status: str = "") -> list[Result]:  # noqa: A002
        """Results of a batch's devices with codes beyond ``after`` (of one status), by code."""
        asked = (
            select(BatchItemRow, CommandRow)
            .outerjoin(CommandRow, col(CommandRow.id) == col(BatchItemRow.command))
            .where(BatchItemRow.batch == id, BatchItemRow.device > after)
            .order_by(col(BatchItemRow.device))
            .limit(limit)
        )
        if status == REFUSED:
            asked = asked.where(BatchItemRow.command == "")
        elif status:
            asked = asked.where(CommandRow.status == status)
        with self._store.session() as session:
            issued = session.get_one(BatchRow, id).issued
            return list(_results(session.exec(asked).all(), issued=issued))


def _known(session: Session, id: str) -> BatchRow:  # noqa: A002
    row = session.get(BatchRow, id)
    if row is None:
        raise UsageError(f"no batch '{id:.64}' was ever ordered")
    return row


def _results(found: Sequence[tuple[BatchItemRow, CommandRow | None]], *, issued: int) -> Iterator[Result]:
    for item, order in found:
        if order is None:
            yield Result(item.device, REFUSED, item.refused, issued, 0)
        else:
            yield Result(item.device, order.status, order.detail, order.updated, order.tries)


def _order(row: BatchRow) -> Order:
    return Order(
        id=row.id,
        name=row.name,
        arguments=msgspec.json.decode(row.arguments, type=dict[str, float]),
        issued=row.issued,
        expires=row.expires,
        policy=Policy(row.retries, row.gap),
        by=row.by,
    )
