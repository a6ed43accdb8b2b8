"""The house's own rules, read off the tree."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("brain", "sensors", "datahub", "scenarios")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
DRAWERS = {"util", "utils", "helper", "helpers", "common", "misc", "base", "manager", "managers", "const", "constants"}

#: One third-party library, one room (house rule 3).
ONLY_IN = {
    "paho": ("datahub/transport/connection.py",),
    "iotcore": ("datahub/transport/broker.py",),
    "duckdb": ("datahub/store/observations.py",),
    "sqlmodel": (
        "datahub/store/",
        "datahub/queries.py",
        "datahub/commands.py",
        "datahub/hub.py",
        "datahub/devices/",
        "datahub/ingest/recovery.py",
        "brain/records.py",
    ),
    "sqlalchemy": ("datahub/store/", "datahub/devices/", "brain/records.py"),
    "fastapi": (
        "datahub/api/",
        "brain/console/site.py",
        "scenarios/exchange.py",
        "scenarios/live/city_process.py",
        "scenarios/live/serving.py",
    ),
    "uvicorn": ("scenarios/live/serving.py",),
    "prometheus_client": ("datahub/api/metrics.py",),
    "httpx": ("datahub/connector.py", "datahub/connectors/", "brain/dispatch/desk.py", "scenarios/exchange.py"),
    "typer": ("scenarios/cli.py", "scenarios/run.py", "scenarios/live/"),
    "structlog": ("datahub/transport/connection.py", "scenarios/live/logs.py"),
    "wntr": ("sensors/world/hydraulics.py",),
    "simpy": ("sensors/", "scenarios/"),
    "nicegui": ("brain/console/site.py", "brain/console/portal.py"),
    "shapely": ("scenarios/survey/", "datahub/contract/grid.py", "brain/console/land.py"),
    "matplotlib": ("scenarios/report/figures.py",),
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@cache
def _roots(path: Path) -> frozenset[str]:
    """First names of all that a module imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(name.split(".")[0] for name in _imports(tree))


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_room_is_small_named_for_what_it_holds_and_keeps_its_libraries(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "a module is never over 400 lines"
    assert path.stem not in DRAWERS, "no drawers"
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is"
    if path.name == "__init__.py":
        assert len(tree.body) == 1, "an __init__ holds one docstring"
    for library, rooms in ONLY_IN.items():
        if library in _roots(path):
            assert _name(path).startswith(rooms), f"{library} belongs to {', '.join(rooms)}"


@pytest.mark.parametrize("library", ONLY_IN)
def test_every_room_that_a_library_is_allowed_in_uses_it(library: str) -> None:
    used = {_name(path) for path in SOURCES if library in _roots(path)}
    assert [room for room in ONLY_IN[library] if not any(name.startswith(room) for name in used)] == []


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_a_function_fits_one_thought(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 50, f"{node.name} (line {node.lineno}) has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_only_the_clock_reads_the_wall_clock_and_chance_has_a_name(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if path != ROOT / "datahub/contract/clock.py":
        found = re.search(r"\b(datetime\.now|datetime\.today|time\.time(_ns)?\(|time\.monotonic|perf_counter)", text)
        assert found is None, f"the wall clock is read by datahub/contract/clock.py only, not by {found and found[0]}"
    found = re.search(
        r"np\.random\.(rand|randn|normal|seed|uniform|choice|randint)|^import random|time\.sleep\(", text, re.M
    )
    assert found is None, f"{found and found[0]}: whoever draws takes an rng; nothing sleeps"


def test_the_folders_of_the_wheel_are_those_of_the_house() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["tool"]["setuptools"]["packages"]["find"]["include"]) == {f"{room}*" for room in ROOMS}


def test_nothing_generated_is_in_the_repository() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wrong = [name for name in tracked if re.search(r"\.(pyc|duckdb|sqlite|whl)$|(^|/)(node_modules|runs)/", name)]
    assert wrong == []


def test_a_name_of_ours_in_a_docstring_leads_somewhere() -> None:
    wrong = [f"{_name(path)}: {name}" for path in SOURCES for name in _told(path) if not _leads_somewhere(name)]
    assert wrong == []


def _told(path: Path) -> Iterator[str]:
    """Dotted names of the project in double backticks, in any docstring (or text that stands alone) of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield from re.findall(rf"``((?:{'|'.join(ROOMS)})(?:\.\w+)+)(?:\(\))?``", text)


def _leads_somewhere(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute or annotated field of one or of a class in it."""
    parts = dotted.split(".")
    for depth in range(len(parts), 0, -1):
        name = ".".join(parts[:depth])
        try:
            here: object = import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                raise  # it is there, and something that it needs is not
            continue
        for part in parts[depth:]:
            if not hasattr(here, part):
                return part in getattr(here, "__annotations__", {}) and part == parts[-1]
            here = getattr(here, part)
        return True
    return False


@pytest.mark.parametrize(
    ("dotted", "known"),
    [
        ("brain.plans.orders.ORDERS", True),
        ("sensors.kind.Kind.name", True),
        ("brain.model.EventRaised.id", True),
        ("brain.plans", True),
        ("brain.actions", False),
        ("brain.plans.orders.ORDER", False),
    ],
)
def test_a_name_is_a_module_or_what_stands_in_one(dotted: str, known: bool) -> None:
    assert _leads_somewhere(dotted) == known


def test_the_map_of_the_brain_shows_every_root_module() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    shown = re.findall(r"^  (\w+\.py)  +\S", text, re.M)
    assert sorted(shown) == sorted(path.name for path in (ROOT / "brain").glob("*.py") if path.name != "__init__.py")
