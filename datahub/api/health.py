"""How the hub is."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from datahub.contract.clock import to_utc
from datahub.queries import Queries


class HealthView(BaseModel):
    """State of the hub. ``waiting`` readings have not been seen by a tick, ``unwritten`` lie in the journal alone."""

    time: str | None
    tick: int
    devices: int
    nodes: int
    silent_nodes: int
    dead_nodes: int
    waiting: int
    unwritten: int
    open_alarms: int
    quarantined_nodes: int
    claims_refused: int


def router(queries: Queries) -> APIRouter:
    """Routes about the state of the hub."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    def health() -> HealthView:
        found = queries.health()
        return HealthView(
            time=None if found.now is None else to_utc(found.now),
            tick=found.tick,
            devices=found.devices,
            nodes=found.nodes,
            silent_nodes=found.silent_nodes,
            dead_nodes=found.dead_nodes,
            waiting=found.waiting,
            unwritten=found.unwritten,
            open_alarms=found.open_alarms,
            quarantined_nodes=found.quarantined_nodes,
            claims_refused=found.claims_refused,
        )

    return routes
