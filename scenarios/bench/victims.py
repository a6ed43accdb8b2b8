"""What a crash campaign kills: a hub and a broker, each in a process of its own, on databases and a port that stay."""

from __future__ import annotations

import shutil
import subprocess
from collections import deque
from collections.abc import Callable, MutableSequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Final, Self

import psutil

from datahub.contract.clock import SECOND_MS, elapsed_s
from datahub.contract.errors import OutsideError, UsageError
from datahub.contract.topics import Topics
from datahub.hub import Hub
from datahub.transport.broker import EmbeddedBroker, free_port
from datahub.transport.mqtt import MqttCityBus
from scenarios.bench.aside import SPAWN, aside
from scenarios.bench.crowd import T0
from scenarios.live.pace import BEAT_S

UP_S: Final = 60.0
"""How long a victim may take to come up again [s]."""

INFLIGHT: Final = 100
"""``max_inflight_messages`` of mosquitto: the intake takes up to 90 messages together; its default of 20 halves it."""


class Victim:
    """A process that can be killed and started again, with a pipe through which it says how it is.

    ``work`` runs in it with ``arguments`` and its end of the pipe; its first word, a number, says that it is up.
    """

    def __init__(self, name: str, work: Callable[..., None], *arguments: object) -> None:
        self._name, self._work, self._arguments = name, work, arguments
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None
        self._since = 0.0

    def __enter__(self) -> Self:
        self.start()
        self.word()
        return self

    def start(self) -> None:
        """Start it (again); it says when it is up."""
        self._line, theirs = SPAWN.Pipe()
        self._process = aside(self._work, *self._arguments, theirs)
        self._process.start()
        theirs.close()
        self._since = elapsed_s()

    def is_up(self) -> bool:
        """Whether it has said that it is up, or is past hope (``word`` then says so)."""
        return self._line is None or self._line.poll() or elapsed_s() - self._since > UP_S

    def word(self) -> int:
        """What it said when it was up; waits for it.

        Raises:
            OutsideError: if it ended before, or says nothing in time.
        """
        if self._line is None or not self._line.poll(UP_S):
            raise OutsideError(f"the {self._name} did not come up within {UP_S:.0f} s")
        try:
            return int(self._line.recv())
        except EOFError as error:
            raise OutsideError(f"the {self._name} ended while it came up; see what it printed above") from error

    def kill(self) -> None:
        """SIGKILL, for it and what it started; returns when they are gone."""
        if self._process is None or self._process.pid is None:
            return
        family = [*psutil.Process(self._process.pid).children(recursive=True)]
        self._process.kill()
        for one in family:
            one.kill()
        psutil.wait_procs(family, timeout=UP_S)
        self._process.join(UP_S)

    def end(self) -> None:
        """Ask it to end, and wait."""
        if self._process is not None and self._line is not None and self._process.is_alive():
            self._line.send("end")
            self._process.join(UP_S)
        self.kill_if_alive()

    def kill_if_alive(self) -> None:
        """Leave nothing behind."""
        if self._process is not None and self._process.is_alive():
            self.kill()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill_if_alive()


class HubProcess(Victim):
    """The hub, live and durable as in ``citybrain city``, without brain and pages.

    Its word is how many readings it has stored or rejected for good.

    Attributes:
        kept: messages that it acknowledged before it took them in, in all its lives.
        inherited: those of them that it had not taken in when it was killed, and took in in its next life.
    """

    def __init__(self, url: str, topics: Topics, directory: Path) -> None:
        self.kept = self.inherited = 0
        self._counts = SPAWN.RawArray("q", 2)  # what is written there outlives a kill
        super().__init__("hub", _run_hub, url, topics, directory, self._counts)

    def start(self) -> None:
        """Start it (again), and count what its former life did."""
        self.tally()
        super().start()

    def tally(self) -> None:
        """Add up what the life that is over did."""
        self.kept += self._counts[0]
        self.inherited += self._counts[1]
        self._counts[:] = [0, 0]


def _run_hub(url: str, topics: Topics, directory: Path, counts: MutableSequence[int], line: Connection) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    hub = Hub(topics.city, "990100", directory, MqttCityBus(url, topics), start=T0, write_rows=5_000)
    try:
        counts[1] = hub.arrivals.found
        line.send(hub.ledger.stored + hub.ledger.rejected)
        begun = hub.now or T0
        since = looked = elapsed_s()
        while not line.poll():
            now = begun + round((elapsed_s() - since) * SECOND_MS)
            hub.intake(wait_s=BEAT_S / 2, now=now)
            counts[0] = hub.arrivals.kept
            if elapsed_s() - looked > BEAT_S:
                looked = elapsed_s()
                hub.tick(now)
    finally:
        hub.close()


class Broker(Victim):
    """The embedded broker or Debian's mosquitto on one port, with a persistent store where it has one."""

    def __init__(self, name: str, folder: Path) -> None:
        if name not in ("embedded", "mosquitto"):
            raise UsageError(f"broker '{name}' is unknown; choose embedded or mosquitto")
        port = free_port()
        super().__init__("broker", _run_broker, name, folder, port)
        self.url = f"mqtt://127.0.0.1:{port}"


def _run_broker(name: str, folder: Path, port: int, line: Connection) -> None:
    if name == "embedded":
        with EmbeddedBroker(port=port):
            line.send(port)
            line.poll(None)
        return
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if program is None:
        raise OutsideError("mosquitto is not installed; install it with 'apt-get install mosquitto'")
    conf = folder / "mosquitto.conf"
    conf.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages {INFLIGHT}\nmax_queued_messages 0\n"
        f"persistence true\npersistence_location {folder}/\nuser root\n"
    )
    with subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        if not any("running" in said for said in process.stderr):
            raise OutsideError(f"mosquitto did not start on port {port}; is it taken?")
        # it logs every connection, and must never wait for a reader
        reader = Thread(target=deque, args=(process.stderr, 0), daemon=True)
        reader.start()
        line.send(port)
        line.poll(None)
        process.terminate()
        reader.join()
