"""SensorThings' questions: what a filter means, that the database means the same by it, that none breaks the hub."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_api import House, furnished, problem

from datahub.api.problems import Problem
from datahub.api.sensorthings import evaluate, options, path
from datahub.api.sensorthings.answer import MOST_ASKED, Answer
from datahub.api.sensorthings.grammar import Call, Literal, Moment, Name, parse
from datahub.api.sensorthings.model import RELATIONS, EntitySet, relation
from datahub.api.sensorthings.readings import Scope
from datahub.api.sensorthings.service import SensorThings
from datahub.contract.clock import MINUTE_MS, to_utc

T0 = 1_763_793_120_000


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    yield from furnished()


def told(text: str, entity: dict[str, object]) -> bool:
    """Whether a filter holds for one entity of these fields."""

    def look(parts: tuple[str, ...]) -> list[object]:
        value: object = entity
        for part in parts:
            value = value.get(part) if isinstance(value, dict) else None
        return [value]

    return evaluate.holds(parse(text), look, now=T0)


def test_operators_bind_as_odata_says() -> None:
    assert parse("a eq 1 or b eq 2 and not c gt 3 add 4 mul 5") == Call(
        "or",
        (
            Call("eq", (Name(("a",)), Literal(1))),
            Call(
                "and",
                (
                    Call("eq", (Name(("b",)), Literal(2))),
                    parse("not c gt 3 add 4 mul 5"),
                ),
            ),
        ),
    )
    assert parse("x eq (1 add 2) mul 3") == parse("x eq ((1 add 2) mul 3)")
    assert parse("t gt 2025-11-22T08:00:00+08:00") == Call("gt", (Name(("t",)), Literal(Moment(1_763_769_600_000))))
    assert parse("name eq 'it''s'") == Call("eq", (Name(("name",)), Literal("it's")))


THING = {
    "name": "Tide gauge",
    "properties": {"depth": 4, "open": True, "place": {"quay": "north"}},
    "time": "2025-11-22T06:32:05.500Z",
    "location": {"type": "Point", "coordinates": [113.58, 22.27]},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("name eq 'Tide gauge'", True),
        ("name ne 'Tide gauge'", False),
        ("tolower(name) eq 'tide gauge' and toupper('a') eq 'A'", True),
        ("substringof('gauge',name) and contains(name,'Tide')", True),
        ("startswith(name,'Tide') and endswith(name,'gauge')", True),
        ("length(name) eq 10 and indexof(name,'gauge') eq 5 and substring(name,5) eq 'gauge'", True),
        (
            "substring(name,0,4) eq 'Tide' and concat(concat(name,'-'),'x') eq 'Tide gauge-x' and trim(' a ') eq 'a'",
            True,
        ),
        ("properties/depth gt 3 and properties/depth lt 5 and properties/place/quay eq 'north'", True),
        ("properties/depth mul 2 sub 1 eq 7 and properties/depth div 8 eq 0.5 and 7 mod 4 eq 3", True),
        ("-properties/depth eq -4", True),
        ("properties/open eq true", True),
        ("properties/none eq null and properties/depth ne null", True),
        ("properties/none gt 3 or properties/none lt 3", False),
        ("name gt 3", False),
        ("time gt 2025-11-22T06:32:05Z and time lt 2025-11-22T06:32:06Z", True),
        ("time add duration'PT1H' gt 2025-11-22T07:32:05Z", True),
        ("year(time) eq 2025 and month(time) eq 11 and day(time) eq 22 and hour(time) eq 6", True),
        ("minute(time) eq 32 and second(time) eq 5 and fractionalseconds(time) eq 0.5", True),
        ("date(time) eq '2025-11-22' and time(time) eq '06:32:05.500000'", True),
        ("time ge now() and time gt mindatetime() and time lt maxdatetime()", True),
        ("round(2.5) eq 3 and floor(2.7) eq 2 and ceiling(2.1) eq 3", True),
        ("geo.distance(location, geography'POINT (113.58 22.28)') lt 1113", True),
        ("geo.distance(location, geography'POINT (113.58 22.28)') lt 1111", False),
        ("st_within(location, geography'POLYGON ((113 22, 114 22, 114 23, 113 23, 113 22))')", True),
        ("st_disjoint(location, geography'POLYGON ((113 22, 114 22, 114 23, 113 23, 113 22))')", False),
        ("geo.length(geography'LINESTRING (113.58 22.27, 113.58 22.28)') gt 1111", True),
    ],
)
def test_a_filter_means_what_the_standard_says(text: str, holds: bool) -> None:
    assert told(text, THING) is holds


NO_FILTERS = [
    *("", "name", "name eq", "eq 1", "(name eq 'a'", "name eq 'a", "name eq 'a')", "name like 'a'", "shout(name)"),
    *("a eq 1 1", "length(name,name) eq 1", "t gt 2025-13-01", "t gt 1812-01-01", "g eq duration'P1'", "a eq #"),
    *("(" * 60 + "1" + ")" * 60, " and ".join(["a eq 1"] * 300), "a eq 'x'" + " " * 5_000),
    "t gt 2025-01-01 add duration'P999999999D'",
]


@pytest.mark.parametrize("text", NO_FILTERS)
def test_a_filter_that_is_none_is_refused(text: str, house: House) -> None:
    answer = house.client.get(f"/v1.1/Datastreams('1:pressure_pa')/Observations?$filter={quote(text)}")
    assert problem(answer, 400)


numbers = st.one_of(st.integers(-5, 200_000), st.floats(-1e6, 1e6, allow_nan=False)).map(
    lambda x: f"{x}" if x >= 0 else f"-{-x}"
)
times = st.integers(0, 12).map(lambda minute: to_utc(T0 + minute * MINUTE_MS + 30_000))
sums = st.recursive(
    numbers | st.just("result"),
    lambda inner: (
        st.tuples(inner, st.sampled_from(("add", "sub", "mul", "div")), inner).map(" ".join).map("({})".format)
        | st.tuples(st.sampled_from(("round", "floor", "ceiling")), inner).map("{0[0]}({0[1]})".format)
    ),
    max_leaves=4,
)
signs = st.sampled_from(("eq", "ne", "gt", "ge", "lt", "le"))
comparisons = st.one_of(
    st.tuples(sums, signs, sums).map(" ".join),
    st.tuples(st.just("phenomenonTime"), signs, times).map(" ".join),
    st.tuples(st.sampled_from(("minute", "hour", "day", "month", "year", "second")), signs, st.integers(0, 40)).map(
        "{0[0]}(phenomenonTime) {0[1]} {0[2]}".format
    ),
)
filters = st.recursive(
    comparisons,
    lambda inner: (
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(" ".join).map("({})".format)
        | inner.map("not ({})".format)
    ),
    max_leaves=5,
)


@settings(max_examples=150)
@given(filters)
@example("not (result div 0 gt 1)")
def test_the_database_finds_what_the_filter_holds_for(house: House, text: str) -> None:
    whole = house.client.get("/v1.1/Datastreams('1:pressure_pa')/Observations?$top=100").json()["value"]
    answer = house.client.get(f"/v1.1/Datastreams('1:pressure_pa')/Observations?$top=100&$filter={quote(text)}")
    assert answer.status_code == 200, (text, answer.text)
    found = [one["@iot.id"] for one in answer.json()["value"]]
    if not (" div " in text and " eq " in text):  # nothing equals nothing in OData, and not in SQL
        assert found == [one["@iot.id"] for one in whole if told(text, one)], text


def test_observations_are_counted_ordered_paged_and_told_as_an_array(house: House) -> None:
    stream = "/v1.1/Datastreams('2:pressure_pa')/Observations"
    first = house.client.get(f"{stream}?$orderby=result+desc&$top=4&$count=true").json()
    assert [one["result"] for one in first["value"]] == [200_900.0, 200_800.0, 200_700.0, 200_600.0]
    assert first["@iot.count"] == 10
    second = house.client.get(first["@iot.nextLink"]).json()
    third = house.client.get(second["@iot.nextLink"]).json()
    assert ([len(page["value"]) for page in (first, second, third)], "@iot.nextLink" in third) == ([4, 4, 2], False)
    array = house.client.get(f"{stream}?$resultFormat=dataArray&$select=result,phenomenonTime&$top=2").json()["value"]
    assert array == [
        {
            "Datastream@iot.navigationLink": "http://hub/v1.1/Datastreams('2:pressure_pa')",
            "components": ["phenomenonTime", "result"],
            "dataArray@iot.count": 2,
            "dataArray": [[to_utc(T0), 200_000.0], [to_utc(T0 + MINUTE_MS), 200_100.0]],
        }
    ]


def test_paths_lead_to_entities_fields_values_and_references(house: House) -> None:
    thing = "/v1.1/Things('1000000000000001')"
    for way, expected in (
        (f"{thing}/name", {"name": "thing 1000000000000001"}),
        (f"{thing}/Datastreams('1:pressure_pa')/unitOfMeasurement", None),
        (f"{thing}/Datastreams/$ref", {"value": [{"@iot.selfLink": "http://hub/v1.1/Datastreams('1:pressure_pa')"}]}),
        ("/v1.1/Datastreams('1:pressure_pa')/Thing/$ref", {"@iot.selfLink": f"http://hub{thing}"}),
    ):
        answer = house.client.get(way)
        assert answer.status_code == 200, way
        if expected is not None:
            assert answer.json() == expected
    assert house.client.get(f"{thing}/name/$value").text == "thing 1000000000000001"
    assert problem(house.client.get(f"{thing}/Datastreams('2:pressure_pa')"), 404)
    assert problem(house.client.get("/v1.1/Things/name"), 404)
    assert problem(house.client.get("/v1.1/Things('1000000000000001'"), 404)


def test_every_navigation_link_of_every_entity_leads_somewhere_and_every_relation_back(house: House) -> None:
    for entity_set in EntitySet:
        for entity in house.client.get(f"/v1.1/{entity_set}?$top=3").json()["value"]:
            assert house.client.get(entity["@iot.selfLink"]).json() == entity
            for name, link in entity.items():
                if name.endswith("@iot.navigationLink"):
                    there = house.client.get(link)
                    assert there.status_code == 200, link
                    to = relation(entity_set, name.partition("@")[0])
                    assert to is not None
                    others = there.json()["value"] if to.many else [there.json()]
                    back = next((it for it in RELATIONS[to.to] if it.to is entity_set), None)
                    for other in others[:2] if back is not None else ():
                        home = house.client.get(f"{other['@iot.selfLink']}/{back.name}?$top=1000").json()
                        assert entity["@iot.id"] in [it["@iot.id"] for it in home.get("value", [home])]


def test_an_answer_that_would_be_too_long_is_refused(house: House) -> None:
    hub = (
        "Things($expand=Datastreams($expand=Thing($expand=Datastreams($expand=Thing,Observations($top=1)),Locations)))"
    )
    short = house.client.get(f"/v1.1/Sensors?$expand=Datastreams($expand={hub.replace('Things', 'Thing', 1)})")
    assert short.status_code == 200, short.text
    answer = Answer(SensorThings(house.hub).source, "")
    asked = options.read("$top=0")
    for _ in range(MOST_ASKED):
        answer.observations(Scope(), asked, path="")
    with pytest.raises(Problem, match="smaller"):
        answer.observations(Scope(), asked, path="")


def test_the_root_says_what_of_the_standard_is_spoken(house: House) -> None:
    root = house.client.get("/v1.1").json()
    assert [one["name"] for one in root["value"]] == [one.value for one in EntitySet]
    assert all(house.client.get(one["url"]).status_code == 200 for one in root["value"])
    conformance = root["serverSettings"]["conformance"]
    assert "http://www.opengis.net/spec/iot_sensing/1.1/req/datamodel" in conformance
    assert not any("mqtt" in one for one in conformance)


words = st.sampled_from(
    [
        *EntitySet,
        *(it.name for to in RELATIONS.values() for it in to),
        *(
            "name",
            "result",
            "properties",
            "phenomenonTime",
            "$ref",
            "$value",
            "/",
            "?",
            "&",
            "(",
            ")",
            ",",
            ";",
            "%",
            "+",
        ),
        *("('1')", "(1)", "(7)", "('1:pressure_pa')", "('1000000000000001')", "(-1)", "()", "('", " asc", "1e400"),
        *("$filter=", "$expand=", "$orderby=", "$top=", "$skip=", "$count=true", "$select=", "$resultFormat=dataArray"),
        *(" eq ", " gt ", " and ", " not ", "1", "'a'", "null", "2025-01-01", "duration'P1D'", "now()", "999999999"),
        *("geography'POINT (1 2)'", "geo.distance", "st_within", "substringof"),
    ]
)


@settings(max_examples=300)
@given(st.lists(words, max_size=12).map("".join))
@example("Observations?$filter=result mul 1e300 mul 1e300 gt 1")
@example("Observations?$filter=phenomenonTime add duration'P73200D' gt phenomenonTime")
@example("Observations?$filter=result gt 1e400")
@example("Observations?$skip=999999999&$top=999999999")
@example("Datastreams?$orderby=Thing/Locations/location")
@example("Tasks('\x00')")
def test_no_question_breaks_the_hub(house: House, text: str) -> None:
    try:
        answer = house.client.get(f"/v1.1/{quote(text, safe='/?&=()$,;+:%')}")
    except httpx.InvalidURL:
        return
    assert answer.status_code < 500, (text, answer.text)
    assert answer.status_code == 200 or answer.status_code == 204 or problem(answer, answer.status_code)


@given(st.text(max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    for read in (parse, options.read, path.read):
        try:
            read(text)  # type: ignore[operator]
        except Problem as error:
            if error.status not in (400, 404):
                raise
