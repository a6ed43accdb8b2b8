from __future__ import annotations

import numpy as np
import pytest
from world_town import MIDNIGHT

from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS
from sensors.chance import Seeds
from sensors.world.weather import Weather, dew_point_c, saturation_hpa

HERE = np.array([114.3]), np.array([22.1])


def weather(seed: int = 1) -> Weather:
    return Weather(Seeds(seed), lon=114.3, lat=22.1, start=MIDNIGHT)


def series(room: Weather, days: int = 1) -> list[float]:
    values = []
    for step in range(days * 96):
        room.advance(MIDNIGHT + step * 15 * MINUTE_MS)
        values.append(float(room.air_temperature_c(*HERE)[0]))
    return values


def test_it_is_coldest_before_dawn_and_warmest_after_noon() -> None:
    day = np.mean([series(weather(seed)) for seed in range(20)], axis=0)
    assert 3 <= np.argmin(day) / 4 <= 6.5
    assert 12.5 <= np.argmax(day) / 4 <= 15.5
    assert 4.0 < day.max() - day.min() < 9.0


def test_june_is_as_warm_as_its_normal() -> None:
    means = [np.mean(series(weather(seed))) for seed in range(60)]
    assert np.mean(means) == pytest.approx(27.5, abs=0.7)


def test_temperature_makes_no_jump_at_midnight_or_elsewhere() -> None:
    assert np.abs(np.diff(series(weather(3), days=4))).max() < 0.6


def test_the_air_is_damper_at_night_and_never_over_saturated() -> None:
    room = weather()
    room.advance(MIDNIGHT + 5 * HOUR_MS)
    night = room.humidity_percent(*HERE)[0]
    room.advance(MIDNIGHT + 14 * HOUR_MS)
    assert 40 < room.humidity_percent(*HERE)[0] < night <= 99.5


def test_a_dew_point_is_where_the_air_is_saturated() -> None:
    assert saturation_hpa(dew_point_c(28.0, 80.0)) == pytest.approx(0.8 * saturation_hpa(28.0))


def test_weather_is_the_same_whatever_is_asked_first() -> None:
    straight, hopping = weather(9), weather(9)
    hopping.advance(MIDNIGHT + 5 * DAY_MS)
    hopping.mean_temperature_c(hopping.now)
    for hour in (3, 60, 110):
        t = MIDNIGHT + hour * HOUR_MS
        assert straight.mean_temperature_c(t) == hopping.mean_temperature_c(t)
