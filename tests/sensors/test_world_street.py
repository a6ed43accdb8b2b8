from __future__ import annotations

import numpy as np
import pytest
from world_town import MIDNIGHT, city

from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.contract.errors import UsageError
from sensors.chance import Seeds
from sensors.world import trait
from sensors.world.disturbance import Disturbance
from sensors.world.street import FAILURES_PER_YEAR, STANDING_SHARE
from sensors.world.world import World

ALL = np.arange(8)
NIGHT = MIDNIGHT + 22 * HOUR_MS
TOWN = city()
POLES, FEEDERS = TOWN.objects["pole"].code, TOWN.objects["lamp_feeder"].code


def world(*disturbances: Disturbance, at: int = NIGHT) -> World:
    made = World(TOWN, disturbances, Seeds(2), start=MIDNIGHT)
    made.advance(at)
    return made


def test_lamps_draw_their_own_power_at_night_and_nothing_by_day() -> None:
    night = world().street.lamp_power_w(ALL)
    assert night[:4] == pytest.approx(150, rel=0.08)
    assert night[4:] == pytest.approx(80, rel=0.08)
    assert len(np.unique(night)) == 8
    assert not world(at=MIDNIGHT + 12 * HOUR_MS).street.lamp_power_w(ALL).any()


def test_a_dimmed_lamp_draws_less_and_gives_less_light() -> None:
    here = world()
    full, bright = here.street.lamp_power_w(ALL), here.street.illuminance_lx(ALL)
    here.street.dimming_ratio[[2]] = 0.5
    assert here.street.lamp_power_w(ALL)[2] == pytest.approx(full[2] * (STANDING_SHARE + (1 - STANDING_SHARE) / 2))
    assert here.street.illuminance_lx(ALL)[2] == pytest.approx(bright[2] - 5)


def test_a_broken_lamp_is_dark_and_its_feeder_is_not() -> None:
    here = world(Disturbance("lamp_failure", NIGHT - HOUR_MS, int(POLES[3])))
    assert here.street.broken.tolist() == [row == 3 for row in range(8)]
    assert (here.street.lamp_power_w(ALL) > 0).tolist() == [row != 3 for row in range(8)]
    assert here.power.energised(FEEDERS).all()


def test_repair_names_the_cause_once_and_the_lamp_burns_again() -> None:
    here = world(Disturbance("lamp_failure", NIGHT, int(POLES[3])))
    assert not here.street.lit(ALL)[3]
    assert here.street.repair(3) in {"driver", "led_module", "wiring", "controller"}
    assert here.street.repair(3) == ""
    assert here.street.lit(ALL).all()


def test_by_day_a_test_switch_shows_which_lamps_would_burn() -> None:
    here = world(Disturbance("lamp_failure", MIDNIGHT, int(POLES[3])), at=MIDNIGHT + 12 * HOUR_MS)
    assert here.street.lit(ALL, test=True).tolist() == [row != 3 for row in range(8)]


def test_a_failed_feeder_darkens_all_its_lamps_and_no_other() -> None:
    here = world(Disturbance("feeder_failure", NIGHT, int(FEEDERS[1])))
    assert (here.street.lamp_power_w(ALL) > 0).tolist() == [True] * 4 + [False] * 4
    assert not here.street.broken.any()
    assert not here.street.leakage_current_a(ALL)[4:].any()
    here.power.restore(int(FEEDERS[1]))
    assert (here.street.lamp_power_w(ALL) > 0).all()


def test_an_unknown_feeder_is_refused_by_its_code() -> None:
    with pytest.raises(UsageError, match="4711"):
        world().power.fail(4711)


def test_lamps_die_at_the_declared_rate() -> None:
    codes = np.arange(200_000) * 10 + 99020101180000000
    lives = -np.log(trait.uniform(codes, 77)) / FAILURES_PER_YEAR
    assert (lives < 1).mean() == pytest.approx(1 - np.exp(-FAILURES_PER_YEAR), rel=0.05)


def test_the_road_is_loud_by_day_and_quiet_at_night_and_louder_on_main_roads() -> None:
    day, night = (world(at=MIDNIGHT + hour * HOUR_MS).street.noise_dba(ALL) for hour in (8, 3))
    assert 64 < day[:4].mean() < 73
    assert 55 < night[:4].mean() < 64
    assert day[:4].mean() > day[4:].mean() + 5


def test_dust_stays_within_what_the_coast_breathes_in_summer() -> None:
    here = world(at=MIDNIGHT)
    for hour in range(0, 72, 3):
        here.advance(MIDNIGHT + hour * HOUR_MS)
        assert (here.street.pm2_5_ug_m3(ALL) > 3).all()
        assert (here.street.pm2_5_ug_m3(ALL) < 75).all()


def test_traits_belong_to_the_code_not_to_the_company_it_is_asked_in() -> None:
    salt = trait.salt(Seeds(1), "thing")
    codes = POLES
    assert trait.uniform(codes[[5, 1]], salt).tolist() == trait.uniform(codes, salt)[[5, 1]].tolist()
    many = trait.uniform(np.arange(100_000), salt)
    assert np.histogram(many, 10, (0, 1))[0] == pytest.approx(10_000, rel=0.05)
    assert trait.normal(np.arange(100_000), salt).std() == pytest.approx(1, abs=0.02)


def test_failures_go_on_for_years() -> None:
    here = world(at=MIDNIGHT)
    here.advance(MIDNIGHT + DAY_MS)
    ends = here.street.fails_at
    assert (ends > MIDNIGHT).all()
    assert len(np.unique(ends)) == 8
