"""What the hub finds wrong with a reading: flags, never a lost value."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack

from datahub.contract.codes import Quality

SECOND = 1000


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    town.send(births(METER, devices=[101]), births(POST, devices=[201, 202], nodes=[GATEWAY, GATEWAY]))
    yield town
    town.hub.close()


def qualities(town: Town, property_: str) -> list[Quality]:
    return [Quality(one) for one in town.hub.queries.new(property_).quality.tolist()]


def test_a_value_beyond_the_sensors_range_is_kept_and_marked(town: Town) -> None:
    town.send(pack(GATEWAY, [(201, "noise_dba", T0, 29.9), (202, "noise_dba", T0, 130.0)]))
    town.hub.tick(T0 + MINUTE)
    assert qualities(town, "noise_dba") == [Quality.RANGE, Quality.GOOD]
    assert town.hub.queries.ledger().stored == 2


def test_a_clock_that_runs_ahead_is_marked_against_the_time_of_the_tick(town: Town) -> None:
    town.send(pack(101, [(101, "volume_m3", T0 + 6 * MINUTE, 1.0), (101, "volume_m3", T0 + 7 * MINUTE, 1.0)]))
    town.hub.tick(T0 + MINUTE)
    assert qualities(town, "volume_m3") == [Quality.GOOD, Quality.FUTURE]


def test_a_reading_older_than_one_already_looked_at_is_late_and_changes_nothing(town: Town) -> None:
    town.send(pack(101, [(101, "volume_m3", T0 + MINUTE, 5.0)], first=1))
    town.hub.tick(T0 + MINUTE)
    town.send(pack(101, [(101, "volume_m3", T0, 4.0)], first=0))
    town.hub.tick(T0 + 2 * MINUTE)
    assert qualities(town, "volume_m3") == [Quality.LATE]
    assert town.hub.queries.latest("volume_m3").value.tolist() == [5.0]


def test_readings_in_the_wrong_order_within_one_tick_are_not_late(town: Town) -> None:
    town.send(
        pack(101, [(101, "volume_m3", T0 + MINUTE, 5.0)], first=1), pack(101, [(101, "volume_m3", T0, 4.0)], first=0)
    )
    town.hub.tick(T0 + MINUTE)
    assert qualities(town, "volume_m3") == [Quality.GOOD, Quality.GOOD]
    assert town.hub.queries.latest("volume_m3").value.tolist() == [5.0]


def test_a_value_that_stands_still_longer_than_it_may_is_stuck_until_it_moves(town: Town) -> None:
    seen: list[Quality] = []
    for step, value in enumerate((50.0, 50.0, 50.0, 50.0, 51.0)):
        t = T0 + step * 15 * MINUTE
        town.send(pack(GATEWAY, [(201, "noise_dba", t, value)], first=step))
        town.hub.tick(t)
        seen += qualities(town, "noise_dba")
    assert seen == [Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.STUCK, Quality.GOOD]


def test_standing_still_counts_the_same_in_one_tick_as_in_many(town: Town) -> None:
    readings = [(201, "noise_dba", T0 + step * 15 * MINUTE, 50.0) for step in range(4)]
    town.send(pack(GATEWAY, readings))
    town.hub.tick(T0 + 60 * MINUTE)
    assert qualities(town, "noise_dba") == [Quality.GOOD, Quality.GOOD, Quality.GOOD, Quality.STUCK]


def test_a_change_faster_than_the_thing_can_make_is_marked(town: Town) -> None:
    values = [(T0, 50.0), (T0 + 10 * SECOND, 60.0), (T0 + 20 * SECOND, 70.2)]
    town.send(pack(GATEWAY, [(201, "noise_dba", t, value) for t, value in values]))
    town.hub.tick(T0 + MINUTE)
    assert qualities(town, "noise_dba") == [Quality.GOOD, Quality.GOOD, Quality.RATE]


def test_a_counter_never_falls(town: Town) -> None:
    town.send(pack(101, [(101, "volume_m3", T0 + n, value) for n, value in enumerate((3.0, 4.0, 3.999))]))
    town.hub.tick(T0 + MINUTE)
    assert qualities(town, "volume_m3") == [Quality.GOOD, Quality.GOOD, Quality.RATE]
