"""Clients of open standards, each in a virtual environment of its own (``clients.txt``), driven from a test.

A client is a process that does what it is told line by line: the tests' own script runs in the client's environment,
imports the client as anybody would, and answers each line of JSON with one.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
"""Longer than any answer takes; a client that hangs is ended then."""


def python_of(name: str) -> Path:
    """The interpreter in whose environment a client is installed; the test is skipped where it is not."""
    python = ROOT / ".clients" / name / "bin" / "python"
    if not python.exists():
        pytest.skip(f"needs the client {name} in an environment of its own: make clients")
    return python


class Driven:
    """A client at work: calling one of the script's functions gives what it returns."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        watch = Timer(PATIENCE_S, self._process.kill)
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        assert line, "the client's process ended"
        told = json.loads(line)
        assert "broken" not in told, told["broken"]
        return told["answer"]


@contextmanager
def driven(client: str, script: str, *arguments: str) -> Iterator[Driven]:
    """A script of this folder, running in the environment of a client."""
    words = [str(python_of(client)), str(Path(__file__).with_name(script)), *arguments]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Driven(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=30)
            finally:
                process.kill()
