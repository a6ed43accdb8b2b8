"""The page about edge nodes shows what comes."""

from __future__ import annotations

from pathlib import Path

from pages import ROOT, play


def test_the_page_shows_what_comes(tmp_path: Path) -> None:
    assert play(ROOT / "docs" / "howto" / "edge-rules.md", tmp_path) == []
