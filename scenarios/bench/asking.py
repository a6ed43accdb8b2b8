"""Requests as bytes, given to an application in this process: such as no client sends, and none would mend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

PROBLEM = "application/problem+json"


class Request(NamedTuple):
    """One request, as it stands on the line; the body comes in pieces."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: tuple[bytes, ...]


class Answer(NamedTuple):
    """What came back."""

    status: int
    kind: str
    body: bytes

    @property
    def sound(self) -> bool:
        """Whether it is no fault of ours, and tells what went wrong, if something did, as a problem document."""
        if self.status < 400:
            return True
        if self.status >= 500 or self.kind != PROBLEM:
            return False
        told: Any = json.loads(self.body)
        return bool(told["status"] == self.status and told["title"] and told["detail"])


async def ask(application: ASGIApp, request: Request, *, host: str = "127.0.0.1") -> Answer:
    """The application's answer to one request; what it raises, this raises."""
    pieces = list(request.body) or [b""]
    status, kind, body = 0, "", bytearray()

    async def receive() -> Message:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Message) -> None:
        nonlocal status, kind
        if message["type"] == "http.response.start":
            status, kind = message["status"], _named(message.get("headers", ()), b"content-type")
        else:
            body.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path.decode("ascii", "replace")),  # as uvicorn does it
        "raw_path": request.path,
        "root_path": "",
        "query_string": request.query,
        "headers": list(request.headers),
        "client": (host, 4711),
        "server": ("hub", 80),
        "state": {},
    }
    await application(scope, receive, send)
    return Answer(status, kind, bytes(body))


def _named(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), "")
