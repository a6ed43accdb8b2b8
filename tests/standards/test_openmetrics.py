"""The hub's figures as Prometheus itself scrapes them (Debian's), and as its promtool judges them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from datahub.api.app import app
from datahub.contract.clock import elapsed_s
from datahub.transport.broker import free_port
from scenarios.live.serving import Server

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from hub_town import METER, MINUTE, T0, Town, births, pack

PATIENCE_S = 60.0


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip("needs Prometheus: apt-get install prometheus")
    return found


@pytest.fixture
def hub() -> Iterator[str]:
    """Address of a hub that has stored two readings of one meter, and refused one."""
    town = Town(run="")
    town.send(births(METER, devices=[101]))
    town.send(pack(101, [(101, "volume_m3", T0, 1.0), (101, "volume_m3", T0 + 1, 2.0), (7, "volume_m3", T0, 1.0)]))
    town.hub.tick(T0 + MINUTE)
    with Server(app(town.hub), host="127.0.0.1", port=0) as server:
        yield server.url
    town.hub.close()


def checked(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, check=False, timeout=60
    )


def test_promtool_takes_the_figures_and_refuses_broken_ones(hub: str) -> None:
    text = httpx.get(f"{hub}/metrics", trust_env=False).text
    fine = checked(text)
    assert (fine.returncode, fine.stdout + fine.stderr) == (0, "")
    for broken in (text.replace("} 1.0", "} one", 1), text.replace('fate="stored"', 'fate="stored', 1)):
        assert broken != text
        assert checked(broken).returncode != 0


def test_prometheus_scrapes_the_hub_and_knows_its_ledger(hub: str, tmp_path: Path) -> None:
    port = free_port()
    conf = tmp_path / "prometheus.yml"
    conf.write_text(
        "global: {scrape_interval: 500ms, scrape_timeout: 400ms}\n"
        "scrape_configs:\n"
        f"  - {{job_name: hub, static_configs: [{{targets: ['{hub.removeprefix('http://')}']}}]}}\n"
    )
    process = subprocess.Popen(
        [
            *(program("prometheus"), f"--config.file={conf}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"),
            *(f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        stored = asked(port, 'citybrain_readings_total{fate="stored"}')
        assert [(one["metric"]["job"], one["value"][1]) for one in stored] == [("hub", "2")]
        refused = asked(port, "sum by (reason) (citybrain_readings_refused_total)")
        assert [(one["metric"], one["value"][1]) for one in refused] == [({"reason": "unknown_device"}, "1")]
        assert [one["value"][1] for one in asked(port, "up")] == ["1"]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def asked(port: int, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers, as soon as it has scraped."""
    limit = elapsed_s() + PATIENCE_S
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", transport=httpx.HTTPTransport(retries=8), trust_env=False
    ) as client:
        while elapsed_s() < limit:
            answer = client.get("/api/v1/query", params={"query": query})
            if answer.status_code == 200 and (found := answer.json()["data"]["result"]):
                return found  # type: ignore[no-any-return]
    raise AssertionError(f"Prometheus knows nothing of {query} after {PATIENCE_S:g} s")
