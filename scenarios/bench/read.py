"""How long reading takes: the latest of many devices, a year of one, a day of all communities."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import msgspec
import numpy as np

from datahub.api.app import app
from datahub.area_queries import AreaQueries
from datahub.contract.city import City
from datahub.contract.clock import DAY_MS, HOUR_MS, elapsed_s, to_utc
from datahub.contract.codes import AreaLevel
from datahub.contract.errors import OutsideError
from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Ints, ObservationBatch
from datahub.devices.coding import encode
from datahub.hub import Hub
from datahub.store import rollups
from datahub.store.rollups import Line, Mark, Marks, floor_day
from datahub.transport.local import LocalBus
from scenarios.bench.reference import reference_loop_s
from scenarios.survey.city import load_city

ALL, YEAR = 100_000, 20_000
"""Devices whose latest values are read; devices of which a year of hours lies in the file."""

TIMES = 9
"""Every figure is the median of so many."""

NAME = "pressure_pa"
GAUGE = KindDescriptor(
    "pressure_gauge", "压力表", "Pressure gauge", (PropertyDescriptor(NAME, 100.0, 0.0, 2e6, 900.0),), (), 900.0
)


class Figures(msgspec.Struct):
    """Times in ms, medians.

    Attributes:
        latest: of all ``devices``, from the hub's door for reading, and through the API as JSON in columns.
        year: hourly values of one of ``year_devices`` devices, 365 days, from the door and through the API.
        aggregate: hourly, of all devices by community over one day.
        piece: the longest piece of work that rolled up or laid by device while the file was made.
        reference_loop_s: median time of a fixed loop of pure Python on this machine [s].
    """

    devices: int
    latest_ms: float
    latest_api_ms: float
    latest_api_mb: float
    year_devices: int
    hourly_rows: int
    file_mb: float
    year_ms: float
    year_api_ms: float
    communities: int
    aggregate_ms: float
    piece_ms: float
    reference_loop_s: float


def measure(*, scale: float = 1.0, city: str | None = None) -> Figures:
    """Fill a hub with ``scale`` times the year of hours, and read."""
    town = load_city(city or "harbour", scale=0.02)
    with TemporaryDirectory(prefix="citybrain-bench-") as folder:
        bus = LocalBus()
        now = floor_day(1_760_000_000_000)
        hub = Hub(town.name, town.adcode, Path(folder), bus.city_end, run="bench", start=now)
        try:
            device = _born(bus, hub, town, now=now)
            year = device[:: max(round(ALL / (YEAR * scale)), 1)]
            hub.observations.work(partial(_begin, now=now))
            for day in range(365, 0, -1):
                hub.observations.work(partial(_fill, device=device if day == 1 else year, t=now - day * DAY_MS))
            hub.observations.settle()
            piece_s = _settle(hub, now)
            return _read(hub, town, now=now, device=device, year=year, piece_s=piece_s, folder=Path(folder))
        finally:
            hub.close()


def _born(bus: LocalBus, hub: Hub, town: City, *, now: int) -> Ints:
    """All devices are born round the city's communities, and say something once."""
    district = town.of_level("district")[0].code[:6]
    device = encode(district, "2206", np.arange(1, ALL + 1))
    at = town.of_level("community")
    rng = np.random.default_rng(7)
    row = rng.integers(0, len(at), ALL)
    n, sent = len(device), np.full(ALL, now - HOUR_MS, np.int64)
    bus.field_end.send(
        BirthBatch(
            kind=GAUGE,
            node=device,
            epoch=sent,
            device=device,
            object=device + 1,
            lon=np.array([one.lon for one in at])[row] + rng.normal(0.0, 1e-3, n),
            lat=np.array([one.lat for one in at])[row] + rng.normal(0.0, 1e-3, n),
        )
    )
    bus.field_end.send(
        ObservationBatch(
            properties=(NAME,),
            node=device,
            epoch=sent,
            first=device * 0,
            result_time=sent,
            offset=np.arange(n + 1, dtype=np.int64),
            device=device,
            property=np.zeros(n, np.int16),
            phenomenon_time=sent,
            value=np.round(rng.uniform(2e5, 5e5, n), -2),
        )
    )
    hub.intake()
    hub.tick(now)
    hub.flush()
    return np.sort(device)


def _begin(_line: Line, marks: Marks, *, now: int) -> None:
    """The year before ``now`` [ms] is rolled up, and its readings are gone."""
    marks.put(rollups.ROLLED, Mark(now))
    marks.put(rollups.RAW, Mark(now))
    for table, name in rollups.TIDIED.items():
        marks.put(name, Mark(rollups.begin(table, now - 365 * DAY_MS)))


def _fill(line: Line, _marks: Marks, *, device: Ints, t: int) -> None:
    """One day of hours, as rolling up leaves them: by device."""
    line.register("gauge", {"device": device})
    value = "round(200000 + (hash(device + t) % 3000) * 100.0, 1)"
    line.execute(
        "INSERT INTO hourly SELECT device, 0, t, 4, v - 300, v + 300, CAST(4 * v AS DECIMAL(38,9)), v, t + 2700000, "
        f"t // 900000 FROM (SELECT device, t, {value} AS v FROM (SELECT device, ? + h * {HOUR_MS} AS t "
        "FROM gauge, range(24) r(h))) ORDER BY device, t",
        [t],
    )


def _settle(hub: Hub, now: int) -> float:
    """Lay what there is by device, as the hub does in its ticks; the longest piece [s]."""
    longest = 0.0
    while True:
        since = elapsed_s()
        if not hub.upkeep.step(now):
            return longest
        longest = max(longest, elapsed_s() - since)


def _read(hub: Hub, town: City, *, now: int, device: Ints, year: Ints, piece_s: float, folder: Path) -> Figures:
    api, queries, areas = app(hub, city=town), hub.queries, AreaQueries(hub, town)
    start, some = now - 365 * DAY_MS, cycle(year[:: max(len(year) // 23, 1)].tolist())
    counted = hub.observations.ask("SELECT count(*) AS n FROM hourly")
    answer = b""

    def latest_by_api() -> None:
        nonlocal answer
        answer = _get(api, "/observations/latest/columns", property=NAME)

    def year_by_api() -> None:
        _get(api, f"/devices/{next(some)}/series/{NAME}", start=to_utc(start), end=to_utc(now), every_s="3600")

    def day() -> None:
        areas.aggregates(NAME, by=AreaLevel.COMMUNITY, start=now - DAY_MS, end=now, every_s=3600.0)

    return Figures(
        devices=len(device),
        latest_ms=_median_ms(lambda: queries.latest(NAME)),
        latest_api_ms=_median_ms(latest_by_api),
        latest_api_mb=round(len(answer) / 1e6, 2),
        year_devices=len(year),
        hourly_rows=int(counted["n"][0]),
        file_mb=round(sum(one.stat().st_size for one in folder.glob("observations*")) / 1e6),
        year_ms=_median_ms(lambda: queries.series(next(some), NAME, start=start, end=now, every_s=3600.0)),
        year_api_ms=_median_ms(year_by_api),
        communities=len(town.communities),
        aggregate_ms=_median_ms(day),
        piece_ms=round(1000 * piece_s, 1),
        reference_loop_s=round(reference_loop_s(), 4),
    )


def _median_ms(work: Callable[[], object]) -> float:
    def once() -> float:
        since = elapsed_s()
        work()
        return elapsed_s() - since

    once()
    return round(1000 * median(once() for _ in range(TIMES)), 2)


def _get(api: Any, path: str, **given: str) -> bytes:
    """Body of an answer of the API, asked in this process as a server asks it (ASGI)."""
    parts: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(given).encode(),
        "headers": [],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(part: dict[str, Any]) -> None:
        parts.append(part)

    with ThreadPoolExecutor(1) as own:  # this thread may have a loop of its own running
        own.submit(asyncio.run, api(scope, receive, send)).result()
    if parts[0]["status"] != 200:
        raise OutsideError(f"{path} answered {parts[0]['status']}: {parts[1]['body']!r}")
    return b"".join(part.get("body", b"") for part in parts[1:])
