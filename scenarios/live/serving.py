"""A web server in a thread of its own, so that nothing it serves holds up the city."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from datahub.contract.errors import OutsideError, UsageError
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


@dataclass(frozen=True, slots=True)
class Proof:
    """A certificate and its key (PEM) by which a server is known."""

    certificate: Path
    key: Path

    @classmethod
    def of(cls, certificate: Path | None, key: Path | None) -> Self | None:
        """From settings; None if nothing is set.

        Raises:
            UsageError: if one of the two is missing, cannot be read, or they do not belong together.
        """
        if certificate is None and key is None:
            return None
        if certificate is None or key is None:
            lacking = "CITYBRAIN_CERTIFICATE" if certificate is None else "CITYBRAIN_CERTIFICATE_KEY"
            raise UsageError(f"HTTPS needs a certificate and its key; set {lacking} too")
        for path in (certificate, key):
            if not path.is_file():
                raise UsageError(f"{path}, which HTTPS needs, is no file; name a PEM file")
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{certificate} and {key} cannot be used as a certificate with its key ({error}); name PEM files that"
                " belong together, the key without a passphrase"
            ) from error
        return cls(certificate, key)


class Server:
    """Serves an application on one address for as long as it is needed.

    Attributes:
        url: where it answers.
    """

    def __init__(
        self, app: FastAPI, *, host: str, port: int, at: socket.socket | None = None, proof: Proof | None = None
    ) -> None:
        """``port`` 0 takes a free one; ``at`` is where it listens already, if it does; with ``proof`` it speaks HTTPS.

        Raises:
            OutsideError: if the port is taken, saying by whom and what to do.
        """
        self._socket = at or listening(host, port)
        self.url = f"{'https' if proof else 'http'}://{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=3,
            ssl_certfile=proof.certificate if proof else None,
            ssl_keyfile=proof.key if proof else None,
        )
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
