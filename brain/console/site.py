"""The page on the city's web server: NiceGUI serves it, carries its changes, and brings what people say."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import nicegui.elements.echart
import nicegui.elements.leaflet
from fastapi import FastAPI, Response
from nicegui import app, context, run, ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments

from brain.console.door import Door
from brain.console.land import Land
from brain.console.look import Look
from brain.console.portal import open_portal
from brain.console.room import Room
from brain.console.session import Session, json_of
from brain.console.shown import Panel
from brain.console.words import LANGUAGES
from brain.model import OrderGiven
from brain.views import Situation
from datahub.contract.city import City

PULSE_S: Final = 0.5
"""A panel changes at most twice a second."""

RECONNECT_S: Final = 20.0
"""How long a tab that lost its connection may come back to what it had."""

SEAT: Final = "seat"
"""Where a tab's seat is kept on the server, so that a reload does not sign it out."""

_FAVICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#151d2b"/>'
    '<path d="M3 12V7h2v5zm4 0V4h2v8zm4 0V9h2v3z" fill="#6f8fb5"/></svg>'
)


class Centre(Element, component="centre.js", esm={"citybrain-console": "web"}):
    """The page's one element; ``web/`` draws it."""

    def __init__(self, panels: Panel, *, land: str, hub: str) -> None:
        super().__init__()
        self.props["first"] = panels
        self.props["land"] = land
        self.props["hub"] = hub
        self.add_resource(Path(nicegui.elements.leaflet.__file__).parent / "dist")

    def patch(self, patch: Panel) -> None:
        """Send a merge patch of the panels."""
        self.run_method("patch", patch)


def mount(
    api: FastAPI,
    *,
    city: City,
    situation: Callable[[], Situation],
    order: Callable[[OrderGiven], None],
    seats: Door,
    hub: str = "",
) -> None:
    """Put the operations centre on an application, at ``/``. Routes that are there already keep their place.

    Args:
        city: the asset register, for the ground of the map.
        situation: the situation as it is now; called often, from the server's thread.
        order: hands an order to the brain; called from the server's thread.
        seats: who may sign in.
        hub: path of the hub's API on the same server, where the map asks for single devices; empty: it does not.
    """
    land = Land(city)
    room = Room(city, situation, order, seats, land)
    path = f"/console/land-{city.hash[:16] or city.name}.json"
    style = files("brain.console").joinpath("web/console.css").read_text(encoding="utf-8")

    @api.get(path, include_in_schema=False)
    def ground() -> Response:
        held = {"content-encoding": "gzip", "cache-control": "public, max-age=86400"}
        return Response(land.packed, media_type="application/json", headers=held)

    @ui.page("/", title=f"{city.zh} · 城市大脑", language="zh-CN", dark=True)
    async def page(lang: str = "", incident: str = "") -> None:
        ui.add_css(style)
        await _open(room, Look(lang=lang if lang in LANGUAGES else "zh", incident=incident), land=path, hub=hub)

    if hub:
        open_portal(city, hub=hub)
    ui.run_with(
        api,
        title="citybrain",
        favicon=_FAVICON,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=RECONNECT_S,
        show_welcome_message=False,
    )


async def _open(room: Room, look: Look, *, land: str, hub: str) -> None:
    """Make the page of one tab and keep it up to date."""
    session = Session(room, look, lambda patch: centre.patch(patch))
    centre = Centre(session.first(), land=land, hub=hub)

    async def hear(event: GenericEventArguments) -> None:
        said: Any = json_of(event.args)
        if said.get("what") == "sign_in":
            if await run.io_bound(session.enter, str(said.get("seat", "")), str(said.get("password", ""))):
                app.storage.tab[SEAT] = [look.seat, look.role]
            session.push()
            return
        if said.get("what") == "sign_out":
            app.storage.tab.pop(SEAT, None)
        session.hear(said)

    centre.on("say", hear)
    ui.timer(PULSE_S, session.push)
    await context.client.connected()
    held = app.storage.tab.get(SEAT)
    if held:
        look.seat, look.role = held
