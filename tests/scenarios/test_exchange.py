"""The exchange: answers, and the many ways of not getting one."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from datahub.connector import LONGEST_RETRY_S, Connector, CrewStatus, Stub, Unanswered, WorkOrder, WorkUpdate
from datahub.connectors.loading import load, vendors
from datahub.connectors.order_book import Outage
from datahub.contract.city import Crew, Department
from datahub.contract.clock import MINUTE_MS, SECOND_MS, elapsed_s
from datahub.contract.codes import TaskStage
from scenarios.exchange import ANSWER_BYTES, DirectExchange, HttpExchange, Line, SharedStub, stub_app, stubs_of
from scenarios.survey.city import load_city
from sensors.chance import Seeds

T = 1_750_000_000_000
ORDER = WorkOrder(
    "t-1", "work", "关阀 <1>", "close & wait", 113.5, 22.2, T, objects=(44040221030000012,), details={"x_m": 1.5}
)


def office(vendor: str) -> Department:
    crew = Crew(f"{vendor}-1", "一队", "Crew 1", 113.5, 22.2, ("work",), "van")
    return Department(vendor, "部门", "Office", vendor, ("work",), (crew,))


def desks() -> tuple[dict[str, Connector], dict[str, Stub]]:
    """One department per vendor, named after it."""
    both = {vendor: load(vendor) for vendor in vendors()}
    return {v: it[0] for v, it in both.items()}, {v: it[1](office(v), ()) for v, it in both.items()}


@pytest.fixture(params=vendors())
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_department_of_a_city_gets_a_stub_in_its_own_dialect() -> None:
    city = load_city("harbour")
    stubs = stubs_of(city, outages={"lighting": [Outage(T, T + MINUTE_MS)]})
    assert set(stubs) == {"water_company", "traffic_police", "fire_brigade", "lighting"} | {
        "supervision_centre",
        "district_office",
        "telecom_sms",
    }
    exchange = DirectExchange(stubs, Seeds(1))
    for code, department in city.departments.items():
        connector = load(department.speaks)[0]
        if code == "lighting":
            with pytest.raises(Unanswered):
                connector.read(exchange.call(code, connector.poll(0), t=T))
        else:
            assert connector.read(exchange.call(code, connector.poll(0), t=T)) == ([], [])


def test_an_order_reaches_its_department_a_little_later_than_it_was_sent(vendor: str) -> None:
    connectors, stubs = desks()
    exchange = DirectExchange(stubs, Seeds(1))
    (said,), _ = connectors[vendor].read(exchange.call(vendor, connectors[vendor].submit(ORDER), t=T))
    assert T < said.t < T + 3 * SECOND_MS
    assert list(stubs[vendor].orders()) == [ORDER]


def test_a_slow_answer_is_lost_but_the_order_stands_and_sending_it_again_is_harmless(vendor: str) -> None:
    connectors, stubs = desks()
    slow = DirectExchange(stubs, Seeds(1), lines={vendor: Line(delay_s=60.0, spread=0.0, timeout_s=5.0)})
    with pytest.raises(Unanswered, match="did not answer within 5 s"):
        slow.call(vendor, connectors[vendor].submit(ORDER), t=T)
    DirectExchange(stubs, Seeds(1)).call(vendor, connectors[vendor].submit(ORDER), t=T + MINUTE_MS)
    assert list(stubs[vendor].orders()) == [ORDER]


def test_while_the_line_is_down_nothing_gets_through(vendor: str) -> None:
    connectors, stubs = desks()
    line = Line(outages=(Outage(T, T + MINUTE_MS),))
    exchange = DirectExchange(stubs, Seeds(1), lines={vendor: line})
    with pytest.raises(Unanswered, match=f"the line to {vendor} is down"):
        exchange.call(vendor, connectors[vendor].submit(ORDER), t=T)
    assert list(stubs[vendor].orders()) == []
    exchange.call(vendor, connectors[vendor].submit(ORDER), t=T + MINUTE_MS)
    assert list(stubs[vendor].orders()) == [ORDER]


def test_one_seed_gives_one_line_with_the_same_delays() -> None:
    def times(seed: int, *, also: str = "") -> list[int]:
        connectors, stubs = desks()
        exchange = DirectExchange(stubs, Seeds(seed))
        seen = []
        for minute in range(5):
            if also:
                exchange.call(also, connectors[also].poll(0), t=T)
            request = connectors["smsgate"].submit(ORDER)
            seen.append(connectors["smsgate"].read(exchange.call("smsgate", request, t=T + minute * MINUTE_MS))[0][0].t)
        return seen

    assert times(1) == times(1) == times(1, also="orderdesk")
    assert times(1) != times(2)


def test_a_department_that_is_not_connected_does_not_answer() -> None:
    exchange = DirectExchange({}, Seeds(1))
    with pytest.raises(Unanswered, match="no system of 'harbour_master'"):
        exchange.call("harbour_master", httpx.Request("GET", "/"), t=T)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The app behind a real web server on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture(scope="module")
def line() -> Iterator[tuple[HttpExchange, Mapping[str, Connector], Mapping[str, Stub]]]:
    connectors, stubs = desks()
    shared: dict[str, Stub] = {code: SharedStub(stub) for code, stub in stubs.items()}
    with served(stub_app(shared, clock=lambda: T)) as address:
        exchange = HttpExchange({**{code: f"{address}/{code}/" for code in stubs}, "nobody": f"{address}/nobody"})
        yield exchange, connectors, shared
        exchange.close()


def test_the_same_talk_goes_over_http(
    vendor: str, line: tuple[HttpExchange, Mapping[str, Connector], Mapping[str, Stub]]
) -> None:
    exchange, connectors, stubs = line
    connector, stub = connectors[vendor], stubs[vendor]
    assert connector.read(exchange.call(vendor, connector.submit(ORDER), t=T)) == (
        [WorkUpdate(0, "t-1", TaskStage.SUBMITTED, T)],
        [],
    )
    assert list(stub.orders()) == [ORDER]
    done = WorkUpdate(2, "t-1", TaskStage.DONE, T + 5, crew=f"{vendor}-1", findings={"note": "好 & <fine>", "n_m": 0.1})
    where = CrewStatus(f"{vendor}-1", T + 5, 113.5123, 22.2, order="t-1", eta_s=1.5)
    stub.report(done)
    stub.locate(where)
    assert connector.read(exchange.call(vendor, connector.poll(1), t=T)) == ([done], [where])
    refused = connector.read(exchange.call(vendor, connector.withdraw("t-1"), t=T))[0][0]
    assert refused.findings["refused"] == "finished"


def test_an_answer_that_is_nobodys_dialect_is_no_answer(
    line: tuple[HttpExchange, Mapping[str, Connector], Mapping[str, Stub]],
) -> None:
    exchange, connectors, _ = line
    response = exchange.call("nobody", connectors["orderdesk"].poll(0), t=T)
    assert response.status_code == 404
    for connector in connectors.values():
        with pytest.raises(Unanswered):
            connector.read(response)


def test_a_system_that_is_not_there_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        port = closed_soon.getsockname()[1]
    exchange = HttpExchange({"lighting": f"http://127.0.0.1:{port}"})
    with pytest.raises(Unanswered, match=f"lighting at http://127.0.0.1:{port} did not answer"):
        exchange.call("lighting", httpx.Request("GET", "/api/v1/changes?cursor=0"), t=T)
    with pytest.raises(Unanswered, match="no address of 'police' is configured; there are: lighting"):
        exchange.call("police", httpx.Request("GET", "/"), t=T)


def test_a_system_that_takes_the_call_and_says_nothing_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        exchange = HttpExchange({"lighting": address}, timeout_s=0.2)
        with pytest.raises(Unanswered, match="did not answer"):
            exchange.call("lighting", httpx.Request("GET", "/"), t=T)


WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def telling(*parts: bytes, heard: threading.Event | None = None) -> Iterator[str]:
    """Address of a system that tells these bytes, then one at a time for ever, and at the next call is well."""
    until = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as door, ThreadPoolExecutor(1) as teller:

        def drip(line: socket.socket) -> None:
            with line, suppress(OSError):
                line.recv(65_536)
                if heard is not None:
                    heard.set()
                for part in parts:
                    line.sendall(part)
                while not until.wait(0.05):
                    line.sendall(b" ")

        def answer() -> None:
            with suppress(OSError), ThreadPoolExecutor(1) as first:
                first.submit(drip, door.accept()[0])
                line, _ = door.accept()
                with line:
                    line.recv(65_536)
                    line.sendall(WELL)

        teller.submit(answer)
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            until.set()
            door.shutdown(socket.SHUT_RDWR)


ASKED = httpx.Request("GET", "/")


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 ", b"HTTP/1.1 200 OK\r\nX-Y:", b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"]
)
def test_a_system_that_answers_letter_by_letter_holds_nobody_up_and_is_heard_once_it_is_well(head: bytes) -> None:
    with telling(head) as address:
        exchange = HttpExchange({"lighting": address}, timeout_s=0.4)
        since = elapsed_s()
        with pytest.raises(Unanswered, match=r"did not answer within 0\.4 s"):
            exchange.call("lighting", ASKED, t=T)
        assert elapsed_s() - since < 5.0
        assert exchange.call("lighting", ASKED, t=T).content == b"ok"
        exchange.close()


def test_an_answer_without_end_is_not_read_to_the_end() -> None:
    parts = [b"x" * 2**20] * (ANSWER_BYTES // 2**20 + 1)
    with telling(b"HTTP/1.1 200 OK\r\n\r\n", *parts) as address:
        exchange = HttpExchange({"lighting": address}, timeout_s=10.0)
        with pytest.raises(Unanswered, match=f"longer than {ANSWER_BYTES} bytes"):
            exchange.call("lighting", ASKED, t=T)
        assert exchange.call("lighting", ASKED, t=T).content == b"ok"
        exchange.close()


def test_an_answer_that_could_unfold_to_any_length_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(2**24))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with telling(head, bomb) as address:
        exchange = HttpExchange({"lighting": address}, timeout_s=10.0)
        with pytest.raises(Unanswered, match="packed as gzip, which nobody asked for"):
            exchange.call("lighting", ASKED, t=T)
        exchange.close()


def test_who_waits_for_an_answer_when_the_exchange_closes_has_none_and_nobody_is_asked_any_more() -> None:
    heard = threading.Event()
    with telling(heard=heard) as address, ThreadPoolExecutor(1) as caller:
        exchange = HttpExchange({"lighting": address}, timeout_s=60.0)
        waiting = caller.submit(exchange.call, "lighting", ASKED, t=T)
        assert heard.wait(10.0)
        exchange.close()
        assert isinstance(waiting.exception(10.0), Unanswered)
        with pytest.raises(Unanswered, match="the exchange is closed"):
            exchange.call("lighting", ASKED, t=T)


def test_a_system_that_wants_to_be_left_alone_for_ever_is_asked_again_after_a_day() -> None:
    assert Unanswered("put off", retry_s=float("9" * 400)).retry_s == LONGEST_RETRY_S == 86_400.0


def test_a_stub_shared_by_threads_loses_and_doubles_nothing(vendor: str) -> None:
    connector, shared = load(vendor)[0], SharedStub(load(vendor)[1](office(vendor), ()))
    orders = [WorkOrder(f"t-{n}", "work", "", "", 113.5, 22.2, T) for n in range(200)]

    def work(order: WorkOrder) -> None:
        shared.handle(connector.submit(order), t=T)
        shared.report(WorkUpdate(0, order.id, TaskStage.DONE, T))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, orders))
    assert sorted(order.id for order in shared.orders()) == sorted(order.id for order in orders)
    seen: list[WorkUpdate] = []
    while page := connector.read(shared.handle(connector.poll(len(seen)), t=T + MINUTE_MS))[0]:
        seen.extend(page)
    assert [update.ordinal for update in seen] == list(range(1, 401))
