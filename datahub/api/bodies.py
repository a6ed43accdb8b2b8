"""How long a request's body may be, whoever sends it: what is longer is refused before it fills the memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST: Final = 4 * 2**20
"""Bytes of one body at most, where a route has no limit of its own. Ours to choose."""


class Bounded:
    """Passes requests on, and lets the reading of a body below ``prefix`` end with a problem when it is too long.

    Args:
        longer: limits of paths that have their own [bytes].
    """

    def __init__(self, app: ASGIApp, *, prefix: str, longer: Mapping[str, int]) -> None:
        self._app, self._prefix, self._longer = app, prefix, dict(longer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what comes in."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        limit, came = self._longer.get(scope["path"], LONGEST), 0

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > limit:
                raise HTTPException(413, f"the body is longer than {limit} bytes; send it in parts")
            return message

        await self._app(scope, counted, send)
