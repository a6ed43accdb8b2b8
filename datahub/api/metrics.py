"""The hub's figures for Prometheus (OpenMetrics 1.0)."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from datahub.books import Books
from datahub.contract.clock import SECOND_MS
from datahub.devices.jobs import Jobs
from datahub.queries import Queries
from datahub.trouble import Cause, Troubles

_TEXTS = {
    name: {"schema": {"type": "string"}}
    for name in (
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "text/plain; version=0.0.4; charset=utf-8",
    )
}


def router(queries: Queries | None, books: Books | None, jobs: Jobs | None, troubles: Troubles) -> APIRouter:
    """The route that Prometheus scrapes; of a hub that is not open (None) it says what is the matter."""
    routes = APIRouter(tags=["metrics"])
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Matter(troubles))
    if queries is not None and books is not None and jobs is not None:
        registry.register(_Figures(queries, books, jobs))

    @routes.get("/metrics", response_class=Response, responses={200: {"content": _TEXTS}})
    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": content_type})

    return routes


class _Matter(Collector):
    """What is the matter with the hub."""

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles

    def describe(self) -> Iterable[Metric]:
        """Nothing before somebody asks."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Troubles as they are now, every cause named."""
        troubles = self._troubles
        now = GaugeMetricFamily("citybrain_trouble", "1 while the hub is in trouble.", labels=["cause"])
        since = GaugeMetricFamily(
            "citybrain_trouble_since_seconds", "Since when, Unix time.", labels=["cause"], unit="seconds"
        )
        met = CounterMetricFamily("citybrain_troubles", "How often trouble began.", labels=["cause"])
        for cause in Cause:
            now.add_metric([cause], float(cause in troubles.now))
            met.add_metric([cause], troubles.met[cause])
        for one in troubles.standing:
            since.add_metric([one.cause], one.since / SECOND_MS)
        yield from (now, since, met)
        yield CounterMetricFamily("citybrain_reopened", "Openings after trouble.", value=troubles.reopened)
        yield CounterMetricFamily("citybrain_messages_let_go", "QoS 0 messages let go.", value=troubles.let_go)


class _Figures(Collector):
    """Reads the figures when they are asked for; nothing is counted twice."""

    def __init__(self, queries: Queries, books: Books, jobs: Jobs) -> None:
        self._queries, self._books, self._jobs = queries, books, jobs

    def describe(self) -> Iterable[Metric]:
        """Nothing before somebody asks."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Ledger, devices, jobs and state as they are now."""
        yield from self._ledger()
        yield from self._devices()
        jobs = GaugeMetricFamily("citybrain_jobs", "Jobs by where they stand.", labels=["state"])
        for stands, count in self._jobs.counts().items():
            jobs.add_metric([stands], count)
        yield jobs
        yield from self._state()

    def _ledger(self) -> Iterable[Metric]:
        tally = self._queries.ledger()
        yield CounterMetricFamily("citybrain_readings_received", "Readings at the hub's door.", value=tally.received)
        fates = CounterMetricFamily("citybrain_readings", "Readings by where they went.", labels=["fate"])
        for fate in ("stored", "rejected", "duplicate", "unattributed"):
            fates.add_metric([fate], getattr(tally, fate))
        yield fates
        yield CounterMetricFamily("citybrain_readings_lost", "Readings declared lost by their nodes.", value=tally.lost)
        missing = self._books.missing()
        yield GaugeMetricFamily("citybrain_gaps_open", "Runs of sequences that are missing.", value=len(missing))
        count = sum(gap.count for gap in missing)
        yield GaugeMetricFamily("citybrain_readings_missing", "Readings missing in these runs.", value=count)
        reasons = CounterMetricFamily(
            "citybrain_readings_refused", "Readings not stored, by reason.", labels=["reason"]
        )
        for reason, count in tally.by_reason.items():
            reasons.add_metric([reason], count)
        yield reasons
        kinds = CounterMetricFamily("citybrain_readings_stored", "Readings stored, by kind of device.", labels=["kind"])
        for kind, count in tally.by_kind.items():
            kinds.add_metric([kind], count)
        yield kinds

    def _devices(self) -> Iterable[Metric]:
        devices = GaugeMetricFamily("citybrain_devices", "Devices by kind and state.", labels=["kind", "state"])
        for kind, counts in self._queries.counts().items():
            for state, count in counts.items():
                devices.add_metric([kind, state], count)
        yield devices

    def _state(self) -> Iterable[Metric]:
        health = self._queries.health()
        for name, help_, value in (
            ("citybrain_nodes", "Nodes known.", health.nodes),
            ("citybrain_nodes_silent", "Nodes that have not spoken for longer than they may.", health.silent_nodes),
            ("citybrain_nodes_dead", "Nodes that told their death, or are silent for far too long.", health.dead_nodes),
            ("citybrain_nodes_quarantined", "Nodes of which nothing is taken.", health.quarantined_nodes),
            ("citybrain_readings_waiting", "Readings that no tick has seen.", health.waiting),
            ("citybrain_rows_unwritten", "Rows in the journal only.", health.unwritten),
            ("citybrain_alarms_open", "Alarms that are open.", health.open_alarms),
        ):
            yield GaugeMetricFamily(name, help_, value=value)
        yield CounterMetricFamily("citybrain_ticks", "Evaluations since the database began.", value=health.tick)
        if health.now is not None:
            time = GaugeMetricFamily("citybrain_city_time_seconds", "City time.", unit="seconds")
            time.add_metric([], health.now / SECOND_MS)
            yield time
