"""The API as one application, or attached to another."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import FastAPI

from datahub.api import commands as orders
from datahub.api import devices, health, ledger, metrics, observations, problems, protection
from datahub.api.protection import Release
from datahub.commands import Commands
from datahub.queries import Queries


def app(queries: Queries, commands: Commands, *, release: Release, token: str = "") -> FastAPI:
    """The whole API.

    Args:
        queries: what the hub knows.
        commands: the way down to the devices.
        release: lets a node out of quarantine.
        token: what a caller must bear to order anything; empty lets nobody.
    """
    api = FastAPI(title="citybrain hub", version=_version(), docs_url=None, redoc_url=None)
    attach(api, queries, commands, release=release, token=token)
    return api


def attach(
    api: FastAPI, queries: Queries, commands: Commands, *, release: Release, token: str = "", prefix: str = ""
) -> None:
    """Add the API's routes below ``prefix``, and its way of telling problems, to an application."""
    problems.install(api, prefix=prefix)
    for router in (
        devices.router(queries),
        observations.router(queries),
        orders.router(queries, commands, token=token),
        ledger.router(queries),
        health.router(queries),
        protection.router(queries, release=release, token=token),
        metrics.router(queries),
    ):
        api.include_router(router, prefix=prefix)


def _version() -> str:
    try:
        return version("citybrain")
    except PackageNotFoundError:
        return "0"
