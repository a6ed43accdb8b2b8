"""How the hub is."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from datahub.api.problems import Problem
from datahub.contract.clock import to_utc
from datahub.queries import Queries
from datahub.trouble import Cause, Troubles

RETRY_S = 5
"""When to ask again while the hub is in trouble [s]; ours to choose."""


class TroubleView(BaseModel):
    """Something that keeps the hub from taking anything in: since when (wall time), and how often met since then."""

    cause: Cause
    detail: str
    since: str
    times: int


class StateView(BaseModel):
    """Whether the hub takes in what comes. In trouble it acknowledges nothing and goes on by itself when it is over.

    ``reopened``: how often it was opened again after trouble with its store, since its process began.
    """

    state: Literal["ok", "trouble"]
    troubles: list[TroubleView]
    reopened: int


class HealthView(StateView):
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


def state_of(troubles: Troubles) -> StateView:
    """What is the matter, as it is told."""
    standing = [
        TroubleView(cause=one.cause, detail=one.detail, since=to_utc(one.since), times=one.times)
        for one in troubles.standing
    ]
    return StateView(state="trouble" if standing else "ok", troubles=standing, reopened=troubles.reopened)


def refuse_unless_ready(troubles: Troubles) -> StateView:
    """The state, if the hub takes in what comes.

    Raises:
        Problem: 503, saying what is the matter.
    """
    state = state_of(troubles)
    if state.state != "ok":
        said = "; ".join(f"{one.cause} since {one.since} ({one.detail})" for one in state.troubles)
        raise Problem(503, f"the hub is in trouble and takes nothing in: {said}", headers={"Retry-After": str(RETRY_S)})
    return state


def router(queries: Queries, troubles: Troubles) -> APIRouter:
    """Routes about the state of the hub."""
    routes = APIRouter(tags=["health"])

    @routes.get("/ready")
    def ready() -> StateView:
        return refuse_unless_ready(troubles)

    @routes.get("/health")
    def health() -> HealthView:
        found = queries.health()
        return HealthView(
            **state_of(troubles).model_dump(),
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
