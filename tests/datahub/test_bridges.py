"""A bridge is a node like any other: what a cloud tells is stored once, numbered, counted, whatever happens between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pytest
from bridge_child import FREEZE_MS
from cloud_town import (
    CABINET,
    DEVICES,
    KINDS,
    NODES,
    SOURCE,
    CloudTown,
    T,
    bridged,
    cloud,
    ids,
    lamps_report,
    meters_report,
    report,
)

from datahub.commands import CommandRefused
from datahub.connector import Unanswered
from datahub.connectors.feeds import feed_manifest
from datahub.connectors.metercloud.stub import CORRECTED_MS
from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.contract.codes import AckStatus, Reason
from datahub.contract.errors import UsageError
from datahub.contract.firmware import UPDATE_FIRMWARE, VERSION
from datahub.contract.messages import Ack, BirthBatch, Command, Rebirth, Watermarks
from datahub.devices.coding import encode
from datahub.devices.joblife import JobState, Sort
from datahub.events import CommandMoved, StateReported
from datahub.feed import Denial, Denied, PostingCloud
from scenarios.exchange import Door

ROOT = Path(__file__).parents[2]
LAMP = int(DEVICES["lampcloud"][0])
METER = int(DEVICES["metercloud"][0])


def lamp_town(directory: Path | None = None) -> tuple[CloudTown, PostingCloud]:
    made = cloud("lampcloud")
    assert isinstance(made, PostingCloud)
    return CloudTown({"lampcloud": made}, directory), made


def post(town: CloudTown, made: PostingCloud, t: int) -> httpx.Request:
    """The cloud's next post, taken."""
    request = made.due(t)
    assert request is not None
    town.bridges.take("lampcloud", request.content, dict(request.headers), source=SOURCE, t=t)
    made.answered(httpx.Response(204), t=t)
    return request


# readings


def test_what_a_cloud_tells_is_stored_as_its_devices_said_it() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    rows = meters_report(made, hour=0)
    town.turn(T + HOUR_MS)
    assert town.stored() == rows
    registry = town.hub.registry
    assert registry.node.tolist() == [NODES["metercloud"]] * 3
    assert registry.device.tolist() == DEVICES["metercloud"].tolist()
    assert registry.kinds.kinds == [KINDS["metercloud"]]
    assert town.hub.queries.ledger().by_kind == {"water_meter": 3}
    assert town.bus.field_end.receive() == (), "nothing of it goes down the wire"


def test_a_bridge_is_born_when_its_cloud_first_tells_of_a_device() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    town.turn(T)
    assert len(town.hub.registry.nodes) == 0
    meters_report(made, hour=1)
    town.turn(T + 2 * HOUR_MS)
    assert town.hub.registry.nodes.epoch.tolist() == [T + 2 * HOUR_MS]


def test_a_cloud_is_asked_when_it_is_time_and_told_nothing_twice() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    rows = meters_report(made, hour=0)
    for minute in range(60):
        town.turn(T + HOUR_MS + minute * MINUTE_MS)
    rows += meters_report(made, hour=1)
    town.turn(T + 2 * HOUR_MS)
    assert town.stored() == rows
    assert Counter(path for _, path in town.line.calls) == {"/oauth/token": 1, "/v1/reads": 5}
    (view,) = town.bridges.views()
    assert (view.told, view.waiting, view.repeated, view.refused) == (6, 0, 4, {})
    assert town.hub.queries.ledger().duplicate == 0
    assert town.hub.queries.ledger().closes()


def test_a_backlog_is_read_page_by_page_and_every_page_is_a_commit() -> None:
    made, page = cloud("metercloud"), feed_manifest("metercloud").limits.page
    town = CloudTown({"metercloud": made})
    for hour in range(page):
        meters_report(made, hour=hour)
    town.turn(T + page * HOUR_MS)
    (view,) = town.bridges.views()
    assert [path for _, path in town.line.calls].count("/v1/reads") == 4
    assert (view.told, view.repeated) == (3 * page + made.corrected, 3)
    assert len(town.stored()) == made.told


def test_late_values_are_marked_and_corrected_ones_follow_what_was_told_before() -> None:
    made = cloud("metercloud", seed=5)
    town = CloudTown({"metercloud": made})
    right = {(row[0], row[2]): row[3] for hour in range(80) for row in meters_report(made, hour=hour)}
    town.turn(T + 80 * HOUR_MS)
    made.hear(report(METER, [(METER, "volume_m3", T - HOUR_MS, 99.0)], first=80, t=T), t=T + 80 * HOUR_MS)
    right[METER, T - HOUR_MS] = 99.0
    town.turn(T + 80 * HOUR_MS + CORRECTED_MS)
    stored = town.stored()
    assert made.corrected > 0
    assert len(stored) == made.told == len(right) + made.corrected
    assert {(device, t): value for device, _, t, value in stored} == right, "the last word of each counts"
    asked = "SELECT phenomenon_time AS t FROM observation WHERE quality & 4 > 0"  # Quality.LATE
    late = town.hub.observations.ask(asked)["t"].tolist()
    assert T - HOUR_MS in late
    assert len(late) >= 1 + sum(1 for t in late if t > T)


def test_a_device_that_the_city_does_not_know_is_refused_by_name_and_never_invented() -> None:
    stranger = int(encode("990101", "2202", 77)[0])
    made = cloud("metercloud", also=[stranger])
    town = CloudTown({"metercloud": made})
    rows = meters_report(made, hour=0)
    for hour in range(3):
        t = T + hour * HOUR_MS
        made.hear(report(stranger, [(stranger, "volume_m3", t, 1.0)], first=hour, t=t), t=t)
    town.turn(T + HOUR_MS)
    ledger = town.hub.queries.ledger()
    assert (town.stored(), len(town.hub.registry)) == (rows, 3)
    assert (ledger.received, ledger.stored, ledger.rejected) == (6, 3, 3)
    assert ledger.by_reason == {Reason.UNKNOWN_DEVICE: 3}
    assert ledger.closes()
    (view,) = town.bridges.views()
    assert (view.refused, view.told, view.waiting) == ({"unknown_device": 3}, 6, 0)
    audited = town.hub.queries.audit(limit=10, subject="XX-1")
    assert [(one.who, one.action) for one in audited] == [("bridge:metercloud", "unknown_device")]


def test_a_word_of_a_time_that_is_none_is_counted_as_ill() -> None:
    town, made = lamp_town()
    made.hear(report(CABINET, [(LAMP, "lamp_power_w", 0, 5.0)], first=0, t=T), t=T)
    lamps_report(made, turn=1)
    post(town, made, T + 5 * MINUTE_MS)
    town.turn(T + 5 * MINUTE_MS)
    (view,) = town.bridges.views()
    assert (view.told, view.refused) == (9, {"ill": 1})
    town.hub.tick(view.heard + 1)
    (trail,) = town.hub.queries.audit(limit=10, subject=view.vendor)
    assert (trail.who, trail.action) == (f"bridge:{view.vendor}", "ill")


# what can go wrong between


def test_a_cloud_that_puts_us_off_is_asked_again_when_it_said() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    rows = meters_report(made, hour=0)
    for _ in range(feed_manifest("metercloud").limits.calls_per_minute):
        made.handle(httpx.Request("GET", "/"), t=T + HOUR_MS)
    town.turn(T + HOUR_MS)
    (view,) = town.bridges.views()
    assert (view.told, view.trouble, view.due) == (0, "meter cloud put us off with status 429", T + HOUR_MS + MINUTE_MS)
    town.turn(T + HOUR_MS + MINUTE_MS)
    assert town.stored() == rows
    assert town.bridges.views()[0].trouble == ""


def test_a_page_that_was_lost_on_the_way_is_read_again() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    rows = meters_report(made, hour=0)

    def down(request: httpx.Request) -> None:
        if request.method == "GET":
            made.handle(request, t=T)
            raise Unanswered("the line is down")

    town.line.before = down
    town.turn(T + HOUR_MS)
    assert (town.stored(), town.bridges.views()[0].trouble) == ([], "the line is down")
    town.line.before = lambda request: None
    town.turn(T + HOUR_MS + MINUTE_MS)
    assert town.stored() == rows


def test_what_was_told_and_not_taken_in_is_taken_in_by_the_next_process(tmp_path: Path) -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made}, tmp_path)
    rows = meters_report(made, hour=0)
    town.bridges.turn(T + HOUR_MS)
    assert town.bridges.views()[0].waiting == 3
    town.vanish()
    again = CloudTown({"metercloud": made}, tmp_path)
    again.turn(T + HOUR_MS + MINUTE_MS)
    assert again.stored() == rows
    (view,) = again.bridges.views()
    assert (view.told, view.waiting, view.repeated) == (3, 0, 0)


def test_what_was_taken_in_and_not_released_is_known_by_its_number(tmp_path: Path) -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made}, tmp_path)
    rows = meters_report(made, hour=0)
    town.bridges.turn(T + HOUR_MS)
    letters = next(iter(town.bridges.by_node.values())).book.waiting()
    town.hub.intake(now=T + HOUR_MS)
    book = next(iter(town.bridges.by_node.values())).book
    assert book.waiting() == []
    book.commit(book.standing, letters=letters, t=T + HOUR_MS)  # as if the process had died before it was released
    town.vanish()
    again = CloudTown({"metercloud": made}, tmp_path)
    again.turn(T + HOUR_MS + MINUTE_MS)
    assert again.stored() == rows
    ledger = again.hub.queries.ledger()
    assert (ledger.received, ledger.stored, ledger.duplicate) == (6, 3, 3)
    assert again.bridges.views()[0].waiting == 0


def test_a_long_history_is_read_no_faster_than_the_hub_bears_of_any_node() -> None:
    made, hours = cloud("metercloud"), 1_200
    town = CloudTown({"metercloud": made})
    for hour in range(hours):
        meters_report(made, hour=hour)
    most, turns = town.hub.guard.limits.least_count.value, 0
    while town.bridges.numbered < made.told:
        town.turn(T + hours * HOUR_MS + turns * HOUR_MS)
        assert town.bridges.numbered <= most + turns * 10 * 3 * (1 + 1 / 24)
        turns += 1
    assert turns > 10
    ledger = town.hub.queries.ledger()
    assert (ledger.stored, ledger.rejected, ledger.duplicate) == (made.told, 0, 0)


def test_posts_beyond_what_the_hub_bears_are_put_off_and_nothing_is_lost() -> None:
    town, made = lamp_town()
    rows, count = len(lamps_report(made, turn=0)), 9_000
    post(town, made, T)
    town.turn(T)
    rows += sum(len(lamps_report(made, turn=turn)) for turn in range(1, count))
    t = T + count * 5 * MINUTE_MS
    answers = Counter[int]()
    while (request := made.due(t)) is not None or town.bridges.numbered < made.told:
        if request is not None:
            answer = Door(town.bridges, "lampcloud").handle(request, t=t)
            made.answered(answer, t=t)
            answers[answer.status_code] += 1
        if request is None or answers[503]:
            town.turn(t)
            t += 10 * MINUTE_MS
    assert set(answers) == {204, 503}
    assert town.bridges.views()[0].refused == {"busy": answers[503]}
    ledger = town.hub.queries.ledger()
    assert (ledger.stored, ledger.rejected, ledger.duplicate) == (rows, 0, 0)


def start(directory: Path, times: int, who: str) -> subprocess.Popen[str]:
    """A hub with its bridge in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("bridge_child.py")), str(directory), str(times), who],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("who", ["city", "courier"])
def test_killed_at_any_moment_a_bridge_loses_and_doubles_nothing(who: str, tmp_path: Path) -> None:
    times = 1_200
    rng = np.random.default_rng(11)
    killed = 0
    for pause_s in rng.uniform(0.01, 0.5, 6).tolist():
        child = start(tmp_path, times, who)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            child.wait(pause_s)
        except subprocess.TimeoutExpired:
            killed += 1
            child.send_signal(signal.SIGKILL)
            child.wait()
        child.stdout.close()
    child = start(tmp_path, times, who)
    out, _ = child.communicate(timeout=200)
    assert (child.returncode, out.splitlines()[-1]) == (0, "done")
    assert killed >= 3
    made = cloud("metercloud")
    right = [row for time in range(times) for row in meters_report(made, hour=time, hour_ms=FREEZE_MS)]
    town = CloudTown({"metercloud": made}, tmp_path, run="")
    stored = town.stored()
    assert len(stored) == town.hub.queries.ledger().stored == made.told
    assert {row[:3] for row in stored} == {row[:3] for row in right}
    assert sum(1 for row in right if row in stored) >= len(right) - made.corrected
    (view,) = town.bridges.views()
    assert (view.told, view.waiting, view.refused) == (made.told, 0, {})
    assert town.hub.queries.ledger().closes()
    town.vanish()


def test_a_hub_that_lacks_the_birth_asks_the_bridge_for_it() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    rows = meters_report(made, hour=0)
    bridge = town.bridges.by_node[NODES["metercloud"]]
    town.bridges.turn(T + HOUR_MS)
    bridge.letters.popleft()  # the birth is lost
    town.hub.intake(now=T + HOUR_MS)
    assert town.hub.queries.ledger().unattributed == 3
    town.turn(T + HOUR_MS + MINUTE_MS)
    assert town.stored() == rows
    ledger = town.hub.queries.ledger()
    assert (ledger.received, ledger.stored, ledger.unattributed) == (6, 3, 3)


def test_a_device_for_which_another_node_speaks_stays_that_nodes() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    own = np.array([METER], np.int64)
    town.bus.field_end.send(
        BirthBatch(KINDS["metercloud"], own, np.array([T]), own, own, np.array([114.5]), np.array([21.7]))
    )
    town.hub.intake(now=T)
    rows = meters_report(made, hour=0)
    town.turn(T + HOUR_MS)
    assert town.stored() == rows[1:]
    assert town.hub.queries.ledger().by_reason == {Reason.WRONG_SENDER: 1}


# the wire beside the bridges


def test_the_wire_goes_on_beside_the_bridges() -> None:
    made = cloud("metercloud")
    town = CloudTown({"metercloud": made})
    field, lamp = town.bus.field_end, np.array([LAMP], np.int64)
    field.send(BirthBatch(KINDS["lampcloud"], lamp, np.array([T]), lamp, lamp, np.array([114.5]), np.array([21.7])))
    field.send(report(LAMP, [(LAMP, "lamp_power_w", T, 5.5)], first=0, t=T))
    stranger = report(METER + 1, [(METER + 1, "volume_m3", T, 5.5)], first=0, t=T)
    field.send(stranger)
    rows = meters_report(made, hour=0)
    town.turn(T + HOUR_MS)
    down = field.receive()
    marks = [message for message in down if isinstance(message, Watermarks)]
    assert [(one.node.tolist(), one.sequence.tolist()) for one in marks] == [([LAMP], [0])]
    assert [message.node for message in down if isinstance(message, Rebirth)] == [int(stranger.node[0])]
    assert sorted(town.stored()) == sorted([*rows, (LAMP, "lamp_power_w", T, 5.5)])
    town.hub.commands.order(LAMP, "dim", arguments={"level_ratio": 0.5}, t=T, expires=T + HOUR_MS, id="c")
    (order,) = field.receive()
    assert isinstance(order, Command)


# posts


def test_a_post_is_durable_when_it_is_answered(tmp_path: Path) -> None:
    town, made = lamp_town(tmp_path)
    rows = lamps_report(made, turn=0)
    post(town, made, T)
    town.vanish()
    again = CloudTown({"lampcloud": made}, tmp_path)
    again.turn(T + MINUTE_MS)
    assert again.stored() == rows


def test_a_repetition_is_taken_once_and_the_very_same_post_is_refused() -> None:
    town, made = lamp_town()
    rows = lamps_report(made, turn=0)
    first = made.due(T)
    assert first is not None
    town.bridges.take("lampcloud", first.content, dict(first.headers), source=SOURCE, t=T)
    made.answered(None, t=T)  # our answer was lost
    second = post(town, made, T + 30 * SECOND_MS)
    town.turn(T + MINUTE_MS)
    assert town.stored() == rows
    assert town.bridges.views()[0].repeated == 3
    for replay in (first, second):
        with pytest.raises(Denied) as denied:
            town.bridges.take("lampcloud", replay.content, dict(replay.headers), source=SOURCE, t=T + MINUTE_MS)
        assert denied.value.why is Denial.REPLAYED


def test_a_replay_is_refused_by_the_next_process_too(tmp_path: Path) -> None:
    town, made = lamp_town(tmp_path)
    lamps_report(made, turn=0)
    request = post(town, made, T)
    town.vanish()
    again = CloudTown({"lampcloud": made}, tmp_path)
    with pytest.raises(Denied) as denied:
        again.bridges.take("lampcloud", request.content, dict(request.headers), source=SOURCE, t=T + MINUTE_MS)
    assert denied.value.why is Denial.REPLAYED


def test_every_refusal_is_counted_and_an_hour_of_them_is_one_line_of_the_trail() -> None:
    town, made = lamp_town()
    lamps_report(made, turn=0)
    request = made.due(T)
    assert request is not None
    for number in range(1, 51):
        body = request.content + b" " * number
        with pytest.raises(Denied):
            town.bridges.take("lampcloud", body, dict(request.headers), source=SOURCE, t=T)
    long = b" " * (feed_manifest("lampcloud").limits.body_bytes + 1)
    with pytest.raises(Denied) as denied:
        town.bridges.take("lampcloud", long, {}, source=SOURCE, t=T)
    assert denied.value.why is Denial.OVERSIZED
    town.turn(T + MINUTE_MS)
    assert town.bridges.views()[0].refused == {"oversized": 1, "unsigned": 50}
    long, told = town.hub.queries.audit(limit=1_000, subject="lampcloud")
    assert (long.who, long.action) == (f"{SOURCE} lampcloud", "oversized")
    assert (told.who, told.action) == (f"{SOURCE} lampcloud", "unsigned")
    assert told.detail.endswith("(the first of 50 in this hour)")
    assert town.stored() == []


def test_words_are_forgotten_when_the_vendor_cannot_repeat_them_any_more() -> None:
    town, made = lamp_town()
    lamps_report(made, turn=0)
    post(town, made, T)
    book = town.bridges.by_node[NODES["lampcloud"]].book
    event = f"E{T + 1}"
    town.turn(T + 3 * DAY_MS)
    assert book.seen([event]) == {event}
    town.turn(T + 3 * DAY_MS + HOUR_MS)
    assert book.seen([event]) == set()


# orders


def told_town(directory: Path | None = None) -> tuple[CloudTown, PostingCloud]:
    """A town that has heard of its lamps."""
    town, made = lamp_town(directory)
    lamps_report(made, turn=0)
    post(town, made, T)
    town.turn(T)
    return town, made


def ordered(town: CloudTown, level: float, *, device: int = LAMP, name: str = "dim", t: int = T) -> None:
    town.hub.commands.order(
        device, name, arguments={"level_ratio": level}, t=t, expires=t + 10 * MINUTE_MS, id=f"c-{level}"
    )


def test_an_order_goes_through_the_cloud_and_its_end_comes_back_as_the_lamps_own() -> None:
    town, made = told_town()
    ordered(town, 0.4)
    moved = [one for one in town.turn(T + MINUTE_MS) if isinstance(one, CommandMoved)]
    assert [(one.id, one.status) for one in moved] == [("c-0.4", AckStatus.ACCEPTED)]
    (order,) = made.orders()
    assert (order.device, order.arguments) == (LAMP, {"level_ratio": 0.4})
    made.hear(Ack(CABINET, LAMP, "c-0.4", AckStatus.DONE, T + 90 * SECOND_MS), t=T + 90 * SECOND_MS)
    post(town, made, T + 2 * MINUTE_MS)
    events = town.turn(T + 2 * MINUTE_MS)
    assert [(one.id, one.status) for one in events if isinstance(one, CommandMoved)] == [("c-0.4", AckStatus.DONE)]
    assert [one.state for one in events if isinstance(one, StateReported)] == [{"level_ratio": 0.4}]
    assert town.hub.shadows.get(LAMP).reported == {"level_ratio": 0.4}
    assert town.bridges.by_node[NODES["lampcloud"]].book.waiting() == []


def test_an_order_that_the_cloud_refuses_is_rejected_with_its_words() -> None:
    town, _ = told_town()
    ordered(town, 1.4)
    town.turn(T + MINUTE_MS)
    status = town.hub.commands.status("c-1.4")
    assert status is not None
    assert (status.status, status.detail) == (
        AckStatus.REJECTED,
        "BRI: bri 140 is outside 0 to 100 (bri is 100 times level_ratio)",
    )


@pytest.mark.parametrize(
    ("name", "takes"),
    [(UPDATE_FIRMWARE, "which takes: dim"), (None, "which takes as settings: level_ratio")],
)
def test_what_a_cloud_cannot_carry_is_refused_at_the_door_and_no_failure_of_a_job(name: str | None, takes: str) -> None:
    town, made = told_town()
    more = msgspec.structs.replace(KINDS["lampcloud"], commands=("dim", UPDATE_FIRMWARE))
    direct = encode("990102", "2201", np.arange(1, 4))
    place = np.full(len(direct), 114.5)
    town.hub.registry.learn(BirthBatch(more, direct, np.full(len(direct), T), direct, direct, place, place - 92.8))
    town.hub.registry.settle()
    sort, target = (Sort.FIRMWARE, {VERSION: 2.0}) if name else (Sort.CONFIGURATION, {"fade_s": 2.0})
    devices = [*DEVICES["lampcloud"].tolist(), *direct.tolist()]
    plan = msgspec.structs.replace(town.hub.jobs.declared, stages=(1.0,), failure_ratio=0.0)
    town.hub.jobs.draft(devices, sort=sort, target=target, plan=plan, t=T, id="j", by="lighting")
    town.hub.jobs.move("j", JobState.RUNNING, t=T, by="lighting")
    town.turn(T + MINUTE_MS)
    town.turn(T + 2 * MINUTE_MS)
    why = f"device {LAMP} is reached through the cloud 'lampcloud', {takes}"
    refused = town.hub.jobs.results("j", step="refused")
    assert [one.device for one in refused] == DEVICES["lampcloud"].tolist()
    assert next(one.detail for one in refused if one.device == LAMP) == why
    assert len(town.hub.jobs.results("j", step="ordered")) == len(direct)
    assert town.hub.jobs.status("j").state is JobState.RUNNING
    assert not town.bridges.by_node[NODES["lampcloud"]].orders
    assert list(made.orders()) == []
    with pytest.raises(UsageError, match="none of the 3 devices aimed at can follow; the first: device"):
        town.hub.jobs.draft(devices[:3], sort=sort, target=target, plan=plan, t=T, id="j2", by="lighting")
    commands = town.hub.commands
    order = partial(commands.order, id="f", t=T, expires=T + HOUR_MS, arguments=target, name=name or "")
    with pytest.raises(CommandRefused, match=takes):
        order(LAMP) if name else commands.desire(LAMP, target, T)


def test_while_the_cloud_is_away_an_order_waits_until_it_expires() -> None:
    town, made = told_town()

    def down(request: httpx.Request) -> None:
        raise Unanswered("the line is down")

    town.line.before = down
    ordered(town, 0.3)
    town.turn(T + MINUTE_MS)
    town.line.before = lambda request: None
    town.turn(T + 2 * MINUTE_MS)
    assert len(made.orders()) == 1
    town.line.before = down
    ordered(town, 0.2, t=T + 2 * MINUTE_MS)
    for minute in range(3, 14):
        town.turn(T + minute * MINUTE_MS)
    status = town.hub.commands.status("c-0.2")
    assert status is not None
    assert status.status is AckStatus.EXPIRED
    assert not town.bridges.by_node[NODES["lampcloud"]].orders


def test_a_cloud_that_does_not_answer_is_asked_once_and_then_ever_more_seldom() -> None:
    town, _ = told_town()
    calls: list[int] = []

    def silent(request: httpx.Request) -> None:
        calls.append(1)
        raise Unanswered("no answer in time")

    town.line.before = silent
    for n in range(40):
        ordered(town, n / 100)
    town.turn(T + MINUTE_MS)
    assert len(calls) == 1, "forty orders, and it is left alone after the first"
    for minute in range(2, 9):
        town.turn(T + minute * MINUTE_MS)
    assert len(calls) == 4, "after one, two and four minutes"


def test_a_watermark_lets_go_of_what_it_covers_and_the_rest_is_handed_over_by_the_next_process(tmp_path: Path) -> None:
    town, made = lamp_town(tmp_path)
    rows = lamps_report(made, turn=0)
    post(town, made, T)
    rows += lamps_report(made, turn=1)
    post(town, made, T + 5 * MINUTE_MS)
    bridge = town.bridges.by_node[NODES["lampcloud"]]
    first, second = bridge.book.waiting()
    assert (first.last, second.last) == (8, 17)
    node, epoch = np.array([NODES["lampcloud"]], np.int64), np.array([bridge.book.epoch], np.int64)
    town.wire.send(Watermarks(node, epoch, np.array([first.last], np.int64)))
    town.vanish()
    again = CloudTown({"lampcloud": made}, tmp_path)
    assert again.bridges.by_node[NODES["lampcloud"]].book.waiting() == [second]
    again.turn(T + 6 * MINUTE_MS)
    assert again.stored() == rows[9:]


def test_a_desired_level_reaches_the_lamp_and_is_reported() -> None:
    town, made = told_town()
    town.hub.commands.desire(LAMP, {"level_ratio": 0.7}, T)
    town.turn(T + MINUTE_MS)
    (order,) = made.orders()
    made.hear(Ack(CABINET, LAMP, order.id, AckStatus.DONE, T + 90 * SECOND_MS), t=T + 90 * SECOND_MS)
    post(town, made, T + 2 * MINUTE_MS)
    town.turn(T + 2 * MINUTE_MS)
    shadow = town.hub.shadows.get(LAMP)
    assert shadow.reported == shadow.desired == {"level_ratio": 0.7}


def test_an_order_is_given_again_by_the_next_process_and_the_cloud_does_it_once(tmp_path: Path) -> None:
    town, made = told_town(tmp_path)
    ordered(town, 0.4)
    town.bridges.turn(T + MINUTE_MS)  # the cloud has the order, and what it said is not taken in
    town.vanish()
    again = CloudTown({"lampcloud": made}, tmp_path)
    for minute in range(2, 9):
        again.turn(T + minute * MINUTE_MS)
    assert len(made.orders()) == 1
    status = again.hub.commands.status("c-0.4")
    assert status is not None
    assert status.status is AckStatus.ACCEPTED


def test_births_of_many_devices_fit_into_messages() -> None:
    many = bridged("metercloud")
    device = encode("990101", "2202", np.arange(1, 2_502))
    wide = type(many)(**{**vars(many), "device": device, "object": device, "lon": device * 0.0, "lat": device * 0.0})
    object.__setattr__(wide, "ids", [f"MC-{n}" for n in range(len(device))])
    births = wide.births(T)
    assert [len(birth) for birth in births] == [1_000, 1_000, 501]
    assert np.concatenate([birth.device for birth in births]).tolist() == device.tolist()


def test_the_names_of_the_clouds_devices_stand_in_both_directions() -> None:
    one = bridged("lampcloud")
    assert {one.code_of[name]: name for name in one.ids} == one.id_of == ids("lampcloud")
