"""The whole API under schemathesis: no answer of 5xx, none that is not declared, every error a problem document.

``CITYBRAIN_SCHEMATHESIS`` sets how many cases each operation gets (15 here; some thousand for a night).
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel

from datahub.api import problems
from datahub.api.app import app
from datahub.devices.assets import Assets
from datahub.hub import Hub
from datahub.transport.local import LocalBus
from scenarios.live.serving import Server
from scenarios.survey.city import load_city

sys.path.insert(0, str(Path(__file__).parents[1] / "datahub"))
from test_api import LOGGER, MINUTE_MS, T0, VALVE, births, readings

PROGRAM = Path(__file__).parents[2] / ".clients" / "schemathesis" / "bin" / "schemathesis"
CASES = int(os.environ.get("CITYBRAIN_SCHEMATHESIS", "15"))
SEED = 20_261_125
TOKEN = "seat"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
)


class Doubled(BaseModel):
    """What a broken API promises."""

    doubled: int


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    bus = LocalBus()
    hub = Hub("harbour", "990100", None, bus.city_end, start=T0)
    bus.field_end.send(births(LOGGER, [1, 2, 3]))
    bus.field_end.send(births(VALVE, [9]))
    for minute in range(10):
        bus.field_end.send(readings(minute))
        hub.intake()
        hub.tick(T0 + (minute + 1) * MINUTE_MS)
    yield hub
    hub.close()


def judged(
    application: FastAPI, folder: Path, *, cases: int, token: str = "", known: dict[str, str] | None = None
) -> str:
    """What schemathesis says of an application; empty if it finds nothing. ``known`` are parameters that exist."""
    if not PROGRAM.exists():
        pytest.skip("needs schemathesis: make clients")
    lines = [f'{name} = "{value}"' for name, value in (known or {}).items()]
    (folder / "schemathesis.toml").write_text("\n".join(["[parameters]", *lines]) + "\n")
    with Server(application, host="127.0.0.1", port=0) as server:
        done = subprocess.run(
            [
                *(str(PROGRAM), "run", f"{server.url}/openapi.json", "--checks", ",".join(CHECKS)),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", str(cases), "--seed", str(SEED)),
                *("--continue-on-failure", "--no-shrink", "--warnings", "off"),
                *(("--header", f"Authorization: Bearer {token}") if token else ()),
            ],
            cwd=folder,
            env={**os.environ, "NO_PROXY": "*", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Tested: " in done.stdout, done.stdout
    return "" if done.returncode == 0 else done.stdout


@pytest.mark.parametrize(
    ("token", "known"),
    [
        ("", {}),
        (TOKEN, {}),
        (TOKEN, {"code": "9", "property": "position_ratio", "kind": "valve_actuator"}),
        (TOKEN, {"code": "1", "property": "pressure_pa", "kind": "pressure_logger"}),
    ],
    ids=["nobody", "operator", "valve", "logger"],
)
def test_no_answer_is_a_fault_of_ours_or_other_than_declared(
    hub: Hub, tmp_path: Path, token: str, known: dict[str, str]
) -> None:
    assets = Assets(
        hub.store,
        registry=hub.registry,
        lifecycle=hub.lifecycle,
        owners=hub.care.owners,
        city=load_city("harbour", scale=0.05),
    )
    found = judged(app(hub, assets=assets, token=TOKEN), tmp_path, cases=CASES, token=token, known=known)
    assert not found, found


def test_a_broken_api_is_found_out(tmp_path: Path) -> None:
    api = FastAPI()
    problems.install(api)

    @api.get("/halves/{number}", responses=problems.DECLARED)
    def halve(number: int) -> Doubled:
        return Doubled(doubled=10 // (number % 7 - number % 7))

    @api.get("/words/{word}", responses=problems.DECLARED, response_model=Doubled)
    def word(word: str) -> Response:
        return PlainTextResponse("no problem document", status_code=404)

    said = judged(api, tmp_path, cases=10)
    assert "Server error" in said
    assert "Undocumented Content-Type" in said
