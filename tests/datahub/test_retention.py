"""Readings become hourly and daily steps that say the same, however late they come and whatever happens between."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.answers import Series
from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.contract.errors import DeclarationError
from datahub.store import rollups
from datahub.store.observations import FILE
from datahub.store.retention import load
from datahub.store.rollups import ROLLED, Mark, floor_day

DAY0 = floor_day(T0)
KEPT = 14
Told = list[tuple[int, str, int, float]]
POLICY = "\n".join(
    f'[{name}]\nvalue = {value}\nunit = "{unit}"\nzh = "x"\nen = "x"\nsource = "x"\ndate = 2026-11-25'
    for name, value, unit in (("raw", 14, "d"), ("hourly", 3, "a"), ("settled", 2, "d"), ("audit", 184, "d"))
)


def hub(directory: Path | None = None, *, policy: str = POLICY) -> Town:
    """A town that keeps readings by a policy of its own, whatever is shipped."""
    town = Town(directory)
    town.hub.upkeep.policy = load(policy)
    return town


def tell(town: Town, readings: Told, *, first: int) -> None:
    """The gateway says some readings of the two poles behind it, when the last of them was made or later."""
    now = max(one[2] for one in readings)
    if now > (town.hub.now or 0):
        town.hub.tick(now)
    town.send(pack(GATEWAY, readings, first=first, result_time=now))


def settled(town: Town, t: int) -> None:
    """City time is ``t`` and all that is due is done."""
    town.hub.tick(t)
    town.hub.flush()
    while town.hub.upkeep.step(t):
        pass


def poles(directory: Path | None = None, *, policy: str = POLICY) -> Town:
    town = hub(directory, policy=policy)
    town.send(births(POST, devices=[201, 202], nodes=[GATEWAY] * 2), births(METER, devices=[101, 102]))
    town.send(pack(102, [(102, "volume_m3", T0, 1.0)]))
    town.hub.tick(T0)
    town.hub.flush()
    return town


def told(days: int, *, every: int = 20 * MINUTE, seed: int = 3) -> Told:
    """What two poles hear in some days; now and then more than there can be, or less."""
    rng = np.random.default_rng(seed)
    times = np.arange(DAY0 + 2 * HOUR_MS, DAY0 + days * DAY_MS, every)
    loud = np.round(rng.normal(60.0, 10.0, (2, len(times))), 1)
    loud[rng.random(loud.shape) < 0.05] = 300.0
    return [(201 + k, "noise_dba", int(t), float(v)) for k in range(2) for t, v in zip(times, loud[k], strict=True)]


def reckoned(
    readings: Told, device: int, *, start: int, end: int, step: int
) -> list[tuple[int, int, float, float, float]]:
    """Start, count, least, greatest and last of each step, in the plainest way."""
    steps: dict[int, list[tuple[int, float]]] = {}
    for code, _, t, value in readings:
        if code == device and start <= t < end and 30.0 <= value <= 130.0:
            steps.setdefault(start + (t - start) // step * step, []).append((t, value))
    return [
        (at, len(some), min(v for _, v in some), max(v for _, v in some), max(some)[1])
        for at, some in sorted(steps.items())
    ]


def said(found: Series) -> list[tuple[int, int, float, float, float]]:
    columns = (found.t, found.count, found.min, found.max, found.last)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def parts(town: Town, table: str) -> list[tuple[object, ...]]:
    """All steps of a table, their parts put together."""
    found = town.hub.observations.ask(
        f"SELECT device, property, t, sum(count)::BIGINT, min(least), max(most), sum(total)::VARCHAR, "
        f"arg_max(last, (last_t, last_sequence, last)) FROM {table} GROUP BY ALL ORDER BY ALL"
    )
    return list(zip(*(column.tolist() for column in found.values()), strict=True))


def test_hours_and_days_say_what_the_readings_said_and_the_readings_go(tmp_path: Path) -> None:
    town, readings = poles(tmp_path), told(20)
    for day in range(20):
        some = [one for one in readings if DAY0 + day * DAY_MS <= one[2] < DAY0 + (day + 1) * DAY_MS]
        tell(town, some, first=sum(one[2] < DAY0 + day * DAY_MS for one in readings))
        settled(town, DAY0 + (day + 1) * DAY_MS)
    oldest = min(row[2] for row in town.stored() if row[0] > 200)
    assert DAY0 + (20 - KEPT) * DAY_MS <= oldest < DAY0 + (20 - KEPT) * DAY_MS + HOUR_MS
    for device in (201, 202):
        whole = {"start": DAY0, "end": DAY0 + 20 * DAY_MS}
        for every_s in (3600.0, 7200.0, 86_400.0):
            found = town.hub.queries.series(device, "noise_dba", every_s=every_s, **whole)
            assert said(found) == reckoned(readings, device, step=round(every_s * 1000), **whole)
    hourly = town.hub.queries.series(201, "noise_dba", every_s=3600.0, start=DAY0, end=DAY0 + 20 * DAY_MS)
    ours = np.array([v for d, _, t, v in readings if d == 201 and DAY0 + DAY_MS <= t < DAY0 + DAY_MS + HOUR_MS])
    at = hourly.t.tolist().index(DAY0 + DAY_MS)
    assert hourly.mean[at] == pytest.approx(ours[(ours >= 30.0) & (ours <= 130.0)].mean(), rel=1e-12)
    town.hub.close()


def test_a_series_says_what_it_is_made_of(tmp_path: Path) -> None:
    town, readings = poles(tmp_path), told(20)
    tell(town, readings, first=0)
    settled(town, DAY0 + 20 * DAY_MS)
    queries, end = town.hub.queries, DAY0 + 20 * DAY_MS
    gone, rolled = DAY0 + (20 - KEPT) * DAY_MS, DAY0 + 18 * DAY_MS
    fine = queries.series(201, "noise_dba", start=DAY0, end=end)
    assert [(s.resolution, s.start, s.end) for s in fine.spans] == [("hourly", DAY0, gone), ("raw", gone, end)]
    coarse = queries.series(201, "noise_dba", start=DAY0, end=end, every_s=86_400.0)
    assert [(s.resolution, s.start, s.end) for s in coarse.spans] == [("daily", DAY0, rolled), ("raw", rolled, end)]
    odd = queries.series(201, "noise_dba", start=rolled - 60_001, end=end, every_s=60.0)
    assert [s.resolution for s in odd.spans] == ["raw"]
    town.hub.close()


def test_what_comes_late_is_in_the_steps_although_its_day_is_rolled_up_and_its_readings_are_gone() -> None:
    town, readings = poles(), told(18)
    late = readings[5:9] + readings[900:903]
    tell(town, [one for one in readings if one not in late], first=0)
    settled(town, DAY0 + 18 * DAY_MS)
    tell(town, late, first=len(readings) - len(late))
    settled(town, DAY0 + 18 * DAY_MS + HOUR_MS)
    for device in (201, 202):
        for every_s in (3600.0, 86_400.0):
            found = town.hub.queries.series(device, "noise_dba", start=DAY0, end=DAY0 + 18 * DAY_MS, every_s=every_s)
            step = round(every_s * 1000)
            assert said(found) == reckoned(readings, device, start=DAY0, end=DAY0 + 18 * DAY_MS, step=step)
    town.hub.close()


@settings(max_examples=6, deadline=None)
@given(order=st.permutations(range(12)), pauses=st.lists(st.sampled_from([0, 6, 30, 90]), min_size=12, max_size=12))
def test_steps_do_not_depend_on_the_order_in_which_readings_came(order: list[int], pauses: list[int]) -> None:
    readings = told(6, every=90 * MINUTE, seed=8)
    pieces = [readings[k::12] for k in range(12)]
    firsts = np.cumsum([0, *(len(piece) for piece in pieces)]).tolist()
    tables = []
    for way, gaps in ((list(range(12)), [0] * 12), (order, pauses)):
        town, t = poles(), DAY0 + 6 * DAY_MS
        for k, gap in zip(way, gaps, strict=True):
            tell(town, pieces[k], first=firsts[k])
            t += gap * HOUR_MS
            settled(town, t)
        settled(town, DAY0 + 30 * DAY_MS)
        tables.append((parts(town, "hourly"), parts(town, "daily")))
        town.hub.close()
    assert tables[0] == tables[1]
    assert sum(row[3] for row in tables[0][0]) == 1 + sum(30.0 <= one[3] <= 130.0 for one in readings)  # type: ignore[misc]


def test_pieces_of_work_may_be_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datahub.ingest.upkeep.ROLL_ROWS", 7)
    monkeypatch.setattr("datahub.ingest.upkeep.TIDY_ROWS", 30)
    readings = told(70, every=4 * HOUR_MS)
    town, sent = poles(tmp_path), 0
    for day in range(70):
        some = [one for one in readings if DAY0 + day * DAY_MS <= one[2] < DAY0 + (day + 1) * DAY_MS]
        tell(town, some, first=sent)
        sent += len(some)
        town.hub.tick(DAY0 + (day + 1) * DAY_MS)
        town.hub.flush()
        for _ in range(3):
            town.hub.upkeep.step(DAY0 + (day + 1) * DAY_MS)
        if day % 9 == 4:  # the process ends between two pieces
            town.vanish()
            town = hub(tmp_path)
    found = town.hub.queries.series(201, "noise_dba", start=DAY0, end=DAY0 + 70 * DAY_MS, every_s=3600.0)
    assert said(found) == reckoned(readings, 201, start=DAY0, end=DAY0 + 70 * DAY_MS, step=HOUR_MS)
    town.hub.close()


def test_what_comes_late_while_its_day_is_half_rolled_up_is_in_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datahub.ingest.upkeep.ROLL_ROWS", 1)
    town, readings = poles(), told(2)
    late = [one for one in readings if one[2] >= DAY0 + DAY_MS][::5]
    assert {one[0] for one in late} == {201, 202}
    tell(town, [one for one in readings if one not in late], first=0)
    town.hub.tick(DAY0 + 4 * DAY_MS)
    town.hub.flush()
    while (mark := town.hub.observations.marks.get(ROLLED)) != Mark(DAY0 + DAY_MS, 201):
        assert mark is not None
        assert mark.t <= DAY0 + DAY_MS, "the mark lies before the first pole at some time"
        assert town.hub.upkeep.step(DAY0 + 4 * DAY_MS)
    tell(town, late, first=len(readings) - len(late))
    town.hub.tick(DAY0 + 4 * DAY_MS)
    between = Mark(DAY0 + DAY_MS, 202)
    while town.hub.observations.marks.get(ROLLED) != between:  # the first pole's day is rolled up, the other's is not
        assert town.hub.observations.marks.get(ROLLED) == Mark(DAY0 + DAY_MS, 201)
        assert town.hub.upkeep.step(DAY0 + 4 * DAY_MS)
    town.hub.flush()
    settled(town, DAY0 + 4 * DAY_MS)
    for device in (201, 202):
        for every_s in (3600.0, 86_400.0):
            found = town.hub.queries.series(device, "noise_dba", start=DAY0, end=DAY0 + 2 * DAY_MS, every_s=every_s)
            assert [span.resolution for span in found.spans] == ["hourly" if every_s == 3600.0 else "daily"]
            step = round(every_s * 1000)
            assert said(found) == reckoned(readings, device, start=DAY0, end=DAY0 + 2 * DAY_MS, step=step)
    town.hub.close()


def test_after_a_month_steps_lie_by_device() -> None:
    town, readings = poles(), told(75, every=HOUR_MS)
    for start in range(0, 75, 5):
        some = [one for one in readings if DAY0 + start * DAY_MS <= one[2] < DAY0 + (start + 5) * DAY_MS]
        tell(town, some, first=sum(one[2] < DAY0 + start * DAY_MS for one in readings))
        settled(town, DAY0 + (start + 5) * DAY_MS)
    month = rollups.following("hourly", DAY0)
    found = town.hub.observations.ask(
        "SELECT device, t FROM hourly WHERE t >= ? AND t < ? ORDER BY rowid",
        [month, rollups.following("hourly", month)],
    )
    order = list(zip(found["device"].tolist(), found["t"].tolist(), strict=True))
    assert len(order) > 1000
    assert order == sorted(order)
    town.hub.close()


def test_the_last_word_of_a_quiet_device_is_kept_whatever_its_age(tmp_path: Path) -> None:
    town = poles(tmp_path)
    town.send(pack(101, [(101, "volume_m3", T0 + n * MINUTE, n / 10) for n in range(5)]))
    town.hub.tick(T0 + HOUR_MS)
    tell(town, told(40, every=6 * HOUR_MS), first=0)
    settled(town, DAY0 + 40 * DAY_MS)
    quiet = [row[3] for row in town.stored() if row[0] == 101]
    assert quiet == [0.4]
    town.vanish()
    again = hub(tmp_path)
    assert again.hub.queries.latest_of(101)["volume_m3"] == (T0 + 4 * MINUTE, 0.4, 0)
    again.hub.close()


def test_a_property_may_be_kept_longer_than_the_others(tmp_path: Path) -> None:
    longer = f'{POLICY}\n[property.leakage_current_a]\nraw = 60\nsource = "x"\ndate = 2026-11-25\n'
    town, noises = poles(tmp_path, policy=longer), told(30, every=6 * HOUR_MS)
    leaks = [(code, "leakage_current_a", t, 0.01) for code, _, t, _ in noises]
    tell(town, noises + leaks, first=0)
    settled(town, DAY0 + 30 * DAY_MS)
    queries, whole = town.hub.queries, {"start": DAY0, "end": DAY0 + 30 * DAY_MS}
    assert [s.resolution for s in queries.series(201, "leakage_current_a", **whole).spans] == ["raw"]
    assert [s.resolution for s in queries.series(201, "noise_dba", **whole).spans] == ["hourly", "raw"]
    assert len(queries.raw(201, "leakage_current_a", **whole)) == len(leaks) // 2
    town.hub.upkeep.policy = load(POLICY)  # the exception is taken back
    settled(town, DAY0 + 31 * DAY_MS)
    assert [s.resolution for s in queries.series(201, "leakage_current_a", **whole).spans] == ["hourly", "raw"]
    assert min(row[2] for row in town.stored() if row[0] > 200) >= DAY0 + 17 * DAY_MS
    town.hub.close()


def test_hours_go_after_their_years_and_days_stay() -> None:
    town, readings = poles(), told(3, every=HOUR_MS)
    tell(town, readings, first=0)
    settled(town, DAY0 + 10 * DAY_MS)
    later = DAY0 + 1200 * DAY_MS
    tell(town, [(201, "noise_dba", later, 50.0)], first=len(readings))
    settled(town, later)
    assert [row for row in parts(town, "hourly") if row[2] < later - 1098 * DAY_MS] == []  # type: ignore[operator]
    found = town.hub.queries.series(201, "noise_dba", start=DAY0, end=DAY0 + 3 * DAY_MS, every_s=3600.0)
    assert [s.resolution for s in found.spans] == ["daily"]
    assert said(found) == reckoned(readings, 201, start=DAY0, end=DAY0 + 3 * DAY_MS, step=DAY_MS)
    town.hub.close()


def test_a_store_of_the_first_version_is_brought_up_with_its_readings(tmp_path: Path) -> None:
    town, readings = poles(tmp_path), told(12)
    tell(town, [*readings, (202, "noise_dba", DAY0 - 200 * DAY_MS, 44.0)], first=0)
    town.hub.tick(DAY0 + 12 * DAY_MS)
    town.hub.close()
    with duckdb.connect(tmp_path / FILE) as database:
        for table in ("account", "hourly", "daily", "mark"):
            database.execute(f"DROP TABLE {table}")
        database.execute("UPDATE hub_schema SET version = 1")
    again = hub(tmp_path)
    settled(again, DAY0 + 20 * DAY_MS)
    whole = {"start": DAY0 - 300 * DAY_MS, "end": DAY0 + 20 * DAY_MS}
    found = again.hub.queries.series(202, "noise_dba", every_s=3600.0, **whole)
    assert said(found) == reckoned(
        [*readings, (202, "noise_dba", DAY0 - 200 * DAY_MS, 44.0)], 202, step=HOUR_MS, **whole
    )
    again.hub.close()


@pytest.mark.parametrize(
    ("former", "now", "complaint"),
    [
        ('unit = "a"', 'unit = "d"', r"\[hourly\] is given in 'd'"),
        ("value = 14", "value = 2", "raw is kept 2 days raw"),
        ("value = 184", "value = 183", r"\[audit\] keeps the trail 183 days; the law asks for six months"),
        ("value = 14", "value = fourteen", "fourteen"),
        (
            "[settled]",
            '[property.mood]\nsource = "x"\ndate = 2026-11-25\n[settled]',
            r"\[property.mood\] is no property",
        ),
    ],
)
def test_a_policy_that_breaks_a_rule_is_refused(former: str, now: str, complaint: str) -> None:
    with pytest.raises(DeclarationError, match=complaint if "fourteen" not in now else "retention.toml"):
        load(POLICY.replace(former, now))
