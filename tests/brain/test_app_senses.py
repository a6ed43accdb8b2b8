"""What the senses hand to the decisions: an event knows the loggers by which it will be seen to be over."""

from __future__ import annotations

import numpy as np
from play import HARBOUR, START

from brain.algorithms.location import Ranking
from brain.awareness.supply import SupplyAnomaly
from brain.ground import Ground
from brain.model import AnomalyFound, EventRaised
from brain.plans.declared import FACTS
from brain.senses import CitySenses
from datahub.hub import Hub
from datahub.transport.local import LocalBus


def test_a_burst_remembers_the_loggers_that_gave_it_away_and_speaks_in_the_words_of_plans() -> None:
    hub = Hub(HARBOUR.name, HARBOUR.adcode, None, LocalBus().city_end, start=START)
    try:
        senses = CitySenses(HARBOUR, hub.queries, {})
        trunk = int(np.flatnonzero(HARBOUR.water.pipes.columns["trunk"])[0])
        one = np.array([1.0])
        ranking = Ranking(pipe=np.array([trunk]), weight=one, loss_m3_s=one * 0.2, misfit=one)
        message = AnomalyFound(t=START, id="a", kind="supply", evidence={"11": -9.0, "12": -7.5})
        anomaly = SupplyAnomaly(message, ranking)
        said = list(senses._supply(anomaly, []))
        assert said[0] == message
        assert isinstance(said[1], EventRaised)
        assert said[1].devices == (11, 12)
        pipes, facts = HARBOUR.water.pipes, said[1].facts
        assert facts.keys() <= FACTS.keys()
        assert facts.keys() == {
            "loss_m3_s",
            "people_without_water",
            "hospitals_affected",
            "hydrants_dry",
            "diameter_m",
            "road_class",
        }
        shutdown = Ground(HARBOUR, senses.movers).shutdown(int(pipes.code[trunk]))
        assert facts["people_without_water"] == shutdown.people
        assert facts["diameter_m"] == pipes.columns["diameter_m"][trunk]
    finally:
        hub.close()
