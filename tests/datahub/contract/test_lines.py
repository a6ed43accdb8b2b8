"""Where in a TOML text a key stands."""

from __future__ import annotations

from datahub.contract.lines import line_of


def test_lines_are_found_through_lists_texts_and_dotted_keys() -> None:
    text = 'a = [\n  { x = 1 },\n  { x = 2 }, # [\n]\nb.c = """\n[no]\n"""\n[d."e.f"]\ng = "[["\n[[d.h]]\ni = 1\n'
    assert [line_of(text, keys) for keys in [("a", 1, "x"), ("b", "c"), ("d", "e.f", "g"), ("d", "h", 0, "i")]] == [
        3,
        5,
        9,
        11,
    ]


def test_of_a_key_that_is_not_there_its_table_is_named() -> None:
    text = "[plan]\nname = 'x'\n\n[[step]]\nid = 'a'\n\n[[step]]\nid = 'b'\nduty = 'c'\n"
    assert line_of(text, ("step", 1, "duty")) == 9
    assert line_of(text, ("step", 1, "nothing")) == 7
    assert line_of(text, ("plan", "name")) == 2
    assert line_of(text, ("nowhere",)) == 1
    assert line_of("", ("plan",)) is None


def test_a_table_without_a_header_begins_where_its_first_part_does() -> None:
    text = "# so\n[property.a]\nx = 1\n[property.b]\ny.z = 1\n[[list]]\nq = 1\n"
    assert line_of(text, ("property", "c")) == 2
    assert line_of(text, ("property", "b", "y", "w")) == 5
    assert line_of(text, ("list",)) == 6
