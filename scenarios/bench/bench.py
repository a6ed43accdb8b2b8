"""``citybrain bench``: measurements by name."""

from __future__ import annotations

import msgspec

from datahub.contract.errors import UsageError
from scenarios.bench import ingest


def bench(what: str, *, scale: float = 1.0, city: str | None = None, json: bool = False) -> str:
    """Measure, and say the figures as JSON or as a table.

    Raises:
        UsageError: if there is no such measurement.
    """
    if what != "ingest":
        raise UsageError(f"there is no measurement '{what}'; there is: ingest")
    figures = ingest.measure()
    return msgspec.json.encode(figures).decode() if json else ingest.table(figures)
