"""Vendors' clouds over real HTTP(S): a platform that is killed in the middle has every reading of theirs once."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import httpx

from datahub.contract.clock import MINUTE_MS, elapsed_s, wall_ms
from datahub.devices.authority import Authority
from datahub.hub import Hub
from datahub.transport.broker import EmbeddedBroker, free_port
from datahub.transport.local import LocalBus
from scenarios.live.supervisor import Child, account, running

ROOT = Path(__file__).parents[2]
SECRETS = json.dumps({"lampcloud": "a lamp's secret", "metercloud": "a meter's secret"})


def told(url: str) -> dict[str, int]:
    """Readings that the platform has had from each cloud."""
    answer = httpx.get(f"{url}/api/bridges", timeout=10.0, trust_env=False, verify=False)
    return {one["vendor"]: one["told"] for one in answer.json()}


def heard_more(url: str, than: dict[str, int]) -> dict[str, int]:
    """Return when every cloud has told more than it had."""
    end, now = elapsed_s() + 90, told(url)
    while not now or any(count <= than.get(vendor, 0) for vendor, count in now.items()):
        assert elapsed_s() < end, f"still {now} after 90 s"
        now = told(url)
    return now


def test_clouds_are_heard_by_a_platform_that_is_killed_and_started_again(tmp_path: Path) -> None:
    stubs, port = free_port(), free_port()
    with EmbeddedBroker() as broker:
        Authority.at(tmp_path / "authority", now=wall_ms()).write(tmp_path, host="127.0.0.1")
        environment = {
            "CITYBRAIN_CERTIFICATE": str(tmp_path / "server.crt"),
            "CITYBRAIN_CERTIFICATE_KEY": str(tmp_path / "server.key"),
            "CITYBRAIN_MQTT": broker.url,
            "PYTHONPATH": str(ROOT),
            "CITYBRAIN_CLOUD_SECRETS": SECRETS,
        }
        field = ["field", "--scenario", "calm_day", "--city", "harbour", "--speed", "480", "--stubs-port", str(stubs)]
        field += ["--set", "bridges=true", "--platform", f"https://127.0.0.1:{port}"]
        city = ["city", "--city", "harbour", "--port", str(port), "--stubs", f"http://127.0.0.1:{stubs}", "--bridges"]
        outside, town = (
            Child("field", field, environment),
            Child("city", [*city, "--data", str(tmp_path)], environment),
        )
        with running(town), running(outside):
            url = str(town.await_word("city", "up")["url"])
            outside.await_word("field", "up")
            before = heard_more(url, {})
            assert town.process is not None
            os.kill(town.process.pid, signal.SIGKILL)
            town.process.wait()
            town.start()
            town.await_word("city", "up")
            after = heard_more(url, before)
            assert all(after[vendor] > before[vendor] for vendor in before)
            outside.end()
            town.end()
        ledger = account(outside, town)
    assert outside.status == town.status == 0
    assert ledger.closes, ledger
    assert ledger.bridged >= sum(after.values()) > 0
    hub = Hub("harbour", "990100", tmp_path, LocalBus().city_end)
    hub.tick((hub.now or 0) + MINUTE_MS)
    hub.flush()
    found = hub.observations.ask(
        "SELECT count(*) AS rows, count(DISTINCT (device, property, phenomenon_time, sequence)) AS different"
        " FROM observation"
    )
    hub.close()
    assert [found["rows"][0], found["different"][0]] == [ledger.stored, ledger.stored]
