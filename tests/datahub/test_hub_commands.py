"""Orders to devices, from the hub's word to the device's answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

import msgspec
import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births
from hypothesis import given
from hypothesis import strategies as st

from datahub.commands import MOVES, CommandRefused, move
from datahub.contract.codes import AckStatus
from datahub.contract.errors import IllegalMove
from datahub.contract.firmware import UPDATE, UPDATE_FIRMWARE
from datahub.contract.messages import Ack, ArgumentDescriptor, Command, Desired, Reported
from datahub.events import CommandMoved
from datahub.hub import Hub
from datahub.store.tables import CommandRow
from datahub.transport.local import LocalBus, LocalCityBus

EXPIRES = T0 + 10 * MINUTE


@pytest.fixture
def town() -> Iterator[Town]:
    town = Town()
    town.send(births(METER, devices=[101]), births(POST, devices=[201, 202], nodes=[GATEWAY, GATEWAY]))
    town.hub.tick(T0)
    town.field.receive()
    yield town
    town.hub.close()


class Noting(LocalCityBus):
    """An end of the wire that notes what is taken back."""

    taken_back: list[str]

    def forget(self, orders: Iterable[str]) -> None:
        self.taken_back = [*orders]


def test_orders_that_are_to_reach_nobody_any_more_are_taken_back_from_the_wire() -> None:
    bus = LocalBus()
    wire = Noting(bus)
    hub = Hub("harbour", "440499", None, wire, start=T0)
    bus.field_end.send(births(POST, devices=[201]))
    hub.intake()
    hub.commands.order(201, "dim", arguments={"level_ratio": 0.5}, t=T0, expires=EXPIRES, id="d1")
    hub.commands.hush(one for one in ("d1", "unheard of"))
    assert wire.taken_back == ["d1", "unheard of"]
    hub.close()


def test_a_wish_that_nobody_has_reported_is_owed(town: Town) -> None:
    shadows = town.hub.shadows
    shadows.desire(202, {"level_ratio": 0.5}, t=T0)
    shadows.desire(201, {"level_ratio": 0.5}, t=T0)
    assert shadows.owed() == [201, 202]
    town.send(Reported(node=GATEWAY, device=201, t=T0 + 1, state={"level_ratio": 0.5}))
    town.hub.tick(T0 + MINUTE)
    assert shadows.owed() == [202]


def dim(town: Town, *, id_: str = "d1", device: int = 201) -> Command:
    """Order a lamp to be dimmed; the message that went down."""
    town.hub.commands.order(device, "dim", arguments={"level_ratio": 0.5}, t=T0, expires=EXPIRES, id=id_)
    (command,) = town.field.receive()
    assert isinstance(command, Command)
    return command


def ack(status: AckStatus, t: int, *, id_: str = "d1") -> Ack:
    return Ack(node=GATEWAY, device=201, command=id_, status=status, t=t)


def test_an_order_goes_to_the_node_that_speaks_for_the_device(town: Town) -> None:
    assert dim(town) == Command(
        id="d1", node=GATEWAY, device=201, name="dim", issued=T0, expires=EXPIRES, arguments={"level_ratio": 0.5}
    )


def test_a_device_accepts_and_then_has_done_it(town: Town) -> None:
    dim(town)
    town.send(ack(AckStatus.DONE, T0 + 9), ack(AckStatus.ACCEPTED, T0 + 5))
    t = T0 + MINUTE
    assert town.hub.tick(t) == [
        CommandMoved(t, "d1", 201, AckStatus.ACCEPTED),
        CommandMoved(t, "d1", 201, AckStatus.DONE),
    ]
    status = town.hub.commands.status("d1")
    assert status is not None
    assert (status.status, status.updated) == (AckStatus.DONE, T0 + 9)


def test_a_device_cannot_answer_for_another_ones_order(town: Town) -> None:
    dim(town)
    before = town.hub.commands.status("d1")
    town.send(
        Ack(node=101, device=101, command="d1", status=AckStatus.REJECTED, t=T0 + 5, detail="not me"),
        Ack(node=GATEWAY, device=202, command="d1", status=AckStatus.DONE, t=T0 + 6),
    )
    assert town.hub.tick(T0 + MINUTE) == []
    assert town.hub.queries.ledger().unattributed == 0, "each spoke for itself, so both were let in"
    assert town.hub.commands.status("d1") == before
    town.send(ack(AckStatus.DONE, T0 + 9))
    assert town.hub.tick(T0 + 2 * MINUTE) == [CommandMoved(T0 + 2 * MINUTE, "d1", 201, AckStatus.DONE)]


def test_the_same_answer_twice_says_nothing_new(town: Town) -> None:
    dim(town)
    town.send(ack(AckStatus.ACCEPTED, T0 + 5), ack(AckStatus.ACCEPTED, T0 + 5))
    assert len(town.hub.tick(T0 + MINUTE)) == 1


def test_an_unanswered_order_is_sent_once_more_half_way_and_expires_in_the_end(town: Town) -> None:
    sent = dim(town)
    down: list[object] = []
    events = []
    for minute in range(1, 13):
        events += town.hub.tick(T0 + minute * MINUTE)
        down += [(minute, message) for message in town.field.receive()]
    assert down == [(5, sent)]
    assert events == [CommandMoved(EXPIRES, "d1", 201, AckStatus.EXPIRED, "no answer in time")]


def test_an_accepted_order_does_not_expire_while_the_valve_still_moves(town: Town) -> None:
    dim(town)
    town.send(ack(AckStatus.ACCEPTED, T0 + 5))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.tick(EXPIRES + MINUTE) == []


def test_a_device_that_acted_although_given_up_is_believed(town: Town) -> None:
    dim(town)
    town.hub.tick(EXPIRES)
    town.send(ack(AckStatus.DONE, EXPIRES - 1))
    assert [event.status for event in town.hub.tick(EXPIRES + MINUTE) if isinstance(event, CommandMoved)] == [
        AckStatus.DONE
    ]


def test_the_same_order_again_is_not_sent_again(town: Town) -> None:
    dim(town)
    again = town.hub.commands.order(202, "dim", arguments={}, t=T0 + 1, expires=EXPIRES, id="d1")
    assert (again.device, again.arguments) == (201, {"level_ratio": 0.5})
    assert town.field.receive() == ()


@pytest.mark.parametrize(
    ("device", "complaint"), [(999, "no device 999"), (101, "does not take 'dim'; it takes: none")]
)
def test_an_order_that_nobody_can_follow_is_refused(town: Town, device: int, complaint: str) -> None:
    with pytest.raises(CommandRefused, match=complaint):
        town.hub.commands.order(device, "dim", arguments={}, t=T0, expires=EXPIRES, id="x")
    assert town.hub.commands.status("x") is None


SAYS = msgspec.structs.replace(
    POST,
    name="lamp",
    commands=("dim", UPDATE_FIRMWARE, "blink"),
    arguments=(
        ArgumentDescriptor("dim", "level_ratio", 0.0, 1.0),
        ArgumentDescriptor("dim", "fade_s", 1.0, 60.0, 5.0),
        UPDATE,
    ),
)
TAKES = "it takes: level_ratio (0 to 1), fade_s (1 to 60)"


@pytest.mark.parametrize(
    ("name", "given", "why"),
    [
        ("dim", {"level_ratio": 7.0}, "level_ratio = 7 does not lie between 0 and 1"),
        ("dim", {}, "'dim' needs level_ratio (0 to 1)"),
        ("dim", {"lvl": 1.0}, f"'dim' takes no 'lvl'; {TAKES}"),
        ("dim", {"level": 1.0}, f"'dim' takes no 'level'; did you mean 'level_ratio'? {TAKES}"),
        ("blink", {"fade_s": 2.0}, "'blink' takes no 'fade_s'; it takes: none"),
        (
            UPDATE_FIRMWARE,
            {"version": 1.5},
            '{"version":1.5} is no version to run; give version, a whole number to 1000000',
        ),
        (None, {"wrong": 1.0}, f"it has no setting 'wrong'; {TAKES}"),
        (None, {"level_ratio": 9.0}, "level_ratio = 9 does not lie between 0 and 1"),
        (None, {"version": 2.0}, f"it has no setting 'version'; {TAKES}"),
    ],
)
def test_what_does_not_fit_the_kind_is_refused_and_nobody_is_told(
    town: Town, name: str | None, given: dict[str, float], why: str
) -> None:
    town.send(births(SAYS, devices=[301]))
    town.field.receive()
    commands = town.hub.commands
    order = partial(commands.order, 301, name or "", arguments=given, t=T0, expires=EXPIRES, id="x")
    with pytest.raises(CommandRefused) as refused:
        order() if name else commands.desire(301, given, T0)
    assert str(refused.value) == f"device 301 is a lamp: {why}"
    assert town.field.receive() == ()
    assert (town.hub.commands.status("x"), town.hub.shadows.get(301).desired) == (None, {})


def test_what_fits_the_kind_goes_down_as_it_was_said(town: Town) -> None:
    town.send(births(SAYS, devices=[301]))
    town.field.receive()
    for name, arguments in (("dim", {"level_ratio": 1.0}), ("blink", {}), (UPDATE_FIRMWARE, {"version": 2.0})):
        town.hub.commands.order(301, name, arguments=arguments, t=T0, expires=EXPIRES, id=name)
        (command,) = town.field.receive()
        assert isinstance(command, Command)
        assert (command.name, command.arguments) == (name, arguments)


def test_where_the_maker_does_not_say_what_a_command_takes_the_device_judges(town: Town) -> None:
    town.hub.commands.order(201, "dim", arguments={"lvl": 70.0}, t=T0, expires=EXPIRES, id="x")
    town.hub.commands.desire(201, {"wrong": 1.0}, T0)
    assert [type(one) for one in town.field.receive()] == [Command, Desired]


def test_a_wish_is_taken_back(town: Town) -> None:
    town.hub.commands.desire(201, {"level_ratio": 0.5, "wrong": 1.0}, T0)
    assert town.hub.commands.desire(201, {"wrong": None, "never": None}, T0 + 1, by="lighting") == 2
    wanted = Desired(node=GATEWAY, device=201, version=2, state={"level_ratio": 0.5})
    assert town.field.receive()[-1] == wanted
    assert town.hub.commands.desire(201, {"level_ratio": None, "fade_s": 2.0}, T0 + 2) == 3
    assert town.hub.shadows.get(201).delta == {"fade_s": 2.0}
    assert town.hub.commands.desire(201, {"fade_s": None}, T0 + 3) == 4
    assert town.field.receive()[-1] == Desired(node=GATEWAY, device=201, version=4, state={})
    (row,) = town.hub.queries.audit(subject="201")
    assert (row.who, row.action, row.detail) == ("lighting", "desire", '{"wrong":null,"never":null}')


def test_orders_of_a_device_are_listed_newest_first(town: Town) -> None:
    for n in range(3):
        town.hub.commands.order(201, "dim", arguments={}, t=T0 + n, expires=EXPIRES, id=f"d{n}")
    assert [one.id for one in town.hub.commands.of(201, limit=2)] == ["d2", "d1"]


def test_a_wish_is_sent_reported_and_met(town: Town) -> None:
    assert town.hub.commands.desire(201, {"level_ratio": 0.5}, T0) == 1
    assert town.hub.commands.desire(201, {"fade_s": 2.0}, T0 + 1) == 2
    wanted = {"level_ratio": 0.5, "fade_s": 2.0}
    assert town.field.receive()[-1] == Desired(node=GATEWAY, device=201, version=2, state=wanted)
    town.send(Reported(node=GATEWAY, device=201, t=T0 + 5, state={"level_ratio": 0.5, "fade_s": 1.0}))
    town.hub.tick(T0 + MINUTE)
    assert town.hub.queries.shadow(201).delta == {"fade_s": 2.0}
    town.send(Reported(node=GATEWAY, device=201, t=T0 + 4, state={"level_ratio": 0.1}))
    town.send(Reported(node=GATEWAY, device=201, t=T0 + 6, state={"fade_s": 2.0}))
    town.hub.tick(T0 + 2 * MINUTE)
    assert town.hub.queries.shadow(201).delta == {}


def test_a_device_that_was_switched_on_again_learns_what_is_wanted_of_it(town: Town) -> None:
    town.hub.commands.desire(201, {"level_ratio": 0.5}, T0)
    town.field.receive()
    town.send(births(POST, devices=[202], nodes=[GATEWAY], epoch=T0 + 1))
    assert town.field.receive() == ()
    town.send(births(POST, devices=[201, 202], nodes=[GATEWAY, GATEWAY], epoch=T0 + 2))
    wish = Desired(node=GATEWAY, device=201, version=1, state={"level_ratio": 0.5})
    assert town.field.receive() == (wish,)
    town.send(Reported(node=GATEWAY, device=201, t=T0 + 5, state={"level_ratio": 0.5}))
    town.hub.tick(T0 + MINUTE)
    town.field.receive()
    town.send(births(POST, devices=[201], nodes=[GATEWAY], epoch=T0 + MINUTE))
    assert town.field.receive() == (wish,), "it may have forgotten what it had"


@given(st.lists(st.sampled_from(AckStatus), max_size=6))
def test_a_command_moves_by_the_table_or_not_at_all(wanted: list[AckStatus]) -> None:
    row = CommandRow(
        id="x", device=1, node=1, name="dim", arguments=b"{}", issued=0, expires=1, status=AckStatus.SENT, updated=0
    )
    for status in wanted:
        before = AckStatus(row.status)
        if status in MOVES[before]:
            move(row, status, t=1)
            assert row.status == status
        else:
            with pytest.raises(IllegalMove, match=f"command x is '{before}'"):
                move(row, status, t=1)
            assert row.status == before


def test_what_the_field_did_by_itself_is_in_the_audit_once_however_often_it_is_told(town: Town) -> None:
    acted = Reported(node=GATEWAY, device=201, t=T0 + 5, state={"lamp_on": 0.0}, reason="rule 'r': x = 31 above 30")
    kept = Reported(node=GATEWAY, device=201, t=T0 + 9, state={"lamp_on": 0.0}, reason="y" * 100_000)
    town.send(acted)
    town.hub.tick(T0 + MINUTE)
    town.send(kept)
    town.send(acted)
    town.send(Reported(node=GATEWAY, device=201, t=T0 + 10, state={"lamp_on": 1.0}))
    town.hub.tick(T0 + 2 * MINUTE)
    rows = [row for row in town.hub.queries.audit(subject="201") if row.action == "acted_locally"]
    assert [(row.t, row.who, row.detail[:40]) for row in rows] == [
        (T0 + 9, str(GATEWAY), "lamp_on = 0; " + "y" * 27),
        (T0 + 5, str(GATEWAY), "lamp_on = 0; rule 'r': x = 31 above 30"),
    ]
    assert len(rows[0].detail) < 600
    assert town.hub.queries.shadow(201).reported == {"lamp_on": 1.0}
