"""A line between a client and a broker that can really be cut and mended: a TCP proxy on loopback."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from datahub.transport.broker import free_port


class Line:
    """Carries TCP connections to ``port`` until it is cut; what is under way then is gone.

    Attributes:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self.port, self._to = free_port(), port
        self._ends: list[socket.socket] = []
        self._door: socket.socket | None = None
        self._lock = threading.Lock()

    def mend(self) -> None:
        """Let connections through from now on."""
        self._door = door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(door,), daemon=True).start()

    def cut(self) -> None:
        """End all connections and let none through."""
        with self._lock:
            if self._door is not None:
                _shut(self._door)
                self._door = None
            ends, self._ends = self._ends, []
        for end in ends:
            _shut(end)

    def _accept(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                with self._lock:
                    if self._door is not door:
                        _shut(near)
                        _shut(far)
                        return
                    self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=(source, sink), daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            sink.sendall(piece)
    _shut(source)
    _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
