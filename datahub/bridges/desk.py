"""All bridges of a city: clouds that are asked when it is time, posts at the door, orders on their way to a vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from datahub.bridges.bridge import Bridge
from datahub.bridges.bridged import Bridged
from datahub.bridges.errands import AtOnce, Couriers
from datahub.bridges.numbering import WISHED
from datahub.bridges.talk import Talk
from datahub.connector import Exchange
from datahub.contract.clock import HOUR_MS
from datahub.contract.errors import UsageError
from datahub.contract.messages import Command, Desired
from datahub.contract.topics import Topics
from datahub.feed import WISH, Denial, Denied, Pulled, Pushed
from datahub.resources.refusals import Refusals
from datahub.store.session import Store


class BridgeView(msgspec.Struct, frozen=True):
    """How a bridge stands. Times in ms of city time, 0: not yet."""

    vendor: str
    way: str
    node: int
    kind: str
    devices: int
    told: int
    waiting: int
    repeated: int
    held: int
    refused: dict[str, int]
    cursor: str
    heard: int
    due: int
    trouble: str


class Bridges:
    """The bridges of a city.

    Args:
        bridged: as declared.
        store: where their books lie.
        exchange: carries requests to the vendors.
        topics: of the wire on which they speak.
        room: how many readings the hub bears of a node (code) at a time [ms], as of any node.
        refusals: count what is turned away.
        couriers: go to the vendors; None, and the city goes itself and waits for each answer.

    Attributes:
        by_node: the bridges by the node as which they speak.
    """

    def __init__(
        self,
        bridged: Sequence[Bridged],
        store: Store,
        exchange: Exchange,
        topics: Topics,
        *,
        room: Callable[[int, int], float],
        refusals: Refusals,
        couriers: Couriers | None = None,
    ) -> None:
        self._room = room
        self._bridges = {one.vendor: Bridge(one, store, topics, refusals) for one in bridged}
        sent = couriers or AtOnce()
        self._talks = [(one, Talk(one, exchange, sent, partial(self._left, one))) for one in self._bridges.values()]
        self.by_node = {bridge.bridged.node: bridge for bridge in self._bridges.values()}
        self._hour = -1

    def turn(self, t: int) -> None:
        """Do what is due at city time ``t`` [ms]: ask clouds, hand on orders, take in what they answered."""
        for bridge, talk in self._talks:
            talk.turn(t)
            if t // HOUR_MS != self._hour or bridge.unsettled:
                bridge.settle(t)
        self._hour = t // HOUR_MS

    def look(self) -> None:
        """Take in what clouds have answered since the turn; nothing where nobody was sent."""
        for _, talk in self._talks:
            talk.look()

    def _left(self, bridge: Bridge, t: int) -> float:
        """Readings that the hub still bears of a bridge, beyond those that it has not taken in yet."""
        with bridge.lock:
            return self._room(bridge.bridged.node, t) - bridge.book.kept()

    def take(self, vendor: str, body: bytes, headers: Mapping[str, str], *, source: str, t: int) -> None:
        """Take a vendor's post that came from ``source`` at ``t`` [ms]: durable when this returns.

        Raises:
            UsageError: if no such vendor posts here.
            Denied: if it is not taken, which is counted.
        """
        bridge = self._bridges.get(vendor)
        feed = bridge.bridged.feed if bridge is not None else None
        if bridge is None or feed is None or not isinstance(feed, Pushed):
            posting = ", ".join(name for name, one in self._bridges.items() if isinstance(one.bridged.feed, Pushed))
            raise UsageError(f"no cloud '{vendor:.64}' posts here; there are: {posting or 'none'}")
        try:
            self._take(bridge, feed, body, headers, t=t)
        except Denied as error:
            bridge.deny(error.why, str(error), source=source, t=t)
            raise

    def _take(self, bridge: Bridge, feed: Pushed, body: bytes, headers: Mapping[str, str], *, t: int) -> None:
        if len(body) > bridge.bridged.body_bytes:
            raise Denied(Denial.OVERSIZED, f"a post is longer than {bridge.bridged.body_bytes} bytes")
        said = feed.take(body, headers, t=t)
        with bridge.lock:
            if said.seal and bridge.book.seen([said.seal]):
                raise Denied(Denial.REPLAYED, "this very post has been taken before; sign a repetition anew")
            if sum(len(one.values) for one in said.told) > self._left(bridge, t):
                raise Denied(Denial.BUSY, "the hub bears no more of this cloud now; post it again later")
            bridge.note(said, t=t)

    def longest(self, vendor: str) -> int:
        """Longest post that this vendor may send [byte]; 0 if there is no such vendor."""
        bridge = self._bridges.get(vendor)
        return bridge.bridged.body_bytes if bridge is not None else 0

    def order(self, message: Command | Desired) -> bool:
        """Take an order to a bridged device; False if it is for none. It goes out at the next turn."""
        bridge = self.by_node.get(message.node)
        if bridge is None:
            return False
        with bridge.lock:
            if isinstance(message, Command):
                bridge.orders.append(message)
                return True
            for name, value in sorted(message.state.items()):
                wish = f"{WISHED}{message.device}:{message.version}:{name}"
                bridge.orders.append(Command(wish, message.node, message.device, WISH, 0, 0, {name: value}))
        return True

    @property
    def numbered(self) -> int:
        """Readings that were told and that the intake has taken or refused by now."""
        return sum(bridge.book.standing.next - bridge.book.kept() for bridge in self._bridges.values())

    def views(self) -> list[BridgeView]:
        """How every bridge stands."""
        return [_view(bridge) for _, bridge in sorted(self._bridges.items())]


def _view(bridge: Bridge) -> BridgeView:
    bridged, standing = bridge.bridged, bridge.book.standing
    return BridgeView(
        vendor=bridged.vendor,
        way="pulled" if isinstance(bridged.feed, Pulled) else "pushed",
        node=bridged.node,
        kind=bridged.kind.name,
        devices=len(bridged.ids),
        told=standing.next,
        waiting=bridge.book.kept(),
        repeated=standing.repeated,
        held=standing.held,
        refused=standing.refused,
        cursor=standing.cursor,
        heard=standing.heard,
        due=standing.due,
        trouble=bridge.trouble,
    )
