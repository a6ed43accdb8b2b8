"""What the devices of an area say together is what each of them said."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from area_town import DAY0, HARBOUR, STOOD, AreaTown
from test_api import Asgi

from datahub.answers import Aggregates
from datahub.api.app import app
from datahub.area_queries import AreaQueries
from datahub.contract.clock import DAY_MS, HOUR_MS, to_utc
from datahub.contract.codes import AreaLevel
from datahub.contract.errors import UsageError
from datahub.contract.grid import UnitGrids


@pytest.fixture(scope="module", params=["raw", "rolled up"])
def town(request: pytest.FixtureRequest) -> Iterator[AreaTown]:
    town = AreaTown()
    if request.param == "rolled up":
        town.settle(town.end + 30 * DAY_MS)
    yield town
    town.hub.close()


@pytest.fixture(scope="module")
def areas(town: AreaTown) -> AreaQueries:
    return AreaQueries(town.hub, HARBOUR)


def codes(town: AreaTown, level: AreaLevel) -> list[str]:
    """The area of each pole, found in the plainest way."""
    grids = UnitGrids(HARBOUR.divisions)
    named = []
    for k in town.community.tolist():
        community = STOOD[k]
        street = HARBOUR.divisions[community.parent]
        named.append(
            {
                AreaLevel.GRID: grids.grid_of(community.lon, community.lat),
                AreaLevel.COMMUNITY: community.code,
                AreaLevel.STREET: street.code,
                AreaLevel.DISTRICT: street.parent,
                AreaLevel.CITY: HARBOUR.adcode,
            }[level]
        )
    return named


def rows(found: Aggregates) -> dict[tuple[str, int], tuple[int, int, float, float]]:
    columns = (found.area, found.t, found.devices, found.count, found.min, found.max)
    return {
        (found.areas[area], t): (devices, count, least, most)
        for area, t, devices, count, least, most in zip(*(column.tolist() for column in columns), strict=True)
    }


@pytest.mark.parametrize("level", AreaLevel)
@pytest.mark.parametrize("step", [HOUR_MS, DAY_MS, 5 * HOUR_MS])
def test_every_area_and_step_has_devices_readings_least_and_greatest(
    town: AreaTown, areas: AreaQueries, level: AreaLevel, step: int
) -> None:
    found = areas.aggregates("noise_dba", by=level, start=DAY0, end=town.end, every_s=step / 1000)
    expected: dict[tuple[str, int], tuple[int, int, float, float]] = {}
    where = np.array(codes(town, level))
    possible = town.noise <= 130.0
    for code in np.unique(where).tolist():
        for start in range(DAY0, town.end, step):
            now = (town.t >= start) & (town.t < start + step)
            values, fine = town.noise[where == code][:, now], possible[where == code][:, now]
            if fine.any():
                shown = values[fine]
                spoke = int(fine.any(axis=1).sum())
                expected[code, start] = (spoke, int(fine.sum()), float(shown.min()), float(shown.max()))
    assert rows(found) == expected


def test_means_are_of_readings_and_only_what_adds_up_is_summed(town: AreaTown, areas: AreaQueries) -> None:
    found = areas.aggregates("leakage_current_a", by=AreaLevel.CITY, start=DAY0, end=town.end, every_s=86_400.0)
    daily = town.leak.reshape(len(town.device), 2, -1)
    np.testing.assert_allclose(found.mean, daily.mean(axis=(0, 2)), rtol=1e-9)
    assert np.isnan(found.sum).all(), "currents to earth of several poles do not add up to anything"


def test_the_sum_is_of_the_devices_means_however_often_each_spoke(
    town: AreaTown, areas: AreaQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datahub.aggregates.adds_up", lambda name: name == "noise_dba")
    found = areas.aggregates("noise_dba", by=AreaLevel.CITY, start=DAY0, end=town.end, every_s=86_400.0)
    for day in range(2):
        values = town.noise.reshape(len(town.device), 2, -1)[:, day]
        means = [row[row <= 130.0].mean() for row in values]
        assert found.sum[day] == pytest.approx(sum(means), rel=1e-9)


def test_slices_of_devices_say_the_same(town: AreaTown, areas: AreaQueries, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask() -> Aggregates:
        return areas.aggregates("noise_dba", by=AreaLevel.STREET, start=DAY0, end=town.end, every_s=3600.0)

    whole = rows(ask())
    monkeypatch.setattr("datahub.aggregates.GROUPS", 5 * 48)
    assert rows(ask()) == whole


def test_a_hub_without_a_city_says_so(town: AreaTown) -> None:
    with pytest.raises(UsageError, match="no map of a city"):
        AreaQueries(town.hub, None).aggregates("noise_dba", by=AreaLevel.GRID, start=0, end=1, every_s=1.0)


@pytest.fixture(scope="module")
def client(town: AreaTown) -> httpx.Client:
    return httpx.Client(transport=Asgi(app(town.hub, city=HARBOUR)), base_url="http://hub")


def asked(**given: str) -> dict[str, str]:
    return {"property": "noise_dba", "by": "community", "start": to_utc(DAY0), "end": to_utc(DAY0 + DAY_MS)} | given


def test_the_api_says_it_as_json_and_as_a_table(town: AreaTown, client: httpx.Client) -> None:
    answer = client.get("/aggregates", params=asked(every_s="86400")).json()
    assert [row["area"] for row in answer["rows"]] == [one.code for one in STOOD]
    assert [row["zh"] for row in answer["rows"]] == [one.zh for one in STOOD]
    assert {row["devices"] for row in answer["rows"]} == {3}
    table = client.get("/aggregates", params=asked(every_s="86400", form="csv"))
    assert table.headers["content-type"].startswith("text/csv")
    lines = list(csv.DictReader(io.StringIO(table.text)))
    assert [(one["area"], float(one["mean"])) for one in lines] == [(r["area"], r["mean"]) for r in answer["rows"]]


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({"property": "mood_ratio"}, 404, "no device observes 'mood_ratio'"),
        ({"by": "planet"}, 422, "community"),
        ({"end": to_utc(DAY0)}, 422, "ends"),
        ({"kind": "tram"}, 404, "no device is of kind 'tram'"),
        ({"end": to_utc(DAY0 + 9000 * DAY_MS), "every_s": "1"}, 400, "ask for larger steps"),
    ],
)
def test_a_question_that_has_no_answer_is_a_problem(
    client: httpx.Client, given: dict[str, str], status: int, words: str
) -> None:
    answer = client.get("/aggregates", params=asked(**given))
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]


def test_the_api_of_a_hub_without_a_city_says_so(town: AreaTown) -> None:
    client = httpx.Client(transport=Asgi(app(town.hub)), base_url="http://hub")
    answer = client.get("/aggregates", params=asked())
    assert answer.status_code == 400
    assert "no map of a city" in answer.json()["detail"]


def test_the_latest_of_all_comes_in_columns(town: AreaTown, client: httpx.Client) -> None:
    answer = client.get("/observations/latest/columns", params={"property": "leakage_current_a"}).json()
    assert answer["device"] == [str(code) for code in town.device.tolist()]
    assert answer["value"] == town.leak[:, -1].tolist()
    assert set(answer["phenomenon_time_ms"]) == {int(town.t[-1])}
    assert answer["quality"] == [0] * len(town.device)
    assert client.get("/observations/latest/columns", params={"property": "volume_m3"}).status_code == 404
    none = client.get("/observations/latest/columns", params={"property": "leakage_current_a", "kind": "tram"})
    assert none.status_code == 404
