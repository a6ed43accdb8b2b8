"""Loggers that lie do not move a burst: each one's say in the ranking of mains is bounded."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from supply_bench import START, Field, equip, mains_rows, town, watch_of

from brain.algorithms.location import Ranking, Signatures, rank
from brain.awareness.inlets import Meters
from brain.awareness.search import meter_to_blame
from brain.awareness.supply import SupplyRules
from brain.parameter import bind
from datahub.contract.clock import HOUR_MS
from datahub.contract.observations import Floats, Ints
from sensors.chance import Seeds

WATER = town(communities=7)
LOGGERS = equip(WATER)
TRUST = bind(SupplyRules, "supply", day=date(2025, 6, 9)).trust
LOSS_M3_S = 0.1


@pytest.fixture(scope="module")
def patterns() -> Signatures:
    """What a loss on each main does to the loggers, by the brain's own picture of a morning."""
    watch, households = watch_of(WATER, LOGGERS), np.asarray(WATER.zones.columns["households"], np.float64)
    watch.picture.normal(households * 1.2e-5, t=START + 9 * HOUR_MS, hold=False)
    assert watch.picture.patterns is not None
    return watch.picture.patterns


@pytest.fixture(scope="module")
def mains() -> Ints:
    """Register rows of the mains that may burst."""
    field = Field(WATER, LOGGERS, 1)
    return np.asarray(field.network.pipe[mains_rows(field)])


SIGMA: Floats = np.where(LOGGERS.flow, 0.002, 1500.0)


def seen(patterns: Signatures, pipe: int) -> Floats:
    """Deviations while a main loses ``LOSS_M3_S``, with a calm day's noise."""
    column = int(np.flatnonzero(patterns.pipe == pipe)[0])
    noise = Seeds(pipe).rng("noise").normal(0, 0.3, len(SIGMA))
    return np.asarray(LOSS_M3_S * patterns.change[:, column] + SIGMA * noise)


@pytest.mark.parametrize("wrong", [-50.0, 50.0])
def test_one_logger_far_off_does_not_move_the_true_main_from_the_first_place(
    patterns: Signatures, mains: Ints, wrong: float
) -> None:
    """But for a main that hardly any logger watches; nor does the liar blow the loss up or play it down."""
    telling = np.flatnonzero(np.abs(patterns.change).sum(axis=1) > 0)
    right, error = [], []
    for pipe in mains.tolist():
        honest = seen(patterns, pipe)
        assert rank(honest, SIGMA, patterns, TRUST).pipe[0] == pipe
        for liar in telling.tolist():
            deviation = honest.copy()
            deviation[liar] += wrong * SIGMA[liar]
            ranking = rank(deviation, SIGMA, patterns, TRUST)
            right.append(ranking.pipe[0] == pipe)
            error.append(abs(float(ranking.loss_m3_s[ranking.pipe == pipe][0]) / LOSS_M3_S - 1))
    assert len(right) > 200
    assert np.mean(right) >= 0.99
    assert np.median(error) <= 0.08


def meters(*, said: list[float]) -> Meters:
    """Two inlet meters where 0.05 m3/s are usual."""
    usual = np.array([0.05, 0.05])
    rows = np.arange(2)
    return Meters(signal=rows, zone=rows, said=np.array(said), usual=usual, scale=np.full(2, 0.003), drawn=usual)


def ranked(*lines: tuple[int, float, float]) -> Ranking:
    """Rows (a meter as -1 - place), their weights and losses."""
    row, weight, loss = (np.array(column) for column in zip(*lines, strict=True))
    return Ranking(row, weight, loss, np.ones(len(lines)))


def test_a_meter_that_explains_the_loss_as_well_as_any_main_is_blamed_for_it() -> None:
    low = meters(said=[0.05, 0.02])
    assert meter_to_blame(ranked((-2, 0.6, 0.03), (7, 0.4, 0.03)), low) == 1
    assert meter_to_blame(ranked((7, 0.8, 0.03), (-2, 0.2, 0.03)), low) == 1, "a quarter of the best main's weight"
    assert meter_to_blame(ranked((7, 0.95, 0.03), (-2, 0.05, 0.03)), low) == -1, "a main explains it far better"
    assert meter_to_blame(ranked((-2, 0.6, 0.08), (7, 0.4, 0.08)), low) == -1, "more is lost than the meter lacks"
    assert meter_to_blame(ranked((7, 0.6, 0.03), (8, 0.4, 0.03)), low) == -1, "no meter is suspected"
