"""The API as one application, or attached to another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from datahub.api import assets as register
from datahub.api import (
    batches,
    descriptions,
    devices,
    health,
    jobs,
    ledger,
    metrics,
    observations,
    problems,
    protection,
)
from datahub.api import commands as orders
from datahub.api.bodies import Bounded
from datahub.api.sensorthings import router as sensorthings
from datahub.api.sensorthings.service import SensorThings
from datahub.devices.assets import Assets
from datahub.hub import Hub


def app(hub: Hub, *, assets: Assets | None = None, token: str = "") -> FastAPI:
    """The whole API of a hub.

    Args:
        assets: the asset register, where the hub has a city.
        token: what a caller must bear to change anything; empty lets nobody.
    """
    api = FastAPI(title="citybrain hub", version=_version(), docs_url=None, redoc_url=None)
    attach(api, hub, assets=assets, token=token)
    return api


def attach(
    api: FastAPI,
    hub: Hub,
    *,
    assets: Assets | None = None,
    token: str = "",
    prefix: str = "",
    broker: str = descriptions.BROKER,
    things: SensorThings | None = None,
) -> None:
    """Add the API's routes below ``prefix``, and its way of telling problems, to an application.

    ``broker`` is the URL at which devices and listeners find the wire; ``things`` the hub's SensorThings, where
    somebody else speaks through it too (MQTT).
    """
    queries = hub.queries
    ground = descriptions.Ground(hub.topics, hub.thresholds, prefix, broker, assets is not None)
    problems.install(api, prefix=prefix)
    owned = None if assets is None else assets.owned
    api.add_middleware(Bounded, prefix=prefix, longer={f"{prefix}/assets": register.LONGEST})
    routers = [
        devices.router(queries, assets),
        observations.router(queries),
        orders.router(queries, hub.commands, token=token),
        batches.router(hub, owned=owned, token=token),
        jobs.router(hub, owned=owned, token=token),
        ledger.router(queries),
        health.router(queries),
        protection.router(queries, release=hub.release, token=token),
        metrics.router(queries),
        descriptions.router(queries, ground),
    ]
    if assets is not None:
        routers.append(register.router(queries, assets, token=token))
    routers.append(sensorthings.router(things or SensorThings(hub), token=token, prefix=prefix))
    for router in routers:
        api.include_router(router, prefix=prefix, responses=problems.DECLARED)


def _version() -> str:
    try:
        return version("citybrain")
    except PackageNotFoundError:
        return "0"
