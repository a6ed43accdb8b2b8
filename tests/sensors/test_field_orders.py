"""Orders on the field's side: refused, accepted and done; settings desired, applied and reported."""

from __future__ import annotations

import numpy as np
import pytest
from field_town import START, Town, town

from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.codes import AckStatus
from datahub.contract.messages import Command, Desired
from sensors.actuator import load_actuators
from sensors.faults import Faults

VALVE, SIGNAL, POLE = "valve_actuator", "signal_controller", "smart_pole"


def command(made: Town, kind: str, name: str, *, row: int = 0, id: str = "c1", **arguments: float) -> Command:  # noqa: A002
    node, device = made.device(kind, row)
    issued = made.now
    return Command(
        id=id, node=node, device=device, name=name, issued=issued, expires=issued + HOUR_MS, arguments=arguments
    )


def statuses(made: Town, id: str = "c1") -> list[AckStatus]:  # noqa: A002
    return [it.status for it in made.acks(id)]


def opening(made: Town, row: int = 0) -> float:
    return float(made.field.world.water.opening[int(made.field.fleets[VALVE].sites.columns["valve"][row])])


def test_a_valve_moves_slowly_says_where_it_is_and_then_that_it_is_done() -> None:
    made = town(VALVE)
    made.run(1)
    made.order(command(made, VALVE, "move", position_ratio=0.0, travel_s=300))
    positions = []
    for _ in range(7):
        made.run(1)
        positions.append(opening(made))
    accepted, done = made.acks("c1")
    device = made.device(VALVE)[1]
    said = made.whole(VALVE)

    assert positions == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0, 0.0, 0.0])
    assert (accepted.status, done.status) == (AckStatus.ACCEPTED, AckStatus.DONE)
    assert done.t - accepted.t == 5 * MINUTE_MS
    assert said.value[said.device == device].tolist() == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0])
    assert [it.state for it in made.reported(device)] == [
        {"position_ratio": 1.0, "firmware": 1.0},
        {"position_ratio": 0.0, "firmware": 1.0},
    ]


def test_a_valve_that_is_where_it_should_be_is_done_at_once() -> None:
    made = town(VALVE)
    made.order(command(made, VALVE, "move", position_ratio=1.0))
    made.run(1)
    assert statuses(made) == [AckStatus.ACCEPTED, AckStatus.DONE]


def test_an_order_that_came_too_late_expires_and_moves_nothing() -> None:
    made = town(VALVE)
    late = command(made, VALVE, "move", position_ratio=0.0)
    made.run(61)
    made.order(late)
    made.run(10)
    assert statuses(made) == [AckStatus.EXPIRED]
    assert opening(made) == 1.0


@pytest.mark.parametrize(
    ("kind", "name", "arguments", "says"),
    [
        (VALVE, "jump", {}, "unknown"),
        (VALVE, "move", {"position_ratio": 1.2}, "between 0 and 1"),
        (VALVE, "move", {"position_ratio": float("nan")}, "between 0 and 1"),
        (VALVE, "move", {}, "needs 'position_ratio'"),
        (VALVE, "move", {"position_ratio": 0.5, "speed": 1}, "takes no 'speed'"),
        (VALVE, "move", {"position_ratio": 0.5, "travel_s": 1}, "between 10 and"),
        (POLE, "dim", {"level_ratio": -0.1}, "between 0 and 1"),
        (POLE, "switch", {"lamp_on": 0.5}, "neither 0"),
        (SIGNAL, "preempt", {"phase_state": 7}, "no phase"),
        (SIGNAL, "preempt", {"phase_state": 1.5}, "no phase"),
        ("pressure_logger", "move", {"position_ratio": 0.5}, "takes no commands"),
    ],
)
def test_what_a_device_cannot_do_it_refuses_with_the_reason(
    kind: str, name: str, arguments: dict[str, float], says: str
) -> None:
    made = town(kind)
    made.order(command(made, kind, name, **arguments))
    made.run(1)
    (refusal,) = made.acks("c1")
    assert refusal.status is AckStatus.REJECTED
    assert says in refusal.detail


def test_a_repeated_order_is_answered_again_and_not_done_again() -> None:
    made = town(VALVE)
    order = command(made, VALVE, "move", position_ratio=0.0, travel_s=60)
    made.order(order)
    made.run(2)
    valve = int(made.field.fleets[VALVE].sites.columns["valve"][0])
    made.field.world.water.set_valve(valve, 0.5)
    made.order(order)
    made.run(2)
    assert statuses(made) == [AckStatus.ACCEPTED, AckStatus.DONE, AckStatus.DONE]
    assert opening(made) == 0.5


def test_a_newer_order_ends_an_older_one_on_its_way() -> None:
    made = town(VALVE)
    made.order(command(made, VALVE, "move", position_ratio=0.0, travel_s=600))
    made.run(3)
    made.order(command(made, VALVE, "move", position_ratio=1.0, travel_s=60, id="c2"))
    made.run(10)
    assert statuses(made) == [AckStatus.ACCEPTED, AckStatus.REJECTED]
    assert "c2" in made.acks("c1")[-1].detail
    assert statuses(made, "c2") == [AckStatus.ACCEPTED, AckStatus.DONE]
    assert opening(made) == 1.0


def test_orders_that_come_together_are_taken_in_the_order_of_their_issue() -> None:
    told = []
    for turn in (1, -1):
        made = town(VALVE)
        orders = [command(made, VALVE, "move", row=row, id=f"c{row}", position_ratio=0.5) for row in range(3)]
        made.order(*orders[::turn])
        made.run(8)
        told.append([(it.command, it.status, it.t) for it in made.up if hasattr(it, "command")])
    assert told[0] == told[1]
    assert len(told[0]) == 6


def test_a_signal_gives_green_after_yellow_and_all_red_and_goes_back_by_itself() -> None:
    made = town(SIGNAL)
    made.run(1)
    junction = np.array([made.field.fleets[SIGNAL].sites.row[0]])
    made.order(command(made, SIGNAL, "preempt", phase_state=2, hold_s=180))
    made.run(1)
    accepted, done = made.acks("c1")
    assert (accepted.status, done.status) == (AckStatus.ACCEPTED, AckStatus.DONE)
    assert done.t - accepted.t == 5_000
    made.run(1)
    assert made.field.world.traffic.phase_state(junction)[0] == 2
    assert made.reported(made.device(SIGNAL)[1])[-1].state == {"phase_state": 2.0, "preempted": 1.0, "firmware": 1.0}
    made.run(3)
    assert not made.field.world.traffic.preempted(junction)[0]


def test_a_signal_can_be_released_before_its_time() -> None:
    made = town(SIGNAL)
    junction = np.array([made.field.fleets[SIGNAL].sites.row[0]])
    made.order(command(made, SIGNAL, "preempt", phase_state=1, hold_s=3_600))
    made.run(2)
    assert made.field.world.traffic.preempted(junction)[0]
    made.order(command(made, SIGNAL, "release", id="c2"))
    made.run(1)
    assert statuses(made, "c2") == [AckStatus.ACCEPTED, AckStatus.DONE]
    assert not made.field.world.traffic.preempted(junction)[0]


def test_a_dimmed_lamp_draws_less_and_says_so() -> None:
    made = town(POLE)
    made.run(10)
    made.order(command(made, POLE, "dim", level_ratio=0.5))
    made.run(10)
    device = made.device(POLE)[1]
    said = made.whole(POLE)
    power, level = (said.value[(said.device == device) & (said.property == it)] for it in (0, 1))
    assert statuses(made) == [AckStatus.ACCEPTED, AckStatus.DONE]
    assert (level[0], level[-1]) == (1.0, 0.5)
    assert power[-1] < 0.6 * power[0]


def test_what_is_desired_is_applied_and_reported_and_an_older_wish_is_left_alone() -> None:
    made = town(POLE)
    node, device = made.device(POLE)
    made.order(Desired(node=node, device=device, version=2, state={"level_ratio": 0.3, "colour_k": 3_000}))
    made.run(1)
    made.order(Desired(node=node, device=device, version=1, state={"level_ratio": 0.9}))
    made.run(1)
    assert [it.state for it in made.reported(device)] == [{"level_ratio": 0.3, "lamp_on": 1.0, "firmware": 1.0}]


def test_an_impossible_wish_changes_nothing_and_the_device_reports_what_is() -> None:
    made = town(POLE)
    node, device = made.device(POLE)
    made.order(Desired(node=node, device=device, version=1, state={"level_ratio": 7.0}))
    made.run(1)
    assert [it.state for it in made.reported(device)] == [{"level_ratio": 1.0, "lamp_on": 1.0, "firmware": 1.0}]


def test_a_wish_for_a_valve_is_reported_when_the_valve_is_there() -> None:
    made = town(VALVE)
    node, device = made.device(VALVE)
    made.order(Desired(node=node, device=device, version=1, state={"position_ratio": 0.0}))
    made.run(4)
    assert len(made.reported(device)) == 1
    made.run(3)
    assert made.reported(device)[-1].state == {"position_ratio": 0.0, "firmware": 1.0}


def test_a_device_without_power_hears_nothing() -> None:
    made = town(POLE)
    fleet = made.field.fleets[POLE]
    made.field.world.power.fail(int(fleet.sites.columns["feeder"][0]))
    made.run(1)
    made.order(command(made, POLE, "dim", level_ratio=0.5))
    made.run(1)
    assert statuses(made) == []


def test_a_silent_device_hears_nothing() -> None:
    made = town(VALVE, faults=Faults(silent_year=1e5, silent_h=1e6))
    assert {it.fault for it in made.field.truth()} >= {"silent"}
    made.order(command(made, VALVE, "move", position_ratio=0.0))
    made.run(2)
    assert statuses(made) == []


def test_orders_to_nobody_are_left_alone() -> None:
    made = town(VALVE)
    made.order(
        Command(id="c1", node=1, device=2, name="move", issued=START, expires=START + HOUR_MS),
        Desired(node=1, device=99_999_999_999_999_999, version=1, state={"position_ratio": 0.0}),
    )
    made.run(1)
    assert statuses(made) == []


def test_every_actuator_says_its_settings_in_finite_numbers() -> None:
    made = town()
    for name, actuator in load_actuators().items():
        fleet = made.field.fleets[name]
        for row in range(min(5, len(fleet))):
            state = actuator.state(made.field.world, fleet.sites, row)
            assert state
            assert set(actuator.settings) <= set(state)
            assert np.isfinite(list(state.values())).all()
