"""The mains are not as the survey has them: each has a roughness of its own, which nobody but the world knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from world_town import MIDNIGHT, city

from datahub.contract.city import WaterNetwork
from datahub.contract.clock import HOUR_MS
from datahub.contract.observations import Floats
from datahub.contract.units import PASCAL_PER_METRE
from scenarios.survey.city import load_city
from sensors.chance import Seeds
from sensors.world.condition import AGEING, as_it_lies
from sensors.world.demand import leak_coefficient
from sensors.world.supply import Supply
from sensors.world.water import PEAK, Water

TOWN = city()


def test_true_roughness_strays_from_the_register_as_declared_and_from_nothing_else() -> None:
    surveyed = load_city("harbour").water
    ageing = np.concatenate(
        [np.log(true_c / 120) for seed in range(40) for true_c in [roughness(as_it_lies(surveyed, Seeds(seed)))]]
    )
    assert np.mean(ageing) == pytest.approx(0, abs=0.01)
    assert np.std(ageing) == pytest.approx(AGEING, rel=0.05)
    lies = as_it_lies(surveyed, Seeds(1))
    assert all(
        lies.pipes.columns[name] is column for name, column in surveyed.pipes.columns.items() if name != "roughness"
    )
    assert (roughness(surveyed) == 120).all(), "the register stays as it was"


def test_a_pipe_is_as_rough_whatever_else_is_surveyed_and_in_which_order() -> None:
    surveyed = TOWN.water
    some = np.flatnonzero(np.arange(len(surveyed.pipes)) % 3 == 0)[::-1]
    pipes = surveyed.pipes
    fewer = replace(
        pipes,
        code=pipes.code[some],
        columns={name: column[some] for name, column in pipes.columns.items()},
    )
    alone = as_it_lies(replace(surveyed, pipes=fewer), Seeds(5))
    assert roughness(alone).tolist() == roughness(as_it_lies(surveyed, Seeds(5)))[some].tolist()
    assert roughness(alone).tolist() != roughness(as_it_lies(surveyed, Seeds(6)))[some].tolist()


def test_water_flows_through_the_mains_as_they_lie() -> None:
    """In the evening's peak the register would have the mains elsewhere by more than a gauge's accuracy (4 kPa)."""
    evening = MIDNIGHT + 20 * HOUR_MS
    true = Water(TOWN.water, TOWN.objects["meter_point"], Seeds(3), start=evening)
    mean = true._demand.households + true._demand.others
    by_register = Supply(TOWN.water, leaks=leak_coefficient(TOWN.water, mean), peak_m3_s=mean * PEAK)
    surveyed = by_register.solve(true._demand.wanted(evening)).pressure_m
    apart = np.abs(true.pressure_pa(np.arange(len(surveyed))) - surveyed * PASCAL_PER_METRE)
    assert apart.max() > 4000
    assert apart.max() < 100_000, "yet it is the same town"
    true.close()
    by_register.engine.close()


def roughness(water: WaterNetwork) -> Floats:
    """Hazen-Williams C of each pipe."""
    return np.asarray(water.pipes.columns["roughness"], np.float64)
