"""Both ends of the wire over real brokers."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from structlog.testing import capture_logs
from wire_brokers import mosquitto

from datahub.contract.clock import elapsed_s
from datahub.contract.errors import OutsideError, UsageError
from datahub.contract.messages import (
    Ack,
    AckStatus,
    BirthBatch,
    Command,
    Death,
    Desired,
    Down,
    KindDescriptor,
    Marker,
    Rebirth,
    Reported,
    Watermarks,
)
from datahub.contract.observations import ObservationBatch
from datahub.contract.senml import decode_packs
from datahub.contract.topics import Topics, Word
from datahub.contract.wire import decode_up
from datahub.transport.broker import free_port
from datahub.transport.bus import Arrived, Delivery
from datahub.transport.mqtt import ORDERS, MqttCityBus, MqttFieldBus

NOW = 1_763_793_124_123
LAST = 9_999
numbers = itertools.count()


def run() -> Topics:
    """Topics that no other test uses."""
    return Topics("harbour", f"r{next(numbers)}")


def live() -> Topics:
    return Topics(f"harbour{next(numbers)}")


def readings(nodes: int, each: int = 1) -> ObservationBatch:
    node = np.arange(1, nodes + 1, dtype=np.int64)
    n = nodes * each
    return ObservationBatch(
        properties=("pressure_pa",),
        node=node,
        epoch=np.full(nodes, 5, np.int64),
        first=np.zeros(nodes, np.int64),
        result_time=np.full(nodes, NOW, np.int64),
        offset=np.arange(nodes + 1, dtype=np.int64) * each,
        device=np.repeat(node, each),
        property=np.zeros(n, np.int16),
        phenomenon_time=np.full(n, NOW, np.int64),
        value=np.arange(n, dtype=np.float64),
    )


def births(nodes: int) -> BirthBatch:
    node = np.arange(1, nodes + 1, dtype=np.int64)
    place = node.astype(np.float64) / 100
    kind = KindDescriptor("pressure_logger", "压力计", "Pressure logger")
    return BirthBatch(kind=kind, node=node, epoch=node * 0 + 5, device=node, object=node, lon=place, lat=place)


T = TypeVar("T")


def until(receive: Callable[..., Sequence[T]], enough: Callable[[list[T]], bool], *, seconds: float = 15.0) -> list[T]:
    """Receive until it is enough."""
    found: list[T] = []
    end = elapsed_s() + seconds
    while not enough(found):
        assert elapsed_s() < end, f"only {len(found)} came: {found[:3]}"
        found += receive(wait_s=0.2)
    return found


def decoded(deliveries: Sequence[Delivery], topics: Topics) -> list[object]:
    return [decode_up(one.topic, one.payload, topics=topics) for one in deliveries if isinstance(one, Arrived)]


def is_marker(delivery: Delivery) -> bool:
    return isinstance(delivery, Arrived) and "_marker" in delivery.topic


def test_a_quantum_comes_up_whole_before_its_marker_and_the_answer_goes_down_whole(broker: str) -> None:
    topics = run()
    city, field = MqttCityBus(broker, topics), MqttFieldBus(broker, topics, connections=3)
    for step in (1, 2, 3):
        batch = readings(700)
        field.send(batch)
        field.send(Reported(node=4, device=4, t=NOW, state={"level_ratio": 1.0}))
        field.send(Marker(side="field", run=topics.run, t=step * 60_000, sent=0))
        up = until(city.receive, lambda found: bool(found) and is_marker(found[-1]))
        assert len(up) == 702
        assert [is_marker(one) for one in up].count(True) == 1
        marker = decoded(up[-1:], topics)[0]
        assert isinstance(marker, Marker)
        assert (marker.t, marker.sent) == (step * 60_000, step * 701)
        observed = [one for one in up if isinstance(one, Arrived) and one.topic.endswith(Word.OBS)]
        nodes = [int(one.topic.split("/")[2]) for one in observed]
        got, rejected = decode_packs([one.payload for one in observed], nodes, now=NOW)
        assert rejected == []
        assert sorted(zip(got.node.tolist(), got.value.tolist(), strict=True)) == list(
            zip(batch.node.tolist(), batch.value.tolist(), strict=True)
        )
        city.acknowledge(up)
        city.send(Watermarks(node=batch.node, epoch=batch.epoch, sequence=batch.first))
        city.send(Command(id=f"c{step}", node=4, device=4, name="dim", issued=NOW, expires=NOW + 1))
        city.send(Marker(side="city", run=topics.run, t=step * 60_000, sent=0))
        down = until(field.receive, lambda found: bool(found) and isinstance(found[-1], Marker))
        assert [type(one) for one in down[:-1]].count(Watermarks) == 1
        assert [one.id for one in down if isinstance(one, Command)] == [f"c{step}"]
        assert isinstance(down[-1], Marker)
        assert down[-1].sent == step * 2
    field.close()
    city.close()
    assert (field.refused, field.unreadable, city.refused) == (0, 0, 0)


def test_what_was_not_acknowledged_comes_again_to_the_next_hub_and_the_rest_does_not(broker: str) -> None:
    topics = live()
    field = MqttFieldBus(broker, topics)
    first = MqttCityBus(broker, topics)
    field.send(readings(250))
    kept: list[Delivery] = []
    while len(kept) < 60:
        kept += first.receive(wait_s=1.0)
    first.acknowledge(kept[:60])
    while len(kept) < 160:  # both brokers have 100 under way: the 160th shows that 60 are forgotten
        kept += first.receive(wait_s=1.0)
    first.close()
    second = MqttCityBus(broker, topics)
    seen: list[Delivery] = []

    def fetch(*, wait_s: float) -> Sequence[Delivery]:
        some = second.receive(wait_s=wait_s)
        second.acknowledge(some)
        return some

    topics_of = {topics.of(node, Word.OBS) for node in range(1, 251)}
    done = {one.topic for one in kept[:60] if isinstance(one, Arrived)}
    seen = until(fetch, lambda found: {one.topic for one in found if isinstance(one, Arrived)} >= topics_of - done)
    again = [one for one in seen if isinstance(one, Arrived) and one.topic in done]
    assert again == []
    field.close()
    second.close()


def test_commands_given_while_the_field_is_away_wait_for_it(broker: str) -> None:
    topics = live()
    MqttFieldBus(broker, topics).close()
    city = MqttCityBus(broker, topics)
    city.send(Command(id="c", node=3, device=3, name="move", issued=1, expires=2))
    city.send(Rebirth(node=9))
    city.close()
    field = MqttFieldBus(broker, topics)
    down: list[Down] = until(field.receive, lambda found: len(found) == 2)
    assert {type(one) for one in down} == {Command, Rebirth}
    field.close()


FIELD_PROCESS = """
import sys
sys.path.insert(0, "tests/wire")
from test_mqtt_bus import MqttFieldBus, Topics, births
bus = MqttFieldBus(sys.argv[1], Topics(sys.argv[2]))
bus.send(births(40))
print("born", flush=True)
sys.stdin.read()
"""


def test_a_field_that_is_killed_leaves_a_last_will_that_names_its_nodes(broker: str) -> None:
    topics = live()
    city = MqttCityBus(broker, topics)
    field = subprocess.Popen(
        [sys.executable, "-c", FIELD_PROCESS, broker, topics.city], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    born = until(city.receive, lambda found: len(found) == 40)
    city.acknowledge(born)
    os.kill(field.pid, signal.SIGKILL)
    field.communicate()
    (will,) = decoded(until(city.receive, bool), topics)
    assert will == Death(node=1, epoch=5, carried=tuple(range(2, 41)))
    city.close()


def test_a_field_that_leaves_says_good_bye_for_all_it_carries(broker: str) -> None:
    topics = live()
    city, field = MqttCityBus(broker, topics), MqttFieldBus(broker, topics)
    field.send(births(3))
    field.close()
    last = until(city.receive, lambda found: len(found) == 4)[-1]
    assert decoded([last], topics) == [Death(node=1, epoch=5, carried=(2, 3))]
    city.close()


def test_nothing_of_another_run_or_city_is_heard(broker: str) -> None:
    mine, other = run(), run()
    city, field = MqttCityBus(broker, mine), MqttFieldBus(broker, mine)
    stranger, passer_by = MqttFieldBus(broker, other), MqttFieldBus(broker, live())
    for bus in (stranger, passer_by, field):
        bus.send(Ack(node=1, device=1, command="c", status=AckStatus.DONE, t=1))
    field.send(Marker(side="field", run=mine.run, t=1, sent=0))
    up = until(city.receive, lambda found: len(found) >= 2)
    assert [one.topic for one in up if isinstance(one, Arrived)] == [mine.of(1, Word.ACK), mine.marker("field")]
    for end in (city, field, stranger, passer_by):
        end.close()


def test_any_bytes_on_any_topic_reach_the_hub_as_they_are_and_too_long_ones_cut(broker: str) -> None:
    topics = live()
    city = MqttCityBus(broker, topics, limit=1000)
    stranger = paho.Client(CallbackAPIVersion.VERSION2)
    address = city._connection.address
    stranger.connect(address.host, address.port)
    stranger.loop_start()
    sent = [("tap/obs", b"\xff"), ("1/obs", b"x" * 5000), ("1/nonsense", b""), ("1/obs", b"[]")]
    for topic, payload in sent:
        stranger.publish(f"{topics.root}/{topic}", payload, qos=1).wait_for_publish(10)
    up = until(city.receive, lambda found: len(found) == len(sent))
    assert [(one.topic, one.payload) for one in up if isinstance(one, Arrived)] == [
        (f"{topics.root}/{topic}", payload[:1001]) for topic, payload in sent
    ]
    stranger.disconnect()
    stranger.loop_stop()
    city.close()


def test_a_message_beyond_the_limit_is_refused_by_the_sender_and_counted(broker: str) -> None:
    topics = run()
    field = MqttFieldBus(broker, topics)
    field.send(Ack(node=1, device=1, command="c", status=AckStatus.DONE, t=1, detail="x" * 300_000))
    assert field.refused == 1
    field.close()


def test_a_live_line_that_is_lost_and_comes_back_leaves_two_lines_for_the_engineer(tmp_path: Path) -> None:
    port = free_port()
    with capture_logs() as lines:

        def seen(event: str) -> bool:
            since = elapsed_s()
            while elapsed_s() - since < 30 and not any(line["event"] == event for line in lines):
                city.receive(wait_s=0.2)
            return any(line["event"] == event for line in lines)

        with mosquitto(tmp_path, port=port) as url:
            city = MqttCityBus(url, live())
        assert seen("broker_lost")
        with mosquitto(tmp_path, port=port):
            assert seen("broker_back")
            city.close()
    assert [(line["event"], line["log_level"], line["broker"]) for line in lines] == [
        ("broker_lost", "warning", f"mqtt://127.0.0.1:{port}"),
        ("broker_back", "info", f"mqtt://127.0.0.1:{port}"),
    ]


def test_a_broker_that_is_not_there_is_named_with_a_remedy() -> None:
    port = free_port()
    with pytest.raises(OutsideError, match=rf"mqtt://127\.0\.0\.1:{port}.*mosquitto -p {port}"):
        MqttCityBus(f"mqtt://127.0.0.1:{port}", run())


@pytest.mark.parametrize("url", ["127.0.0.1:1883", "http://a", "mqtt://", "mqtt://a:port", "mqtt://a/b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="write it like"):
        MqttCityBus(url, run())


def test_hundreds_of_messages_go_through_a_window_that_is_smaller(broker: str) -> None:
    topics = run()
    city, field = MqttCityBus(broker, topics), MqttFieldBus(broker, topics)
    field.send(readings(3000))
    assert len(until(city.receive, lambda found: len(found) >= 3000)) == 3000
    field.close()
    city.close()


def order(n: int) -> Down:
    return Command(id=f"c{n}", node=n, device=1, name="dim", issued=NOW, expires=NOW, arguments={})


def call(n: int) -> Down:
    return Rebirth(node=n)


@pytest.mark.parametrize("made", [order, call])
def test_thousands_of_orders_leave_while_the_hub_receives_and_come_in_their_order(
    broker: str, made: Callable[[int], Down]
) -> None:
    topics, many = live(), 6_000
    city, field = MqttCityBus(broker, topics), MqttFieldBus(broker, topics)
    for n in range(many):
        city.send(made(n))

    def both_ends(*, wait_s: float) -> Sequence[Down]:
        city.receive()
        return field.receive(wait_s=wait_s / 20)

    came = until(both_ends, lambda found: len(found) >= many, seconds=60.0)
    assert came == [made(n) for n in range(many)]
    assert city.refused == 0
    field.close()
    city.close()


def away(tmp_path: Path, said: Sequence[Down], *, forgotten: Sequence[str] = ()) -> list[Down]:
    """What a field hears of what was said while its broker was away, once that is back."""
    topics, port = live(), free_port()
    with mosquitto(tmp_path, port=port) as url:
        city, field = MqttCityBus(url, topics), MqttFieldBus(url, topics)
    end = elapsed_s() + 30
    while not city.gone:
        assert elapsed_s() < end
        city.receive(wait_s=0.1)
    for message in said:
        city.send(message)
    city.forget(forgotten)
    city.send(order(LAST))
    came = list[Down]()
    with mosquitto(tmp_path, port=port):
        while order(LAST) not in came:
            assert elapsed_s() < end + 60
            city.receive()
            came += field.receive(wait_s=0.1)
        field.close()
        city.close()
    return [one for one in came if one != order(LAST)]


def test_what_is_said_again_while_it_waits_goes_out_once_and_the_newest_wish_counts(tmp_path: Path) -> None:
    first, second = (Desired(node=1, device=1, version=v, state={"level_ratio": v / 10}) for v in (1, 2))
    heard = away(tmp_path, [order(1), first, call(1), order(2), order(1), second, call(1)])
    assert [one for one in heard if not isinstance(one, Rebirth)] == [order(1), second, order(2)]
    assert call(1) in heard


def test_orders_that_are_taken_back_do_not_go_out_any_more(tmp_path: Path) -> None:
    heard = away(tmp_path, [order(1), order(2), order(3)], forgotten=["c2", "c7"])
    assert [one for one in heard if isinstance(one, Command)] == [order(1), order(3)]


def test_orders_that_wait_when_the_hub_ends_are_handed_on(broker: str) -> None:
    topics = live()
    city, field = MqttCityBus(broker, topics), MqttFieldBus(broker, topics)
    for n in range(ORDERS + 50):
        city.send(order(n))
    city.close()
    came = until(field.receive, lambda found: len(found) >= ORDERS + 50)
    assert came == [order(n) for n in range(ORDERS + 50)]
    field.close()
