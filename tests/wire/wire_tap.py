"""A wire tap between a client and its broker that counts the acknowledgements (PUBACK) going up."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PUBACK = 4


class Tap:
    """Passes bytes on, both ways, and reads the packets that go up (MQTT 3.1.1, 2.2).

    Attributes:
        acknowledged: PUBACKs that went up so far.
    """

    def __init__(self, broker: int) -> None:
        self._broker = broker
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self.acknowledged = 0
        threading.Thread(target=self._welcome, daemon=True).start()

    def _welcome(self) -> None:
        while True:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._broker))
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._up, args=(client, server), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        kept = b""
        for data in _read(client):
            kept += data
            while (length := _packet(kept)) and length <= len(kept):
                self.acknowledged += kept[0] >> 4 == PUBACK
                kept = kept[length:]
            try:
                server.sendall(data)
            except OSError:
                break
        _end(client, server)

    def _down(self, server: socket.socket, client: socket.socket) -> None:
        for data in _read(server):
            try:
                client.sendall(data)
            except OSError:
                break
        _end(client, server)

    def close(self) -> None:
        """Let nobody in any more."""
        self._door.close()


def _read(end: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            data = end.recv(65_536)
        except OSError:
            return
        if not data:
            return
        yield data


def _end(*ends: socket.socket) -> None:
    for end in ends:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


def _packet(data: bytes) -> int:
    """Length of the first packet with its header; 0 while the header is not whole."""
    length = 0
    for place in range(1, min(len(data), 5)):
        length |= (data[place] & 0x7F) << 7 * (place - 1)
        if not data[place] & 0x80:
            return 1 + place + length
    return 0


@contextmanager
def tap(broker: int) -> Iterator[Tap]:
    """One for a test, before the broker on this port."""
    made = Tap(broker)
    try:
        yield made
    finally:
        made.close()
