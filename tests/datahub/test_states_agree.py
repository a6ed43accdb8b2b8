"""How a device is, is one word: every page, list, count and metric of the hub says the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hub_town import T0, Town, births, pack
from prometheus_client.parser import text_string_to_metric_families

from brain.board import layers
from datahub.api.app import app
from datahub.contract.clock import DAY_MS, HOUR_MS
from datahub.contract.codes import DeviceState
from datahub.contract.messages import Death, KindDescriptor, PropertyDescriptor
from datahub.devices.condition import WORDS

START = T0 // DAY_MS * DAY_MS
HOURS = 39
BOX = KindDescriptor(
    "smart_pole", "灯杆", "pole", (PropertyDescriptor("noise_dba", 0.1, 30.0, 130.0, 900.0),), (), 900.0
)
WELL, SILENT, LONG_SILENT, TOLD_DEAD, IN_MAINTENANCE, RETIRED, HALF, OTHER_HALF = range(10, 18)
GATEWAY = 90
STATES = {
    WELL: "online",
    SILENT: "silent",
    LONG_SILENT: "dead",
    TOLD_DEAD: "dead",
    IN_MAINTENANCE: "maintenance",
    RETIRED: "retired",
    HALF: "maintenance",
    OTHER_HALF: "dead",
}
LAST_HEARD_H = {WELL: HOURS, SILENT: HOURS - 5, TOLD_DEAD: HOURS - 1}
"""Until when each speaks [h]; the others never after their birth."""


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """Devices with a node each, and two behind one gateway, one of which is in maintenance; nearly all say nothing."""
    town = Town(start=START)
    node = [code if code < HALF else GATEWAY for code in STATES]
    town.send(births(BOX, devices=list(STATES), nodes=node, epoch=START))
    for hour in range(1, HOURS + 1):
        t = START + hour * HOUR_MS
        for code, last in LAST_HEARD_H.items():
            if hour <= last:
                said = [(code, "noise_dba", t, 60.0 + hour % 5)]
                town.send(pack(code, said, first=hour - 1, epoch=START))
        if hour == HOURS - 1:
            town.send(Death(node=TOLD_DEAD, epoch=START))
        town.hub.tick(t)
    town.hub.lifecycle.move(IN_MAINTENANCE, DeviceState.MAINTENANCE, t=t, by="lighting")
    town.hub.lifecycle.move(HALF, DeviceState.MAINTENANCE, t=t, by="lighting")
    town.hub.lifecycle.move(RETIRED, DeviceState.RETIRED, t=t, by="lighting")
    yield town
    town.hub.close()


@pytest.fixture(scope="module")
def client(town: Town) -> Iterator[TestClient]:
    with TestClient(app(town.hub), client=("127.0.0.1", 4711)) as client:
        yield client


def states(page: Any) -> dict[int, str]:
    return {int(one["device"]): one["state"] for one in page["devices"]}


def test_lists_of_devices_say_the_same_of_each(client: TestClient) -> None:
    assert states(client.get("/devices").json()) == STATES
    assert states(client.get("/health/devices").json()) == STATES
    assert {code: client.get(f"/devices/{code}").json()["state"] for code in STATES} == STATES


@pytest.mark.parametrize("page", ["/devices", "/health/devices"])
def test_whoever_asks_for_a_state_gets_devices_that_are_shown_in_it(client: TestClient, page: str) -> None:
    for word in WORDS:
        found = client.get(f"{page}?state={word}").json()
        wanted = {code: state for code, state in STATES.items() if state == word}
        assert (states(found), found["total"]) == (wanted, len(wanted)), word
    assert client.get(f"{page}?state=active").status_code == 422, "a stage of life, not a state"


def test_every_count_of_states_is_the_same(client: TestClient, town: Town) -> None:
    wanted = {word.value: sum(state == word for state in STATES.values()) for word in WORDS}
    assert sum(wanted.values()) == len(STATES)
    assert client.get("/kinds").json()[0]["counts"] == wanted
    assert client.get("/health/kinds").json()[0]["states"] == wanted
    assert client.get("/health/departments").json()[0]["states"] == wanted
    assert town.hub.queries.counts() == {"smart_pole": wanted}
    metrics = text_string_to_metric_families(client.get("/metrics").text)
    (told,) = [family for family in metrics if family.name == "citybrain_devices"]
    assert {one.labels["state"]: one.value for one in told.samples} == wanted


def test_the_map_of_the_operations_centre_marks_who_should_speak_and_does_not(town: Town) -> None:
    (poles,) = layers(town.hub.queries)
    assert (poles.online, poles.silent, poles.dead) == (1, 1, 3)
    assert (sum(cell.total for cell in poles.cells), sum(cell.abnormal for cell in poles.cells)) == (len(STATES), 4)


def test_nodes_are_counted_by_the_same_word_and_one_with_nothing_in_service_is_not_missed(client: TestClient) -> None:
    health = client.get("/health").json()
    assert (health["nodes"], health["silent_nodes"], health["dead_nodes"]) == (7, 1, 3), "the gateway is dead too"
    metrics = text_string_to_metric_families(client.get("/metrics").text)
    nodes = {family.name: family.samples[0].value for family in metrics if family.name.startswith("citybrain_nodes_")}
    assert (nodes["citybrain_nodes_silent"], nodes["citybrain_nodes_dead"]) == (1, 3)


def test_a_node_that_never_said_that_it_died_is_not_dead_to_those_who_decide_by_its_word(town: Town) -> None:
    codes = list(STATES)
    assert dict(zip(codes, town.hub.queries.dead(codes).tolist(), strict=True)) == {  # type: ignore[arg-type]
        code: code == TOLD_DEAD for code in codes
    }


def test_a_device_that_is_fit_again_is_as_its_node_is(town: Town) -> None:
    hub = town.hub
    hub.lifecycle.move(HALF, DeviceState.ACTIVE, t=hub.now or 0, by="lighting")
    found = hub.queries.devices(device=HALF)
    assert (found.words[found.word[0]], found.unheard().tolist()) == ("dead", [True])
    hub.lifecycle.move(HALF, DeviceState.MAINTENANCE, t=hub.now or 0, by="lighting")
    hub.lifecycle.move(OTHER_HALF, DeviceState.MAINTENANCE, t=hub.now or 0, by="lighting")
    assert (hub.health().silent_nodes, hub.health().dead_nodes) == (1, 2), "all behind the gateway is in maintenance"
    hub.lifecycle.move(OTHER_HALF, DeviceState.ACTIVE, t=hub.now or 0, by="lighting")
    assert hub.health().dead_nodes == 3
