"""Where people live: the census by district, spread over its communities, and how many households that makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from datahub.contract.observations import Floats, Ints
from scenarios.survey.declared import Census, Settling

VILLAGERS_FROM, PARK_FROM = 200, 400
"""Digits 10-12 of a community's code: residents' committees below 200, villagers' below 400, others above
(National Bureau of Statistics, rules for statistical division codes; G, ``unverified``)."""


def populations(
    codes: Sequence[str], *, census: Census, settling: Settling, weights: Mapping[str, float], rng: np.random.Generator
) -> Ints:
    """People of each community, as whole numbers that add up to the census of the city.

    The districts' figures are scaled so that they add up to the census total (they may be of another year), then
    each is spread over its communities in proportion to their weights. ``codes`` are communities, ascending;
    ``weights`` gives a street or community a further weight by its code.
    """
    weight = np.array([_weight(code, settling) * weights.get(code, 1.0) * weights.get(code[:9], 1.0) for code in codes])
    weight *= np.exp(rng.normal(0.0, settling.spread, len(codes)))
    listed = sum(census.districts.values())
    share = np.zeros(len(codes))
    for district, people in census.districts.items():
        own = np.array([code.startswith(district) for code in codes])
        share[own] = census.total * people / listed * weight[own] / weight[own].sum()
    return apportioned(share, census.total)


def households(people: Ints, *, household_size: float) -> Ints:
    """Households of each community, at least one, adding up to people over household size."""
    return np.maximum(apportioned(people / household_size, round(float(people.sum()) / household_size)), 1)


def apportioned(share: Floats, total: int) -> Ints:
    """Whole numbers nearest to ``share`` that add up to ``total`` (largest remainders, ties by row)."""
    scaled: Floats = share * (total / share.sum())
    whole: Ints = np.floor(scaled).astype(np.int64)
    order = np.lexsort((np.arange(len(share)), whole - scaled))
    whole[order[: total - int(whole.sum())]] += 1
    return whole


def _weight(code: str, settling: Settling) -> float:
    """Weight of a community by the kind of its committee."""
    kind = int(code[9:12])
    if kind < VILLAGERS_FROM:
        return settling.residents_weight
    return settling.villagers_weight if kind < PARK_FROM else settling.park_weight
