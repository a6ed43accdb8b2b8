"""How fast city time runs against wall time: steadily, or so that a whole story fits a given time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from datahub.contract.clock import MINUTE_MS, SECOND_MS, elapsed_s

BEAT_S = 0.1
"""With real devices, what has come in is evaluated so soon [s of wall time]."""

#: One part of the story in which things happen is shown this much slower than one in which crews dig.
EAGERNESS = 20.0


@dataclass(slots=True)
class SteadyPace:
    """``speed`` city seconds per second."""

    speed: float

    def speed_at(self, t: int) -> float:
        """City seconds per second at city time ``t`` [ms]."""
        return self.speed


@dataclass(slots=True)
class StoryPace:
    """Slow where things happen, fast in between, so that all of it takes about ``minutes`` of wall time.

    Attributes:
        ends: city time of the story's end [ms].
        busy: whether something that people want to see is going on (a crew on its way, a valve turning, a warning out).
        busy_ms: how much city time of that kind the whole story is thought to hold; corrected as it goes.
    """

    ends: int
    minutes: float
    busy: Callable[[int], bool]
    busy_ms: float = 240.0 * MINUTE_MS
    _since: float = 0.0
    _seen_ms: float = 0.0
    _last: int = 0

    def speed_at(self, t: int) -> float:
        """City seconds per second at city time ``t`` [ms], from what is left of story and time."""
        if not self._since:
            self._since, self._last = elapsed_s(), t
        busy = self.busy(t)
        self._seen_ms += (t - self._last) if busy else 0.0
        self._last = t
        left_s = max(self.minutes * 60.0 - (elapsed_s() - self._since), 1.0)
        left_ms = max(self.ends - t, 1.0)
        busy_left = min(max(self.busy_ms - self._seen_ms, 15.0 * MINUTE_MS), left_ms)
        quiet_left = left_ms - busy_left
        slow = (busy_left + quiet_left / EAGERNESS) / SECOND_MS / left_s
        return slow if busy else slow * EAGERNESS


@dataclass(slots=True)
class Waiting:
    """Holds city time back to its pace; never tries to make up for more than a moment lost."""

    _due: float = 0.0

    def seconds(self, step_ms: int, speed: float) -> float:
        """How long to wait [s of wall time] before the next step of ``step_ms`` city time."""
        now = elapsed_s()
        self._due = max(self._due, now - 1.0) + step_ms / SECOND_MS / speed
        return self._due - now
