"""Rubbish for the HTTP door; the long run is ``citybrain bench http``, here it runs whole, but short."""

from __future__ import annotations

import asyncio

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from scenarios.bench.asking import Request, ask
from scenarios.bench.fuzz_http import fuzz_http


@pytest.mark.parametrize("seed", [2, 3])
def test_no_rubbish_is_a_fault_of_ours_and_every_error_is_a_problem_document(seed: int) -> None:
    found = fuzz_http(requests=2_500, seed=seed)
    assert found.fine, found
    assert {"200", "202", "400", "401", "404", "405", "422"} <= found.by_status.keys(), found
    assert found.grown_mb < 64, found


@pytest.mark.parametrize(
    ("status", "text", "sound"), [(200, "fine", True), (404, "no problem document", False), (500, "broken", False)]
)
def test_an_unsound_answer_is_told_from_a_sound_one(status: int, text: str, sound: bool) -> None:
    api = FastAPI()
    api.add_api_route("/", lambda: PlainTextResponse(text, status_code=status))
    answer = asyncio.run(ask(api, Request("GET", b"/", b"", (), ())))
    assert (answer.status, answer.body, answer.sound) == (status, text.encode(), sound)
