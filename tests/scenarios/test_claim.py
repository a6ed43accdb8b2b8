"""One process writes to a folder at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from datahub.contract.errors import OutsideError
from scenarios.claim import claimed

HOLD = """
import sys
from pathlib import Path
from scenarios.claim import claimed
with claimed(Path(sys.argv[1]), remedy=""):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_in_use_is_refused_with_its_holder_and_is_free_once_that_one_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "demo-harbour"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    words = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(OutsideError, match=rf"demo-harbour is in use by process {holder.pid}; wait for it$"),
            claimed(folder, remedy="wait for it"),
        ):
            pass
        holder.kill()
        holder.wait()
        with claimed(folder, remedy="wait for it"):
            assert (folder / ".lock").read_text() == f"{os.getpid()}\n"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("in the way")
    with (
        pytest.raises(OutsideError, match=r"cannot write to .*README\.md \(.+\); name a folder$"),
        claimed(tmp_path / "README.md", remedy="name a folder"),
    ):
        pass
