"""A hub in the declared harbour city: poles in several communities that hear the same two days."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hub_town import POST, T0, pack

from datahub.contract.city import City, Division
from datahub.contract.clock import DAY_MS, MINUTE_MS
from datahub.contract.messages import BirthBatch
from datahub.hub import Hub
from datahub.store.rollups import floor_day
from datahub.transport.local import LocalBus
from scenarios.survey.city import load_city

DAY0 = floor_day(T0)
HARBOUR: City = load_city("harbour", scale=0.2)
STOOD: tuple[Division, ...] = HARBOUR.of_level("community")[:4]
POLES = 3
"""In each community."""


class AreaTown:
    """Poles at the middle of four communities; each says noise and leakage every twenty minutes."""

    def __init__(self, directory: Path | None = None, *, days: int = 2) -> None:
        self.bus = LocalBus()
        self.hub = Hub("harbour", HARBOUR.adcode, directory, self.bus.city_end, run="test", start=DAY0)
        self.device = np.arange(1001, 1001 + POLES * len(STOOD), dtype=np.int64)
        self.community = np.repeat(np.arange(len(STOOD)), POLES)
        n = len(self.device)
        self.bus.field_end.send(
            BirthBatch(
                kind=POST,
                node=self.device,
                epoch=np.full(n, DAY0, np.int64),
                device=self.device,
                object=self.device + 1_000_000,
                lon=np.array([STOOD[k].lon for k in self.community]),
                lat=np.array([STOOD[k].lat for k in self.community]),
            )
        )
        self.end = DAY0 + days * DAY_MS
        self.t = np.arange(DAY0, self.end, 20 * MINUTE_MS)
        rng = np.random.default_rng(4)
        self.noise = np.round(rng.uniform(35.0, 90.0, (n, len(self.t))), 1)
        self.noise[rng.random(self.noise.shape) < 0.3] = 200.0  # impossible
        self.leak = np.round(rng.uniform(0.0, 0.5, (n, len(self.t))), 3)
        self.hub.intake()
        self.hub.tick(self.end)
        for row, code in enumerate(self.device.tolist()):
            told = [
                (code, name, int(t), float(v))
                for name, values in (("noise_dba", self.noise[row]), ("leakage_current_a", self.leak[row]))
                for t, v in zip(self.t, values, strict=True)
            ]
            self.bus.field_end.send(pack(code, told, epoch=DAY0))
        self.hub.intake()
        self.hub.tick(self.end)
        self.hub.flush()

    def settle(self, t: int) -> None:
        """City time is ``t`` [ms], and all that is due is done."""
        self.hub.tick(t)
        while self.hub.upkeep.step(t):
            pass
