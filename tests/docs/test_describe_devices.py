"""The page about descriptions shows what comes."""

from __future__ import annotations

from pathlib import Path

from pages import ROOT, play


def test_the_page_shows_what_comes(tmp_path: Path) -> None:
    assert play(ROOT / "docs" / "howto" / "describe-devices.md", tmp_path) == []
