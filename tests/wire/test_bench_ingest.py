"""The measurement of the intake runs whole, small: its figures are for the program, not for a test."""

from __future__ import annotations

import pytest

from datahub.contract.errors import UsageError
from scenarios.bench.bench import bench
from scenarios.bench.ingest import measure, table


def test_every_reading_of_a_small_measurement_becomes_durable_and_is_compared() -> None:
    (one,) = measure(settings=((1, 1),), rounds=1, messages=2_000)
    assert (one.broker, one.qos, one.pack, one.rounds) == ("embedded", 1, 1, 1)
    assert one.limit_readings_s > 0
    assert one.ratio == pytest.approx(one.hub_readings_s / one.limit_readings_s, rel=0.01)
    assert one.peak_rss_mb > 20
    assert f"{one.ratio:.2f}" in table([one])


def test_a_measurement_that_there_is_not_is_named() -> None:
    with pytest.raises(UsageError, match="ingest"):
        bench("mood")
