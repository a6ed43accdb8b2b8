"""The API as one application, or attached to another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from datahub.api import assets as register
from datahub.api import bridges as clouds
from datahub.api import commands as orders
from datahub.api import devices, health, ledger, metrics, observations, problems, protection
from datahub.bridges.desk import Bridges
from datahub.devices.assets import Assets
from datahub.hub import Hub


def app(hub: Hub, *, assets: Assets | None = None, bridges: Bridges | None = None, token: str = "") -> FastAPI:
    """The whole API of a hub.

    Args:
        assets: the asset register, where the hub has a city.
        bridges: vendors' clouds that speak for devices, where there are any.
        token: what a caller must bear to change anything; empty lets nobody.
    """
    api = FastAPI(title="citybrain hub", version=_version(), docs_url=None, redoc_url=None)
    attach(api, hub, assets=assets, bridges=bridges, token=token)
    return api


def attach(
    api: FastAPI,
    hub: Hub,
    *,
    assets: Assets | None = None,
    bridges: Bridges | None = None,
    token: str = "",
    prefix: str = "",
) -> None:
    """Add the API's routes below ``prefix``, and its way of telling problems, to an application."""
    queries = hub.queries
    problems.install(api, prefix=prefix)
    routers = [
        devices.router(queries),
        observations.router(queries),
        orders.router(queries, hub.commands, token=token),
        ledger.router(queries),
        health.router(queries),
        protection.router(queries, release=hub.release, token=token),
        metrics.router(queries),
    ]
    if assets is not None:
        routers.append(register.router(queries, assets, token=token))
    if bridges is not None:
        routers.append(clouds.router(bridges, now=lambda: hub.now))
    for router in routers:
        api.include_router(router, prefix=prefix)


def _version() -> str:
    try:
        return version("citybrain")
    except PackageNotFoundError:
        return "0"
