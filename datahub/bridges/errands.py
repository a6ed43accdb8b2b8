"""Errands to a vendor's cloud: what is asked or handed on in one go, and what is brought back from it.

Whoever runs an errand touches no book of the city: what was brought back is noted by the city itself, at its next turn
or when it next takes something in. So an errand that never ends, or whose end nobody sees, leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from datahub.bridges.bridged import Bridged
from datahub.connector import Exchange, Unanswered
from datahub.contract.codes import AckStatus
from datahub.contract.messages import Command
from datahub.feed import NotUnderstood, Outcome, Pulled, Pushed, Said, converse


@dataclass(frozen=True, slots=True)
class Brought:
    """What an errand brought back.

    Attributes:
        page: what one page of a pulled cloud says; None if none was read.
        outcomes: what the cloud said to orders.
        undone: orders that were not answered, and those after them, which were not told.
        silent: why the cloud was not heard, if it was not.
    """

    page: Said | None = None
    outcomes: tuple[Outcome, ...] = ()
    undone: tuple[Command, ...] = ()
    silent: Unanswered | None = None


class Couriers(Protocol):
    """Run errands, those to one vendor one after another."""

    def send(self, vendor: str, errand: Callable[[], Brought]) -> Future[Brought]:
        """Send somebody on an errand; what it brought is in the future once it is done."""


class AtOnce:
    """Nobody is sent: the city goes itself and waits, as it must where city time stands still meanwhile."""

    def send(self, vendor: str, errand: Callable[[], Brought]) -> Future[Brought]:
        """The errand, done."""
        done = Future[Brought]()
        done.set_result(errand())
        return done


def read_page(bridged: Bridged, feed: Pulled, exchange: Exchange, *, cursor: str, t: int) -> Brought:
    """Read one page after ``cursor``, as asked for at ``t`` [ms]."""
    try:
        flow = feed.pull(cursor, t=t)
        return Brought(page=converse(flow, lambda request: exchange.call(bridged.vendor, request, t=t)))
    except Unanswered as error:
        return Brought(silent=error)


def hand_on(bridged: Bridged, orders: Sequence[Command], exchange: Exchange, *, clock: Callable[[], int]) -> Brought:
    """Hand on orders until the first that is not answered; ``clock`` tells the city time [ms]."""
    outcomes: list[Outcome] = []
    for i, command in enumerate(orders):
        try:
            outcomes.append(_ordered(bridged, command, exchange, t=clock()))
        except Unanswered as error:
            return Brought(outcomes=tuple(outcomes), undone=tuple(orders[i:]), silent=error)
    return Brought(outcomes=tuple(outcomes))


def _ordered(bridged: Bridged, command: Command, exchange: Exchange, *, t: int) -> Outcome:
    """What the cloud says to an order at once; an order that it cannot understand is refused here."""
    device = bridged.id_of[command.device]
    if not isinstance(bridged.feed, Pushed):
        no = f"the cloud '{bridged.vendor}' takes no orders"
        return Outcome("", command.id, device, AckStatus.REJECTED, t, no)
    try:
        request = bridged.feed.order(command, device, t=t)
    except NotUnderstood as error:
        return Outcome("", command.id, device, AckStatus.REJECTED, t, str(error))
    response = exchange.call(bridged.vendor, request, t=t)
    return bridged.feed.answer(response, command, device, t=t)
