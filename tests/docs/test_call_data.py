"""A department applies as the page says, is granted, calls, is refused what it was not granted, and is on record."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pages import ROOT, play


def test_the_page_shows_what_comes(tmp_path: Path) -> None:
    path = "/usr/sbin:/usr/bin:/usr/local/bin"
    if not all(shutil.which(name, path=path) for name in ("mosquitto", "mosquitto_pub", "curl")):
        pytest.skip("needs mosquitto, its clients and curl: apt-get install mosquitto mosquitto-clients curl")
    assert play(ROOT / "docs" / "howto" / "call-data.md", tmp_path) == []
