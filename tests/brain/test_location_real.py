"""Bursts in the simulated world (EPANET), seen through loggers, placed by the brain's own picture."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
from world_bench import Reader, run, watch_of

from brain.algorithms.network import distance_m
from brain.awareness.supply import SupplyAnomaly
from brain.events.judging import BURST, BurstRules, judge_burst
from brain.parameter import bind
from datahub.contract.clock import CITY_ZONE, DAY_MS, MINUTE_MS, from_datetime
from datahub.contract.codes import Certainty
from scenarios.survey.city import load_city
from sensors.chance import Seeds
from sensors.world.water import Water

START = from_datetime(datetime(2025, 6, 9, tzinfo=CITY_ZONE))


def test_bursts_of_the_harbour_are_found_placed_and_judged_once() -> None:
    city = load_city("harbour")
    water = Water(city.water, city.objects["meter_point"], Seeds(1), start=START)
    watch = watch_of(city)
    reader = Reader(water, watch.loggers, 1)
    assert run(watch, reader, START, START + int(1.6 * DAY_MS)) == []
    state, now = watch.state(), START + int(1.6 * DAY_MS)
    pipes = city.water.pipes
    source = np.asarray(city.water.nodes.columns["source"]).astype(bool)
    a, b = (np.asarray(pipes.columns[end]).astype(np.int64) for end in ("a", "b"))
    main = np.flatnonzero(np.asarray(pipes.columns["trunk"]).astype(bool) & ~source[a] & ~source[b])
    good, delays, anomaly = 0, [], None
    for row in main.tolist():
        watch = watch_of(city)
        watch.restore(state)
        onset = now + 7 * MINUTE_MS
        run(watch, reader, now, onset)
        water.burst(row, 0.003)
        true = water.leak_m3_s(row)
        found = run(watch, reader, onset, onset + 20 * MINUTE_MS)
        water.repair(row)
        now = onset + 23 * MINUTE_MS
        if not found:  # a main that too few loggers watch, as on the island
            continue
        t, anomaly = found[0]
        assert isinstance(anomaly, SupplyAnomaly)
        delays.append((t - onset) / MINUTE_MS)
        ranking = anomaly.ranking
        away = distance_m(pipes.lon[ranking.pipe], pipes.lat[ranking.pipe], to=(pipes.lon[row], pipes.lat[row]))
        good += bool((away[:3] <= 500).any())
        assert abs(ranking.loss_m3_s[0] - true) < 0.15 * true
    water.close()
    assert good >= 0.8 * len(main)
    assert max(delays) <= 15

    assert anomaly is not None
    rules = bind(BurstRules, "burst", day=date(2025, 6, 9))
    event = judge_burst(city, anomaly.message, anomaly.ranking, open_at=[], rules=rules)
    assert event is not None
    assert event.type == BURST
    assert event.certainty in (Certainty.LIKELY, Certainty.POSSIBLE)
    assert event.place.object == int(pipes.code[anomaly.ranking.pipe[0]])
    assert next(iter(event.candidates)) == str(event.place.object)
    assert event.facts["loss_m3_s"] > 0
    assert judge_burst(city, anomaly.message, anomaly.ranking, open_at=[event.place], rules=rules) is None
