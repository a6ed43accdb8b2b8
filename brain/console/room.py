"""What all tabs share: the situation and how fast it moves, the land, the seats, and the way to the brain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from brain.console.door import Door
from brain.console.land import Land
from brain.console.look import Look
from brain.console.panels import cases, devices, head, lines, ticker, vitals
from brain.console.shown import Json, Panel
from brain.model import OrderGiven
from brain.views import Situation
from datahub.contract.city import City
from datahub.contract.clock import SECOND_MS, elapsed_s, to_local

WINDOW_S: Final = 12.0
"""Over how much wall time the speed of the city's clock is measured [s]."""

STALE_S: Final = 15.0
"""Without a new situation for so long, the page says so [s of wall time]."""

_NOTICED: Final = 0.08
"""The speed on the screen changes when it is off by more than this share."""


@dataclass(slots=True)
class Room:
    """The operations centre of one city. Used by the web server's own thread only.

    Attributes:
        look_up: the situation as it is now; ``order``: hands an order to the brain; both from any thread.
        wall: a monotonic time [s].
    """

    city: City
    look_up: Callable[[], Situation]
    order: Callable[[OrderGiven], None]
    door: Door
    land: Land
    wall: Callable[[], float] = elapsed_s
    _seen: deque[tuple[float, int]] = field(default_factory=deque)
    _speed: float = 0.0
    _held: dict[str, tuple[Situation, Panel]] = field(default_factory=dict)
    _words: dict[str, Panel] = field(default_factory=dict)

    def situation(self) -> Situation:
        """The situation, and note when it was new."""
        situation, now = self.look_up(), self.wall()
        if self._seen and situation.t < self._seen[-1][1]:
            self._seen.clear()
        if not self._seen or self._seen[-1][1] != situation.t:
            self._seen.append((now, situation.t))
            while len(self._seen) > 2 and now - self._seen[1][0] > WINDOW_S:
                self._seen.popleft()
        return situation

    def shared(self, situation: Situation, look: Look) -> Panel:
        """The panels that are the same for everybody who reads one language."""
        held = self._held.get(look.lang)
        if held is None or held[0] is not situation:
            panels: Panel = {
                "vitals": vitals(situation, look),
                "ticker": ticker(situation, look),
                "cases": cases(situation, look),
                "lines": lines(situation, look),
                "devices": devices(situation, look),
                "words": self._said(look),
            }
            held = self._held[look.lang] = (situation, panels)
        pace: Panel = {"speed": self._pace(), "stale_s": self._stale()}
        return held[1] | {"head": head(situation, look) | pace}

    def clock(self, t: int) -> str:
        """Local time of day, hours and minutes."""
        return datetime.fromisoformat(to_local(t)).strftime("%H:%M")

    def _said(self, look: Look) -> Panel:
        if look.lang not in self._words:
            said: dict[str, Json] = dict(look.words.said)
            self._words[look.lang] = said
        return self._words[look.lang]

    def _pace(self) -> float:
        """City seconds per second of wall time, two digits; 0 while unknown."""
        if len(self._seen) < 2 or self.wall() - self._seen[-1][0] > STALE_S:
            return self._speed
        (since, t), (now, last) = self._seen[0], self._seen[-1]
        if t and now - since > 1.0:
            speed = (last - t) / SECOND_MS / (now - since)
            if abs(speed - self._speed) > _NOTICED * self._speed:
                self._speed = float(f"{speed:.2g}")
        return self._speed

    def _stale(self) -> int:
        """How long nothing new has come, in steps of five seconds; 0 while all is well [s of wall time].

        A city whose clock runs slowly is not late for it: three of its usual pauses are waited for.
        """
        if not self._seen:
            return 0
        quiet = self.wall() - self._seen[-1][0]
        usual = (self._seen[-1][0] - self._seen[0][0]) / max(len(self._seen) - 1, 1)
        return int(quiet // 5 * 5) if quiet >= max(STALE_S, 3.0 * usual) else 0
