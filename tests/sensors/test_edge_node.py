"""Edge nodes at work on the harbour: they act at once, lose nothing while the uplink is cut, and agree afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from field_town import Town, town

from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.codes import AckStatus
from datahub.contract.errors import UsageError
from datahub.contract.messages import Ack, BirthBatch, Command, Death, Desired, Rebirth, Reported, Up
from datahub.contract.observations import ObservationBatch
from scenarios.edges import declared
from sensors.actuator import load_actuators
from sensors.edge import EdgeSpec
from sensors.faults import NO_FAULTS
from sensors.kind import load_kinds

POLE = "smart_pole"
LIGHTING = declared.load(declared.path_of("street_lighting"), kinds=load_kinds(), actuators=load_actuators())
LEAK_A = 0.08


def lit(*edges: EdgeSpec) -> Town:
    """The poles of the harbour after midnight, five minutes on."""
    made = town(POLE, edges=edges)
    made.run(5)
    return made


def leak(made: Town, row: int = 0) -> None:
    made.field.world.street.leak(place(made, row), current_a=LEAK_A)


def place(made: Town, row: int = 0) -> int:
    return int(made.field.fleets[POLE].sites.row[row])


def leaking(made: Town, row: int = 0) -> float:
    return float(made.field.world.street.leakage_current_a(np.array([place(made, row)]))[0])


def cut(made: Town, minutes: int, row: int = 0) -> int:
    """Cut the uplink of the cabinet behind which a pole stands; returns its node."""
    feeder = int(made.field.fleets[POLE].sites.columns["feeder"][row])
    made.field.world.uplinks.cut(feeder, until=made.now + minutes * MINUTE_MS)
    return made.device(POLE, row)[0]


def of_node(messages: list[Up], node: int) -> list[Up]:
    """What a node said: births, packs (its own part of them), reports and acknowledgements."""
    found: list[Up] = []
    for it in messages:
        if isinstance(it, ObservationBatch) and (it.node == node).any():
            found.append(it.select(it.node == node))
        elif isinstance(it, BirthBatch | Reported | Ack | Death) and np.any(it.node == node):
            found.append(it)
    return found


def reasons(made: Town, row: int = 0) -> list[str]:
    return [it.reason for it in made.reported(made.device(POLE, row)[1]) if it.reason]


def command(made: Town, name: str, id: str = "c1", **arguments: float) -> Command:  # noqa: A002
    node, device = made.device(POLE)
    t = made.now
    return Command(id=id, node=node, device=device, name=name, issued=t, expires=t + HOUR_MS, arguments=arguments)


@pytest.mark.parametrize("minute", range(5))
def test_a_leaking_lamp_is_switched_off_at_the_next_look_and_the_leak_stops(minute: int) -> None:
    made = lit(LIGHTING)
    made.run(minute)
    leak(made)
    before = leaking(made)
    made.run(1)
    device = made.device(POLE)[1]
    (report,) = made.reported(device)
    assert before > LEAK_A
    assert leaking(made) < 0.015
    assert made.field.world.street.lamp_power_w(np.array([place(made)]))[0] == 0.0
    assert (report.t, report.state) == (made.now, {"level_ratio": 1.0, "lamp_on": 0.0, "firmware": 1.0})
    assert report.reason.startswith("rule 'residual_current': leakage_current_a = 0.08")
    said = made.whole(POLE)
    seen = said.value[(said.device == device) & (said.property == 3) & (said.phenomenon_time == made.now)]
    assert len(seen) == 1, "the reading on which the node acted goes up too, once"
    assert seen[0] > 0.03


def test_what_is_said_after_the_line_is_mended_waits_behind_what_was_said_before() -> None:
    made = lit(LIGHTING)
    node = cut(made, 3)
    made.run(1)
    edge, device = made.field.edges[POLE], made.device(POLE)[1]
    told = [Reported(node=node, device=device, t=made.now + n * MINUTE_MS, state={"lamp_on": n % 2}) for n in (0, 9)]
    assert [edge.keep(one) for one in told] == [True, True]
    made.run(4)
    assert [one for one in made.reported(device) if one in told] == told
    late = Reported(node=node, device=device, t=made.now, state={"lamp_on": 1.0})
    assert not edge.keep(late), "nothing waits any more"


def test_a_gateway_without_rules_only_passes_on() -> None:
    made = lit()
    leak(made)
    made.run(10)
    assert leaking(made) > LEAK_A
    assert made.reported(made.device(POLE)[1]) == []


def test_the_neighbours_keep_burning() -> None:
    made = lit(LIGHTING)
    leak(made)
    made.run(10)
    closed = made.field.world.street.closed
    assert np.flatnonzero(~closed).tolist() == [place(made)]


def test_while_the_uplink_is_cut_nothing_goes_up_and_afterwards_everything_is_there() -> None:
    made, never = lit(LIGHTING), lit(LIGHTING)
    node = cut(made, 60)
    made.run(59)
    never.run(59)
    length = len(made.up)
    before = of_node(made.up, node)
    assert max(int(it.phenomenon_time.max()) for it in before if isinstance(it, ObservationBatch)) <= made.now - 59 * (
        MINUTE_MS
    )
    assert made.field.ledger()[1] > 0
    made.run(6)
    never.run(6)
    back, first = of_node(made.up, node), of_node(made.up[length:], node)
    births = [it for it in first if isinstance(it, BirthBatch)]
    assert len(births) == 1, "it says who it is, in the epoch that it had"
    assert set(births[0].epoch.tolist()) == {int(made.field.fleets[POLE].start)}
    packs = [it for it in back if isinstance(it, ObservationBatch)]
    starts = np.concatenate([it.first for it in packs])
    counts = np.concatenate([it.counts for it in packs])
    assert starts.tolist() == [0, *np.cumsum(counts)[:-1].tolist()], "in order, without a gap"
    assert made.field.ledger()[1] == 0

    def times(one: Town) -> set[tuple[int, int, int]]:
        whole = one.whole(POLE)
        return set(zip(whole.device.tolist(), whole.property.tolist(), whole.phenomenon_time.tolist(), strict=True))

    assert times(made) == times(never), "the same readings of the same moments as if there had been no cut"


def test_a_node_acts_without_uplink_and_tells_it_afterwards_with_its_time_and_reason() -> None:
    made = lit(LIGHTING)
    node = cut(made, 30)
    leak(made)
    acted = made.now + MINUTE_MS
    made.run(29)
    assert leaking(made) < 0.015
    assert made.reported(made.device(POLE)[1]) == []
    made.run(1)
    told = [it for it in of_node(made.up, node) if isinstance(it, Reported)]
    (report,) = [it for it in told if it.device == made.device(POLE)[1]]
    assert report.t == acted
    assert report.state["lamp_on"] == 0.0
    assert report.reason.endswith("above 0.03, without uplink")


def test_a_link_that_was_lost_before_the_line_was_cut_changes_no_order() -> None:
    made = lit(LIGHTING)
    fleet = made.field.fleets[POLE]
    of = fleet.nodes.of[[0]]
    fleet.outbox.lose_link(of, np.array([made.now + 12 * MINUTE_MS]))
    made.run(6)
    length, node = len(made.up), cut(made, 30)
    made.run(29)
    assert of_node(made.up[length:], node) == [], "not even when the lost link would have come back by itself"
    made.run(10)
    packs = [it for it in of_node(made.up, node) if isinstance(it, ObservationBatch)]
    starts = np.concatenate([it.first for it in packs]).tolist()
    assert starts == sorted(starts)
    assert made.field.ledger()[1] == 0


def test_what_nobody_acknowledged_before_the_cut_waits_for_the_line_too() -> None:
    made = lit(LIGHTING)
    made.acknowledges = False
    made.run(5)
    length, node = len(made.up), cut(made, 30)
    made.run(29)
    assert of_node(made.up[length:], node) == []
    made.acknowledges = True
    made.run(31)
    assert made.field.ledger()[1] == 0


def test_what_the_hub_orders_against_a_safety_rule_is_refused_with_the_reason() -> None:
    made = lit(LIGHTING)
    leak(made)
    made.run(1)
    made.order(command(made, "switch", lamp_on=1))
    made.run(1)
    (refusal,) = made.acks("c1")
    assert refusal.status is AckStatus.REJECTED
    assert "held at 0 by rule 'residual_current' since 2025-06-10T00:06:00+08:00" in refusal.detail
    assert leaking(made) < 0.015


def test_what_agrees_with_the_rule_or_does_not_touch_it_is_done() -> None:
    made = lit(LIGHTING)
    leak(made)
    made.run(1)
    made.order(command(made, "switch", lamp_on=0), command(made, "dim", id="c2", level_ratio=0.4))
    made.run(1)
    assert made.acks("c1")[-1].status is AckStatus.DONE
    assert made.acks("c2")[-1].status is AckStatus.DONE


def test_a_wish_against_a_safety_rule_is_kept_out_and_the_device_says_why() -> None:
    made = lit(LIGHTING)
    leak(made)
    made.run(1)
    node, device = made.device(POLE)
    made.order(Desired(node=node, device=device, version=4, state={"lamp_on": 1.0, "level_ratio": 0.6}))
    made.run(1)
    last = made.reported(device)[-1]
    assert last.state == {"level_ratio": 0.6, "lamp_on": 0.0, "firmware": 1.0}
    assert last.reason.startswith("version 4 of what is wanted is refused: lamp_on is held at 0")


def test_once_somebody_has_mended_the_lamp_on_site_the_rule_gives_way() -> None:
    made = lit(LIGHTING)
    leak(made)
    made.run(5)
    made.field.world.street.repair(place(made))
    made.run(1)
    assert reasons(made)[-1] == "set by hand on site, rule 'residual_current' gives way"
    made.order(command(made, "switch", lamp_on=0), command(made, "switch", id="c2", lamp_on=1))
    made.run(1)
    assert made.acks("c2")[-1].status is AckStatus.DONE
    leak(made)
    made.run(1)
    assert leaking(made) < 0.015, "and it is on guard again"


def test_a_dimmed_street_is_lit_fully_while_nobody_can_and_dimmed_again_afterwards() -> None:
    made = lit(LIGHTING)
    node, device = made.device(POLE)
    made.order(Desired(node=node, device=device, version=1, state={"level_ratio": 0.4}))
    made.run(1)
    level = made.field.world.street.dimming_ratio
    cut(made, 40)
    made.run(9)
    assert level[place(made)] == 0.4
    made.run(5)
    assert level[place(made)] == 1.0
    made.run(27)
    assert level[place(made)] == 0.4
    assert [it.split(":")[0] for it in reasons(made)] == [
        "rule 'full_light_without_uplink'",
        "rule 'full_light_without_uplink' lets go",
    ]


def test_the_newer_word_of_the_platform_wins_over_a_rule_that_is_not_for_safety() -> None:
    always = replace(LIGHTING, rules=tuple(replace(it, when=LIGHTING.rules[0].when) for it in LIGHTING.rules))
    made = lit(always)
    made.order(command(made, "dim", level_ratio=0.3))
    made.run(15)
    level = made.field.world.street.dimming_ratio
    assert level[place(made)] == 1.0
    made.order(command(made, "dim", id="c2", level_ratio=0.5))
    made.run(30)
    assert level[place(made)] == 0.5
    assert made.acks("c2")[-1].status is AckStatus.DONE


def test_a_memory_that_is_full_takes_nothing_more_and_says_how_much_that_was() -> None:
    made = lit(replace(LIGHTING, memory_readings=1_000))
    node = cut(made, 60)
    made.run(59)
    fleet = made.field.fleets[POLE]
    row = int(fleet.nodes.rows(np.array([node]))[0][0])
    kept, forgone = int(fleet.outbox.in_flight_of_each()[row]), int(fleet.forgone[row])
    assert 0 < kept <= 1_000
    assert forgone > 0
    made.run(6)
    packs = [it for it in of_node(made.up, node) if isinstance(it, ObservationBatch)]
    starts, counts = np.concatenate([it.first for it in packs]), np.concatenate([it.counts for it in packs])
    assert starts.tolist() == [0, *np.cumsum(counts)[:-1].tolist()], "what was not taken has no number"
    told = [it.reason for it in of_node(made.up, node) if isinstance(it, Reported) and "memory" in it.reason]
    assert told == [f"memory was full: {forgone} readings were not taken, 0 reports not kept"]
    assert made.field.ledger()[1] == 0


def test_reports_that_do_not_fit_are_counted_and_told() -> None:
    made = lit(replace(LIGHTING, memory_messages=2))
    feeder = made.field.fleets[POLE].sites.columns["feeder"]
    behind = np.flatnonzero(feeder == feeder[0])[:5].tolist()
    node = cut(made, 30)
    for row in behind:
        leak(made, row)
    made.run(31)
    told = [it.reason for it in of_node(made.up, node) if isinstance(it, Reported)]
    assert [it.split(":")[0] for it in told].count("rule 'residual_current'") == 2
    assert "memory was full: 0 readings were not taken, 3 reports not kept" in told


def test_what_a_node_did_is_told_again_when_the_hub_asks_who_it_is() -> None:
    made = lit(LIGHTING)
    leak(made)
    made.run(1)
    node, device = made.device(POLE)
    made.order(Rebirth(node=node))
    made.run(1)
    first, again = made.reported(device)
    assert first == again


def test_a_node_that_loses_its_power_too_does_nothing_until_it_has_it_back() -> None:
    made = lit(LIGHTING)
    feeder = int(made.field.fleets[POLE].sites.columns["feeder"][0])
    node = cut(made, 20)
    made.run(2)
    length = len(made.up)
    made.field.world.power.fail(feeder)
    leak(made)
    made.run(10)
    made.field.world.power.restore(feeder)
    made.run(2)
    made.field.world.power.fail(feeder)
    made.run(15)
    assert of_node(made.up[length:], node) == [], "neither gasp nor birth comes through a line that is cut"
    assert made.reported(made.device(POLE)[1]) == []
    made.field.world.power.restore(feeder)
    made.run(30)
    assert leaking(made) < 0.015
    assert made.field.ledger()[1] == 0


def test_two_rule_sets_for_one_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="put them together"):
        town(POLE, edges=(LIGHTING, LIGHTING))


def test_rules_draw_from_a_stream_of_their_own() -> None:
    with_rules, without = (
        town(POLE, edges=(LIGHTING,), faults=replace(NO_FAULTS, noise=1.0)),
        town(POLE, faults=replace(NO_FAULTS, noise=1.0)),
    )
    for one in (with_rules, without):
        one.run(60)
    assert with_rules.whole(POLE).value.tolist() == without.whole(POLE).value.tolist()
