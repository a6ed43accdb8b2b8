"""What ``citybrain new`` writes passes its family's own checks, in a copy of the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("checkout")
    for room in ("brain", "sensors", "datahub", "scenarios"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def citybrain(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scenarios", *words]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)


def test_everything_that_new_writes_is_accepted_by_check(checkout: Path) -> None:
    for words in (
        ("kind", "bus_stop_display"),
        ("department", "parks_office", "--city", "harbour"),
        ("plan", "gas_leak"),
        ("scenario", "quiet_night"),
    ):
        written = citybrain(checkout, "new", *words)
        assert written.returncode == 0, written.stderr
        assert all((checkout / line).exists() for line in written.stdout.split())
    checked = citybrain(checkout, "check")
    assert checked.returncode == 0, checked.stderr
    assert "8 kinds of sensor" in checked.stdout
    assert "scenario quiet_night" in checked.stdout
    ran = citybrain(checkout, "run", "quiet_night", "--for", "10m", "--out", str(checkout / "out"))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_exists_is_not_written_over_and_what_has_no_name_is_refused(checkout: Path) -> None:
    again = citybrain(checkout, "new", "scenario", "calm_day")
    assert again.returncode == 2
    assert "exists already" in again.stderr
    wrong = citybrain(checkout, "new", "scenario", "Calm Day")
    assert wrong.returncode == 2
    assert "lower_case" in wrong.stderr
    unknown = citybrain(checkout, "new", "kinds", "x1")
    assert unknown.returncode == 2
    assert "did you mean 'kind'" in unknown.stderr
