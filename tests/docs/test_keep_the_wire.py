"""Secrets and certificates keep every node to its own topics as the page says, on the real mosquitto."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pages import ROOT, play


def test_the_page_shows_what_comes(tmp_path: Path) -> None:
    path = "/usr/sbin:/usr/bin:/usr/local/bin"
    if not all(shutil.which(name, path=path) for name in ("mosquitto", "mosquitto_pub", "curl")):
        pytest.skip("needs mosquitto, its clients and curl: apt-get install mosquitto mosquitto-clients curl")
    assert play(ROOT / "docs" / "howto" / "keep-the-wire.md", tmp_path) == []
