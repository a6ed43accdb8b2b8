"""The measurement of reading fills the hub it reads: its figures are of what they say."""

from __future__ import annotations

import pytest

from scenarios.bench import read


def test_the_figures_are_of_a_year_of_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "ALL", 60)
    monkeypatch.setattr(read, "YEAR", 20)
    monkeypatch.setattr(read, "TIMES", 1)
    found = read.measure(scale=0.5)
    assert (found.devices, found.year_devices) == (60, 10)
    assert found.hourly_rows == 364 * 24 * 10 + 24 * 60
    assert min(found.latest_ms, found.latest_api_ms, found.year_ms, found.year_api_ms, found.aggregate_ms) > 0
