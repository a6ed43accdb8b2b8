"""The API as one application, or attached to another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from datahub.api import aggregates, devices, health, ledger, metrics, observations, problems, protection, shared
from datahub.api import applications as right
from datahub.api import assets as register
from datahub.api import commands as orders
from datahub.area_queries import AreaQueries
from datahub.contract.city import City
from datahub.devices.assets import Assets
from datahub.hub import Hub
from datahub.resources.authorisation import Authorisation


def app(hub: Hub, *, assets: Assets | None = None, city: City | None = None, token: str = "") -> FastAPI:
    """The whole API of a hub.

    Args:
        assets: the asset register, where the hub has a city.
        city: whose areas are read by.
        token: what a caller must bear to change anything; empty lets nobody.
    """
    api = FastAPI(title="citybrain hub", version=_version(), docs_url=None, redoc_url=None)
    attach(api, hub, assets=assets, city=city, token=token)
    return api


def attach(
    api: FastAPI,
    hub: Hub,
    *,
    assets: Assets | None = None,
    city: City | None = None,
    token: str = "",
    prefix: str = "",
) -> None:
    """Add the API's routes below ``prefix``, and its way of telling problems, to an application."""
    queries, areas = hub.queries, AreaQueries(hub, city)
    problems.install(api, prefix=prefix)
    routers = [
        devices.router(queries),
        observations.router(queries),
        aggregates.router(queries, areas),
        orders.router(queries, hub.commands, token=token),
        ledger.router(queries),
        health.router(queries),
        protection.router(queries, release=hub.release, token=token),
        metrics.router(queries),
    ]
    authorisation = Authorisation(hub.store, hub.applications)
    routers += [
        right.router(
            hub.applications,
            authorisation,
            queries=queries,
            areas=areas,
            departments=None if city is None else city.departments,
            now=lambda: hub.now or 0,
            token=token,
        ),
        shared.router(queries, areas, authorisation, now=lambda: hub.now or 0),
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
