"""The live platform as processes: a city that is killed and started again loses and doubles nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from datahub.contract.clock import MINUTE_MS, elapsed_s
from datahub.contract.errors import OutsideError
from datahub.hub import Hub
from datahub.transport.broker import EmbeddedBroker, free_port
from datahub.transport.local import LocalBus
from scenarios.live.serving import Server
from scenarios.live.supervisor import Child, Ledger, account, running

ROOT = Path(__file__).parents[2]


def received(url: str) -> int:
    """Readings that the city says it has taken in."""
    return int(httpx.get(f"{url}/api/ledger", timeout=10.0, trust_env=False).json()["received"])


def heard_more(url: str, than: int) -> None:
    """Return when the city has taken in more than so many readings."""
    end = elapsed_s() + 60
    while received(url) <= than:
        assert elapsed_s() < end, f"still {than} readings after 60 s"


def live(tmp_path: Path, url: str) -> tuple[Child, Child]:
    stubs, environment = free_port(), {"CITYBRAIN_MQTT": url, "PYTHONPATH": str(ROOT)}
    field = ["field", "--scenario", "calm_day", "--city", "harbour", "--speed", "120", "--stubs-port", str(stubs)]
    city = ["city", "--city", "harbour", "--port", "0", "--stubs", f"http://127.0.0.1:{stubs}"]
    return Child("field", field, environment), Child("city", [*city, "--data", str(tmp_path)], environment)


def test_a_city_killed_in_the_middle_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        outside, town = live(tmp_path, broker.url)
        with running(town), running(outside):
            url = str(town.await_word("city", "up")["url"])
            outside.await_word("field", "up")
            heard_more(url, 300)
            assert town.process is not None
            os.kill(town.process.pid, signal.SIGKILL)
            town.process.wait()
            assert outside.alive, "the city outside lives on without its platform"
            town.start()
            url = str(town.await_word("city", "up")["url"])
            before = received(url)
            assert before >= 300, "what was acknowledged is there again"
            heard_more(url, before + 300)
            outside.end()
            town.end()
        ledger = account(outside, town)
    assert outside.status == town.status == 0
    assert ledger.closes, ledger
    assert ledger.in_flight < 0.05 * ledger.published, "what is left in the outboxes is late, not lost"
    hub = Hub("harbour", "990100", tmp_path, LocalBus().city_end)
    hub.tick((hub.now or 0) + MINUTE_MS)  # what came after the field last told the time waits in the journal
    hub.flush()
    found = hub.observations.ask(
        "SELECT count(*) AS rows, count(DISTINCT (device, property, phenomenon_time, sequence)) AS different"
        " FROM observation"
    )
    hub.close()
    assert [found["rows"][0], found["different"][0]] == [ledger.stored, ledger.stored]


def state(url: str) -> str:
    """What the city says of itself."""
    return str(httpx.get(f"{url}/api/health", timeout=10.0, trust_env=False).json()["state"])


def await_state(url: str, wanted: str) -> None:
    """Return when the city says this of itself."""
    end = elapsed_s() + 60
    while state(url) != wanted:
        assert elapsed_s() < end, f"not '{wanted}' after 60 s"


def test_a_city_whose_database_another_process_holds_says_so_and_goes_on_after_it(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        outside, town = live(tmp_path, broker.url)
        with running(town), running(outside):
            url = str(town.await_word("city", "up")["url"])
            outside.await_word("field", "up")
            heard_more(url, 300)
            with closing(sqlite3.connect(tmp_path / "city.sqlite", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                await_state(url, "trouble")
                assert httpx.get(f"{url}/api/devices", trust_env=False).status_code == 503
                assert httpx.get(url, trust_env=False).status_code == 200, "the operations centre is there"
                other.execute("ROLLBACK")
            await_state(url, "ok")
            heard_more(url, received(url))
            outside.end()
            town.end()
        ledger = account(outside, town)
    assert outside.status == town.status == 0
    assert ledger.closes, ledger


def test_a_port_that_is_taken_is_named_with_who_holds_it(tmp_path: Path) -> None:
    from fastapi import FastAPI

    with Server(FastAPI(), host="127.0.0.1", port=0) as held:
        port = int(held.url.rpartition(":")[2])
        with pytest.raises(OutsideError, match=rf"port {port} of 127.0.0.1 is taken by .+; choose another with --port"):
            Server(FastAPI(), host="127.0.0.1", port=port)


def test_a_ledger_that_lacks_a_reading_does_not_close() -> None:
    whole = Ledger(published=9, in_flight=2, ahead=1, stored=7, rejected=1, received=9, duplicate=1, unattributed=0)
    assert whole.closes
    assert not Ledger(
        published=10, in_flight=2, ahead=1, stored=7, rejected=1, received=9, duplicate=1, unattributed=0
    ).closes
