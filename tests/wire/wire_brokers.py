"""Debian's mosquitto, started for a test."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from datahub.transport.broker import free_port


@contextmanager
def mosquitto(directory: Path, *, port: int | None = None, text: str = "") -> Iterator[str]:
    """Debian's mosquitto on loopback, with our configuration or ``text``; yields its URL."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    port = port or free_port()
    conf = directory / "mosquitto.conf"
    conf.write_text(
        text
        or f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 100\nmax_queued_messages 0\n"
        f"persistence true\npersistence_location {directory}/\nuser root\n"
    )
    process = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "running" in line:
                break
        assert process.poll() is None, "".join(lines)
        yield f"mqtt://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=10)
