"""The one door for reading: what it answers is what was said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack

from datahub.contract.errors import UsageError
from datahub.queries import Queries

HOUR = 60 * MINUTE
VALUES = np.round(50 + 10 * np.sin(np.arange(48)), 1)
TIMES = T0 + np.arange(48) * 5 * MINUTE


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    town = Town()
    town.send(births(METER, devices=[101, 102, 103]), births(POST, devices=[201, 202], nodes=[GATEWAY, GATEWAY]))
    for n in range(0, 48, 4):
        readings = [(201, "noise_dba", int(TIMES[i]), float(VALUES[i])) for i in range(n, n + 4)]
        readings.append((202, "noise_dba", int(TIMES[n]), 200.0))
        town.send(pack(GATEWAY, readings, first=n // 4 * 5))
        town.hub.tick(int(TIMES[n + 3]))
    town.send(pack(102, [(102, "volume_m3", T0 + 4 * HOUR, 1.5)]), pack(101, [(101, "volume_m3", T0 + 4 * HOUR, 2.5)]))
    town.hub.tick(T0 + 4 * HOUR)
    yield town
    town.hub.close()


@pytest.fixture(scope="module")
def queries(town: Town) -> Queries:
    return town.hub.queries


def test_a_series_in_steps_has_count_least_mean_greatest_and_last(queries: Queries) -> None:
    found = queries.series(201, "noise_dba", start=T0, end=T0 + 4 * HOUR, every_s=3600.0)
    hours = VALUES.reshape(4, 12)
    assert found.t.tolist() == [T0 + hour * HOUR for hour in range(4)]
    assert found.count.tolist() == [12] * 4
    assert found.min.tolist() == hours.min(axis=1).tolist()
    assert found.max.tolist() == hours.max(axis=1).tolist()
    assert found.last.tolist() == hours[:, -1].tolist()
    np.testing.assert_allclose(found.mean, hours.mean(axis=1))


def test_steps_without_a_reading_are_left_out_and_the_end_is_not_included(queries: Queries) -> None:
    found = queries.series(201, "noise_dba", start=T0 + 1, end=int(TIMES[3]), every_s=60.0)
    assert found.t.tolist() == [T0 + 1 + 4 * MINUTE, T0 + 1 + 9 * MINUTE]
    assert found.last.tolist() == VALUES[1:3].tolist()


def test_without_steps_every_reading_is_its_own(queries: Queries) -> None:
    found = queries.series(201, "noise_dba", start=T0, end=T0 + HOUR)
    assert (found.t.tolist(), found.mean.tolist()) == (TIMES[:12].tolist(), VALUES[:12].tolist())
    rows = queries.raw(201, "noise_dba", start=T0, end=T0 + HOUR)
    assert (rows.phenomenon_time.tolist(), rows.value.tolist()) == (TIMES[:12].tolist(), VALUES[:12].tolist())


def test_impossible_values_are_in_no_series_but_in_the_window_with_their_flag(queries: Queries) -> None:
    assert len(queries.series(202, "noise_dba", start=T0, end=T0 + 4 * HOUR)) == 0
    rows = queries.window("noise_dba", start=T0, end=T0 + 4 * HOUR)
    assert len(rows) == 48 + 12
    assert rows.value[rows.device == 202].tolist() == [200.0] * 12
    assert len(rows.good()) == 48


def test_a_window_may_be_of_one_kind(queries: Queries) -> None:
    assert len(queries.window("volume_m3", start=T0, end=T0 + 5 * HOUR, kind="water_meter")) == 2
    assert len(queries.window("volume_m3", start=T0, end=T0 + 5 * HOUR, kind="smart_pole")) == 0
    assert len(queries.window("no_such_ratio", start=T0, end=T0 + 5 * HOUR)) == 0


def test_steps_must_last(queries: Queries) -> None:
    with pytest.raises(UsageError, match="every_s is 0"):
        queries.series(201, "noise_dba", start=T0, end=T0 + HOUR, every_s=0.0)


def test_new_is_what_the_last_tick_evaluated(queries: Queries) -> None:
    rows = queries.new("volume_m3")
    assert (rows.device.tolist(), rows.value.tolist()) == ([101, 102], [2.5, 1.5])
    assert len(queries.new("noise_dba")) == 0
    assert len(queries.new("no_such_ratio")) == 0


def test_latest_answers_in_the_order_asked(queries: Queries) -> None:
    found = queries.latest("volume_m3", np.array([102, 999, 103, 101]))
    assert found.device.tolist() == [102, 999, 103, 101]
    np.testing.assert_array_equal(found.value, [1.5, np.nan, np.nan, 2.5])


def test_devices_are_found_by_kind_object_code_and_place(queries: Queries) -> None:
    assert queries.devices(kind="smart_pole").device.tolist() == [201, 202]
    assert queries.devices(kind="no_such").device.tolist() == []
    assert queries.devices(object=1_000_102).device.tolist() == [102]
    assert queries.devices(device=103).device.tolist() == [103]
    near = queries.devices(kind="water_meter", near=(113.5, 22.2, 150.0))
    assert near.device.tolist() == [101, 102]
    assert [near.kinds[k] for k in near.kind] == ["water_meter"] * 2
    assert len(queries.devices()) == 5


def test_descriptions_come_from_the_birth(queries: Queries) -> None:
    described = queries.describe(201, "noise_dba")
    assert described is not None
    assert (described.low, described.high) == (30.0, 130.0)
    assert queries.describe(201, "volume_m3") is queries.describe(999, "noise_dba") is None
    assert [kind.name for kind in queries.kinds()] == ["water_meter", "smart_pole"]
    assert queries.properties() == ("leakage_current_a", "noise_dba", "volume_m3")


def test_the_ledger_and_health_tell_the_whole(queries: Queries) -> None:
    ledger = queries.ledger()
    assert ledger.by_kind == {"smart_pole": 60, "water_meter": 2}
    health = queries.health()
    assert (health.devices, health.nodes, health.waiting, health.tick) == (5, 4, 0, 13)


def test_other_threads_may_read_while_the_hub_works(tmp_path: object) -> None:
    town = Town()
    town.send(births(METER, devices=[101]))
    found: list[int] = []

    def read() -> None:
        while not found or found[-1] < 60:
            queries = town.hub.queries
            found.append(len(queries.raw(101, "volume_m3", start=T0, end=T0 + HOUR)))
            queries.counts()
            queries.alarms()

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(60):
        town.send(pack(101, [(101, "volume_m3", T0 + n, float(n))], first=n))
        town.hub.tick(T0 + n)
    reader.join(timeout=30)
    assert found[-1] == 60
    assert found == sorted(found)
    town.hub.close()


@pytest.mark.parametrize(
    "read",
    [
        lambda queries: queries.kinds(),
        lambda queries: queries.properties(),
        lambda queries: queries.describe(101, "volume_m3"),
        lambda queries: queries.new("volume_m3"),
        lambda queries: queries.raw(101, "volume_m3", start=T0, end=T0 + HOUR),
        lambda queries: queries.ledger(),
        lambda queries: queries.shadow(101),
        lambda queries: queries.stage(101),
    ],
    ids=["kinds", "properties", "describe", "new", "raw", "ledger", "shadow", "stage"],
)
def test_a_reader_waits_while_the_hub_writes(town: Town, read: Callable[[Queries], object]) -> None:
    answers: list[object] = []
    reader = threading.Thread(target=lambda: answers.append(read(town.hub.queries)))
    with town.hub.store.lock:
        reader.start()
        reader.join(timeout=0.05)
        assert reader.is_alive()
        assert answers == []
    reader.join(timeout=30)
    assert len(answers) == 1
