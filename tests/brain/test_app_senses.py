"""What the senses hand to the decisions: an event knows the loggers by which it will be seen to be over."""

from __future__ import annotations

import numpy as np
from play import HARBOUR, START

from brain.algorithms.location import Ranking
from brain.awareness.supply import SupplyAnomaly
from brain.model import AnomalyFound, EventRaised
from brain.senses import CitySenses
from datahub.hub import Hub
from datahub.transport.local import LocalBus


def test_a_burst_remembers_the_loggers_that_gave_it_away() -> None:
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
    finally:
        hub.close()
