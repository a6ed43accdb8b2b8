"""The door for clouds that post, asked as a vendor would: what is taken, what is refused, and with which words."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from cloud_town import LAMP, NODES, CloudTown, T, cloud, lamps_report, meters_report
from test_api import Asgi

from datahub.api.app import app
from datahub.api.problems import MEDIA_TYPE
from datahub.connectors.feeds import feed_manifest
from datahub.contract.clock import HOUR_MS, MINUTE_MS, to_utc
from datahub.feed import PostingCloud


class Vendor:
    """A town whose API a vendor's cloud posts to."""

    def __init__(self) -> None:
        lamps = cloud("lampcloud")
        assert isinstance(lamps, PostingCloud)
        self.lamps, self.meters = lamps, cloud("metercloud")
        self.town = CloudTown({"lampcloud": self.lamps, "metercloud": self.meters})
        api = app(self.town.hub, bridges=self.town.bridges)
        self.client = httpx.Client(transport=Asgi(api), base_url="http://hub")

    def post(self, request: httpx.Request, *, to: str = "lampcloud", body: bytes | None = None) -> httpx.Response:
        content = request.content if body is None else body
        return self.client.post(f"/bridges/{to}", content=content, headers=dict(request.headers.items()))

    def due(self) -> httpx.Request:
        request = self.lamps.due(T)
        assert request is not None
        return request


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    made = Vendor()
    yield made
    made.town.vanish()


def told(response: httpx.Response) -> tuple[int, str]:
    """Status and words of a problem document."""
    assert response.headers["content-type"] == MEDIA_TYPE
    problem = response.json()
    assert problem["status"] == response.status_code
    return response.status_code, problem["detail"]


def test_a_post_is_answered_when_it_is_durable_and_then_stored(vendor: Vendor) -> None:
    rows = lamps_report(vendor.lamps, turn=0)
    answer = vendor.post(vendor.due())
    assert (answer.status_code, answer.content) == (204, b"")
    assert vendor.town.bridges.views()[0].waiting == len(rows)
    vendor.town.turn(T + MINUTE_MS)
    assert vendor.town.stored() == rows


def test_what_is_not_the_vendors_own_is_refused(vendor: Vendor) -> None:
    lamps_report(vendor.lamps, turn=0)
    request = vendor.due()
    assert told(vendor.post(request, body=b"{}")) == (401, "the post is not signed with the secret of 'lampcloud'")
    assert vendor.post(request).status_code == 204
    status, words = told(vendor.post(request))
    assert (status, words) == (409, "this very post has been taken before; sign a repetition anew")
    vendor.town.hub.now = T + HOUR_MS
    vendor.lamps.answered(None, t=T)
    assert told(vendor.post(request)) == (
        401,
        "the post was signed 3600 s from now, and 300 s are borne; set the clock right",
    )


@pytest.mark.parametrize("over", [1, 1_000_000])
def test_a_post_that_is_too_long_is_refused_before_it_is_read_to_its_end(vendor: Vendor, over: int) -> None:
    lamps_report(vendor.lamps, turn=0)
    longest = feed_manifest("lampcloud").limits.body_bytes
    status, words = told(vendor.post(vendor.due(), body=b" " * (longest + over)))
    assert (status, words) == (413, f"a post is longer than {longest} bytes")
    vendor.town.turn(T + MINUTE_MS)
    assert vendor.town.bridges.views()[0].refused == {"oversized": 1}


@pytest.mark.parametrize("to", ["metercloud", "nobody"])
def test_who_does_not_post_here_is_told_who_does(vendor: Vendor, to: str) -> None:
    lamps_report(vendor.lamps, turn=0)
    status, words = told(vendor.post(vendor.due(), to=to))
    assert (status, words) == (404, f"no cloud '{to}' posts here; there are: lampcloud")


def test_before_the_time_is_known_a_post_is_put_off(vendor: Vendor) -> None:
    lamps_report(vendor.lamps, turn=0)
    vendor.town.hub.now = None
    answer = vendor.post(vendor.due())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def test_every_bridge_says_how_it_stands(vendor: Vendor) -> None:
    meters_report(vendor.meters, hour=0)
    lamps_report(vendor.lamps, turn=0)
    vendor.post(vendor.due(), body=b"{}")
    vendor.town.turn(T + HOUR_MS)
    lamp, meter = vendor.client.get("/bridges").json()
    assert (lamp["vendor"], lamp["way"], lamp["kind"], lamp["devices"]) == ("lampcloud", "pushed", LAMP.name, 3)
    assert (lamp["told"], lamp["refused"], lamp["heard"]) == (0, {"unsigned": 1}, "")
    assert (meter["vendor"], meter["way"], meter["node"]) == ("metercloud", "pulled", str(NODES["metercloud"]))
    assert (meter["told"], meter["cursor"], meter["trouble"]) == (3, str(T + 3), "")
    assert (meter["heard"], meter["due"]) == (to_utc(T + HOUR_MS), to_utc(T + HOUR_MS + 15 * MINUTE_MS))
    (audited,) = vendor.client.get("/audit", params={"subject": "lampcloud"}).json()
    assert (audited["who"], audited["action"]) == ("127.0.0.1 lampcloud", "unsigned")
