"""Declarations are read strictly, and who wrote one wrongly is told where."""

from __future__ import annotations

import msgspec
import pytest

from datahub.contract.declared import Number, formed, parsed, read, refuse_below
from datahub.contract.errors import DeclarationError

NUMBER = 'value = 3\nunit = "s"\nzh = "间隔"\nen = "gap"\nsource = "ours"\ndate = 2026-11-28\n'


class Gaps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    gap_s: Number
    step: tuple[Number, ...] = ()
    own: dict[str, Number] = {}


GOOD = f"# gaps\n[gap_s]\n{NUMBER}\n[[step]]\n{NUMBER}\n[[step]]\n{NUMBER}\n[own.rain]\n{NUMBER}"


def test_what_is_declared_well_is_read_whole() -> None:
    found = read(GOOD, Gaps, file="gaps.toml")
    assert found.gap_s.value == 3
    assert [one.en for one in found.step] == ["gap", "gap"]
    assert found.own["rain"].date.year == 2026


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD.replace("value = 3", "value = 'x'", 1), 3, "[gap_s.value] expected `float`, got `str`; write it as"),
        (GOOD.replace("value = 3\n", "", 1), 2, "[gap_s] object missing required field `value`; add it"),
        (GOOD.replace("unit", "unti", 1), 4, "[gap_s] object contains unknown field `unti`; mend its name"),
        (GOOD.replace("[gap_s]", "[gap]", 1), 2, "object contains unknown field `gap`; did you mean 'gap_s'?"),
        (GOOD.replace("[[step]]", "[[steps]]"), 10, "object contains unknown field `steps`; did you mean 'step'?"),
        (GOOD + "[own.wind]\nvalue = 3\n", 33, "[own.wind] object missing required field `unit`; add it"),
        (GOOD.replace("date = 2026-11-28", 'date = "2026-11-28"', 1), 8, "[gap_s.date] expected `date`, got `str`"),
        (GOOD.replace("value = 3", 'value = "3"', 1), 3, "[gap_s.value] expected `float`, got `str`"),
        (GOOD[:-1] + "x", len(GOOD.splitlines()), "this is not TOML"),
        ("value", 1, "this is not TOML"),
        ("[[step]]\n" + NUMBER.replace("3", "true"), 2, "[step 1.value] expected `float`, got `bool`"),
        (GOOD.replace("date = 2026-11-28", "date = 2026", 2), 8, "[gap_s.date] expected `date`, got `int`"),
    ],
)
def test_what_breaks_a_rule_is_refused_with_file_line_rule_and_remedy(text: str, line: int, words: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        read(text, Gaps, file="gaps.toml")
    assert words in str(refused.value)
    assert (refused.value.file, refused.value.line) == ("gaps.toml", line)


def test_a_part_of_a_text_is_named_by_its_place_in_the_whole() -> None:
    text = f"[a]\n{NUMBER}\n[b]\n{NUMBER}more = 1\n"
    table = parsed(text, file="f.toml")
    assert formed(table["a"], Number, file="f.toml", text=text, keys=("a",)).unit == "s"
    with pytest.raises(DeclarationError, match=r"f\.toml:16: \[b\] object contains unknown field `more`"):
        formed(table["b"], Number, file="f.toml", text=text, keys=("b",))


@pytest.mark.parametrize("value", ["-1", "0", "nan"])
def test_a_number_that_is_too_small_or_none_is_refused_with_its_line(value: str) -> None:
    text = f"[gap_s]\n{NUMBER.replace('3', value, 1)}"

    class One(msgspec.Struct, frozen=True):
        gap_s: Number

    found = read(text, One, file="one.toml")
    with pytest.raises(DeclarationError, match=rf"one\.toml:2: \[gap_s\] {value} lets nothing in; give more than 0"):
        refuse_below(found, 0, beyond=True, file="one.toml", text=text, rule="lets nothing in")
    if value == "0":
        refuse_below(found, 0, file="one.toml", text=text, rule="lets nothing in")
