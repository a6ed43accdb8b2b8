"""The wire over any MQTT 3.1.1 broker: both ends, on paho.

Live, sessions are persistent (fixed client ids): the broker keeps for the hub what it has not acknowledged, and for
the field what it was told. The hub acknowledges when its store has committed, in the order of arrival (rumqttd drops a
connection that acknowledges out of order), and never a message of an earlier connection (packet ids start anew).

In a virtual run sessions are clean and acknowledged at once, because a run that loses its broker is over. Each end
numbers what it sends; a marker says how many messages there were, and the receiving end holds it back until so many
have come. So several connections and any reordering between them leave the story as it is.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import Unreadable
from datahub.contract.messages import BirthBatch, Command, Death, Desired, Down, Marker, North, Rebirth, Up
from datahub.contract.observations import Ints
from datahub.contract.senml import PAYLOAD_LIMIT, Record
from datahub.contract.topics import DOWNWARD, Topics
from datahub.contract.wire import Outgoing, decode_down, decode_up, encode
from datahub.transport.address import Address
from datahub.transport.bus import Arrived, Delivery
from datahub.transport.connection import Connection, Incoming
from datahub.transport.gate import Gate
from datahub.transport.inbox import Inbox

CARRIED: Final = 3_000
"""Nodes whose death one last will can tell: a will holds at most 65 535 bytes (MQTT 3.1.1, 3.1.3.3)."""

MOST_CONNECTIONS: Final = 16

GATHER: Final = 60
LINGER_S: Final = 0.005
"""Live, the hub takes up to so many messages together, if they come within so long [s]: a commit costs as much for one
as for many. Brokers have some 100 under way at most: while the hub commits these, the others come in (measured: 0.78 of
the bare drain with 60, 0.70 with 90, as then nearly all wait for the commit)."""

ORDERS: Final = 300
"""Live, so many orders, wishes and calls for a birth may be under way; the others wait, and leave room for what is more
urgent. Ours."""

MOST_ORDERS: Final = 1_000_000
"""So many of them may wait; more are refused. Ours."""

FAREWELL_S: Final = 10.0
"""At the end the line is handed on for so long [s of wall time]; who is opened next says again what is owed. Ours."""

Order: TypeAlias = Command | Desired | Rebirth

_DOWN: Final = ("/cmd", "/desired", "/rebirth", "/_marker/city")


class MqttFieldBus:
    """The field's end. A few gateway connections carry all its nodes.

    Live, each batch of births gets a connection whose last will names the nodes it carries (as far as wills and
    connections suffice; silence tells of the others). In a virtual run, nodes are spread over ``connections``.

    Attributes:
        unreadable: messages from the platform that could not be read.
    """

    def __init__(self, url: str, topics: Topics, *, qos: int = 1, connections: int = 1, name: str = "field") -> None:
        self._address, self._topics, self._qos, self._name = Address.of(url), topics, qos, name
        self._live, self._marker = not topics.run, topics.marker("city")
        self._inbox: Inbox[tuple[str, bytes]] = Inbox()
        self._back: Inbox[int] = Inbox()
        self._gate: Gate[Down] = Gate()
        self._sent = self.unreadable = 0
        words = [topics.every(word) for word in DOWNWARD]
        self._connections: list[Connection] = []
        self._connect(filters=[*words, topics.watermark, self._marker])
        for _ in range(0 if self._live else connections - 1):
            self._connect()
        self._carriers: dict[int, Connection] = {}

    def _returned(self) -> list[Down]:
        """Nodes whose connection was lost and is back: the broker has told their death, so they are born again."""
        back = {self._connections[number] for number in self._back.take()}
        if not back:
            return []
        return [Rebirth(node=node) for node, connection in self._carriers.items() if connection in back]

    def _connect(self, *, filters: Sequence[str] = (), will: Outgoing | None = None) -> Connection:
        name = f"citybrain-{self._topics.root.removeprefix('city/')}-{self._name}-{len(self._connections)}"
        number, met = len(self._connections), list[bool]()

        def up() -> None:
            if met and will is not None:
                self._back.put(number)
            met.append(True)

        connection = Connection(
            self._address, name, filters=filters, take=self._take, up=up, will=will, live=self._live
        )
        self._connections.append(connection)
        return connection

    def _take(self, message: Incoming) -> None:
        self._inbox.put((message.topic, bytes(message.payload)))

    @property
    def refused(self) -> int:
        """Messages that the broker would not have, or was not there for; nodes send them again."""
        return sum(connection.refused for connection in self._connections)

    def send(self, message: Up) -> None:
        """Send one message up, each node by its own connection. A marker gets the count of what was sent before it."""
        if isinstance(message, Marker):
            message = msgspec.structs.replace(message, sent=self._sent)
        elif isinstance(message, BirthBatch) and self._live:
            self._carry(message)
        for out in encode(message, self._topics, qos=self._qos):
            sent = self._carrier(out.node).send(out)
            self._sent += sent and not isinstance(message, Marker)

    def _carrier(self, node: int) -> Connection:
        if self._live:
            return self._carriers.get(node, self._connections[0])
        return self._connections[node % len(self._connections)]

    def _carry(self, births: BirthBatch) -> None:
        """Give nodes that are new a connection whose last will tells of their death."""
        known = self._carriers
        new = [node for node in dict.fromkeys(births.node.tolist()) if node not in known]
        epoch = int(births.epoch.max(initial=0))
        for start in range(0, len(new), CARRIED):
            if len(self._connections) >= MOST_CONNECTIONS:
                return
            first, *others = new[start : start + CARRIED]
            will = encode(Death(node=first, epoch=epoch, carried=tuple(others)), self._topics)[0]
            known.update(dict.fromkeys((first, *others), self._connect(will=will)))

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Down]:
        """What has come down; in a virtual run a marker comes after all that it counts."""
        self._connections[0].check()
        messages = self._returned()
        for topic, payload in self._inbox.take(wait_s=wait_s):
            try:
                message = decode_down(topic, payload, topics=self._topics)
            except Unreadable:
                self.unreadable += 1
                continue
            finally:
                self._gate.arrived += topic != self._marker
            if isinstance(message, Marker) and not self._live:
                self._gate.hold(message.sent, message)
            else:
                messages.append(message)
        return [*messages, *self._gate.passing()]

    def cut_off(self, nodes: Ints) -> NDArray[np.bool_]:
        """Which of these nodes (codes) have no line to the broker now; in a virtual run the run then ends."""
        if not any(connection.gone for connection in self._connections):
            return np.zeros(len(nodes), np.bool_)
        return np.array([bool(self._carrier(node).gone) for node in nodes.tolist()], np.bool_)

    def close(self) -> None:
        """Say good-bye for all nodes and let go."""
        for connection in reversed(self._connections):
            connection.close()


class MqttCityBus:
    """The city's end: one connection that hears all nodes of its city and run."""

    def __init__(self, url: str, topics: Topics, *, name: str = "hub", limit: int = PAYLOAD_LIMIT) -> None:
        self._topics, self._limit, self._live = topics, limit, not topics.run
        self._marker, self._north = topics.marker("field"), topics.alarm("")
        self._inbox: Inbox[Arrived] = Inbox()
        self._gate: Gate[Delivery] = Gate()
        self._sent = self._serial = self._earlier = 0
        self._waiting: deque[tuple[int, int]] = deque()
        self._durable: set[int] = set()
        self._orders: dict[tuple[type, str | int], Order] = {}
        self._turned_away = 0
        self._order, self._speaking = Lock(), Lock()
        self._connection = Connection(
            Address.of(url),
            f"citybrain-{topics.root.removeprefix('city/')}-{name}",
            filters=[f"{topics.root}/+/+"],
            take=self._take,
            up=self._begin,
            live=self._live,
            manual=self._live,
        )

    def _begin(self) -> None:
        """A connection starts: what came by an earlier one can no longer be acknowledged; the broker sends it again."""
        with self._order:
            self._waiting.clear()
            self._durable.clear()
            self._earlier = self._serial

    def _take(self, message: Incoming) -> None:
        self._serial = serial = self._serial + 1
        if message.qos:
            self._waiting.append((serial, message.mid))
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "\ufffd"
        self._inbox.put(Arrived(topic, bytes(message.payload[: self._limit + 1]), message.qos, serial))

    @property
    def refused(self) -> int:
        """Messages that the broker would not have, or was not there for."""
        return self._connection.refused + self._turned_away

    @property
    def gone(self) -> str:
        """Why the broker cannot be reached now; empty while it can."""
        return self._connection.gone

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Delivery]:
        """What has come up; in a virtual run a marker comes after all that it counts."""
        self._connection.check()
        if self._orders:
            with self._speaking:
                self._hand_on()
        deliveries: list[Delivery] = []
        own = []
        for arrived in self._inbox.take(wait_s=wait_s, enough=GATHER, linger_s=LINGER_S if self._live else 0.0):
            if arrived.topic.endswith(_DOWN) or arrived.topic.startswith(self._north):
                own.append(arrived)
            elif arrived.topic == self._marker and not self._live:
                self._gate.hold(_count(arrived, self._topics), arrived)
            else:
                deliveries.append(arrived)
        self._gate.arrived += len(deliveries)
        if own:
            self.acknowledge(own)
        return [*deliveries, *self._gate.passing()]

    def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """All of these are durable; the broker hears it in the order in which they came."""
        if not self._live:
            return
        with self._order:
            waiting, durable, ack = self._waiting, self._durable, self._connection.client.ack
            for delivery in deliveries:
                if isinstance(delivery, Arrived) and delivery.qos and delivery.token > self._earlier:
                    durable.add(delivery.token)
                    while waiting and waiting[0][0] in durable:
                        serial, mid = waiting.popleft()
                        durable.discard(serial)
                        ack(mid, 1)

    def send(self, message: Down) -> None:
        """Send one message down, from any thread. A marker gets the count of what was sent before it.

        Live, nobody waits for orders to leave: ten thousand at once go out as fast as the broker takes them, while the
        hub goes on receiving. What is said again while it waits, waits once; a newer wish takes the older one's place.
        """
        with self._speaking:
            if self._live and isinstance(message, Command | Desired | Rebirth):
                self._line_up(message)
                self._hand_on()
                return
            if isinstance(message, Marker):
                message = msgspec.structs.replace(message, sent=self._sent)
            for out in encode(message, self._topics):
                self._sent += self._connection.send(out) and not isinstance(message, Marker)

    def forget(self, orders: Iterable[str]) -> None:
        """Let these orders (ids) not go out, as far as they have not; from any thread."""
        with self._speaking:
            for order in orders:
                self._orders.pop((Command, order), None)

    def _line_up(self, message: Order) -> None:
        match message:
            case Command():
                key: tuple[type, str | int] = (Command, message.id)
            case Desired():
                key = (Desired, message.device)
            case Rebirth():
                key = (Rebirth, message.node)
        if key in self._orders or len(self._orders) < MOST_ORDERS:
            self._orders[key] = message
        else:
            self._turned_away += 1

    def _hand_on(self) -> None:
        """Give the broker the orders for which there is room, not too many at once; it belongs to who speaks."""
        for key in list(itertools.islice(self._orders, ORDERS)):
            if not self._connection.has_room(ORDERS):
                return
            said = [self._connection.send(out) for out in encode(self._orders[key], self._topics)]
            if all(said) or self._connection.has_room(ORDERS):  # if not: too long, or the broker has just gone
                del self._orders[key]

    def report(self, message: North) -> None:
        """Tell whoever listens northbound, from any thread."""
        with self._speaking:
            for out in encode(message, self._topics):
                self._connection.send(out)

    def close(self) -> None:
        """Let go; live, the broker keeps for us what comes meanwhile."""
        end = elapsed_s() + FAREWELL_S
        with self._speaking:
            while self._orders and elapsed_s() < end and self._connection.wait_for_room(ORDERS):
                self._hand_on()
            if self._orders:
                self._connection.note("orders_not_sent", count=len(self._orders))
        self._connection.close()


def _count(marker: Arrived, topics: Topics) -> int:
    """How many messages a field's marker counts; one that cannot be read counts none and goes on to be rejected."""
    try:
        message = decode_up(marker.topic, marker.payload, topics=topics)
    except Unreadable:
        return 0
    return message.sent if isinstance(message, Marker) else 0


@contextmanager
def bare_subscriber(url: str, topics: Topics, heard: Callable[[], None]) -> Iterator[None]:
    """The limit that a hub is measured against: paho and the decoder, nothing else. Packs are read and forgotten."""
    read = msgspec.json.Decoder(list[Record]).decode

    def take(message: Incoming) -> None:
        read(message.payload)
        heard()

    connection = Connection(Address.of(url), f"citybrain-{topics.city}-bare", filters=[f"{topics.root}/+/+"], take=take)
    try:
        yield
    finally:
        connection.close()
