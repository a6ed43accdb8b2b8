"""Normal bands, learned from synthetic days."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from brain.awareness.bands import BandRules, Bands
from brain.awareness.habit import Habit
from brain.awareness.loggers import Windows, medians
from brain.parameter import bind
from datahub.contract.clock import CITY_ZONE, DAY_MS, HOUR_MS, MINUTE_MS, from_datetime, of_day
from sensors.chance import Seeds

MONDAY = from_datetime(datetime(2025, 6, 9, tzinfo=CITY_ZONE))
QUARTER = 15 * MINUTE_MS


def curve(t: int) -> np.ndarray:
    hour = of_day(t) / HOUR_MS
    return np.array([0.1 + 0.05 * np.sin(hour / 24 * 2 * np.pi), 300e3 - 40e3 * np.sin(hour / 24 * 2 * np.pi)])


def learned(days: int, *, seed: int = 1, spread: float = 0.03) -> tuple[Bands, np.random.Generator]:
    bands = Bands(2, bind(BandRules, "bands", day=date(2025, 6, 9)))
    rng = Seeds(seed).rng("bands")
    for t in range(MONDAY, MONDAY + days * DAY_MS, QUARTER):
        bands.learn(t, curve(t) * (1 + spread * rng.normal(size=2)))
    return bands, rng


def test_an_hour_of_one_day_is_as_wide_as_its_neighbours_say() -> None:
    bands, _ = learned(3)
    hour = MONDAY + 3 * DAY_MS + 9 * HOUR_MS
    slot = bands.slot(hour)
    bands.history[np.flatnonzero(bands.days >= 0)[:2], slot] = np.nan
    alone, before = bands.scale(hour), bands.scale(hour - HOUR_MS)
    assert (alone > before).all(), "one day is less certain than three"
    assert (alone < 5 * before).all(), "and no stranger than the hours around"
    assert (alone < 0.15 * bands.level(hour)).all()


def test_the_level_follows_the_day_and_the_scatter_is_about_right() -> None:
    bands, _ = learned(10)
    times = range(MONDAY + 10 * DAY_MS, MONDAY + 11 * DAY_MS, HOUR_MS)
    for t in times:
        assert bands.level(t) == pytest.approx(curve(t), rel=0.05)
    ratio = np.mean([bands.scale(t) / (0.03 * curve(t)) for t in times], axis=0)
    assert (ratio > 0.9).all()
    assert (ratio < 1.5).all()


def test_a_normal_day_stays_in_the_band_and_a_loss_leaves_it() -> None:
    bands, rng = learned(3)
    out, times = 0, range(MONDAY + 3 * DAY_MS, MONDAY + 4 * DAY_MS, QUARTER)
    for t in times:
        low, high = bands.normal(t)
        value = curve(t) * (1 + 0.03 * rng.normal(size=2))
        out += int(((value < low) | (value > high)).sum())
    assert out <= 0.03 * 2 * len(times)
    night = MONDAY + 3 * DAY_MS + 3 * HOUR_MS
    assert bands.z(night, 1.6 * curve(night))[0] > 5


@pytest.mark.parametrize(("few", "many"), [(1, 3), (2, 5), (3, 10)])
def test_a_band_from_fewer_days_is_wider(few: int, many: int) -> None:
    times = range(MONDAY + 11 * DAY_MS, MONDAY + 12 * DAY_MS, QUARTER)
    narrow, wide = learned(many)[0], learned(few)[0]
    assert np.mean([wide.scale(t) for t in times]) > np.mean([narrow.scale(t) for t in times])


def test_an_hour_that_was_never_seen_has_no_band() -> None:
    bands = Bands(2, bind(BandRules, "bands", day=date(2025, 6, 9)))
    bands.learn(MONDAY, curve(MONDAY))
    assert np.isnan(bands.level(MONDAY + DAY_MS + 5 * HOUR_MS)).all()
    assert bands.level(MONDAY + DAY_MS) == pytest.approx(curve(MONDAY))


def test_weekends_are_judged_by_weekends_once_there_are_enough() -> None:
    bands = Bands(1, bind(BandRules, "bands", day=date(2025, 6, 9)))
    for number in range(14):
        bands.learn(MONDAY + number * DAY_MS, np.array([2.0 if number % 7 >= 5 else 1.0]))
    assert bands.level(MONDAY + 15 * DAY_MS)[0] == 1.0
    assert bands.level(MONDAY + 19 * DAY_MS)[0] in (1.0, 2.0)


def test_learned_bands_survive_being_saved() -> None:
    bands, _ = learned(3)
    again = Bands(2, bind(BandRules, "bands", day=date(2025, 6, 9)))
    again.restore(bands.state())
    t = MONDAY + 3 * DAY_MS + 7 * HOUR_MS
    assert again.level(t) == pytest.approx(bands.level(t), rel=1e-6)
    assert again.scale(t) == pytest.approx(bands.scale(t), rel=1e-3)


def test_the_curve_is_the_band_over_time() -> None:
    bands, _ = learned(3)
    start = MONDAY + 3 * DAY_MS
    times, low, high = bands.curve(1, start, start + 6 * HOUR_MS)
    assert len(times) == 24
    assert (low < high).all()
    assert bands.normal(int(times[5]))[0][1] == pytest.approx(low[5])


def test_a_habit_follows_drift_but_not_a_jump() -> None:
    habit = Habit(least=np.full(2, 0.1), memory=100, pace=0.03, bound_sigma=3.0, error_ratio=0.1)
    rng, model = Seeds(3).rng("habit"), np.full(2, 5.0)
    for step in range(400):
        habit.learn(model + np.array([0.002 * step, 0.0]) + 0.2 * rng.normal(size=2), model, refresh_every=12)
    assert abs(habit.bias[0] + 5.0 * habit.share[0] - 0.8) < 0.25
    assert habit.scale == pytest.approx([0.2, 0.2], rel=0.4)
    before = habit.bias.copy()
    habit.learn(model + before + 50.0, model, refresh_every=12)
    assert (habit.bias - before < 0.05).all()


@pytest.mark.parametrize("wrong", [0.08, 0.0, -0.05])
def test_a_model_that_is_wrong_by_a_share_of_the_load_is_seen_through_for_a_day_and_then_believed(wrong: float) -> None:
    day = 288
    habit = Habit(least=np.full(1, 0.1), memory=day, pace=0.03, bound_sigma=3.0, error_ratio=0.15)
    rng = Seeds(4).rng("habit")

    def live(windows: range) -> np.ndarray:
        seen = []
        for step in windows:
            model = np.array([10.0 + 8.0 * np.sin(2 * np.pi * step / day) ** 3])
            value = model * (1 + wrong) + 1.5 + 0.1 * rng.normal(size=1)
            seen.append(habit.deviation(value, model)[0])
            habit.learn(value, model, refresh_every=12)
        return np.array(seen[1:])

    live(range(day))
    assert habit.share[0] == pytest.approx(wrong, abs=0.01)
    assert np.abs(live(range(day, 2 * day))).max() < 0.45  # noise of 0.1; the share alone would make 0.64


def test_a_habit_that_settles_is_new_after_so_many_windows() -> None:
    habit = Habit(least=np.full(1, 0.1), memory=100, pace=0.01, bound_sigma=30.0, error_ratio=0.1)
    model = np.full(1, 5.0)
    for _ in range(300):
        habit.learn(model, model, refresh_every=12)
    habit.settle(12)
    for _ in range(12):
        habit.learn(model + 1.0, model, refresh_every=12)
    assert habit.bias[0] == pytest.approx(0.5, abs=0.1)


def test_windows_give_medians_once_they_are_over_and_leave_latecomers_out() -> None:
    windows = Windows(2, 5 * MINUTE_MS, MINUTE_MS)
    for minute in range(5):
        windows.add(np.array([0, 1]), np.full(2, MONDAY + minute * MINUTE_MS), np.array([minute, 10.0]))
    assert windows.close(MONDAY + 5 * MINUTE_MS) == []
    [(start, values)] = windows.close(MONDAY + 6 * MINUTE_MS)
    assert start == MONDAY
    assert values.tolist() == [2.0, 10.0]
    windows.add(np.array([0]), np.array([MONDAY]), np.array([99.0]))
    assert windows.close(MONDAY + 11 * MINUTE_MS) == []


def test_medians_of_groups_are_numpys() -> None:
    rng = Seeds(4).rng("medians")
    group, value = rng.integers(0, 6, 100), rng.normal(size=100)
    group[group == 4] = 3
    result = medians(group, value, 6)
    assert np.isnan(result[4])
    for one in (0, 1, 2, 3, 5):
        assert result[one] == np.median(value[group == one])
