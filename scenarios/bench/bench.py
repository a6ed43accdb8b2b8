"""``citybrain bench``: measurements by name."""

from __future__ import annotations

import msgspec

from datahub.contract.errors import UsageError
from scenarios.bench import ingest, simulate


def bench(what: str, *, scale: float = 1.0, city: str | None = None, json: bool = False) -> str:
    """Measure, and say the figures as JSON or as a table.

    Raises:
        UsageError: if there is no such measurement.
    """
    match what:
        case "ingest":
            rows = ingest.measure()
            return msgspec.json.encode(rows).decode() if json else ingest.table(rows)
        case "simulate":
            figures = simulate.measure(scale=scale, city=city)
            return (
                msgspec.json.encode(figures) if json else msgspec.json.format(msgspec.json.encode(figures))
            ).decode()
        case _:
            raise UsageError(f"there is no measurement '{what}'; there are: ingest, simulate")
