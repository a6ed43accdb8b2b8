"""``citybrain bench``: measurements by name."""

from __future__ import annotations

import msgspec

from datahub.contract.errors import UsageError
from scenarios.bench import campaign, fuzz, fuzz_http, ingest, latency, memory, read, simulate


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
    match what:
        case "ingest":
            rows = ingest.measure()
            return (msgspec.json.encode(rows).decode() if json else ingest.table(rows)), True
        case "simulate":
            return _said(simulate.measure(scale=scale, city=city), json=json), True
        case "latency":
            return _said(latency.measure(), json=json), True
        case "memory":
            grown = memory.measure(scale=scale)
            return _said(grown, json=json), grown.flat
        case "read":
            return _said(read.measure(scale=scale, city=city), json=json), True
        case "fuzz":
            found = fuzz.fuzz(messages=messages, seed=seed)
            return _said(found, json=json), found.fine
        case "http":
            asked = fuzz_http.fuzz_http(requests=messages, seed=seed)
            return _said(asked, json=json), asked.fine
        case "crash":
            shown = [
                campaign.campaign(broker=broker, hub_kills=kills, broker_kills=max(kills // 3, 1), seed=seed)
                for broker in ("embedded", "mosquitto")
            ]
            return _said(shown, json=json), all(one.fine for one in shown)
        case _:
            there_are = "crash, fuzz, http, ingest, latency, memory, read, simulate"
            raise UsageError(f"there is no measurement '{what}'; there are: {there_are}")


def _said(figures: object, *, json: bool) -> str:
    text = msgspec.json.encode(figures)
    return (text if json else msgspec.json.format(text)).decode()
