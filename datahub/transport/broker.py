"""The embedded broker: rumqttd (PyPI ``iotcore``) in a child process, on loopback only.

It ends with the process that started it. Its payload limit lies above the hub's own, so that what is too long reaches
the hub and is counted there; the default of 20 480 bytes would drop the sender's connection instead.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Final, Self

import iotcore
import psutil

from datahub.contract.errors import OutsideError
from datahub.contract.senml import PAYLOAD_LIMIT

LOOPBACK: Final = "127.0.0.1"
START_S: Final = 20.0
_ATTEMPTS: Final = 5


class EmbeddedBroker:
    """A broker that is there while it is needed.

    Attributes:
        url: where it listens, such as ``mqtt://127.0.0.1:40123``.
    """

    def __init__(self, *, port: int = 0, payload_limit: int = 2 * PAYLOAD_LIMIT) -> None:
        """``port`` 0 takes a free one."""
        self._port, self._limit = port, payload_limit
        self._broker: iotcore.Broker | None = None
        self.url = ""

    def __enter__(self) -> Self:
        """Start it, and return when it answers.

        Raises:
            OutsideError: if the port is taken (naming by what, where it can be told), or it does not start.
        """
        attempts = 1 if self._port else _ATTEMPTS
        for attempt in range(attempts):
            port = self._port or free_port()
            broker = iotcore.Broker(port=port, listen=LOOPBACK, max_payload_size=self._limit)
            try:
                broker.start(timeout=START_S)
            except OSError as error:
                if attempt + 1 < attempts:
                    continue
                raise OutsideError(
                    f"port {port} is taken{taken_by(port)}; choose another, or 0 for a free one"
                ) from error
            except RuntimeError as error:
                raise OutsideError(f"the embedded broker did not start on port {port}: {error}") from error
            self._broker, self.url = broker, f"mqtt://{LOOPBACK}:{port}"
            break
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop it and release its port."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None


def free_port() -> int:
    """A TCP port on loopback that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def taken_by(port: int) -> str:
    """Who listens on a port, as far as this user may know."""
    try:
        owners = [
            psutil.Process(one.pid).name()
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port and one.pid
        ]
    except psutil.Error:
        return ""
    return f" by {owners[0]}" if owners else ""
