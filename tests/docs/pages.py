"""Runs the ``console`` blocks of a page word for word in one shell, and holds what comes against what is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PATIENCE_S = 200.0
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_JOB = re.compile(r"\[\d+\][-+ ]")  # what the shell says of its jobs
_MARK = "--- end of output, status "


def blocks(page: Path) -> list[tuple[str, list[str]]]:
    """Every command of a page with the lines shown below it."""
    found: list[tuple[str, list[str]]] = []
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line)
    return found


def play(page: Path, folder: Path, *, patience_s: float = PATIENCE_S) -> list[str]:
    """Run a page's commands in ``folder``; what differs from the page, in words (nothing, if the page is right)."""
    tools = folder / ".tools"
    tools.mkdir()
    script = tools / "citybrain"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m scenarios "$@"\n')
    script.chmod(0o755)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CITYBRAIN_")}
    path = os.pathsep.join((str(tools), clean["PATH"], "/usr/sbin"))
    environment = clean | {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "NO_PROXY": "*"}
    lines = ["set -m", "true"]
    for command, _ in blocks(page):
        lines += [f"(exit $status); {command}", "status=$?", f"echo; echo '{_MARK}'$status"]
    lines[1] = "status=0"
    shell = subprocess.Popen(
        ["bash", "-c", "\n".join(["trap 'kill $(jobs -p) 2> /dev/null' EXIT", *lines])],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        told, _ = shell.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        _end(shell)
        told, _ = shell.communicate()
    said = re.split(rf"\n?{_MARK}\d+\n", told)
    differing = []
    for (command, shown), output in zip(blocks(page), said, strict=False):
        pattern = r"\n".join(re.escape(line.rstrip()).replace(re.escape("..."), ".+") for line in shown)
        lines = [line.rstrip() for line in output.strip("\n").splitlines()]
        came = "\n".join(line for line in lines if not _JOB.match(line))
        if not re.fullmatch(pattern, came):
            differing.append(f"$ {command}\nshown: {shown}\ncame:  {came}")
    if len(said) != len(blocks(page)) + 1:
        last = blocks(page)[len(said) - 1][0]
        differing.append(f"the shell ended after {len(said) - 1} commands, in $ {last}\n{told[-2000:]}")
        differing += [f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in sorted(folder.glob("*.log"))]
    return differing


def _end(shell: subprocess.Popen[str]) -> None:
    """End a shell and all that it started; a part of a pipe would else hold its output open for ever."""
    family = psutil.Process(shell.pid).children(recursive=True)
    for one in (psutil.Process(shell.pid), *family, *_session(shell.pid)):
        with suppress(psutil.NoSuchProcess):
            one.kill()


def _session(leader: int) -> list[psutil.Process]:
    """Processes of a session, also those whose parent is gone."""
    found = []
    for one in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(one.pid) == leader:
                found.append(one)
    return found
