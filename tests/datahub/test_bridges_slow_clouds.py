"""Clouds that hang, drip or flood, over real sockets: only their couriers wait, and the hub takes in what comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pytest
from cloud_town import DEVICES, METER, NODES, SOURCE, CloudTown, T, cloud, lamps_report, meters_report, report

from datahub.connectors.feeds import feed_manifest
from datahub.contract.clock import HOUR_MS, MINUTE_MS, elapsed_s
from datahub.contract.codes import AckStatus
from datahub.contract.messages import BirthBatch
from datahub.devices.coding import encode
from datahub.feed import Cloud, PostingCloud
from scenarios.exchange import HttpExchange
from scenarios.live.couriers import VendorCouriers

LAMPS = DEVICES["lampcloud"].tolist()
DIRECT = int(encode("990102", "2202", 1)[0])
"""A meter that speaks on the wire."""

LONG_S = 120.0
"""Longer than any test may take: whoever waited for a call would be seen."""


class Behind:
    """A cloud behind a web server that is ill until it is healed.

    Attributes:
        asked: targets of the requests that came.
        called: set when a request has come while it is ill.
        watch: looks at every request before it is answered.
    """

    def __init__(self, made: Cloud, ill: Callable[[BaseHTTPRequestHandler, threading.Event], None]) -> None:
        self.made, self.ill = made, ill
        self.asked = list[str]()
        self.called, self.healed = threading.Event(), threading.Event()
        self.watch: Callable[[str], None] = lambda target: None
        self.t = T
        self.lock = threading.Lock()

    def answer(self, line: BaseHTTPRequestHandler) -> None:
        """Answer one request, well or ill."""
        body = line.rfile.read(int(line.headers.get("content-length", 0)))
        with self.lock:
            self.asked.append(line.path)
        if not self.healed.is_set():
            self.called.set()
            self.ill(line, self.healed)
            return
        with self.lock:
            self.watch(line.path)
            said = self.made.handle(
                httpx.Request(line.command, line.path, content=body, headers=dict(line.headers.items())), t=self.t
            )
        line.send_response(said.status_code)
        line.send_header("content-length", str(len(said.content)))
        line.end_headers()
        line.wfile.write(said.content)


def hang(line: BaseHTTPRequestHandler, healed: threading.Event) -> None:
    """Say nothing."""
    healed.wait()


def drip(line: BaseHTTPRequestHandler, healed: threading.Event) -> None:
    """Say one letter at a time."""
    line.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while not healed.wait(0.02):
        line.wfile.write(b" ")


def flood(line: BaseHTTPRequestHandler, healed: threading.Event) -> None:
    """Say more than anybody reads."""
    line.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not healed.is_set():
        line.wfile.write(b" " * 2**16)


@contextmanager
def served(behind: Behind) -> Iterator[str]:
    """Address of the cloud."""

    class Answering(BaseHTTPRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Be quiet."""

        def _answer(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                behind.answer(self)

        do_GET = do_POST = _answer  # noqa: N815 - names of the standard library

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            behind.healed.set()
            server.shutdown()
            thread.join()


@contextmanager
def town_before(vendor: str, behind: Behind, *, timeout_s: float) -> Iterator[CloudTown]:
    """A town whose courier goes to that cloud over HTTP."""
    couriers = VendorCouriers()
    with served(behind) as address:
        exchange = HttpExchange({vendor: address}, timeout_s=timeout_s)
        try:
            yield CloudTown({vendor: behind.made}, exchange=exchange, couriers=couriers)
        finally:
            couriers.close()
            exchange.close()


def until(town: CloudTown, come: Callable[[], bool], *, what: str) -> None:
    """Let the hub take in what comes until it is so; city time stands still."""
    end = elapsed_s() + 30
    while not come():
        assert elapsed_s() < end, f"{what} has not come within 30 s"
        town.hub.intake(wait_s=0.01)


def forty_orders(made: PostingCloud, town: CloudTown) -> None:
    """Forty orders to lamps of which the town has heard."""
    lamps_report(made, turn=0)
    posted = made.due(T)
    assert posted is not None
    town.bridges.take("lampcloud", posted.content, dict(posted.headers), source=SOURCE, t=T)
    made.answered(httpx.Response(204), t=T)
    town.turn(T)
    for n in range(40):
        level = {"level_ratio": n / 100}
        town.hub.commands.order(LAMPS[n % 3], "dim", arguments=level, t=T, expires=T + HOUR_MS, id=f"c-{n}")


def meter_on_the_wire(town: CloudTown, first: int, count: int) -> None:
    """A meter says on the wire what it measured; the hub takes in each pack."""
    own = np.array([DIRECT], np.int64)
    place = np.array([114.5])
    if not first:
        town.bus.field_end.send(BirthBatch(METER, own, np.array([T]), own, own, place, place - 92.8))
    for n in range(first, first + count):
        row = (DIRECT, "volume_m3", T + n * 1_000, float(n))
        town.bus.field_end.send(report(DIRECT, [row], first=n, t=T + MINUTE_MS))
        town.hub.intake(now=T + MINUTE_MS)


def accepted(town: CloudTown) -> int:
    """How many of the forty orders the cloud has taken."""
    found = [town.hub.commands.status(f"c-{n}") for n in range(40)]
    return sum(1 for one in found if one is not None and one.status is AckStatus.ACCEPTED)


@pytest.mark.parametrize("ill", [hang, drip])
def test_while_a_cloud_hangs_or_drips_the_hub_takes_in_what_comes(
    ill: Callable[[BaseHTTPRequestHandler, threading.Event], None],
) -> None:
    made = cloud("lampcloud")
    assert isinstance(made, PostingCloud)
    behind = Behind(made, ill)
    with town_before("lampcloud", behind, timeout_s=LONG_S) as town:
        since = elapsed_s()
        forty_orders(made, town)
        town.turn(T + MINUTE_MS)
        assert behind.called.wait(30), "the courier is on its way"
        meter_on_the_wire(town, 0, 30)
        town.turn(T + 2 * MINUTE_MS)
        meter_on_the_wire(town, 30, 30)
        town.turn(T + 3 * MINUTE_MS)
        assert [row for row in town.stored() if row[0] == DIRECT] == [
            (DIRECT, "volume_m3", T + n * 1_000, float(n)) for n in range(60)
        ]
        assert len(behind.asked) == 1, "nobody else went after it"
        assert elapsed_s() - since < LONG_S / 2
        behind.healed.set()
        bridge = town.bridges.by_node[NODES["lampcloud"]]
        until(town, lambda: bool(bridge.trouble), what="the end of the call")
        town.turn(T + 5 * MINUTE_MS)
        until(town, lambda: len(behind.asked) == 41 and not bridge.orders, what="the other orders")
        until(town, lambda: bridge.book.standing.out >= 41, what="what the cloud said to them")
        town.turn(T + 6 * MINUTE_MS)
        assert accepted(town) == 40
        assert len(made.orders()) == 40
        assert bridge.trouble == ""
        assert town.hub.queries.ledger().closes()


def test_a_cloud_that_floods_is_left_off_and_asked_again_later() -> None:
    made = cloud("lampcloud")
    assert isinstance(made, PostingCloud)
    behind = Behind(made, flood)
    with town_before("lampcloud", behind, timeout_s=LONG_S) as town:
        forty_orders(made, town)
        town.turn(T + MINUTE_MS)
        bridge = town.bridges.by_node[NODES["lampcloud"]]
        until(town, lambda: "longer than" in bridge.trouble, what="the end of the flood")
        town.turn(T + MINUTE_MS)
        assert (len(behind.asked), len(bridge.orders)) == (1, 40)
        assert [one.id for one in bridge.orders] == [f"c-{n}" for n in range(40)], (
            "in the order in which they were given"
        )


def test_a_backlog_comes_page_by_page_between_two_turns_and_each_is_durable_before_the_next_is_asked_for() -> None:
    made, page = cloud("metercloud"), feed_manifest("metercloud").limits.page
    behind = Behind(made, hang)
    behind.healed.set()
    for hour in range(page):
        meters_report(made, hour=hour)
    behind.t = T + page * HOUR_MS
    with town_before("metercloud", behind, timeout_s=LONG_S) as town:
        book = town.bridges.by_node[NODES["metercloud"]].book
        cursors: list[tuple[str, str]] = []

        def compare(target: str) -> None:
            if "after=" in target:
                cursors.append((target.split("after=")[1].split("&")[0], book.standing.cursor or "0"))

        behind.watch = compare
        town.turn(behind.t)
        until(town, lambda: town.bridges.numbered == made.told, what="the last page")
        town.turn(behind.t + MINUTE_MS)
        assert len(town.stored()) == made.told
        assert len(cursors) == 4
        assert all(asked == durable for asked, durable in cursors)


def test_a_courier_brings_no_more_than_the_hub_bears() -> None:
    made, hours = cloud("metercloud"), 1_200
    behind = Behind(made, hang)
    behind.healed.set()
    for hour in range(hours):
        meters_report(made, hour=hour)
    behind.t = T + hours * HOUR_MS
    with town_before("metercloud", behind, timeout_s=LONG_S) as town:
        most = town.hub.guard.limits.least_count.value
        pages = 0

        def count(target: str) -> None:
            nonlocal pages
            pages += "after=" in target

        behind.watch = count
        town.turn(behind.t)
        until(town, lambda: pages >= 2, what="some pages")
        turns = 1
        while town.bridges.numbered < made.told:
            behind.t += MINUTE_MS
            town.turn(behind.t)
            turns += 1
            assert town.bridges.numbered <= most + turns * 10 * 3 * (1 + 1 / 24)
        ledger = town.hub.queries.ledger()
        assert (ledger.stored, ledger.rejected, ledger.duplicate) == (made.told, 0, 0)


def test_an_error_of_ours_on_an_errand_is_raised_where_it_was_sent_from() -> None:
    made = cloud("metercloud")
    couriers = VendorCouriers()
    town = CloudTown({"metercloud": made}, couriers=couriers)

    def broken(request: httpx.Request) -> None:
        raise ZeroDivisionError("a slip of a dialect")

    town.line.before = broken
    with pytest.raises(ZeroDivisionError, match="a slip of a dialect"):
        until(town, lambda: bool(town.turn(T)) and False, what="the error")
    couriers.close()
