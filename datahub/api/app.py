"""The API as one application, or attached to another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from datahub.api import assets as register
from datahub.api import commands as orders
from datahub.api import devices, event_time, health, ledger, metrics, observations, problems, protection
from datahub.books import Books
from datahub.devices.assets import Assets
from datahub.hub import Hub
from datahub.trouble import Troubles


def app(hub: Hub, *, assets: Assets | None = None, token: str = "", troubles: Troubles | None = None) -> FastAPI:
    """The whole API of a hub.

    Args:
        assets: the asset register, where the hub has a city.
        token: what a caller must bear to change anything; empty lets nobody.
        troubles: what is the matter with the hub, where somebody keeps it (``Keeper``).
    """
    api = FastAPI(title="citybrain hub", version=_version(), docs_url=None, redoc_url=None)
    attach(api, hub, assets=assets, token=token, troubles=troubles)
    return api


def attach(
    api: FastAPI,
    hub: Hub,
    *,
    assets: Assets | None = None,
    token: str = "",
    prefix: str = "",
    troubles: Troubles | None = None,
) -> None:
    """Add the API's routes below ``prefix``, and its way of telling problems, to an application."""
    queries, books, troubles = hub.queries, Books(hub), troubles or Troubles()
    problems.install(api, prefix=prefix)
    routers = [
        devices.router(queries),
        observations.router(queries),
        orders.router(queries, hub.commands, token=token),
        ledger.router(queries, books),
        health.router(queries, troubles),
        event_time.router(hub),
        protection.router(queries, release=hub.release, token=token),
        metrics.router(queries, books, troubles),
    ]
    if assets is not None:
        routers.append(register.router(queries, assets, token=token))
    for router in routers:
        api.include_router(router, prefix=prefix)


def _version() -> str:
    try:
        return version("citybrain")
    except PackageNotFoundError:
        return "0"
