from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.iso7064 import mod_11_10

from datahub.devices.coding import CLASSES, CodeError, encode, recode, split, valid


@settings(deadline=None)
@given(st.integers(110101, 659099), st.sampled_from(sorted(CLASSES.values())), st.integers(1, 999_999))
def test_a_code_has_seventeen_digits_and_the_check_digit_that_python_stdnum_gives(
    district: int, class_code: str, ordinal: int
) -> None:
    code = str(encode(str(district), class_code, ordinal)[0])
    assert code == f"{district}{class_code}{ordinal:06d}" + mod_11_10.calc_check_digit(code[:-1])
    assert mod_11_10.is_valid(code)


@settings(deadline=None)
@given(st.lists(st.integers(1, 999_999), min_size=1, max_size=20))
def test_splitting_undoes_encoding(ordinals: list[int]) -> None:
    district, klass, ordinal = split(encode("440402", "0118", ordinals))
    assert (set(district.tolist()), set(klass.tolist()), ordinal.tolist()) == ({440402}, {118}, ordinals)


@settings(deadline=None)
@given(st.integers(1, 999_999), st.integers(0, 16), st.integers(1, 9))
def test_a_wrong_digit_is_always_noticed(ordinal: int, place: int, change: int) -> None:
    digits = list(str(encode("440402", "2202", ordinal)[0]))
    digits[place] = str((int(digits[place]) + change) % 10)
    assert not valid(int("".join(digits)))


def test_a_device_keeps_district_and_ordinal_of_the_object_it_watches() -> None:
    poles = encode(np.array([440402, 440403]), CLASSES["pole"], np.array([7, 8]))
    devices = recode(poles, "2201")
    assert [part.tolist() for part in split(devices)] == [[440402, 440403], [2201, 2201], [7, 8]]
    assert recode(devices, CLASSES["pole"]).tolist() == poles.tolist()


def test_each_class_has_a_code_of_its_own() -> None:
    assert len(set(CLASSES.values())) == len(CLASSES)


@pytest.mark.parametrize(
    ("district", "class_code", "ordinal"),
    [("44", "0118", 1), ("440402", "118", 1), ("440402", "0118", 0), ("440402", "0118", 1_000_000)],
)
def test_a_part_that_does_not_fit_its_digits_is_refused(district: str, class_code: str, ordinal: int) -> None:
    with pytest.raises(CodeError):
        encode(district, class_code, ordinal)


def test_what_is_no_code_cannot_be_split() -> None:
    with pytest.raises(CodeError, match="12345"):
        split(12345)
