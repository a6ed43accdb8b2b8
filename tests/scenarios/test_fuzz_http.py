"""Rubbish for the HTTP door; the long run is ``citybrain bench http``, here it runs whole, but short."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from fastapi import FastAPI
from fastapi import Request as Incoming
from fastapi.responses import PlainTextResponse

from datahub.api import problems
from datahub.api.bodies import LONGEST, Bounded
from scenarios.bench.asking import Answer, Request, ask
from scenarios.bench.fuzz_http import fuzz_http

T = TypeVar("T")


def alone(work: Callable[[], T]) -> T:
    """In a thread of its own: a browser test before this one in the same process leaves its event loop running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()


@pytest.mark.parametrize("seed", [2, 3])
def test_no_rubbish_is_a_fault_of_ours_and_every_error_is_a_problem_document(seed: int) -> None:
    found = alone(lambda: fuzz_http(requests=2_500, seed=seed))
    assert found.fine, found
    assert {"200", "202", "400", "401", "404", "405", "422"} <= found.by_status.keys(), found
    assert found.grown_mb < 64, found


def test_a_long_body_that_comes_in_pieces_is_refused_while_it_comes() -> None:
    api = FastAPI()
    problems.install(api)
    api.add_middleware(Bounded, prefix="", longer={"/lists": 100})

    @api.post("/{name}")
    async def take(name: str, request: Incoming) -> int:
        return len(await request.body())

    def post(path: bytes, size: int) -> Answer:
        pieces = (b"x" * (size // 2), b"x" * (size - size // 2))
        return alone(lambda: asyncio.run(ask(api, Request("POST", path, b"", (), pieces))))

    assert [
        (post(path, size).status, post(path, size).sound)
        for path, size in ((b"/lists", 100), (b"/lists", 101), (b"/notes", LONGEST), (b"/notes", LONGEST + 1))
    ] == [(200, True), (413, True), (200, True), (413, True)]


@pytest.mark.parametrize(
    ("status", "text", "sound"), [(200, "fine", True), (404, "no problem document", False), (500, "broken", False)]
)
def test_an_unsound_answer_is_told_from_a_sound_one(status: int, text: str, sound: bool) -> None:
    api = FastAPI()
    api.add_api_route("/", lambda: PlainTextResponse(text, status_code=status))
    answer = alone(lambda: asyncio.run(ask(api, Request("GET", b"/", b"", (), ()))))
    assert (answer.status, answer.body, answer.sound) == (status, text.encode(), sound)
