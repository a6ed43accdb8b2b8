from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from datahub.contract.clock import MINUTE_MS, from_datetime
from sensors.world.sun import CIVIL_DEG, HORIZON_DEG, LAMPS_DEG, Sun, clear_sky_lx, crossing, elevation_deg

ZHUHAI = {"lon": 113.55, "lat": 22.27}


def at(text: str) -> int:
    return from_datetime(datetime.fromisoformat(text))


@pytest.mark.parametrize(
    ("day", "rise", "set_"),
    [  # the almanac of the Hong Kong Observatory, to the minute, which lies 0.62 deg to the east (unverified)
        ("2025-06-21", "05:40", "19:10"),
        ("2025-12-21", "06:58", "17:44"),
    ],
)
def test_the_sun_rises_and_sets_when_the_neighbouring_almanac_says(day: str, rise: str, set_: str) -> None:
    noon = at(f"{day}T12:00")
    for rising, time in ((True, rise), (False, set_)):
        found = crossing(noon, lon=114.174, lat=22.302, elevation=HORIZON_DEG, rising=rising)
        assert abs(found - at(f"{day}T{time}")) <= 1.5 * MINUTE_MS
        later = crossing(noon, **ZHUHAI, elevation=HORIZON_DEG, rising=rising)
        assert later - found == pytest.approx(0.62 * 4 * MINUTE_MS, abs=0.3 * MINUTE_MS)


def test_at_the_tropic_the_midsummer_sun_stands_almost_overhead() -> None:
    noon = crossing(at("2025-06-21T12:00"), **ZHUHAI, elevation=90.0, rising=True)
    assert elevation_deg(noon, **ZHUHAI) == pytest.approx(90 - (23.44 - 22.27), abs=0.1)


def test_a_crossing_lies_at_the_elevation_that_was_asked_for() -> None:
    dusk = crossing(at("2025-10-01T12:00"), **ZHUHAI, elevation=CIVIL_DEG, rising=False)
    assert elevation_deg(dusk, **ZHUHAI) == pytest.approx(CIVIL_DEG, abs=0.01)


def test_light_never_falls_while_the_sun_rises() -> None:
    lights = [clear_sky_lx(-18 + 0.25 * step) for step in range(400)]
    assert all(later >= earlier for earlier, later in pairwise(lights))
    assert clear_sky_lx(-6) == pytest.approx(3.4, rel=0.01)
    assert 100_000 < clear_sky_lx(88) < 150_000


def test_street_lamps_are_switched_at_about_thirty_lux() -> None:
    assert clear_sky_lx(LAMPS_DEG) == pytest.approx(30, rel=0.15)
    sun = Sun(**ZHUHAI, start=at("2025-06-18T18:30"))
    assert not sun.lamps_burn()
    sun.advance(at("2025-06-18T19:40"))
    assert sun.lamps_burn()


def test_a_covered_sky_gives_less_light() -> None:
    sun = Sun(**ZHUHAI, start=at("2025-06-18T12:00"))
    assert sun.illuminance_lx(cloud_ratio=1.0) == pytest.approx(sun.illuminance_lx() / 4)
