"""Only what has changed crosses the wire, and the other side ends up with the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brain.console.changes import apply, changes

LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.lists(st.integers(0, 9), max_size=3)
PANELS = st.recursive(LEAVES, lambda inner: st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=4))
WHOLES = st.dictionaries(st.text("abc", min_size=1, max_size=2), PANELS, max_size=5)


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_none(each) for key, each in value.items() if each is not None}
    return value


@given(old=WHOLES, new=WHOLES)
def test_a_patch_makes_the_new_picture_of_the_old(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert apply(changes(old, new), without_none(old)) == without_none(new)


@given(panel=WHOLES)
def test_nothing_changed_is_nothing_sent(panel: dict[str, Any]) -> None:
    assert changes(panel, panel) == {}


#: RFC 7396, appendix A: target, patch, result.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_a_patch_means_what_the_standard_says(target: Any, patch: Any, result: Any) -> None:
    assert apply(patch, target) == result
