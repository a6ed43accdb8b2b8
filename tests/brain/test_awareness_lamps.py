"""Dark lamps, dark feeders and silent poles, told apart."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from brain.algorithms.sun import elevation_deg
from brain.awareness.lamps import (
    DEVICE_SILENT,
    DIMMING,
    FEEDER_DARK,
    LAMP_DARK,
    LIGHT,
    POWER,
    LampRules,
    LampWatch,
    Poles,
)
from brain.parameter import bind
from datahub.contract.clock import CITY_ZONE, HOUR_MS, MINUTE_MS, from_datetime
from sensors.chance import Seeds

NIGHT, NOON = (
    from_datetime(datetime(2025, 6, 9, 22, tzinfo=CITY_ZONE)),
    from_datetime(datetime(2025, 6, 9, 12, tzinfo=CITY_ZONE)),
)
FEEDERS, PER = 4, 25
N = FEEDERS * PER


def watch() -> LampWatch:
    poles = Poles(
        device=np.arange(N) + 10_000,
        pole=np.arange(N) + 500,
        feeder=np.repeat(np.arange(FEEDERS) + 9_000, PER),
        lamp_w=np.full(N, 150.0),
    )
    return LampWatch(poles, bind(LampRules, "lamps", day=date(2025, 6, 9)), 113.5, 22.2)


def speak(
    lamps: LampWatch,
    start: int,
    minutes: int,
    *,
    dark: tuple[int, ...] = (),
    zero_meter: tuple[int, ...] = (),
    mute: tuple[int, ...] = (),
    dead: tuple[int, ...] = (),
    level: float = 1.0,
) -> list[tuple[str, int]]:
    """Let all poles report every five minutes; what is found, as (type, object)."""
    rng = Seeds(1).rng("lamps")
    found = []
    rows = np.setdiff1d(np.arange(N), mute)
    for t in range(start, start + minutes * MINUTE_MS, MINUTE_MS):
        now = rows[rows % 5 == (t // MINUTE_MS) % 5]
        if len(now):
            off = np.isin(now, dark)
            no_watts = off | np.isin(now, zero_meter)
            device, times = lamps.poles.device[now], np.full(len(now), t)
            lamps.take(POWER, device, times, np.where(no_watts, 0.0, 150 * level + rng.normal(0, 1, len(now))))
            lamps.take(DIMMING, device, times, np.full(len(now), level))
            lamps.take(LIGHT, device, times, np.where(off, 0.1, 10 * level) + rng.normal(0, 0.05, len(now)))
        found += [(one.type, one.object) for one in lamps.tick(t, dead=np.isin(lamps.feeders, dead))]
    return found


def test_a_dark_lamp_is_found_once_and_again_only_after_it_burned() -> None:
    lamps = watch()
    assert speak(lamps, NIGHT, 30) == []
    assert speak(lamps, NIGHT + HOUR_MS // 2, 60, dark=(7,)) == [(LAMP_DARK, 507)]
    assert lamps.burning_since(507, NIGHT) is False or lamps.lit_at[7] > NIGHT
    assert lamps.burning_since(507, NIGHT + HOUR_MS) is False
    assert speak(lamps, NIGHT + 2 * HOUR_MS, 30) == []
    assert lamps.burning_since(507, NIGHT + 2 * HOUR_MS) is True
    assert speak(lamps, NIGHT + 3 * HOUR_MS, 30, dark=(7,)) == [(LAMP_DARK, 507)]


def test_by_day_and_with_a_stuck_power_meter_nothing_is_found() -> None:
    assert speak(watch(), NOON, 60, dark=(3,)) == []
    assert speak(watch(), NIGHT, 60, zero_meter=(3,)) == [], "its light still falls on the pole"
    assert speak(watch(), NIGHT, 60, dark=(3,), level=0.0) == [], "it was told to be dark"


def test_one_odd_reading_is_not_enough() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 20)
    assert speak(lamps, NIGHT + 20 * MINUTE_MS, 5, dark=(9,)) == []
    assert speak(lamps, NIGHT + 25 * MINUTE_MS, 30) == []


def test_a_feeder_without_voltage_is_one_finding_not_twenty_five() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    found = speak(lamps, NIGHT + HOUR_MS // 2, 90, mute=tuple(range(PER, 2 * PER)), dead=(9_001,))
    assert found == [(FEEDER_DARK, 9_001)]
    assert speak(lamps, NIGHT + 3 * HOUR_MS, 30) == []
    assert lamps.feeder_burning_since(9_001, NIGHT + 3 * HOUR_MS) is True


def test_a_cabinet_that_merely_lost_its_link_is_not_dark() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    assert speak(lamps, NIGHT + HOUR_MS // 2, 90, mute=tuple(range(PER, 2 * PER))) == [], "it gave no last gasp"
    assert speak(lamps, NIGHT + 2 * HOUR_MS, 30, mute=tuple(range(PER, 2 * PER)), dead=(9_001,)) == [
        (FEEDER_DARK, 9_001)
    ]


def test_a_power_meter_at_nought_is_no_dark_lamp_even_where_no_other_pole_spoke_just_now() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    others = tuple(row for row in range(N) if row != 3)
    assert (LAMP_DARK, 503) not in speak(lamps, NIGHT + HOUR_MS // 2, 60, zero_meter=(3,), mute=others[:48])
    lamps = watch()
    speak(lamps, NIGHT, 30, zero_meter=(0,), mute=tuple(range(5, N, 5)))
    assert not lamps.reported[0], "the only pole of its minute, and its light still falls"


def test_all_lamps_of_a_feeder_dark_at_once_is_the_feeder() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    found = speak(lamps, NIGHT + HOUR_MS // 2, 60, dark=tuple(range(PER)))
    assert (FEEDER_DARK, 9_000) in found
    assert len([one for one in found if one[0] == FEEDER_DARK]) == 1


def test_a_pole_that_stops_talking_is_a_device_and_no_lamp() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    assert speak(lamps, NIGHT + HOUR_MS // 2, 90, mute=(11,)) == [(DEVICE_SILENT, 511)]


def test_when_nearly_everything_is_silent_the_platform_is_deaf() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    assert speak(lamps, NIGHT + HOUR_MS // 2, 90, mute=tuple(range(N - PER))) == []


def test_late_readings_do_not_undo_newer_ones() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30)
    before = lamps.said.copy()
    lamps.take(POWER, lamps.poles.device[:5], np.full(5, NIGHT), np.zeros(5))
    assert (lamps.said == before).all()


def test_what_is_remembered_survives_a_restart() -> None:
    lamps = watch()
    speak(lamps, NIGHT, 30, dark=(7,))
    again = watch()
    again.restore(lamps.state())
    assert speak(again, NIGHT + HOUR_MS // 2, 30, dark=(7,)) == []


def test_the_sun_of_zhuhai_rises_and_sets_when_the_almanac_says() -> None:
    # Zhuhai (113.58 E, 22.27 N), solstice 2025-06-21: sunrise 05:41, sunset 19:13 local (upper limb, -0.833 deg).
    rise, fall = (
        from_datetime(datetime(2025, 6, 21, 5, 41, tzinfo=CITY_ZONE)),
        from_datetime(datetime(2025, 6, 21, 19, 13, tzinfo=CITY_ZONE)),
    )
    for t in (rise, fall):
        assert abs(elevation_deg(t, lon=113.58, lat=22.27) + 0.833) < 0.8
    assert elevation_deg(from_datetime(datetime(2025, 6, 21, 12, 27, tzinfo=CITY_ZONE)), lon=113.58, lat=22.27) > 88
