"""The hub's portal: devices by kind, owner and state, one device, one object with its guests, ledger, quarantine.

The page asks the hub's own API for everything it shows, so what is seen here is what any application can call.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from nicegui import ui
from nicegui.element import Element

from brain.console.words import LANGUAGES, words
from datahub.contract.city import City

PATH: Final = "/hub"
"""Where the portal stands; the operations centre links to it."""


class Portal(Element, component="portal.js", esm={"citybrain-console": "web"}):
    """The portal's one element; ``web/`` draws it."""

    def __init__(self, *, hub: str, lang: str, city: City) -> None:
        super().__init__()
        self.props["hub"] = hub
        self.props["lang"] = lang
        self.props["city"] = city.zh if lang == "zh" else city.en
        self.props["words"] = words(lang).said
        self.props["departments"] = {
            code: department.zh if lang == "zh" else department.en for code, department in city.departments.items()
        }


def open_portal(city: City, *, hub: str) -> None:
    """Put the portal on the application of ``mount``. ``hub``: path of the hub's API on the same server."""
    style = "\n".join(
        files("brain.console").joinpath(f"web/{name}.css").read_text(encoding="utf-8") for name in ("console", "portal")
    )

    @ui.page(PATH, title=f"{city.zh} · 物联中枢", language="zh-CN", dark=True)
    async def page(lang: str = "") -> None:
        ui.add_css(style)
        Portal(hub=hub, lang=lang if lang in LANGUAGES else "zh", city=city)
