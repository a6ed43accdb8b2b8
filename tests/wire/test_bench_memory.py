"""The measurement of the hub's memory: what it says of what it saw."""

from __future__ import annotations

import pytest

from datahub.contract.errors import UsageError
from scenarios.bench.memory import Figures, Look, figures, measure

TEN_MILLION = 10_000_000


def told(*, mb_a_million: float = 0.0, pages_a_million: float = 0.0, most: float = 96.0) -> Figures:
    """Figures of a hub that grows by so much."""
    seen = []
    for n in range(0, TEN_MILLION + 1, 100_000):
        pages = min(10.0 + pages_a_million * n / 1e6, most)
        seen.append(Look(n, 200.0 + pages + mb_a_million * n / 1e6, pages))
    return figures(TEN_MILLION, 1.0, 1.0, 400.0, seen=seen)


def test_a_hub_is_watched_from_the_first_reading_to_the_last() -> None:
    found = measure(scale=0.2)
    assert found.readings == 2_000_000
    assert found.looks > 50
    assert all(50 < mb <= found.peak_rss_mb for mb in found.tenths_mb)
    assert 0 < found.pages_mb < found.ceiling_mb


def test_a_hub_that_stays_as_it_is_is_flat() -> None:
    assert told().flat


def test_a_hub_that_keeps_half_of_what_it_takes_in_is_not_flat() -> None:
    kept = told(mb_a_million=39 / 2)
    assert kept.grown_mb > kept.limit_mb
    assert not kept.flat


def test_pages_that_nobody_lets_go_of_are_not_flat() -> None:
    filled = told(pages_a_million=6.5)
    assert filled.grown_mb < filled.limit_mb, "resident memory alone would not tell"
    assert not filled.flat


def test_a_load_too_small_to_look_at_is_refused() -> None:
    with pytest.raises(UsageError, match="too few for a median; take a larger --scale"):
        figures(1_000, 1.0, 1.0, 400.0, seen=[Look(1_000, 200.0, 10.0)])
