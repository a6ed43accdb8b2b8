"""Every vendor, by one family of tests: whatever stands in ``datahub/connectors`` is played from both sides."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.connector import CrewStatus, Refusal, Stub, Unanswered, WorkOrder, WorkUpdate
from datahub.connectors.loading import load, manifest, vendors
from datahub.connectors.order_book import Outage
from datahub.contract.city import Crew, Department
from datahub.contract.clock import MINUTE_MS, SECOND_MS
from datahub.contract.codes import TaskStage
from datahub.contract.errors import UsageError

T = 1_750_000_000_000
CREW = Crew("water_company-1", "抢修一队", "Repair crew 1", 113.57, 22.27, ("repair_main", "send_sms"), "van")
OFFICE = Department("water_company", "供水公司", "Water company", "orderdesk", ("repair_main", "send_sms"), (CREW,))
ORDER = WorkOrder(
    id="t-1",
    duty="repair_main",
    zh="抢修 DN600 主干管",
    en='Repair the "DN600" main <east & west>',
    lon=113.5712,
    lat=22.2701,
    deadline=T + 3_600_123,
    objects=(44040221020000017, 44040221020000025),
    crew="water_company-1",
    details={"pipe": "44040221020000017", "radius_m": 150.5, "people_count": 4200.0},
)
FINDINGS: dict[str, float | str] = {"repaired": 1.0, "cause": '接口 <腐蚀> & "渗漏"'}

names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12)
texts = st.text(max_size=40)
numbers = st.floats(allow_nan=False, allow_infinity=False)
details = st.dictionaries(names, st.one_of(numbers, texts), max_size=4)
#: What XML 1.0 can carry in any spelling; other vendors carry everything.
plain = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"), max_size=40)
tidy = st.one_of(plain, plain.map(lambda text: f"{text}\r\n\t<&>\"';=%"))


def desk(vendor: str, *outages: Outage) -> Stub:
    return load(vendor)[1](OFFICE, outages)


def scenes(vendor: str) -> Iterator[tuple[str, httpx.Request, httpx.Response]]:
    """One short day at a department's desk, request by request."""
    connector, stub = load(vendor)[0], desk(vendor)
    stub.locate(CrewStatus("water_company-1", T, 113.57, 22.27))

    def ask(request: httpx.Request, t: int) -> tuple[httpx.Request, httpx.Response]:
        return request, stub.handle(request, t=t)

    yield "1-submit", *ask(connector.submit(ORDER), T)
    yield "2-submit-again", *ask(connector.submit(ORDER), T + 1000)
    for order in stub.orders():
        stub.report(WorkUpdate(0, order.id, TaskStage.EN_ROUTE, T + 2500, crew="water_company-1"))
        stub.locate(CrewStatus("water_company-1", T + 2500, 113.5705, 22.27005, order=order.id, eta_s=95.5))
        stub.report(WorkUpdate(0, order.id, TaskStage.DONE, T + 60_001, crew="water_company-1", findings=FINDINGS))
    yield "3-poll", *ask(connector.poll(1), T + 61_000)
    yield "4-withdraw-finished", *ask(connector.withdraw("t-1"), T + 62_000)
    yield "5-withdraw-unknown", *ask(connector.withdraw("t-0"), T + 63_000)


@pytest.fixture(params=vendors())
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_are_the_three_vendors_of_the_first_story() -> None:
    assert vendors() == ("incidentxml", "orderdesk", "smsgate")


def test_an_unknown_vendor_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="no vendor 'fax'; there are: incidentxml, orderdesk, smsgate"):
        load("fax")


def test_a_desk_speaks_as_its_samples_show(vendor: str) -> None:
    shown = {
        file.name: file.read_text("utf-8") for file in files("datahub.connectors").joinpath(vendor, "samples").iterdir()
    }
    spoken = {}
    for name, request, response in scenes(vendor):
        spoken[f"{name}.request.txt"] = f"{request.method} {request.url}\n\n{request.content.decode()}\n"
        spoken[f"{name}.response.txt"] = f"{response.status_code}\n\n{response.content.decode()}\n"
    assert spoken == shown


def test_a_short_day_is_read_as_it_was(vendor: str) -> None:
    connector = load(vendor)[0]
    read = {name: connector.read(response) for name, _, response in scenes(vendor)}
    assert read["1-submit"] == ([WorkUpdate(0, "t-1", TaskStage.SUBMITTED, T)], [])
    assert read["2-submit-again"] == ([WorkUpdate(0, "t-1", TaskStage.SUBMITTED, T + 1000)], [])
    assert read["3-poll"] == (
        [
            WorkUpdate(2, "t-1", TaskStage.EN_ROUTE, T + 2500, crew="water_company-1"),
            WorkUpdate(3, "t-1", TaskStage.DONE, T + 60_001, crew="water_company-1", findings=FINDINGS),
        ],
        [CrewStatus("water_company-1", T + 2500, 113.5705, 22.27005, order="t-1", eta_s=95.5)],
    )
    (finished,), _ = read["4-withdraw-finished"]
    (unknown,), _ = read["5-withdraw-unknown"]
    assert (finished.order, finished.stage, finished.findings["refused"]) == ("t-1", TaskStage.DONE, Refusal.FINISHED)
    assert (unknown.order, unknown.stage, unknown.findings["refused"]) == ("t-0", TaskStage.FAILED, "unknown_order")


def test_an_order_arrives_at_the_desk_as_it_was_given_and_only_once(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    for second in range(3):
        stub.handle(connector.submit(ORDER), t=T + second * SECOND_MS)
    assert list(stub.orders()) == [ORDER]
    assert list(stub.orders()) == []


@settings(max_examples=60, deadline=None)
@given(data=st.data(), t=st.integers(10**12, 4 * 10**12))
@pytest.mark.parametrize("vendor", vendors())
def test_any_text_goes_there_and_back_unharmed(vendor: str, data: st.DataObject, t: int) -> None:
    words = tidy if vendor == "incidentxml" else texts
    facts = data.draw(st.dictionaries(names, st.one_of(numbers, words), max_size=4))
    order = WorkOrder(
        id=data.draw(words.filter(str.strip)),
        duty="repair_main",
        zh=data.draw(words),
        en=data.draw(words),
        lon=data.draw(st.floats(-180, 180)),
        lat=data.draw(st.floats(-90, 90)),
        deadline=t,
        objects=tuple(data.draw(st.lists(st.integers(0, 10**17), max_size=3))),
        details=facts,
    )
    connector, stub = load(vendor)[0], desk(vendor)
    (said,), _ = connector.read(stub.handle(connector.submit(order), t=t))
    assert (said.order, said.stage, said.findings) == (order.id, TaskStage.SUBMITTED, {})
    assert list(stub.orders()) == [order]
    stub.report(WorkUpdate(0, order.id, TaskStage.DONE, t + 1, crew="water_company-1", findings=facts))
    (done,), _ = connector.read(stub.handle(connector.poll(1), t=t))
    assert done == WorkUpdate(2, order.id, TaskStage.DONE, t + 1, crew="water_company-1", findings=facts)


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.characters(codec="utf-8"), max_size=20))
def test_what_xml_cannot_carry_is_replaced_not_lost(text: str) -> None:
    connector, stub = load("incidentxml")[0], desk("incidentxml")
    order = WorkOrder("t", "repair_main", text, "", 0.0, 0.0, T)
    stub.handle(connector.submit(order), t=T)
    (arrived,) = stub.orders()
    assert len(arrived.zh) == len(text)
    assert all(a == b or a == "�" for a, b in zip(arrived.zh, text, strict=True))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"duty": "sing"}, Refusal.UNKNOWN_DUTY),
        ({"crew": "nobody"}, Refusal.UNKNOWN_CREW),
        ({"lat": 91.0}, Refusal.INVALID),
        ({"lon": float("nan")}, Refusal.INVALID),
        ({"id": "  "}, Refusal.INVALID),
    ],
)
def test_a_desk_refuses_what_it_cannot_do_and_gives_the_order_to_nobody(
    vendor: str, change: dict[str, object], why: Refusal
) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    fields = {name: getattr(ORDER, name) for name in ORDER.__slots__} | change
    (said,), _ = connector.read(stub.handle(connector.submit(WorkOrder(**fields)), t=T))  # type: ignore[arg-type]
    assert (said.ordinal, said.stage, said.findings["refused"]) == (0, TaskStage.FAILED, why)
    assert said.findings["why"]
    assert list(stub.orders()) == []


def test_another_order_under_a_known_number_is_refused(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    stub.handle(connector.submit(ORDER), t=T)
    other = WorkOrder("t-1", "repair_main", "别的", "another", 113.5, 22.2, T)
    (said,), _ = connector.read(stub.handle(connector.submit(other), t=T))
    assert said.findings["refused"] == Refusal.CONFLICT
    assert list(stub.orders()) == [ORDER]


def test_a_crew_with_its_hands_full_gets_no_further_order(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    bears = manifest(vendor).limits.queue_per_crew
    for number in range(bears + 1):
        order = WorkOrder(f"t-{number}", "repair_main", "", "", 113.5, 22.2, T, crew="water_company-1")
        (said,), _ = connector.read(stub.handle(connector.submit(order), t=T))
    assert said.findings["refused"] == Refusal.CREW_BUSY
    assert len(stub.orders()) == bears


def test_an_order_taken_back_early_never_reaches_a_crew_and_one_taken_back_late_is_told(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    stub.handle(connector.submit(ORDER), t=T)
    stub.handle(connector.withdraw("t-1"), t=T + 1)
    assert (list(stub.orders()), list(stub.withdrawn())) == ([], [])
    late = WorkOrder("t-2", "repair_main", "", "", 113.5, 22.2, T)
    stub.handle(connector.submit(late), t=T + 2)
    assert list(stub.orders()) == [late]
    (said,), _ = connector.read(stub.handle(connector.withdraw("t-2"), t=T + 3))
    assert (said.ordinal, said.stage) == (0, TaskStage.WITHDRAWN)
    assert list(stub.withdrawn()) == ["t-2"]
    stub.report(WorkUpdate(0, "t-2", TaskStage.DONE, T + 4))
    updates, _ = connector.read(stub.handle(connector.poll(0), t=T + 5))
    assert [(update.order, update.stage) for update in updates] == [
        ("t-1", TaskStage.SUBMITTED),
        ("t-1", TaskStage.WITHDRAWN),
        ("t-2", TaskStage.SUBMITTED),
        ("t-2", TaskStage.WITHDRAWN),
    ]


def test_updates_come_page_by_page_and_none_twice(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    page = manifest(vendor).limits.page
    stub.handle(connector.submit(ORDER), t=T)
    for second in range(page):
        stub.report(WorkUpdate(0, "t-1", TaskStage.EN_ROUTE, T + second))
    first, _ = connector.read(stub.handle(connector.poll(0), t=T))
    second_page, _ = connector.read(stub.handle(connector.poll(first[-1].ordinal), t=T))
    third, _ = connector.read(stub.handle(connector.poll(second_page[-1].ordinal), t=T))
    assert [update.ordinal for update in (*first, *second_page)] == list(range(1, page + 2))
    assert list(third) == []


def test_a_desk_called_too_often_puts_off_and_says_how_long(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    for _ in range(manifest(vendor).limits.calls_per_minute):
        connector.read(stub.handle(connector.poll(0), t=T))
    with pytest.raises(Unanswered) as put_off:
        connector.read(stub.handle(connector.poll(0), t=T + 20 * SECOND_MS))
    assert put_off.value.retry_s == 40
    assert connector.read(stub.handle(connector.poll(0), t=T + MINUTE_MS)) == ([], [])


def test_a_desk_is_closed_in_its_declared_outage_and_open_after_it(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor, Outage(T, T + MINUTE_MS))
    with pytest.raises(Unanswered) as put_off:
        connector.read(stub.handle(connector.submit(ORDER), t=T + 15 * SECOND_MS))
    assert put_off.value.retry_s == 45
    assert list(stub.orders()) == []
    stub.handle(connector.submit(ORDER), t=T + MINUTE_MS)
    assert list(stub.orders()) == [ORDER]


@settings(max_examples=80, deadline=None)
@given(
    junk=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)),
    status=st.sampled_from([200, 404, 500]),
)
@pytest.mark.parametrize("vendor", vendors())
def test_junk_for_an_answer_is_no_answer(vendor: str, junk: bytes, status: int) -> None:
    with pytest.raises(Unanswered):
        load(vendor)[0].read(httpx.Response(status, content=junk))


@settings(max_examples=80, deadline=None)
@given(junk=st.one_of(st.binary(max_size=80), st.text(max_size=80).map(str.encode)))
@pytest.mark.parametrize("vendor", vendors())
def test_junk_for_a_request_is_refused_in_the_vendors_own_form(vendor: str, junk: bytes) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    like = connector.submit(ORDER)
    response = stub.handle(httpx.Request(like.method, like.url, content=junk, headers=like.headers), t=T)
    (said,), _ = connector.read(response)
    assert said.findings["refused"] == Refusal.INVALID
    assert list(stub.orders()) == []


def test_a_body_that_is_too_long_is_refused(vendor: str) -> None:
    connector, stub = load(vendor)[0], desk(vendor)
    long = WorkOrder("t", "repair_main", "水" * 70_000, "", 113.5, 22.2, T)
    (said,), _ = connector.read(stub.handle(connector.submit(long), t=T))
    assert said.findings["refused"] == Refusal.INVALID


BOMB = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><Reply time="1">&b;</Reply>'
THIEF = b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Reply><Progress incident="&x;"/></Reply>'


@pytest.mark.parametrize("document", [BOMB, THIEF])
def test_an_xml_document_that_declares_entities_is_refused_on_both_sides(document: bytes) -> None:
    connector, stub = load("incidentxml")[0], desk("incidentxml")
    with pytest.raises(Unanswered, match="document type declaration"):
        connector.read(httpx.Response(200, content=document))
    response = stub.handle(httpx.Request("POST", "/dispatch", content=document), t=T)
    (said,), _ = connector.read(response)
    assert "document type declaration" in str(said.findings["why"])
