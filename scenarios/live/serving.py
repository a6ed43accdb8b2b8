"""A web server in a thread of its own, so that nothing it serves holds up the city."""

from __future__ import annotations

import errno
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from datahub.contract.errors import OutsideError
from datahub.transport.broker import taken_by

PATIENCE_S = 30.0


def listening(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """A socket that nobody else can have any more; close it to see only whether the port is free.

    Raises:
        OutsideError: if the port is taken, saying by whom and what to do, or there is no such address.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen()
    except OSError as error:
        made.close()
        if error.errno != errno.EADDRINUSE:
            raise OutsideError(
                f"cannot listen on port {port} of {host} ({error.strerror}); choose another with {option} or"
                " CITYBRAIN_HOST"
            ) from error
        raise OutsideError(
            f"port {port} of {host} is taken{taken_by(port)}; choose another with {option}, or 0 for a free one"
        ) from error
    return made


class Server:
    """Serves an application on one address for as long as it is needed.

    Attributes:
        url: where it answers.
    """

    def __init__(self, app: FastAPI, *, host: str, port: int, at: socket.socket | None = None) -> None:
        """``port`` 0 takes a free one; ``at`` is where it listens already, if it does.

        Raises:
            OutsideError: if the port is taken, saying by whom and what to do.
        """
        self._socket = at or listening(host, port)
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=3)
        self._server = _Quiet(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="web", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._server.ready.wait(PATIENCE_S):
            raise OutsideError(f"the web server at {self.url} did not start within {PATIENCE_S:.0f} s; see its log")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)


class _Quiet(uvicorn.Server):
    """A server that says when it is ready. Outside the main thread it leaves signals to the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.ready.set()
