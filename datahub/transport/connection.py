"""One connection to an MQTT 3.1.1 broker, on paho: the only place that knows it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from threading import Event
from typing import Final, TypeAlias

import paho.mqtt.client as paho
import structlog
from paho.mqtt.client import ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import OutsideError
from datahub.contract.senml import PAYLOAD_LIMIT
from datahub.contract.wire import Outgoing
from datahub.transport.address import Address
from datahub.transport.gate import PATIENCE_S
from datahub.transport.inbox import Inbox

_log = structlog.get_logger()

Incoming: TypeAlias = MQTTMessage
"""A message as it comes from the broker: topic, payload, qos, mid."""

WINDOW: Final = 500
"""Messages of QoS 1 that one connection may have under way; more wait here, not in paho, whose queue it searches
from the front for every acknowledgement."""

KEEPALIVE_S: Final = 30


class Connection:
    """One connection to a broker, with a network thread of its own and a window for what it sends.

    Attributes:
        refused: messages that were not sent, because they are too long or the broker was away for too long.
    """

    def __init__(
        self,
        address: Address,
        name: str,
        *,
        filters: Sequence[str] = (),
        take: Callable[[MQTTMessage], None] | None = None,
        up: Callable[[], None] | None = None,
        will: Outgoing | None = None,
        live: bool = False,
        manual: bool = False,
        limit: int = PAYLOAD_LIMIT,
    ) -> None:
        self.address, self.name, self.will, self.refused = address, name, will, 0
        self._filters, self._up, self._live, self._limit = list(filters), up, live, limit
        self._lost, self._problem = False, ""
        self._ready = Event()
        self._acknowledged: Inbox[int] = Inbox()
        self._under_way: set[int] = set()
        self.client = client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=name, clean_session=not live, protocol=paho.MQTTv311
        )
        client.manual_ack_set(manual)
        client.max_inflight_messages_set(0)  # no limit in paho: the window is kept here
        client.max_queued_messages_set(0)
        client.reconnect_delay_set(1, 15)
        if address.user:
            client.username_pw_set(address.user, address.password)
        if address.tls:
            _wrap(client, address)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=will.qos)
        client.on_connect, client.on_subscribe, client.on_disconnect = self._connected, self._subscribed, self._gone
        client.on_publish, client.on_socket_open = self._published, _send_small_packets_at_once
        if take is not None:
            client.on_message = lambda _client, _data, message: take(message)
        self._open()

    def _open(self) -> None:
        remedy = f"start one with 'mosquitto -p {self.address.port}'"
        try:
            self.client.connect(self.address.host, self.address.port, keepalive=KEEPALIVE_S)
        except (OSError, ValueError) as error:
            raise OutsideError(f"no MQTT broker answers at {self.address} ({error}); {remedy}") from error
        self.client.loop_start()
        if not self._ready.wait(PATIENCE_S) or self._problem:
            why = self._problem or f"no answer within {PATIENCE_S:.0f} s"
            self.client.disconnect()
            self.client.loop_stop()
            raise OutsideError(f"the MQTT broker at {self.address} does not let '{self.name}' in ({why}); {remedy}")

    def _connected(
        self, client: paho.Client, _data: object, flags: ConnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        if code.is_failure:
            self._problem = str(code)
            self._ready.set()
            return
        if self._up is not None:
            self._up()
        if self._lost:
            _log.info("broker_back", connection=self.name, broker=str(self.address))
        self._lost = False
        if self._filters:
            client.subscribe([(one, 1) for one in self._filters])
        if flags.session_present or not self._filters:
            self._ready.set()  # an old session is subscribed already, and answers only after what it kept for us

    def _subscribed(
        self, _client: paho.Client, _data: object, _mid: int, codes: list[ReasonCode], _more: Properties | None
    ) -> None:
        if any(code.is_failure for code in codes):
            self._problem = f"subscription refused: {', '.join(self._filters)}"
        self._ready.set()

    def _gone(
        self, _client: paho.Client, _data: object, _flags: DisconnectFlags, code: ReasonCode, _more: Properties | None
    ) -> None:
        if code.is_failure:
            self._lost = True
            self._acknowledged.wake()
            _log.warning("broker_lost", connection=self.name, broker=str(self.address), why=str(code))

    def _published(
        self, _client: paho.Client, _data: object, mid: int, _code: ReasonCode, _more: Properties | None
    ) -> None:
        self._acknowledged.put(mid)

    def send(self, out: Outgoing) -> bool:
        """Send one message; False if it was refused. Waits while the window is full.

        Raises:
            OutsideError: in a virtual run, if the broker is gone.
        """
        if len(out.payload) > self._limit or not self.wait_for_room():
            self.refused += 1
            return False
        info = self.client.publish(out.topic, out.payload, qos=out.qos, retain=out.retain)
        if out.qos:
            self._under_way.add(info.mid)
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS or bool(out.qos)

    def has_room(self, below: int = WINDOW) -> bool:
        """Whether the broker is there and fewer than ``below`` messages are under way now."""
        self._under_way.difference_update(self._acknowledged.take())
        return not self._lost and len(self._under_way) < below

    def note(self, event: str, **what: object) -> None:
        """Leave a line for the engineer."""
        _log.warning(event, connection=self.name, broker=str(self.address), **what)

    def wait_for_room(self, below: int = WINDOW) -> bool:
        """True once fewer than ``below`` messages are under way; False if that takes too long (live, one second)."""
        self.check()
        until = elapsed_s() + (1.0 if self._live else PATIENCE_S)
        self._under_way.difference_update(self._acknowledged.take())
        while len(self._under_way) >= below:
            left = until - elapsed_s()
            self.check()
            if left <= 0 or self._lost:
                return False
            self._under_way.difference_update(self._acknowledged.take(wait_s=left))
        return not self._lost

    @property
    def gone(self) -> str:
        """Why the broker cannot be reached now; empty while it can."""
        return f"no connection to the broker at {self.address}" if self._lost else ""

    def check(self) -> None:
        """Give up if this is a virtual run and the broker is gone."""
        if self._lost and not self._live:
            raise OutsideError(f"the MQTT broker at {self.address} went away in a virtual run; start the run again")

    def close(self) -> None:
        """Let what is under way arrive, then leave; a clean good-bye sends no last will, so it is sent here."""
        if not self._lost:
            if self.will is not None:
                self.send(self.will)
            self.wait_for_room(1)
        self.client.disconnect()
        self.client.loop_stop()


def probe(address: Address, *, remedy: str = "") -> None:
    """See whether a broker answers at all, before anything is prepared that needs it.

    ``remedy``: what else whoever named it may do, in words that follow "start one with ...".

    Raises:
        OutsideError: if nobody answers.
    """
    try:
        socket.create_connection((address.host, address.port), timeout=PATIENCE_S).close()
    except OSError as error:
        start = f"start one with 'mosquitto -p {address.port}'"
        raise OutsideError(
            f"no MQTT broker answers at {address} ({error}); {f'{start}, {remedy}' if remedy else start}"
        ) from error


def _wrap(client: paho.Client, address: Address) -> None:
    """Speak over TLS, and believe only who the named authority vouches for.

    Raises:
        OutsideError: if a file cannot be read.
    """
    try:
        client.tls_set(ca_certs=address.ca, certfile=address.certificate, keyfile=address.key)
    except (OSError, ValueError) as error:
        files = ", ".join(name for name in (address.ca, address.certificate, address.key) if name)
        raise OutsideError(f"the certificates for {address} cannot be read ({error}); look at {files}") from error


def _send_small_packets_at_once(_client: paho.Client, _data: object, connected: object) -> None:
    """Without it every step of the lockstep waits for a delayed TCP acknowledgement (some 40 ms)."""
    if isinstance(connected, socket.socket):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
