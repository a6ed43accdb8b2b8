"""Alarms go north: whoever subscribes hears them raised and cleared, and the measurement of how soon runs whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from wire_brokers import mosquitto

from datahub.contract.messages import BirthBatch, KindDescriptor, PropertyDescriptor
from datahub.contract.observations import ObservationBatch
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.mqtt import MqttCityBus, MqttFieldBus
from scenarios.bench.latency import measure

T0, POLE = 1_760_000_000_000, 440402220100000015
KIND = KindDescriptor(
    "smart_pole", "灯杆", "pole", (PropertyDescriptor("leakage_current_a", 0.0001, 0.0, 0.3, 300.0),), report_s=300.0
)


def birth() -> BirthBatch:
    code, place = np.array([POLE]), np.array([22.2])
    return BirthBatch(kind=KIND, node=code, epoch=np.array([T0]), device=code, object=code, lon=place + 91, lat=place)


def leak(sequence: int, value: float) -> ObservationBatch:
    one, t = np.array([POLE]), np.array([T0 + 1_000 * (sequence + 1)])
    return ObservationBatch(
        properties=("leakage_current_a",), node=one, epoch=np.array([T0]), first=np.array([sequence]), result_time=t,
        offset=np.array([0, 1]), device=one, property=np.zeros(1, np.int16), phenomenon_time=t, value=np.array([value]),
    )  # fmt: skip


def take(hub: Hub, received: int) -> None:
    for _ in range(100):
        if hub.ledger.received >= received:
            return
        hub.intake(wait_s=0.2, now=T0)
    raise AssertionError(f"{hub.ledger.received} of {received} readings came")


def test_mosquitto_sub_hears_an_alarm_raised_and_cleared_and_the_hub_does_not_hear_itself(tmp_path: Path) -> None:
    client = shutil.which("mosquitto_sub")
    if client is None:
        pytest.skip("needs mosquitto-clients: apt-get install mosquitto-clients")
    topics = Topics("north")
    with mosquitto(tmp_path) as url:
        port = url.rsplit(":", 1)[1]
        words = ["stdbuf", "-oL", client, "-p", port, "-t", topics.alarm("+"), "-C", "2", "-W", "20", "-q", "1", "-d"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as listener:
            assert listener.stdout is not None
            assert any("SUBACK" in line for line in listener.stdout)
            field = MqttFieldBus(url, topics)
            hub = Hub("north", "990100", tmp_path / "hub", MqttCityBus(url, topics), start=T0)
            field.send(birth())
            for number, value in enumerate((0.05, 0.001)):
                field.send(leak(number, value))
                take(hub, number + 1)
                hub.tick(T0 + 2_000 * (number + 1))
            heard = [json.loads(line) for line in listener.stdout if line.startswith("{")]
            hub.intake(wait_s=0.2)
            assert hub.ledger.totals().unattributed == 0
            hub.close()
            field.close()
    assert [(it["kind"], it["device"], it["raised"]) for it in heard] == [
        ("pole_leakage", POLE, True),
        ("pole_leakage", POLE, False),
    ]
    assert heard[0]["id"] == heard[1]["id"]
    assert (heard[0]["value"], heard[0]["limit"], heard[0]["fault"]) == (0.05, 0.03, False)


def test_the_time_from_a_reading_to_its_alarm_is_taken() -> None:
    idle, loaded = measure(background=(0.0, 200.0), probes=5)
    assert (idle.n, loaded.n) == (5, 5)
    assert 0 < idle.p50_ms <= idle.p99_ms
    assert loaded.background_msg_s == 200.0
