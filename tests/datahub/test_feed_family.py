"""Vendors' clouds, played from both sides: what their devices say comes out in the city's own words."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import httpx
import msgspec
import pytest
from cloud_town import (
    CABINET,
    DEVICES,
    SECRET,
    T,
    cloud,
    ids,
    lamps_report,
    meters_report,
    node_of,
    orders,
    pulled,
    pushed,
    read,
    report,
    speak,
    words,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.connector import Unanswered
from datahub.connectors.feeds import feed_manifest, feeds, load_feed
from datahub.connectors.lampcloud.words import SIGNATURE, STAMP, signed
from datahub.connectors.metercloud.stub import CORRECTED_MS
from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.contract.codes import AckStatus
from datahub.contract.errors import UsageError
from datahub.contract.messages import Ack, Command, Death
from datahub.feed import (
    WISH,
    Cloud,
    Denial,
    Denied,
    NotUnderstood,
    Outcome,
    PostingCloud,
    Pulled,
    Pushed,
    Said,
    Told,
    converse,
)
from sensors.kind import load_kinds

DIM = Command("dim-1", 1, int(DEVICES["lampcloud"][0]), "dim", T, T + HOUR_MS, {"level_ratio": 0.4})


def lampcloud() -> PostingCloud:
    made = cloud("lampcloud")
    assert isinstance(made, PostingCloud)
    return made


def headers(request: httpx.Request) -> dict[str, str]:
    return dict(request.headers)


def posted(made: PostingCloud, t: int) -> Said:
    """What the next post says, taken."""
    request = made.due(t)
    assert request is not None
    said = pushed().take(request.content, headers(request), t=t)
    made.answered(httpx.Response(204), t=t)
    return said


def written(request: httpx.Request) -> str:
    shown = {name: value for name, value in request.headers.items() if name in ("authorization", STAMP, SIGNATURE)}
    head = "".join(f"{name}: {value}\n" for name, value in sorted(shown.items()))
    return f"{request.method} {request.url}\n{head}\n{request.content.decode()}\n"


def answer(response: httpx.Response) -> str:
    return f"{response.status_code}\n\n{response.content.decode()}\n"


def scenes(vendor: str) -> Iterator[tuple[str, str]]:
    """One short day of a cloud, request by request."""
    made, feed = cloud(vendor), load_feed(vendor, secret=SECRET)
    speak(vendor, made)
    if isinstance(feed, Pulled):
        flow, number = feed.pull("", t=T), 0
        request = next(flow)
        while True:
            number += 1
            response = made.handle(request, t=T)
            yield f"{number}-request.txt", written(request)
            yield f"{number}-response.txt", answer(response)
            try:
                request = flow.send(response)
            except StopIteration:
                return
    assert isinstance(made, PostingCloud)
    device = int(DEVICES[vendor][0])
    node = node_of(vendor, device)
    for command in orders(vendor):
        try:
            order = feed.order(command, ids(vendor)[device], t=T)
        except NotUnderstood:
            continue
        yield f"1-{command.name}.txt", written(order)
        yield f"1-{command.name}-answer.txt", answer(made.handle(order, t=T))
        made.orders()
        made.hear(Ack(node, device, command.id, AckStatus.DONE, T + MINUTE_MS), t=T + MINUTE_MS)
    made.hear(Death(node, T), t=T + 2 * MINUTE_MS)
    post = made.due(T + 2 * MINUTE_MS)
    assert post is not None
    yield "2-post.txt", written(post)


@pytest.mark.parametrize("vendor", feeds())
def test_a_cloud_speaks_as_its_samples_show(vendor: str) -> None:
    room = files("datahub.connectors").joinpath(vendor, "samples")
    assert dict(scenes(vendor)) == {file.name: file.read_text("utf-8") for file in room.iterdir()}


def test_there_are_a_pulled_and_a_pushed_cloud_and_others_are_refused_by_name() -> None:
    dialects = [load_feed(vendor, secret=SECRET) for vendor in feeds()]
    assert {way for way in (Pulled, Pushed) if any(isinstance(one, way) for one in dialects)} == {Pulled, Pushed}
    with pytest.raises(UsageError, match=f"no vendor's cloud 'orderdesk'; there are: {', '.join(feeds())}"):
        load_feed("orderdesk", secret=SECRET)


@pytest.mark.parametrize("vendor", feeds())
def test_a_cloud_is_for_a_kind_that_there_is(vendor: str) -> None:
    assert feed_manifest(vendor).kind in load_kinds()


@pytest.mark.parametrize("vendor", feeds())
def test_every_property_of_the_kind_goes_there_and_back_to_the_last_digit(vendor: str) -> None:
    kind = load_kinds()[feed_manifest(vendor).kind]
    made, code = cloud(vendor), int(DEVICES[vendor][0])
    for n, share in enumerate((0.0, 0.123456789, 0.5, 0.987654321, 1.0)):
        rows = []
        for prop in kind.descriptor.properties:
            steps = round((prop.low + share * (prop.high - prop.low)) / prop.resolution)
            up = round(1 / prop.resolution) if prop.resolution < 1 else 1
            rows.append((code, prop.name, T + n * HOUR_MS, steps / up if up > 1 else steps * prop.resolution))
        made.hear(report(code, rows, first=n * len(rows), t=T + n * HOUR_MS), t=T + n * HOUR_MS)
        if isinstance(made, PostingCloud):
            (told,) = posted(made, T + n * HOUR_MS).told
        else:
            told = words(read(pulled(), made, t=T + n * HOUR_MS))[n]
        assert (told.device, told.t, told.values) == (ids(vendor)[code], T + n * HOUR_MS, {r[1]: r[3] for r in rows})


# the meter cloud, pulled


def test_a_page_border_repeats_a_line_under_the_same_id() -> None:
    made, page = cloud("metercloud", seed=3), feed_manifest("metercloud").limits.page
    for hour in range(page // 3 + 10):
        meters_report(made, hour=hour)
    pages = read(pulled(), made, t=T + 100 * HOUR_MS)
    assert len(pages) == 2
    assert pages[0].told[-1] == pages[1].told[0]
    told = words(pages)
    assert sum(len(one.told) for one in pages) == len(told) + 1
    assert made.told == sum(len(one.values) for one in told)


def test_what_is_new_comes_after_the_cursor_and_what_was_late_is_new() -> None:
    made, feed = cloud("metercloud"), pulled()
    meters_report(made, hour=5)
    first = read(feed, made, t=T + 6 * HOUR_MS)
    code = int(DEVICES["metercloud"][0])
    made.hear(report(code, [(code, "volume_m3", T, 1.5)], first=6, t=T + 6 * HOUR_MS), t=T + 6 * HOUR_MS)
    second = read(feed, made, t=T + 6 * HOUR_MS, cursor=first[-1].cursor)
    late = [one for one in words(second) if one not in words(first)]
    assert [(one.device, one.t, one.values) for one in late] == [("MC-1", T, {"volume_m3": 1.5})]


def test_a_wrong_value_is_corrected_under_a_later_revision() -> None:
    made = cloud("metercloud", seed=5)
    right = {
        (ids("metercloud")[row[0]], row[2]): row[3] for hour in range(80) for row in meters_report(made, hour=hour)
    }
    t = T + 80 * HOUR_MS + CORRECTED_MS
    told = words(read(pulled(), made, t=t))
    wrong = [one for one in told if one.id.endswith(".0") and one.values["volume_m3"] != right[one.device, one.t]]
    corrected = [one for one in told if one.id.endswith(".1")]
    assert made.corrected == len(corrected) == len(wrong) > 0
    assert sorted(one.id[:-2] for one in wrong) == sorted(one.id[:-2] for one in corrected)
    last = {(one.device, one.t): one.values["volume_m3"] for one in told}
    assert last == right


def test_a_token_is_used_until_it_ends_and_then_asked_for_again() -> None:
    made, feed, asked = cloud("metercloud"), pulled(), list[str]()

    def pull(t: int) -> None:
        def call(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.path)
            return made.handle(request, t=t)

        converse(feed.pull("", t=t), call)

    pull(T)
    pull(T + MINUTE_MS)
    pull(T + feed_manifest("metercloud").limits.token_s * SECOND_MS)
    assert asked == ["/oauth/token", "/v1/reads", "/v1/reads", "/oauth/token", "/v1/reads"]


@pytest.mark.parametrize("ahead_ms", [-2 * HOUR_MS, 3 * HOUR_MS])
def test_a_cloud_whose_clock_is_off_ends_a_token_when_it_likes_and_is_heard_all_the_same(ahead_ms: int) -> None:
    made, feed = cloud("metercloud"), pulled()
    rows = meters_report(made, hour=0)
    asked: list[str] = []
    for t in (T, T + HOUR_MS, T + 110 * MINUTE_MS):
        skew = ahead_ms if t > T else 0

        def call(request: httpx.Request, theirs: int = t + skew) -> httpx.Response:
            asked.append(request.url.path)
            return made.handle(request, t=theirs)

        said = converse(feed.pull("", t=t), call)
        assert [one.values["volume_m3"] for one in said.told] == [row[3] for row in rows]
    assert asked.count("/oauth/token") == (1 if ahead_ms < 0 else 2)


def test_a_wrong_secret_is_let_in_nowhere() -> None:
    made = cloud("metercloud")
    with pytest.raises(Unanswered, match="does not let us in; see the secret of 'metercloud'"):
        converse(load_feed("metercloud", secret="guessed").pull("", t=T), lambda r: made.handle(r, t=T))  # type: ignore[union-attr]


def test_a_cloud_called_too_often_says_when_to_come_again() -> None:
    made, feed = cloud("metercloud"), pulled()
    for _ in range(feed_manifest("metercloud").limits.calls_per_minute - 1):
        converse(feed.pull("", t=T), lambda request: made.handle(request, t=T + 20 * SECOND_MS))
    with pytest.raises(Unanswered) as put_off:
        converse(feed.pull("", t=T), lambda request: made.handle(request, t=T + 30 * SECOND_MS))
    assert put_off.value.retry_s == 50
    later = T + 80 * SECOND_MS
    assert converse(feed.pull("", t=later), lambda request: made.handle(request, t=later)).told == []


def test_a_line_that_is_none_does_not_hold_up_the_others() -> None:
    good = {"serial": 2, "readId": "R2", "rev": 0, "meterNo": "MC-1", "readTime": "2025-06-15 23:00:00", "litres": 7}
    bad = [{**good, "litres": "much"}, {**good, "readTime": "yesterday"}, {**good, "litres": -1}, 5]
    page = {"code": 0, "data": {"reads": [*bad, good], "next": "2", "hasMore": False}}

    def call(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json={"access_token": "a", "expires_in": 7200})
        return httpx.Response(200, json=page)

    said = converse(pulled().pull("", t=T), call)
    assert said.told == [Told("R2.0", "MC-1", 1_749_999_600_000, {"volume_m3": 0.007})]
    assert len(said.ill) == len(bad)


@settings(max_examples=100, deadline=None)
@given(junk=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)), status=st.sampled_from([200, 500]))
def test_junk_for_an_answer_is_no_answer(junk: bytes, status: int) -> None:
    with pytest.raises(Unanswered):
        converse(pulled().pull("", t=T), lambda request: httpx.Response(status, content=junk))
    with pytest.raises(Unanswered):
        pushed().answer(httpx.Response(status, content=junk), DIM, "LC-1", t=T)


# the lamp cloud, pushed


def test_a_post_is_made_again_and_signed_anew_until_it_is_taken() -> None:
    made = lampcloud()
    lamps_report(made, turn=0)
    first = made.due(T)
    assert first is not None
    assert made.due(T) is not None, "nobody has answered yet"
    made.answered(None, t=T)
    assert made.due(T + 29 * SECOND_MS) is None
    second = made.due(T + 30 * SECOND_MS)
    assert second is not None
    made.answered(httpx.Response(503), t=T + 30 * SECOND_MS)
    assert made.due(T + 89 * SECOND_MS) is None
    third = made.due(T + 90 * SECOND_MS)
    assert third is not None
    assert first.content == second.content == third.content
    assert len({one.headers[SIGNATURE] for one in (first, second, third)}) == 3
    made.answered(httpx.Response(204), t=T + 90 * SECOND_MS)
    assert made.due(T + HOUR_MS) is None


def test_a_post_is_read_in_si_units() -> None:
    made = lampcloud()
    rows = lamps_report(made, turn=1)
    said = posted(made, T + 5 * MINUTE_MS)
    assert [(one.device, one.t, name, value) for one in said.told for name, value in one.values.items()] == [
        (ids("lampcloud")[code], t, name, value) for code, name, t, value in rows
    ]
    assert made.told == len(rows)


def test_values_of_a_lamp_that_is_not_heard_are_no_readings() -> None:
    made = lampcloud()
    lamps_report(made, turn=0)
    posted(made, T)
    made.hear(Death(CABINET, T), t=T + MINUTE_MS)
    said = posted(made, T + MINUTE_MS)
    assert (list(said.told), said.held) == ([], 9)
    assert made.told == 9


def test_only_the_vendors_own_post_of_just_now_is_taken() -> None:
    made, feed = lampcloud(), pushed()
    lamps_report(made, turn=0)
    request = made.due(T)
    assert request is not None
    skew = feed_manifest("lampcloud").limits.skew_s * SECOND_MS
    for t in (T - skew, T, T + skew):
        assert feed.take(request.content, headers(request), t=t).told
    for t in (T - skew - SECOND_MS, T + skew + SECOND_MS):
        with pytest.raises(Denied, match="set the clock right") as denied:
            feed.take(request.content, headers(request), t=t)
        assert denied.value.why is Denial.STALE
    forged = [
        (request.content + b" ", headers(request)),
        (request.content, {}),
        (request.content, headers(request) | {STAMP: str(T // SECOND_MS + 1)}),
        (request.content, headers(request) | {SIGNATURE: "ünsigned"}),
        (request.content, headers(request) | {SIGNATURE: signed("guessed", str(T // SECOND_MS), request.content)}),
    ]
    for body, said in forged:
        with pytest.raises(Denied) as denied:
            feed.take(body, said, t=T)
        assert denied.value.why is Denial.UNSIGNED


def signed_post(body: bytes, stamp: str = str(T // SECOND_MS)) -> tuple[bytes, dict[str, str]]:
    return body, {STAMP: stamp, SIGNATURE: signed(SECRET, stamp, body)}


@settings(max_examples=100, deadline=None)
@given(junk=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
def test_junk_that_is_rightly_signed_is_denied_as_malformed(junk: bytes) -> None:
    with pytest.raises(Denied) as denied:
        pushed().take(*signed_post(junk), t=T)
    assert denied.value.why is Denial.MALFORMED


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "٣", "9" * 40])
def test_a_time_that_is_none_is_stale(stamp: str) -> None:
    with pytest.raises(Denied) as denied:
        pushed().take(*signed_post(b"{}", stamp), t=T)
    assert denied.value.why is Denial.STALE


def test_an_event_that_is_none_does_not_hold_up_the_others() -> None:
    good = {"type": "sample", "id": "E1", "lamp": "LC-1", "ts": T // SECOND_MS, "st": "01", "d": {"pw": 5}}
    changes = ({"st": "77"}, {"d": {"weight": 1}}, {"d": {"pw": 0.5}}, {"type": "song"}, {"d": {"pw": 10**15}})
    bad = [{**good, **change} for change in changes]
    body = msgspec.json.encode({"deliveryId": "D1", "events": [*bad, 7, good]})
    said = pushed().take(*signed_post(body), t=T)
    assert said.told == [Told("E1", "LC-1", T, {"lamp_power_w": 0.5})]
    assert len(said.ill) == len(bad) + 1


def test_an_order_is_queued_once_and_its_end_comes_as_an_event() -> None:
    made, feed = lampcloud(), pushed()
    for _ in range(2):
        queued = feed.answer(made.handle(feed.order(DIM, "LC-1", t=T), t=T), DIM, "LC-1", t=T)
        assert queued == Outcome("", "dim-1", "LC-1", AckStatus.ACCEPTED, T)
    (order,) = made.orders()
    assert (order.id, order.device, order.name, order.arguments) == ("dim-1", DIM.device, "dim", {"level_ratio": 0.4})
    assert order.expires == DIM.expires
    for status, end in ((AckStatus.DONE, AckStatus.DONE), (AckStatus.REJECTED, AckStatus.REJECTED)):
        made.hear(Ack(CABINET, DIM.device, "dim-1", status, T + SECOND_MS, "said so"), t=T + SECOND_MS)
        (said,) = posted(made, T + MINUTE_MS).outcomes
        assert (said.order, said.device, said.status, said.t) == ("dim-1", "LC-1", end, T + SECOND_MS)
        assert said.state == ({"level_ratio": 0.4} if end is AckStatus.DONE else {})


@pytest.mark.parametrize(
    ("change", "device", "why"),
    [({"level_ratio": 1.5}, "LC-1", "BRI"), ({"level_ratio": 0.5}, "LC-9", "LAMP")],
)
def test_the_cloud_says_no_in_its_own_words(change: dict[str, float], device: str, why: str) -> None:
    made, feed = lampcloud(), pushed()
    command = msgspec.structs.replace(DIM, arguments=change)
    said = feed.answer(made.handle(feed.order(command, device, t=T), t=T), command, device, t=T)
    assert (said.status, said.detail.partition(":")[0]) == (AckStatus.REJECTED, why)
    assert list(made.orders()) == []


def test_the_same_request_with_other_contents_is_refused_and_an_order_that_is_not_signed_too() -> None:
    made, feed = lampcloud(), pushed()
    made.handle(feed.order(DIM, "LC-1", t=T), t=T)
    other = msgspec.structs.replace(DIM, arguments={"level_ratio": 0.9})
    said = feed.answer(made.handle(feed.order(other, "LC-1", t=T), t=T), other, "LC-1", t=T)
    assert (said.status, said.detail.partition(":")[0]) == (AckStatus.REJECTED, "DIFFERS")
    stranger = load_feed("lampcloud", secret="guessed").order(DIM, "LC-1", t=T)  # type: ignore[union-attr]
    assert made.handle(stranger, t=T).status_code == 401
    assert len(made.orders()) == 1


def test_a_desired_level_is_an_order_and_other_words_are_not_understood() -> None:
    feed = pushed()
    wish = msgspec.structs.replace(DIM, name=WISH)
    assert feed.order(wish, "LC-1", t=T).content == feed.order(DIM, "LC-1", t=T).content
    for name, arguments, why in (
        ("update_firmware", {"version": 2.0}, "no word for 'update_firmware'"),
        (WISH, {"report_s": 60.0}, "told no level_ratio"),
        ("dim", {}, "told no level_ratio"),
    ):
        with pytest.raises(NotUnderstood, match=why):
            feed.order(msgspec.structs.replace(DIM, name=name, arguments=arguments), "LC-1", t=T)


@pytest.mark.parametrize("vendor", feeds())
def test_a_report_that_comes_twice_is_told_once(vendor: str) -> None:
    made: Cloud = cloud(vendor)
    said = [speak(vendor, made) for _ in range(2)]
    assert said[0] == said[1] == made.told > 0
