"""The city process is killed in the middle of its work, again and again: nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hub_town import GATEWAY, T0, Town

from datahub.contract.codes import Reason

ROOT = Path(__file__).parents[2]
TOTAL = 840


def start(directory: Path) -> subprocess.Popen[str]:
    """A hub in a process of its own."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("hub_child.py")), str(directory), str(TOTAL)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("lines", [(3, 30, 70)])
def test_killed_at_any_moment_the_hub_loses_and_doubles_nothing(tmp_path: Path, lines: tuple[int, ...]) -> None:
    for count in lines:
        child = start(tmp_path)
        assert child.stdout is not None
        said = [child.stdout.readline().split() for _ in range(count)]
        child.send_signal(signal.SIGKILL)
        said += [line.split() for line in child.stdout if line.endswith("\n")]
        child.wait()
        child.stdout.close()
        released = int(said[-1][0])
        assert released >= (count - 2) * 7
        assert resumed(tmp_path, released)
    child = start(tmp_path)
    out, _ = child.communicate(timeout=200)
    assert child.returncode == 0
    assert out.splitlines()[-1] == "done"
    town = Town(tmp_path, run="")
    rows = town.stored()
    meter = [row[3] for row in rows if row[0] == 101]
    assert meter == [n / 4 for n in range(TOTAL)]
    assert [row[2] - T0 for row in rows if row[0] == 201] == [n for n in range(TOTAL) if n % 6]
    ledger = town.hub.queries.ledger()
    assert ledger.stored + ledger.rejected == 2 * TOTAL
    assert ledger.by_reason == {Reason.UNKNOWN_DEVICE: len([n for n in range(TOTAL) if n % 6 == 0])}
    assert ledger.closes()
    town.hub.close()


def resumed(directory: Path, released: int) -> bool:
    """What was acknowledged is there after the kill, each once, and the ledger closes."""
    town = Town(directory, run="")
    hub = town.hub
    hub.tick((hub.now or T0) + 1)
    rows = town.stored()
    meter = [row[3] for row in rows if row[0] == 101]
    ledger = hub.queries.ledger()
    fine = (
        meter == [n / 4 for n in range(len(meter))]
        and len(meter) > released
        and ledger.stored == len(rows)
        and ledger.closes()
        and hub.registry.windows.watermark(hub.registry.nodes.rows([101, GATEWAY]), [T0, T0]).tolist()  # type: ignore[arg-type]
        == [len(meter) - 1] * 2
    )
    town.hub.close()
    return fine
