"""Orders to many devices, firmware and settings go out as the page says."""

from __future__ import annotations

from pathlib import Path

from pages import ROOT, play


def test_the_page_shows_what_comes(tmp_path: Path) -> None:
    assert play(ROOT / "docs" / "howto" / "roll-out-firmware.md", tmp_path) == []
