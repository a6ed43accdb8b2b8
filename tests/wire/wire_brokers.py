"""Debian's mosquitto and its clients, started for a test. What they say is read at once, so that none waits for us."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread, Timer

import pytest

from datahub.contract.clock import elapsed_s
from datahub.transport.broker import free_port

PATIENCE_S = 60.0
"""Longer than any of them needs; who hangs is ended then, and the test fails."""


class Mosquitto:
    """A broker that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._lines = process, SimpleQueue[str]()
        self.send_signal = process.send_signal
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.put(line)
        self._lines.put("")

    def until(self, words: str) -> None:
        """Return when it has said so since the last call."""
        said, end = list[str](), elapsed_s() + PATIENCE_S
        with suppress(Empty):
            while line := self._lines.get(timeout=max(end - elapsed_s(), 0.0)):
                if words in line:
                    return
                said.append(line)
        raise AssertionError(f"mosquitto did not say '{words}':\n{''.join(said)}")

    def end(self) -> None:
        """End it, and leave nothing behind."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(10)


@contextmanager
def running(conf: Path) -> Iterator[Mosquitto]:
    """Mosquitto with a configuration, as soon as it runs; the test is skipped where there is none."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    with subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.PIPE, text=True) as process:
        broker = Mosquitto(process)
        try:
            broker.until("running")
            yield broker
        finally:
            broker.end()


@contextmanager
def mosquitto(directory: Path, *, port: int | None = None, text: str = "") -> Iterator[str]:
    """Mosquitto on loopback, with our configuration or ``text``; yields its URL."""
    port = port or free_port()
    conf = directory / "mosquitto.conf"
    conf.write_text(
        text
        or f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 100\nmax_queued_messages 0\n"
        f"persistence true\npersistence_location {directory}/\nuser root\n"
    )
    with running(conf):
        yield f"mqtt://127.0.0.1:{port}"


@contextmanager
def client(words: Sequence[str], *, patience_s: float = PATIENCE_S) -> Iterator[subprocess.Popen[str]]:
    """One of its clients with pipes to and from it; it is ended at the latest after ``patience_s``."""
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        watch = Timer(patience_s, process.kill)
        watch.start()
        try:
            yield process
        finally:
            watch.cancel()
            if process.stdin is not None:
                process.stdin.close()
            process.kill()
