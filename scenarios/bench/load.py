"""A publisher that is never the limit: packets made beforehand, pushed through a bare socket, a fixed lead ahead.

It runs in a process of its own and knows MQTT 3.1.1 only as far as it needs: CONNECT, PUBLISH, and reading away what
the broker answers. The lead is kept by credits that the subscriber writes into a pipe, so that no broker has to queue
(or drop) without bound and no processor time is lost to a publisher running away.
"""

from __future__ import annotations

import socket
import struct
import threading
from multiprocessing.connection import Connection
from typing import Final

import numpy as np

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import OutsideError
from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch
from datahub.contract.topics import Topics
from datahub.contract.wire import encode
from datahub.transport.address import Address

T0: Final = 1_763_793_120_000
"""City time of the first reading [ms]; any would do."""

NODES: Final = 2_000
CREDIT: Final = 500
"""Messages for which the subscriber gives one credit."""

CONNACK: Final = b"\x20\x02\x00\x00"
"""Let in, without a session (MQTT 3.1.1, 3.2)."""

CONNACK_S: Final = 20.0
"""How long a broker may take to let somebody in [s]."""

LEAD: Final = 4_000
"""Messages the publisher may be ahead of the subscriber."""

KIND = KindDescriptor(
    "pressure_logger",
    "压力计",
    "Pressure logger",
    (PropertyDescriptor("pressure_pa", 100.0, 0.0, 2e6, 60.0),),
    report_s=60.0,
)


def births() -> BirthBatch:
    """The nodes that will speak."""
    node = _nodes()
    place = np.linspace(113.0, 114.0, NODES)
    return BirthBatch(kind=KIND, node=node, epoch=node * 0 + T0, device=node, object=node, lon=place, lat=place - 91.0)


def _nodes() -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.arange(NODES, dtype=np.int64) + 440_402_000_000_000_000


def readings(messages: int, *, pack: int, turn: int = 0) -> ObservationBatch:
    """``messages`` packs of ``pack`` readings, the nodes taking turns (the first of them their ``turn``-th)."""
    turns = turn + np.arange(messages, dtype=np.int64) // NODES
    node = _nodes()[np.arange(messages) % NODES]
    n = messages * pack
    result = T0 + turns * 1_000
    return ObservationBatch(
        properties=("pressure_pa",),
        node=node,
        epoch=np.full(messages, T0, np.int64),
        first=turns * pack,
        result_time=result,
        offset=np.arange(messages + 1, dtype=np.int64) * pack,
        device=np.repeat(node, pack),
        property=np.zeros(n, np.int16),
        phenomenon_time=np.repeat(result, pack) - np.tile(np.arange(pack, dtype=np.int64)[::-1], messages),
        value=np.round(300_000.0 + 5_000.0 * np.sin(np.arange(n) / 50.0), -2),
    )


PIECE_S: Final = 0.02
"""A steady publisher sends what is due so often [s of wall time]."""


def push(url: str, topics: Topics, *, messages_s: float, control: Connection) -> None:
    """Publish at a steady pace, one reading a message at QoS 1, until the process is ended. Runs in its own process."""
    address, sent, turn = Address.of(url), 0, 0
    with socket.create_connection((address.host, address.port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _connect(line, f"citybrain-push-{topics.city}")
        threading.Thread(target=_read_away, args=(line,), daemon=True).start()
        pause, since, packets = threading.Event(), elapsed_s(), list[bytes]()
        while True:
            while len(packets) < 2 * NODES:
                batch = readings(NODES, pack=1, turn=turn)
                packets += [
                    _publish_packet(out.topic, out.payload, qos=1, mid=i % 65_535 + 1)
                    for i, out in enumerate(encode(batch, topics, qos=1))
                ]
                turn += 1
            if sent == 0:
                control.send("going")
                since = elapsed_s()
            due = min(round((elapsed_s() - since) * messages_s) - sent, len(packets))
            line.sendall(b"".join(packets[:due]))
            del packets[:due]
            sent += max(due, 1)
            pause.wait(PIECE_S)


def publish(url: str, topics: Topics, *, messages: int, pack: int, qos: int, control: Connection) -> None:
    """Make the packets, say so, wait for the word to go, push them out keeping the lead. Runs in its own process."""
    batch = readings(messages, pack=pack)
    packets = [
        _publish_packet(out.topic, out.payload, qos=qos, mid=i % 65_535 + 1)
        for i, out in enumerate(encode(batch, topics, qos=qos))
    ]
    pieces = [b"".join(packets[start : start + CREDIT]) for start in range(0, messages, CREDIT)]
    address = Address.of(url)
    with socket.create_connection((address.host, address.port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _connect(line, f"citybrain-publish-{topics.city}")
        threading.Thread(target=_read_away, args=(line,), daemon=True).start()
        control.send("ready")
        control.recv()
        credit = LEAD // CREDIT
        for piece in pieces:
            while credit <= 0 or control.poll():
                credit += int(control.recv())
            line.sendall(piece)
            credit -= 1
        try:
            while control.recv():
                pass
        except (EOFError, ConnectionError):
            return  # the subscriber has all it wanted


def _connect(line: socket.socket, name: str) -> None:
    """Be let in, under a name that no other publisher has: whose name is taken over, may never be answered.

    Raises:
        OutsideError: if the broker does not let it in.
    """
    line.settimeout(CONNACK_S)
    line.sendall(_connect_packet(name))
    if line.recv(4) != CONNACK:
        raise OutsideError(f"the broker does not let '{name}' in")
    line.settimeout(None)


def _read_away(line: socket.socket) -> None:
    """Take what the broker answers, so that it never waits for us."""
    try:
        while line.recv(65_536):
            pass
    except OSError:
        return


def _connect_packet(name: str) -> bytes:
    """CONNECT, MQTT 3.1.1, clean session, keep-alive ten minutes (section 3.1); rumqttd turns away who gives none."""
    body = struct.pack("!H4sBBH", 4, b"MQTT", 4, 2, 600) + _text(name)
    return b"\x10" + _length(len(body)) + body


def _publish_packet(topic: str, payload: bytes, *, qos: int, mid: int) -> bytes:
    """PUBLISH (section 3.3)."""
    body = _text(topic) + (struct.pack("!H", mid) if qos else b"") + payload
    return bytes((0x30 | qos << 1,)) + _length(len(body)) + body


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw


def _length(n: int) -> bytes:
    """Remaining length, seven bits a byte (section 2.2.3)."""
    out = bytearray()
    while True:
        n, digit = divmod(n, 128)
        out.append(digit | (0x80 if n else 0))
        if not n:
            return bytes(out)
