"""What answers for a hub: its whole API while it is open, a word of what is the matter while it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from datahub.api import health, metrics, problems
from datahub.trouble import Troubles

T = TypeVar("T")


class Front(Generic[T]):
    """An application that another one may mount, and that stays while the hub behind it is opened anew.

    Args:
        made: the API of what was opened.
        troubles: what is the matter with it.
        prefix: below which the API's routes stand; where it is mounted.
    """

    def __init__(self, made: Callable[[T], ASGIApp], troubles: Troubles, *, prefix: str = "") -> None:
        self._made, self._closed, self._prefix = made, _closed(troubles, prefix), prefix
        self._now: ASGIApp = self._closed

    def show(self, kept: T | None) -> None:
        """Answer for this from now on; None: it is not open."""
        self._now = self._closed if kept is None else self._made(kept)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._prefix:
            scope = {
                **scope,
                "root_path": scope.get("app_root_path", ""),
            }  # routes and links bear the prefix themselves
        await self._now(scope, receive, send)


def _closed(troubles: Troubles, prefix: str) -> FastAPI:
    """State and figures of a hub that is not open; everything else is refused with the reason."""
    api = FastAPI(title="citybrain hub", docs_url=None, redoc_url=None, openapi_url=None)
    problems.install(api)

    @api.get(f"{prefix}/health")
    def state() -> health.StateView:
        return health.state_of(troubles)

    api.include_router(metrics.router(None, None, None, troubles), prefix=prefix)

    @api.api_route(prefix + "/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def refused(path: str) -> None:
        health.refuse_unless_ready(troubles)
        raise problems.Problem(
            503, f"the hub is being opened; ask for /{path} again", headers={"Retry-After": str(health.RETRY_S)}
        )

    return api
