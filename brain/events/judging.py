"""From an anomaly to an event: a burst main is placed, and believed in once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from brain.algorithms.location import Ranking
from brain.algorithms.network import distance_m
from brain.model import AnomalyFound, EventRaised, Place
from datahub.contract.city import City, ObjectTable
from datahub.contract.codes import Certainty

BURST = "water_main_burst"


@dataclass(frozen=True, slots=True)
class BurstRules:
    """How an anomaly is judged (``parameters/burst.toml``)."""

    same_cause_km: float
    likely_ratio: float
    candidate_ratio: float


def place_of(city: City, table: ObjectTable, row: int) -> Place:
    """Where a managed object is, in words a person can use. The unit grid is filled in by who knows it."""
    community = city.communities[int(table.community[row])] if city.communities else ""
    return Place(lon=float(table.lon[row]), lat=float(table.lat[row]), object=int(table.code[row]), community=community)


def judge_burst(
    city: City, anomaly: AnomalyFound, ranking: Ranking, *, open_at: Sequence[Place], rules: BurstRules
) -> EventRaised | None:
    """The burst that an anomaly means; None if it is one that is open already (``open_at``: their likeliest places).

    Whom it would leave dry is for those to add who know the lie of the land (``brain.ground``).
    """
    if not len(ranking):
        return None
    pipes = city.water.pipes
    named = np.flatnonzero(ranking.weight >= rules.candidate_ratio)
    rows = ranking.pipe[named if len(named) else [0]]
    place = place_of(city, pipes, int(rows[0]))
    if _same_cause(place, open_at, rules.same_cause_km):
        return None
    sure = float(ranking.weight[:3].sum()) >= rules.likely_ratio
    return EventRaised(
        t=anomaly.t,
        id=f"{BURST}-{place.object}-{anomaly.t}",
        type=BURST,
        place=place,
        certainty=Certainty.LIKELY if sure else Certainty.POSSIBLE,
        candidates={
            str(int(pipes.code[row])): round(float(weight), 4)
            for row, weight in zip(rows, ranking.weight, strict=False)
        },
        facts={"loss_m3_s": round(float(ranking.loss_m3_s[0]), 4)},
    )


def _same_cause(place: Place, open_at: Sequence[Place], within_km: float) -> bool:
    if not open_at:
        return False
    away = distance_m(
        np.array([one.lon for one in open_at]), np.array([one.lat for one in open_at]), to=(place.lon, place.lat)
    )
    return bool((away <= within_km * 1000).any())
