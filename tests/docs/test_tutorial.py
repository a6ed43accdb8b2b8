"""The tutorial can be followed word for word."""

from __future__ import annotations

from pathlib import Path

from pages import ROOT, blocks, play


def test_the_tutorial_shows_what_comes(tmp_path: Path) -> None:
    page = ROOT / "docs" / "tutorial.md"
    assert len(blocks(page)) > 10
    assert play(page, tmp_path) == []


def test_a_page_that_shows_something_else_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\ntwo\n$ echo three 4\nthree ...\n```\n", encoding="utf-8")
    assert play(page, tmp_path) == ["$ echo one\nshown: ['two']\ncame:  one"]
