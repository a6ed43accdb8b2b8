"""How often a cloud lets itself be called. Only stubs use it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from datahub.contract.clock import MINUTE_MS, SECOND_MS


@dataclass(slots=True)
class Calls:
    """Calls of a sliding minute of city time, at most ``per_minute``."""

    per_minute: int
    _made: deque[int] = field(default_factory=deque)

    def admit(self, t: int) -> int:
        """Let one call in at ``t`` [ms]; else for how long the caller is put off [s]."""
        while self._made and self._made[0] <= t - MINUTE_MS:
            self._made.popleft()
        if len(self._made) >= self.per_minute:
            return max(1, math.ceil((self._made[0] + MINUTE_MS - t) / SECOND_MS))
        self._made.append(t)
        return 0
