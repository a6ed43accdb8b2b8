"""Ending on request: Ctrl-C and SIGTERM become one event that everybody waits on."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType


class Stop:
    """Set when somebody asked the process to end, or when the process that started it is gone."""

    def __init__(self, *, parent: bool = False) -> None:
        """With ``parent``, the end of the parent process is a request too (a supervisor that was killed)."""
        self._asked = threading.Event()
        self._parent = os.getppid() if parent else 0
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked.set()

    def ask(self) -> None:
        """Ask the process to end."""
        self._asked.set()

    @property
    def asked(self) -> bool:
        """Whether it is time to end."""
        return self._asked.is_set() or (self._parent != 0 and os.getppid() != self._parent)

    def wait(self, seconds: float) -> bool:
        """Wait at most so long [s of wall time] for the request; whether it came."""
        return self._asked.wait(max(seconds, 0.0)) or self.asked
