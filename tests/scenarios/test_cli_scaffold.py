"""What ``citybrain new`` writes passes ``check`` and its family's own tests, in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sensors.kind import load_kinds

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("checkout")
    for room in ("brain", "sensors", "datahub", "scenarios", "tests"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def python(checkout: Path, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Python on the copy: its rooms alone, and none of the settings of whoever runs this.

    It may keep what it compiles there: each of some thirty processes would compile all rooms anew.
    """
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CITYBRAIN_", "PYTEST_", "PYTHONDONTWRITE"))
    }
    return subprocess.run(
        [sys.executable, *words],
        cwd=checkout,
        env=clean | {"PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def citybrain(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return python(checkout, "-m", "scenarios", *words)


def passed(checkout: Path, file: str, *, about: str) -> int:
    """How many tests of a family hold for one of its members; none may fail."""
    ran = python(checkout, "-m", "pytest", file, "-k", about, timeout=400)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = re.search(r"(\d+) passed", ran.stdout)
    return int(found[1]) if found else 0


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
    assert f"{len(load_kinds()) + 1} kinds of sensor" in checked.stdout
    assert "scenario quiet_night" in checked.stdout
    ran = citybrain(checkout, "run", "quiet_night", "--for", "10m", "--out", str(checkout / "out"))
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_new_kind_passes_the_tests_of_its_family(checkout: Path) -> None:
    written = citybrain(checkout, "new", "kind", "tide_gauge")
    assert written.returncode == 0, written.stderr
    assert passed(checkout, "tests/sensors/test_kind_family.py", about="tide_gauge") >= 8


def test_a_new_plan_passes_the_tests_of_its_family_and_is_no_copy_of_another(checkout: Path) -> None:
    written = citybrain(checkout, "new", "plan", "road_collapse")
    assert written.returncode == 0, written.stderr
    assert passed(checkout, "tests/brain/test_plans_library.py", about="road_collapse") >= 3
    (plan,) = [it for it in written.stdout.split() if it.endswith("plan.toml")]
    text = (checkout / plan).read_text(encoding="utf-8")
    assert text.count("[[step]]") == 2
    assert "draft = true" in text
    (checkout / plan).write_text(text.replace('"close_road"', '"repair_main"'), encoding="utf-8")
    checked = citybrain(checkout, "check")
    (checkout / plan).write_text(text, encoding="utf-8")
    assert checked.returncode == 2
    assert "step 'respond' asks 'traffic_police' for 'repair_main', which is no duty of it" in checked.stderr


def test_a_third_cloud_passes_the_tests_of_its_family(checkout: Path) -> None:
    rooms = checkout / "datahub" / "connectors"
    shutil.copytree(rooms / "metercloud", rooms / "gascloud", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (rooms / "gascloud").rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("metercloud", "gascloud").replace("MC-", "GC-"), encoding="utf-8")
    assert passed(checkout, "tests/datahub/test_feed_family.py", about="gascloud") >= 4
    assert passed(checkout, "tests/datahub/test_feed_family.py", about="others_are_refused") == 1
    assert citybrain(checkout, "check").returncode == 0
    manifest = rooms / "gascloud" / "manifest.toml"
    manifest.write_text(manifest.read_text("utf-8").replace('sort = "feed"', 'sort = "fed"'), encoding="utf-8")
    checked = citybrain(checkout, "check")
    shutil.rmtree(rooms / "gascloud")
    assert checked.returncode == 2
    assert "gascloud/manifest.toml: there is no vendor of sort 'fed'; choose one of desk, feed" in checked.stderr


@pytest.mark.parametrize("place", ["store/retention.toml", "resources/sharing.toml", "ingest/event_time.toml"])
def test_a_declaration_of_the_hub_that_breaks_a_rule_is_refused_by_check(checkout: Path, place: str) -> None:
    path = checkout / "datahub" / place
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n[nonsense]\nvalue = 1\n", encoding="utf-8")
    checked = citybrain(checkout, "check")
    path.write_text(text, encoding="utf-8")
    assert checked.returncode == 2
    assert f"datahub/{place}:{len(text.splitlines()) + 2}: object contains unknown field `nonsense`" in checked.stderr


def test_a_kind_on_something_that_no_city_has_surveyed_is_refused_by_check(checkout: Path) -> None:
    kind = checkout / "sensors" / "kinds" / "valve_actuator.py"
    text = kind.read_text(encoding="utf-8")
    kind.write_text(text.replace('mounts_on="motorised_valve"', 'mounts_on="bus_stop"'), encoding="utf-8")
    checked = citybrain(checkout, "check")
    kind.write_text(text, encoding="utf-8")
    assert checked.returncode == 2
    assert "mounts on 'bus_stop', of which harbour has no survey; choose one of flow_point, hospital," in checked.stderr


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
