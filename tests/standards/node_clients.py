"""Programs that nobody here wrote, run by Node.js: ``make clients-node`` puts them into ``.clients/node``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLIENTS = Path(os.environ.get("CITYBRAIN_CLIENTS_NODE", HERE.parents[1] / ".clients" / "node"))
PATIENCE_S = 120.0


def node(script: str, *arguments: str, lines: Sequence[object] = ()) -> list[dict[str, object]]:
    """What a script beside this file says, a line of JSON each, when it is given these lines."""
    program = shutil.which("node")
    if program is None or not (CLIENTS / "installed").exists():
        pytest.skip("needs Node.js (apt-get install nodejs npm) and its clients: make clients-node")
    done = subprocess.run(
        [program, str(HERE / script), *arguments],
        input="".join(json.dumps(line) + "\n" for line in lines),
        env={**os.environ, "CITYBRAIN_CLIENTS": str(CLIENTS), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def judged(sort: str, documents: Sequence[object]) -> list[list[str]]:
    """Why each document is refused by the validators of its sort; nothing where it is accepted."""
    told = node("judge.cjs", lines=[{"sort": sort, "document": each} for each in documents])
    assert len(told) == len(documents)
    return [each["refused"] for each in told]  # type: ignore[misc]
