"""The examples of RFC 8428 section 5, as vectors for the resolution of packs."""

from __future__ import annotations

import json

import pytest

from datahub.contract.errors import Unreadable
from datahub.contract.resolution import Resolved, resolve

NOW = 1_763_793_124_000
OW = "urn:dev:ow:10e2073a01080063"


def read(records: object) -> list[Resolved]:
    return resolve(json.dumps(records).encode(), now=NOW)


def test_a_single_data_point() -> None:  # 5.1.1
    assert read([{"n": OW, "u": "Cel", "v": 23.1}]) == [Resolved(OW, "Cel", NOW, 23.1)]


def test_several_data_points_share_a_base_name() -> None:  # 5.1.2
    pack = [{"bn": f"{OW}:", "n": "voltage", "u": "V", "v": 120.1}, {"n": "current", "u": "A", "v": 1.2}]
    assert read(pack) == [Resolved(f"{OW}:voltage", "V", NOW, 120.1), Resolved(f"{OW}:current", "A", NOW, 1.2)]


def test_base_time_base_unit_and_an_older_version() -> None:  # 5.1.2
    base = "urn:dev:ow:10e2073a0108006:"
    at = 1_276_020_076_001
    pack = [
        {"bn": base, "bt": 1.276020076001e09, "bu": "A", "bver": 5, "n": "voltage", "u": "V", "v": 120.1},
        {"n": "current", "t": -5, "v": 1.2},
        {"n": "current", "t": -4, "v": 1.3},
        {"n": "current", "v": 1.7},
    ]
    assert read(pack) == [
        Resolved(f"{base}voltage", "V", at, 120.1),
        Resolved(f"{base}current", "A", at - 5_000, 1.2),
        Resolved(f"{base}current", "A", at - 4_000, 1.3),
        Resolved(f"{base}current", "A", at, 1.7),
    ]


def test_several_measurements_of_one_name_in_several_units() -> None:  # 5.1.3, resolved as in 5.1.4
    at = 1_320_067_464_000
    pack = [
        {"bn": OW, "bt": 1.320067464e09, "bu": "%RH", "v": 20},
        {"u": "lon", "v": 24.30621},
        {"t": 60, "v": 20.3},
        {"u": "%EL", "t": 150, "v": 98},
    ]
    assert read(pack) == [
        Resolved(OW, "%RH", at, 20.0),
        Resolved(OW, "lon", at, 24.30621),
        Resolved(OW, "%RH", at + 60_000, 20.3),
        Resolved(OW, "%EL", at + 150_000, 98.0),
    ]


def test_values_of_several_types() -> None:  # 5.1.5
    pack = [
        {"bn": f"{OW}:", "n": "temp", "u": "Cel", "v": 23.1},
        {"n": "label", "vs": "Machine Room"},
        {"n": "open", "vb": False},
        {"n": "nfc-reader", "vd": "aGkgCg"},
    ]
    assert [record.value for record in read(pack)] == [23.1, "Machine Room", False, b"hi \n"]


def test_a_collection_of_resources_changes_its_base_name_on_the_way() -> None:  # 5.1.6
    at = 1_320_078_429_000
    pack = [
        {"bn": "2001:db8::2/", "bt": 1.320078429e09, "n": "temperature", "u": "Cel", "v": 25.2},
        {"n": "humidity", "u": "%RH", "v": 30},
        {"bn": "2001:db8::1/", "n": "temperature", "u": "Cel", "v": 12.3},
        {"n": "humidity", "u": "%RH", "v": 67},
    ]
    assert read(pack) == [
        Resolved("2001:db8::2/temperature", "Cel", at, 25.2),
        Resolved("2001:db8::2/humidity", "%RH", at, 30.0),
        Resolved("2001:db8::1/temperature", "Cel", at, 12.3),
        Resolved("2001:db8::1/humidity", "%RH", at, 67.0),
    ]


def test_base_value_and_base_sum_are_added_and_a_sum_may_stand_alone() -> None:  # 4.1, 4.5
    pack = [{"bn": "m", "bv": 20.0, "bs": 100.0, "v": 0.5}, {"s": 7.5}, {"bv": 30, "v": 1, "s": 1}]
    assert [(record.value, record.sum) for record in read(pack)] == [(20.5, 100.0), (None, 107.5), (31.0, 101.0)]


@pytest.mark.parametrize("name", ["", "-a", "_a", ":a", "a b", "a+b", "\u5927"])
def test_a_name_has_only_the_characters_that_the_standard_allows(name: str) -> None:  # 4.5.1
    with pytest.raises(Unreadable, match=r"4\.5\.1"):
        read([{"n": name, "v": 1}])


def test_a_field_that_is_not_known_is_passed_over_unless_it_must_be_understood() -> None:  # 4.4
    assert read([{"n": "a", "v": 1, "colour": "red"}]) == [Resolved("a", "", NOW, 1.0)]
    with pytest.raises(Unreadable, match="colour_"):
        read([{"n": "a", "v": 1}, {"n": "b", "v": 1, "colour_": "red"}])
