"""``citybrain bench``: measurements by name, each loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import msgspec

from datahub.contract.errors import UsageError

_ROOMS: Final[Mapping[str, str]] = {
    "crash": "campaign",
    "fuzz": "fuzz",
    "http": "fuzz_http",
    "ingest": "ingest",
    "latency": "latency",
    "memory": "memory",
    "read": "read",
    "simulate": "simulate",
}
"""The module of each measurement."""


def bench(
    what: str,
    *,
    scale: float = 1.0,
    city: str | None = None,
    json: bool = False,
    kills: int = 30,
    messages: int = 1_000_000,
    seed: int = 1,
) -> tuple[str, bool]:
    """Measure, and say the figures as JSON or for a person; and whether what must hold did.

    Raises:
        UsageError: if there is no such measurement.
    """
    if what not in _ROOMS:
        raise UsageError(f"there is no measurement '{what}'; there are: {', '.join(_ROOMS)}")
    room: Any = import_module(f"scenarios.bench.{_ROOMS[what]}")
    match what:
        case "ingest":
            rows = room.measure()
            return (msgspec.json.encode(rows).decode() if json else room.table(rows)), True
        case "simulate" | "read":
            return _said(room.measure(scale=scale, city=city), json=json), True
        case "memory":
            grown = room.measure(scale=scale)
            return _said(grown, json=json), grown.flat
        case "fuzz":
            found = room.fuzz(messages=messages, seed=seed)
            return _said(found, json=json), found.fine
        case "http":
            asked = room.fuzz_http(requests=messages, seed=seed)
            return _said(asked, json=json), asked.fine
        case "crash":
            shown = [
                room.campaign(broker=broker, hub_kills=kills, broker_kills=max(kills // 3, 1), seed=seed)
                for broker in ("embedded", "mosquitto")
            ]
            return _said(shown, json=json), all(one.fine for one in shown)
        case _:
            return _said(room.measure(), json=json), True


def _said(figures: object, *, json: bool) -> str:
    text = msgspec.json.encode(figures)
    return (text if json else msgspec.json.format(text)).decode()
