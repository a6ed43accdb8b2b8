"""The tutorial can be followed word for word."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
from pages import ROOT, blocks, play


def test_the_tutorial_shows_what_comes(tmp_path: Path) -> None:
    page = ROOT / "docs" / "tutorial.md"
    assert len(blocks(page)) > 10
    assert play(page, tmp_path) == []


def test_a_page_that_shows_something_else_is_found_out(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ echo one\ntwo\n$ echo three 4\nthree ...\n```\n", encoding="utf-8")
    assert play(page, tmp_path) == ["$ echo one\nshown: ['two']\ncame:  one"]


def test_a_page_that_hangs_is_ended_with_all_that_it_started_and_says_where(tmp_path: Path) -> None:
    page, mark = tmp_path / "page.md", f"{600 + os.getpid() / 1e7:.7f}"
    page.write_text(
        "```console\n$ echo one\none\n"
        f"$ (echo here; sleep {mark}) > job.log &\n$ (sleep {mark} &)\n$ sleep {mark} | cat\n```\n",
        encoding="utf-8",
    )
    *_, ended, job = play(page, tmp_path, patience_s=10)
    assert ended.startswith(f"the shell ended after 3 commands, in $ sleep {mark} | cat\n")
    assert job == "job.log:\nhere\n"
    assert not [one for one in psutil.process_iter(["cmdline"]) if mark in (one.info["cmdline"] or [])]
