"""The API as one application, or attached to another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, FastAPI

from datahub.api import (
    aggregates,
    alarms,
    batches,
    conditions,
    descriptions,
    devices,
    event_time,
    health,
    jobs,
    ledger,
    metrics,
    observations,
    problems,
    protection,
    shared,
)
from datahub.api import applications as right
from datahub.api import assets as register
from datahub.api import bridges as clouds
from datahub.api import commands as orders
from datahub.api.bodies import Bounded
from datahub.api.sensorthings import router as sensorthings
from datahub.api.sensorthings.service import SensorThings
from datahub.area_queries import AreaQueries
from datahub.books import Books
from datahub.bridges.desk import Bridges
from datahub.contract.city import City
from datahub.devices.assets import Assets
from datahub.hub import Hub
from datahub.resources.authorisation import Authorisation
from datahub.trouble import Troubles


def app(
    hub: Hub,
    *,
    assets: Assets | None = None,
    city: City | None = None,
    bridges: Bridges | None = None,
    token: str = "",
    prefix: str = "",
    broker: str = descriptions.BROKER,
    things: SensorThings | None = None,
    troubles: Troubles | None = None,
) -> FastAPI:
    """The whole API of a hub.

    Args:
        assets: the asset register, where the hub has a city.
        city: whose areas are read by.
        bridges: vendors' clouds that speak for devices, where there are any.
        token: what a caller must bear to change anything; empty lets nobody.
        prefix: below which the routes stand.
        broker, things: as for ``attach``.
        troubles: what is the matter with the hub, where somebody keeps it (``Keeper``).
    """
    api = FastAPI(
        title="citybrain hub",
        version=_version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{prefix}/openapi.json",
    )
    attach(
        api,
        hub,
        assets=assets,
        city=city,
        bridges=bridges,
        token=token,
        prefix=prefix,
        broker=broker,
        things=things,
        troubles=troubles,
    )
    return api


def attach(
    api: FastAPI,
    hub: Hub,
    *,
    assets: Assets | None = None,
    city: City | None = None,
    bridges: Bridges | None = None,
    token: str = "",
    prefix: str = "",
    broker: str = descriptions.BROKER,
    things: SensorThings | None = None,
    troubles: Troubles | None = None,
) -> None:
    """Add the API's routes below ``prefix``, and its way of telling problems, to an application.

    ``broker`` is the URL at which devices and listeners find the wire; ``things`` the hub's SensorThings, where
    somebody else speaks through it too (MQTT); ``bridges`` vendors' clouds that speak for devices; ``troubles`` what is
    the matter with the hub.
    """
    queries, areas, books = hub.queries, AreaQueries(hub, city), Books(hub)
    troubles = troubles or Troubles()
    ground = descriptions.Ground(hub.topics, hub.thresholds, prefix, broker, assets is not None)
    problems.install(api, prefix=prefix)
    owned = None if assets is None else assets.owned
    api.add_middleware(Bounded, prefix=prefix, longer={f"{prefix}/assets": register.LONGEST})
    routers = [
        devices.router(queries, assets),
        observations.router(queries),
        aggregates.router(queries, areas),
        orders.router(queries, hub.commands, token=token),
        batches.router(hub, owned=owned, token=token),
        jobs.router(hub, owned=owned, token=token),
        ledger.router(queries, books),
        health.router(queries, troubles),
        conditions.router(queries),
        alarms.router(queries, token=token),
        event_time.router(hub),
        protection.router(queries, release=hub.release, token=token),
        metrics.router(queries, books, hub.jobs, troubles),
        descriptions.router(queries, ground),
    ]
    routers += _called_on_application(hub, areas, city=city, token=token)
    if assets is not None:
        routers.append(register.router(queries, assets, token=token))
    routers.append(sensorthings.router(things or SensorThings(hub), token=token, prefix=prefix))
    routers.append(clouds.router(bridges, now=lambda: hub.now))
    for router in routers:
        api.include_router(router, prefix=prefix, responses=problems.DECLARED)


def _called_on_application(hub: Hub, areas: AreaQueries, *, city: City | None, token: str) -> list[APIRouter]:
    """Routes by which departments apply for data, and call what they were granted."""

    def now() -> int:
        return hub.now or 0

    authorisation = Authorisation(hub.store, hub.applications)
    applying = right.router(
        hub.applications,
        authorisation,
        queries=hub.queries,
        areas=areas,
        departments=None if city is None else city.departments,
        now=now,
        token=token,
    )
    return [applying, shared.router(hub.queries, areas, authorisation, hub.refusals, now=now)]


def _version() -> str:
    try:
        return version("citybrain")
    except PackageNotFoundError:
        return "0"
