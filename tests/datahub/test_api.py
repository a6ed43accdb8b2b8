"""The API over a real hub, asked as a client would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import unquote

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from datahub.api.app import app, attach
from datahub.contract.clock import MINUTE_MS, to_utc
from datahub.contract.codes import AckStatus
from datahub.contract.messages import Ack, BirthBatch, Command, Desired, KindDescriptor, PropertyDescriptor, Reported
from datahub.contract.observations import ObservationBatch
from datahub.hub import Hub
from datahub.transport.local import LocalBus

T0 = 1_763_793_120_000
TOKEN = "a seat at the desk"
VALVE = KindDescriptor(
    "valve_actuator",
    "电动阀",
    "Motorised valve",
    (PropertyDescriptor("position_ratio", 0.01, 0, 1, 900),),
    ("move",),
    900,
)
LOGGER = KindDescriptor(
    "pressure_logger", "压力计", "Pressure logger", (PropertyDescriptor("pressure_pa", 100, 0, 2e6, 60),), (), 60
)


@dataclass
class House:
    """A hub with three loggers and a valve, ten minutes of readings, and the field's end of its wire."""

    bus: LocalBus
    hub: Hub
    client: httpx.Client

    def tick(self, minute: int) -> None:
        self.hub.intake()
        self.hub.tick(T0 + minute * MINUTE_MS)

    def get(self, path: str) -> object:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()


class Asgi(httpx.BaseTransport):
    """Calls the application in this process, as from ``host``."""

    def __init__(self, application: FastAPI, host: str = "127.0.0.1") -> None:
        self._inner = httpx.ASGITransport(application, raise_app_exceptions=False, client=(host, 4711))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        # a thread of its own: a browser test before this one in the same process leaves its event loop running
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, call()).result()


def births(kind: KindDescriptor, codes: list[int]) -> BirthBatch:
    device = np.array(codes, np.int64)
    return BirthBatch(
        kind=kind,
        node=device,
        epoch=device * 0 + T0,
        device=device,
        object=device + 10**15,
        lon=113.5 + device / 1000,
        lat=22.2 + device * 0.0,
    )


def readings(minute: int) -> ObservationBatch:
    node = np.array([1, 2, 3], np.int64)
    return ObservationBatch(
        properties=("pressure_pa",),
        node=node,
        epoch=node * 0 + T0,
        first=node * 0 + minute,
        result_time=node * 0 + T0 + minute * MINUTE_MS,
        offset=np.arange(4, dtype=np.int64),
        device=node.copy(),
        property=np.zeros(3, np.int16),
        phenomenon_time=node * 0 + T0 + minute * MINUTE_MS,
        value=node * 100_000.0 + minute * 100,
    )


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """For those who only look."""
    yield from furnished()


@pytest.fixture
def own() -> Iterator[House]:
    """For those who change things."""
    yield from furnished()


def furnished() -> Iterator[House]:
    bus = LocalBus()
    hub = Hub("harbour", "990100", None, bus.city_end, start=T0)
    api = app(hub, token=TOKEN)
    client = httpx.Client(transport=Asgi(api), base_url="http://hub", headers={"Authorization": f"Bearer {TOKEN}"})
    house = House(bus, hub, client)
    bus.field_end.send(births(LOGGER, [1, 2, 3]))
    bus.field_end.send(births(VALVE, [9]))
    for minute in range(10):
        bus.field_end.send(readings(minute))
        house.tick(minute + 1)
    bus.field_end.receive()
    yield house
    hub.close()


def test_devices_are_listed_by_code_page_by_page(house: House) -> None:
    first = house.get("/devices?limit=3")
    assert isinstance(first, dict)
    assert ([one["device"] for one in first["devices"]], first["total"], first["next"]) == (["1", "2", "3"], 4, "3")
    last = house.get("/devices?limit=3&after=3")
    assert isinstance(last, dict)
    assert ([one["device"] for one in last["devices"]], last["next"]) == (["9"], None)


def test_devices_are_found_by_kind_object_and_place(house: House) -> None:
    for question, codes in (
        ("kind=valve_actuator", ["9"]),
        ("object=1000000000000002", ["2"]),
        ("near=113.501,22.2,50", ["1"]),
        ("near=113.502,22.2,150&kind=pressure_logger", ["1", "2", "3"]),
    ):
        found = house.get(f"/devices?{question}")
        assert isinstance(found, dict)
        assert [one["device"] for one in found["devices"]] == codes, question


def test_one_device_says_what_and_how_it_is(house: House) -> None:
    assert house.get("/devices/2") == {
        "device": "2",
        "kind": "pressure_logger",
        "object": "1000000000000002",
        "node": "2",
        "owner": "",
        "lon": pytest.approx(113.502),
        "lat": 22.2,
        "stage": "active",
        "state": "online",
        "heard": to_utc(T0 + 9 * MINUTE_MS),
    }
    kinds = house.get("/kinds")
    assert isinstance(kinds, list)
    assert {kind["name"]: kind["commands"] for kind in kinds} == {"pressure_logger": [], "valve_actuator": ["move"]}


def test_the_latest_values_of_one_device_and_of_all(house: House) -> None:
    at = to_utc(T0 + 9 * MINUTE_MS)
    assert house.get("/devices/2/latest") == {"pressure_pa": {"time": at, "value": 200_900.0, "quality": 0}}
    assert house.get("/devices/9/latest") == {}
    assert house.get("/observations/latest?property=pressure_pa&after=1&limit=1") == [
        {"device": "2", "time": at, "value": 200_900.0, "quality": 0}
    ]
    assert house.get("/observations/latest?property=pressure_pa&kind=valve_actuator") == []


def test_a_series_is_down_sampled_to_the_steps_that_are_asked_for(house: House) -> None:
    start, end = to_utc(T0), to_utc(T0 + 10 * MINUTE_MS)
    found = house.get(f"/devices/1/series/pressure_pa?start={start}&end={end}&every_s=300")
    assert isinstance(found, dict)
    assert found["steps"] == [
        {"time": start, "count": 5, "min": 100_000, "mean": 100_200, "max": 100_400, "last": 100_400},
        {
            "time": to_utc(T0 + 5 * MINUTE_MS),
            "count": 5,
            "min": 100_500,
            "mean": 100_700,
            "max": 100_900,
            "last": 100_900,
        },
    ]
    every = house.get(f"/devices/1/series/pressure_pa?start={start}&end={end}")
    assert isinstance(every, dict)
    assert [step["last"] for step in every["steps"]] == [100_000.0 + 100 * minute for minute in range(10)]


def test_the_ledger_closes_and_tells_reasons(own: House) -> None:
    strange = readings(10)
    strange.device[0] = 77
    own.bus.field_end.send(readings(9))
    own.bus.field_end.send(strange)
    own.tick(11)
    ledger = own.get("/ledger")
    assert isinstance(ledger, dict)
    assert (ledger["received"], ledger["stored"], ledger["duplicate"], ledger["rejected"]) == (36, 32, 3, 1)
    assert (ledger["closes"], ledger["by_reason"]) == (True, {"unknown_device": 1})
    (rejected,) = own.get("/rejected")  # type: ignore[misc, attr-defined]
    assert (rejected["reason"], rejected["device"]) == ("unknown_device", "77")


def test_an_order_goes_down_the_wire_and_its_answer_comes_back(own: House) -> None:
    answer = own.client.post(
        "/devices/9/commands", json={"name": "move", "arguments": {"position_ratio": 0}, "valid_s": 60, "id": "close-9"}
    )
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["expires"]) == ("sent", to_utc(T0 + 11 * MINUTE_MS))
    assert httpx.URL("http://hub/devices/9/commands").join(answer.headers["location"]).path == "/commands/close-9"
    (down,) = own.bus.field_end.receive()
    assert isinstance(down, Command)
    assert (down.node, down.name, down.arguments) == (9, "move", {"position_ratio": 0.0})
    own.bus.field_end.send(Ack(node=9, device=9, command="close-9", status=AckStatus.DONE, t=T0 + 11 * MINUTE_MS))
    own.tick(11)
    status = own.get("/commands/close-9")
    assert isinstance(status, dict)
    assert status["status"] == "done"
    assert own.get("/devices/9/commands") == [status]


def test_the_same_order_twice_is_one_and_another_under_its_id_is_refused(own: House) -> None:
    order = {"name": "move", "arguments": {"position_ratio": 0}, "valid_s": 60, "id": "a"}
    assert [own.client.post("/devices/9/commands", json=order).status_code for _ in range(2)] == [202, 202]
    assert len(own.bus.field_end.receive()) == 1
    other = own.client.post("/devices/9/commands", json={**order, "arguments": {"position_ratio": 1}})
    assert other.status_code == 409


def test_a_wish_shows_in_the_shadow_until_the_device_reports_it(own: House) -> None:
    assert own.client.put("/devices/9/desired", json={"state": {"position_ratio": 0.5}}).json() == {"version": 1}
    (down,) = own.bus.field_end.receive()
    assert isinstance(down, Desired)
    assert own.get("/devices/9/shadow") == {
        "device": "9",
        "desired": {"position_ratio": 0.5},
        "reported": {},
        "delta": {"position_ratio": 0.5},
        "version": 1,
    }
    own.bus.field_end.send(Reported(node=9, device=9, t=T0 + 11 * MINUTE_MS, state={"position_ratio": 0.5}))
    own.tick(11)
    shadow = own.get("/devices/9/shadow")
    assert isinstance(shadow, dict)
    assert (shadow["reported"], shadow["delta"]) == ({"position_ratio": 0.5}, {})


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"], body["type"]) == (status, status, "about:blank")
    assert body["title"]
    assert unquote(body["instance"]) == answer.request.url.path
    return str(body["detail"])


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/devices/77", 404, "no device 77"),
        ("/devices/tap", 422, "code"),
        ("/devices?kind=toaster", 404, "pressure_logger"),
        ("/devices?limit=0", 422, "limit"),
        ("/devices?near=here", 422, "113.58,22.27,500"),
        ("/devices?near=nan,0,1", 422, "no such place"),
        ("/observations/latest?property=mood_ratio", 404, "pressure_pa"),
        ("/observations/latest", 422, "property"),
        ("/devices/1/series/pressure_pa?start=2025-01-02&end=2025-01-01", 422, "before it starts"),
        ("/devices/1/series/pressure_pa?start=2025-01-01&end=2025-12-01&every_s=1", 422, "larger every_s"),
        ("/devices/1/series/pressure_pa?start=0001-01-01&end=2025-01-01", 422, "1970"),
        ("/commands/none", 404, "no order"),
        ("/nowhere", 404, "Not Found"),
    ],
)
def test_every_error_is_a_problem_document_with_a_remedy(house: House, path: str, status: int, says: str) -> None:
    assert says in problem(house.client.get(path), status)


ORDER = {"name": "move", "arguments": {"position_ratio": 0}, "valid_s": 60}


@pytest.mark.parametrize(
    ("device", "order", "status", "says"),
    [
        (9, {**ORDER, "name": "dance"}, 422, "it takes: move"),
        (1, ORDER, 422, "does not take 'move'"),
        (77, ORDER, 404, "no device 77"),
        (9, {**ORDER, "valid_s": 0}, 422, "valid_s"),
        (9, {**ORDER, "arguments": {"position_ratio": "shut"}}, 422, "position_ratio"),
        (9, {**ORDER, "hurry": True}, 422, "hurry"),
        (9, {**ORDER, "valid_s": True}, 422, "valid_s"),
        (9, {**ORDER, "arguments": {"position_ratio": "0.5"}}, 422, "position_ratio"),
        (9, {**ORDER, "arguments": {"": 1}}, 422, "arguments"),
        (9, {**ORDER, "arguments": {str(i): 1 for i in range(65)}}, 422, "64"),
    ],
)
def test_an_order_that_cannot_be_is_refused(
    house: House, device: int, order: dict[str, object], status: int, says: str
) -> None:
    assert says in problem(house.client.post(f"/devices/{device}/commands", json=order), status)
    assert list(house.bus.field_end.receive()) == []


def test_a_device_is_wished_so_many_settings_and_no_more(own: House) -> None:
    for first in range(0, 64, 32):
        wish = {f"setting_{i}": 1 for i in range(first, first + 32)}
        assert own.client.put("/devices/9/desired", json={"state": wish}).status_code == 202
    assert "64 settings" in problem(own.client.put("/devices/9/desired", json={"state": {"one_more": 1}}), 422)
    assert own.client.put("/devices/9/desired", json={"state": {"setting_0": 2}}).status_code == 202


def test_a_body_has_a_longest_length_before_anybody_is_asked_who_sent_it(house: House) -> None:
    stranger = httpx.Client(transport=Asgi(app(house.hub, token=TOKEN)), base_url="http://hub")
    long = stranger.post("/devices/9/commands", content=b" " * 5 * 2**20, headers={"Content-Type": "application/json"})
    assert "4194304 bytes" in problem(long, 413)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"state":{"\\ud800":1}}',
        b'{"state":{"a":1e400}}',
        b'{"state":{"a":' + b"9" * 5_000 + b"}}",
        b'{"state":{"a":NaN}}',
        b"\x00",
        b"\xff\xfe",
    ],
)
def test_a_body_that_is_no_json_or_no_wish_is_a_problem_of_its_sender(house: House, body: bytes) -> None:
    refused = house.client.put("/devices/9/desired", content=body, headers={"Content-Type": "application/json"})
    assert problem(refused, refused.status_code)
    assert refused.status_code in (400, 422)


def test_a_problem_names_its_place_as_a_reference_even_where_no_reference_led_there(house: House) -> None:
    refused = house.client.get("/commands/%F0%9F%92%A9%20%22%00")
    assert refused.json()["instance"] == "/commands/%F0%9F%92%A9%20%22%00"


def test_every_route_declares_the_answers_that_it_may_give(house: House) -> None:
    described = house.get("/openapi.json")
    assert isinstance(described, dict)
    for path, methods in described["paths"].items():
        for method, it in methods.items():
            answers = it["responses"]
            assert {"4XX", "5XX"} <= answers.keys(), (method, path)
            assert list(answers["4XX"]["content"]) == ["application/problem+json"], (method, path)
            assert "422" not in answers, "the framework's own form of errors is nowhere"


def test_nobody_orders_without_the_token_or_from_elsewhere_but_all_may_read(house: House) -> None:
    def client(host: str, token: str, **headers: str) -> httpx.Client:
        api = app(house.hub, token=token)
        return httpx.Client(transport=Asgi(api, host), base_url="http://hub", headers=headers)

    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for caller, status in (
        (client("127.0.0.1", TOKEN), 401),
        (client("127.0.0.1", TOKEN, Authorization="Bearer guess"), 401),
        (client("127.0.0.1", TOKEN, Authorization=f"Basic {TOKEN}"), 401),
        (client("10.0.0.5", TOKEN, **bearer), 403),
        (client("127.0.0.1", "", **bearer), 403),
    ):
        refused = caller.post("/devices/9/commands", json=ORDER)
        problem(refused, status)
        assert refused.headers.get("www-authenticate", "Bearer") == "Bearer"
        problem(caller.put("/devices/9/desired", json={"state": {"position_ratio": 1}}), status)
        assert caller.get("/devices/9").status_code == 200
    assert list(house.bus.field_end.receive()) == []


def test_metrics_are_strict_openmetrics_and_agree_with_the_ledger(house: House) -> None:
    answer = house.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples[("citybrain_readings_received_total",)] == 30
    assert samples[("citybrain_readings_total", ("fate", "stored"))] == 30
    assert samples[("citybrain_readings_stored_total", ("kind", "pressure_logger"))] == 30
    assert samples[("citybrain_devices", ("kind", "valve_actuator"), ("state", "online"))] == 1
    assert samples[("citybrain_jobs", ("state", "running"))] == 0
    assert samples[("citybrain_city_time_seconds",)] == (T0 + 10 * MINUTE_MS) / 1000
    assert house.client.get("/metrics").headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("# EOF\n", ""),
        lambda text: text + "citybrain_more 1\n",
        lambda text: text.replace("citybrain_readings_received_total ", "citybrain_readings_received "),
        lambda text: text.replace("# TYPE citybrain_nodes gauge", "# TYPE citybrain_nodes counter"),
        lambda text: text.replace('fate="stored"', 'fate="stored'),
        lambda text: text.replace("citybrain_nodes 4.0", "citybrain_nodes four"),
    ],
)
def test_the_parser_of_openmetrics_refuses_what_is_broken(house: House, spoil: Callable[[str], str]) -> None:
    text = house.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
    assert list(text_string_to_metric_families(text))
    assert spoil(text) != text
    with pytest.raises(ValueError, match=r"."):
        list(text_string_to_metric_families(spoil(text)))


def test_health_and_alarms_answer(house: House) -> None:
    health = house.get("/health")
    assert isinstance(health, dict)
    assert (health["time"], health["devices"], health["nodes"]) == (to_utc(T0 + 10 * MINUTE_MS), 4, 4)
    assert house.get("/alarms") == []


def test_the_api_can_stand_within_another_application(house: House) -> None:
    outer = FastAPI()
    attach(outer, house.hub, token=TOKEN, prefix="/api")
    client = httpx.Client(transport=Asgi(outer), base_url="http://hub")
    assert client.get("/api/devices/1").json()["kind"] == "pressure_logger"
    problem(client.get("/api/devices/77"), 404)
    assert client.get("/elsewhere").json() == {"detail": "Not Found"}
    described = client.get("/openapi.json").json()
    assert "/api/devices/{code}/series/{property}" in described["paths"]
