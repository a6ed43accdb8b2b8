"""Rubbish for the whole intake; the million is ``citybrain bench fuzz``, here it runs whole, but short."""

from __future__ import annotations

import pytest

from scenarios.bench.fuzz import fuzz


@pytest.mark.parametrize("seed", [2, 3])
def test_no_rubbish_stops_the_hub_and_none_is_uncounted(seed: int) -> None:
    found = fuzz(messages=6_000, seed=seed)
    assert found.fine, found
    assert found.stored > 20, "sound messages among it are taken"
    assert {
        "malformed",
        "not_text",
        "wrong_topic",
        "wrong_sender",
        "schema",
        "unknown_device",
    } <= found.by_reason.keys()
