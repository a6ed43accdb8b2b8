"""The page on SensorThings shows what comes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pages import ROOT, play


def test_the_page_shows_what_comes(tmp_path: Path) -> None:
    if not (shutil.which("mosquitto_pub") and shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/bin")):
        pytest.skip("needs mosquitto and its clients: apt-get install mosquitto mosquitto-clients")
    assert play(ROOT / "docs" / "howto" / "sensorthings.md", tmp_path) == []
