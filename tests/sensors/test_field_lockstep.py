"""The field in turns with the city: markers, births, power, rebirths, and a ledger that closes."""

from __future__ import annotations

import numpy as np
import simpy
from field_town import DAY, START, Town, acknowledgement, town
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.messages import Marker, Rebirth
from datahub.contract.observations import ObservationBatch, concatenate
from sensors.faults import Faults

ALL = Faults(stuck_year=20, drift_year=20, silent_year=20, dropout=0.05, late=0.02, duplicate=0.05)


def distinct(batches: list[ObservationBatch]) -> int:
    """How many readings there are in packs of which some came twice."""
    whole = concatenate(batches)
    keys = zip(whole.node[whole.pack].tolist(), whole.epoch[whole.pack].tolist(), whole.sequence.tolist(), strict=True)
    return len(set(keys))


def test_every_node_is_born_before_it_speaks() -> None:
    made = town(faults=ALL)
    made.run(30)
    born = {int(node) for birth in made.births() for node in birth.node}
    first = next(place for place, it in enumerate(made.up) if isinstance(it, ObservationBatch))
    last = max(place for place, it in enumerate(made.up) if it in made.births())
    assert last < first
    assert {int(node) for batch in made.batches() for node in batch.node} <= born
    assert sum(len(it) for it in made.births()) == sum(len(fleet) for fleet in made.field.fleets.values())


def test_a_birth_names_kind_place_and_object_of_each_device() -> None:
    made = town("smart_pole")
    made.take(START)
    (birth,) = made.births()
    sites = made.field.fleets["smart_pole"].sites
    assert birth.kind == made.field.fleets["smart_pole"].kind.descriptor
    assert birth.device.tolist() == sites.device.tolist()
    assert birth.object.tolist() == sites.object.tolist()
    assert set(birth.epoch.tolist()) == {START}


def test_the_marker_ends_a_quantum_and_counts_what_was_sent_since_the_beginning() -> None:
    made = town()
    made.run(20)
    *others, last = [it for it in made.up if isinstance(it, Marker)]
    assert [it.t for it in (*others, last)] == [START + minute * MINUTE_MS for minute in range(1, 21)]
    packs = sum(batch.packs for batch in made.batches())
    nodes = sum(len(fleet.nodes) for fleet in made.field.fleets.values())
    rest = sum(not isinstance(it, ObservationBatch | Marker) for it in made.up) - len(made.births())
    assert last.sent == packs + nodes + rest


def test_what_is_due_at_the_end_of_a_quantum_belongs_to_it() -> None:
    made = town("pressure_logger")
    made.field.run_to(START + MINUTE_MS)
    made.take(START + MINUTE_MS)
    assert made.now == START + MINUTE_MS
    assert {int(t) for batch in made.batches() for t in batch.phenomenon_time} == {START + MINUTE_MS}


def test_kinds_of_the_warm_up_work_alone_until_the_others_are_switched_on() -> None:
    begins = START + HOUR_MS
    made = town(faults=ALL, switch_on=dict.fromkeys(("smart_pole", "water_meter", "hydrant_monitor"), begins))
    early = set(made.field.fleets) - {"smart_pole", "water_meter", "hydrant_monitor"}
    made.run(60)
    assert {it.kind.name for it in made.births()} == early | {"smart_pole", "water_meter", "hydrant_monitor"}
    assert made.batches("smart_pole") == []
    made.run(10)
    poles = made.whole("smart_pole")
    assert set(poles.epoch.tolist()) == {begins}
    assert poles.phenomenon_time.min() > begins


def test_the_warm_up_changes_nothing_in_what_comes_after_it() -> None:
    begins = START + HOUR_MS
    told = []
    for late in (("smart_pole",), ("smart_pole", "signal_controller")):
        made = town("smart_pole", "signal_controller", faults=ALL, switch_on=dict.fromkeys(late, begins))
        made.run(100)
        told.append(made.whole("smart_pole"))
    assert told[0].value.tolist() == told[1].value.tolist()


def test_a_node_that_the_hub_does_not_know_is_born_again_and_says_again_what_it_has() -> None:
    made = town("flow_logger")
    made.acknowledges = False
    made.run(5)
    node, device = made.device("flow_logger")
    before = sum(int((batch.node == node).sum()) for batch in made.batches())
    made.order(Rebirth(node=node), Rebirth(node=12345), Rebirth(node=node))
    made.take(made.now)
    again = made.births()[-1]
    assert again.node.tolist() == [node]
    assert again.device.tolist() == [device]
    after = sum(int((batch.node == node).sum()) for batch in made.batches())
    assert after == 2 * before
    assert made.field.ledger()[0] == distinct(made.batches())


def test_a_feeder_without_power_takes_its_gateway_with_it_and_a_new_epoch_begins_when_it_is_back() -> None:
    made = town("smart_pole")
    made.run(12)
    fleet = made.field.fleets["smart_pole"]
    node, _ = made.device("smart_pole")
    feeder = int(fleet.sites.columns["feeder"][0])
    made.field.world.power.fail(feeder)
    made.run(12)
    silent = concatenate(
        [it for it, t in zip(made.up, made.arrived, strict=True) if _obs(it) and t > START + 13 * MINUTE_MS]
    )
    assert [(it.node, it.epoch) for it in made.deaths()] == [(node, START)]
    assert node not in silent.node.tolist()

    made.field.world.power.restore(feeder)
    made.run(12)
    birth = made.births()[-1]
    back = concatenate([it for it in made.batches() if it.result_time[0] > START + 24 * MINUTE_MS])
    mine = back.node == node
    assert set(birth.node.tolist()) == {node}
    assert set(back.epoch[mine].tolist()) == set(birth.epoch.tolist()) == {START + 25 * MINUTE_MS}
    assert back.first[mine].min() == 0
    assert made.field.ledger() == (distinct(made.batches()), 0)


def _obs(message: object) -> bool:
    return isinstance(message, ObservationBatch)


@settings(max_examples=6, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(st.lists(st.sampled_from(["ack", "miss", "half", "cut", "rebirth"]), max_size=25), st.integers(0, 99))
@example(  # a logger whose packs were missed has no link at the end
    story=["ack", "miss", "rebirth", "rebirth", "half", "cut", "miss", "miss", "rebirth", "rebirth", "half", "miss"],
    seed=60,
)
def test_the_ledger_closes_whatever_the_hub_hears_and_the_city_does(story: list[str], seed: int) -> None:
    made = town("smart_pole", "pressure_logger", "signal_controller", faults=ALL, seed=seed)
    made.acknowledges = False
    hub = Hub(made)
    for turn, what in enumerate(story):
        if what == "cut":
            feeders = made.field.world.city.objects["lamp_feeder"].code
            feeder = int(feeders[turn % len(feeders)])
            power = made.field.world.power
            (power.restore if feeder in power.failed() else power.fail)(feeder)
        made.run(1)
        hub.hear(what)
        published, in_flight = made.field.ledger()
        assert published == hub.acknowledged + in_flight
    power = made.field.world.power
    for feeder in power.failed().tolist():
        power.restore(feeder)
    before = len(made.up)
    made.acknowledges = True
    made.run(90)
    for batch in made.up[before:]:
        if isinstance(batch, ObservationBatch):
            hub.acknowledge(batch)
    published, in_flight = made.field.ledger()
    assert published == hub.acknowledged + in_flight
    assert published <= distinct(made.batches()) + in_flight, "what is neither sent nor kept is lost"
    assert in_flight < published


class Hub:
    """A hub that hears all, some or nothing of a quantum, and counts what it has acknowledged."""

    def __init__(self, made: Town) -> None:
        self.made, self.heard, self.marks = made, 0, {}

    def hear(self, what: str) -> None:
        fresh = [it for it in self.made.up[self.heard :] if isinstance(it, ObservationBatch)]
        self.heard = len(self.made.up)
        if what == "rebirth":
            self.made.order(Rebirth(node=int(self.made.device("smart_pole")[0])))
        if what == "miss":
            return
        for batch in fresh:
            keep = np.arange(batch.packs) % 2 == 0 if what == "half" else np.ones(batch.packs, bool)
            part = batch.select(keep & self._follows(batch))
            self.acknowledge(part)
            self.made.order(acknowledgement(part))

    def acknowledge(self, batch: ObservationBatch) -> None:
        for node, epoch, last in zip(*_columns(batch), strict=True):
            self.marks[node, epoch] = max(last, self.marks.get((node, epoch), -1))

    def _follows(self, batch: ObservationBatch) -> np.ndarray:
        """Packs that leave no gap behind the mark of their node."""
        follows = []
        marks = dict(self.marks)
        for node, epoch, first, count in zip(
            batch.node.tolist(), batch.epoch.tolist(), batch.first.tolist(), batch.counts.tolist(), strict=True
        ):
            fits = first <= marks.get((node, epoch), -1) + 1
            follows.append(fits)
            if fits:
                marks[node, epoch] = max(marks.get((node, epoch), -1), first + count - 1)
        return np.array(follows, bool)

    @property
    def acknowledged(self) -> int:
        return sum(last + 1 for last in self.marks.values())


def _columns(batch: ObservationBatch) -> tuple[list[int], list[int], list[int]]:
    return batch.node.tolist(), batch.epoch.tolist(), (batch.first + batch.counts - 1).tolist()


def test_a_day_with_all_faults_ends_with_a_closed_ledger() -> None:
    made = town("smart_pole", "water_meter", "hydrant_monitor", faults=ALL)
    made.run(DAY)
    published, in_flight = made.field.ledger()
    assert published == distinct(made.batches()) + in_flight
    assert in_flight > 0


def test_crews_share_the_clock() -> None:
    made = town("pressure_logger")
    met: list[int] = []

    def crew(env: simpy.Environment):  # type: ignore[no-untyped-def]
        yield env.timeout(90_500)
        met.append(int(env.now))
        made.field.world.advance(int(env.now))

    made.field.env.process(crew(made.field.env))
    made.run(2)
    assert met == [START + 90_500]
    assert made.field.world.now == START + 2 * MINUTE_MS
