"""The measurement of the hub's memory: what it says of what it saw."""

from __future__ import annotations

from scenarios.bench.memory import figures, measure


def seen(start: float, per_million: float) -> list[tuple[int, float]]:
    """What a hub of so many MB shows that grows by so many a million readings, once every hundred thousand."""
    return [(n, start + per_million * n / 1e6) for n in range(0, 10_000_001, 100_000)]


def test_a_small_load_is_watched_to_its_end() -> None:
    found = measure(scale=0.05)
    assert found.readings == 500_000
    assert found.peak_rss_mb > 50
    assert found.peak_rss_mb >= max(found.tenths_mb)


def test_a_hub_that_keeps_a_quarter_of_what_it_takes_in_is_not_flat() -> None:
    kept = figures(10_000_000, 1.0, 1.0, 400.0, seen=seen(200.0, 39 / 4))
    assert kept.grown_mb > 50
    assert not kept.flat
    assert figures(10_000_000, 1.0, 1.0, 400.0, seen=seen(200.0, 0.0)).flat
