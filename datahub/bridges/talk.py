"""The talk of one bridge with its vendor's cloud: pages that are asked for when it is time, orders that are handed on.

One errand is out at a time. What it brings is noted on the city's own thread before the next one sets out, so that a
page is durable before the following one is asked for, whoever carries the requests.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Final

import msgspec

from datahub.bridges.bridge import Bridge
from datahub.bridges.errands import Brought, Couriers, hand_on, read_page
from datahub.connector import Exchange, Unanswered
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.messages import Command
from datahub.feed import WISH, Pulled, Said

PAGES: Final = 20
"""Pages read from one cloud in one turn: a backlog must not hold up the city. Ours to choose."""

ORDERS: Final = 20
"""Orders handed on in one errand: what they came to is noted together. Ours to choose."""

WISH_MS: Final = HOUR_MS
"""For so long a desired setting may be on its way to a device before the cloud gives it up [ms]. Ours to choose."""


class Talk:
    """What one bridge and its vendor's cloud have to say to each other.

    Args:
        bridge: notes what is said.
        exchange: carries requests.
        couriers: run the errands.
        left: readings that the hub still bears of this bridge at a time [ms].
    """

    def __init__(self, bridge: Bridge, exchange: Exchange, couriers: Couriers, left: Callable[[int], float]) -> None:
        self._bridge, self._exchange, self._couriers, self._left = bridge, exchange, couriers, left
        self._most = bridge.bridged.page * len(bridge.bridged.kind.properties)
        self._away: Future[Brought] | None = None
        self._t = self._pages = 0

    def turn(self, t: int) -> None:
        """Do what is due at city time ``t`` [ms], as far as nobody has to be waited for."""
        self._t, self._pages = t, PAGES
        self._give_up()
        self._go_on()

    def look(self) -> None:
        """Take in what an errand has brought since the turn, and go on with what the turn has left."""
        if self._away is not None:
            self._go_on()

    def _go_on(self) -> None:
        while True:
            away = self._away = self._away or self._set_out()
            if away is None or not away.done():
                return
            self._away = None
            self._take_in(away.result())

    def _set_out(self) -> Future[Brought] | None:
        """The next errand that is due and that the hub bears; None if there is none."""
        bridged, t = self._bridge.bridged, self._t
        standing = self._bridge.book.standing
        if isinstance(bridged.feed, Pulled) and self._pages and standing.due <= t and self._left(t) >= self._most:
            self._pages -= 1
            page = partial(read_page, bridged, bridged.feed, self._exchange, cursor=standing.cursor, t=t)
            return self._couriers.send(bridged.vendor, page)
        orders = self._batch() if t >= self._bridge.rests_until else []
        if not orders:
            return None
        return self._couriers.send(
            bridged.vendor, partial(hand_on, bridged, orders, self._exchange, clock=lambda: self._t)
        )

    def _batch(self) -> list[Command]:
        """The oldest orders. A wish is on its way from now on."""
        waiting, taken, t = self._bridge.orders, list[Command](), self._t
        while waiting and len(taken) < ORDERS:
            command = waiting.popleft()
            if command.name == WISH and not command.expires:
                wish = f"{command.id}:{t}"
                command = msgspec.structs.replace(command, id=wish, issued=t, expires=t + WISH_MS)
            taken.append(command)
        return taken

    def _take_in(self, brought: Brought) -> None:
        bridge, t = self._bridge, self._t
        if brought.page is not None:
            bridge.patience_s = 0.0
            due = t if brought.page.more else t + round(bridge.bridged.poll_s * SECOND_MS)
            bridge.note(brought.page, t=t, due=due)
        if brought.outcomes:
            bridge.patience_s = 0.0
            bridge.note(Said(outcomes=brought.outcomes), t=t)
        if brought.silent is not None:
            self._rest(brought.undone, brought.silent)

    def _rest(self, undone: tuple[Command, ...], silent: Unanswered) -> None:
        """Leave a cloud alone that did not answer; what is for it waits, in its order."""
        bridge, t = self._bridge, self._t
        until = bridge.wait(t, silent.retry_s)
        if undone:
            bridge.orders.extendleft(reversed(undone))
            bridge.trouble, bridge.rests_until = str(silent), until
            self._give_up()
        else:
            bridge.put_off(str(silent), t=t, due=until)

    def _give_up(self) -> None:
        """Let go of orders that have expired while the cloud was left alone; the hub has said so of each."""
        waiting, t = self._bridge.orders, self._t
        if t >= self._bridge.rests_until:
            return
        with self._bridge.lock:
            for _ in range(len(waiting)):
                command = waiting.popleft()
                if not 0 < command.expires <= t:
                    waiting.append(command)
