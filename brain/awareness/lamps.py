"""Which lamps are dark though they should burn: told apart from a dark feeder and from a pole that stopped talking.

A lamp is dark when its controller talks and says that it should burn, the sun is down, it draws no power, and no
light falls on its pole while others' burn. Several readings in a row must say so; one finding per lamp until it
burns again. A feeder is dark when its cabinet's gateway has died (losing its voltage, it says so with its last gasp;
one that merely lost its link does not) and stays silent, or when nearly all its lamps are dark at once. All poles are
columns of length n; a tick touches only those that said something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from brain.algorithms.sun import elevation_deg
from brain.awareness.memory import carried
from datahub.contract.city import City
from datahub.contract.clock import SECOND_MS
from datahub.contract.observations import Floats, Ints

LAMP_DARK, FEEDER_DARK, DEVICE_SILENT = "lamp_dark", "feeder_dark", "device_silent"
POWER, DIMMING, LIGHT = 0, 1, 2
_NEVER = np.iinfo(np.int64).max // 2
PROPERTIES = ("lamp_power_w", "dimming_ratio", "illuminance_lx")


@dataclass(frozen=True, slots=True)
class LampRules:
    """Thresholds of the watch (``parameters/lamps.toml``)."""

    dark_deg: float
    dimming_least_ratio: float
    dark_power_ratio: float
    lit_power_ratio: float
    dark_light_ratio: float
    persist_count: int
    feeder_ratio: float
    feeder_least_count: int
    silent_s: float
    feeder_silent_s: float
    deaf_ratio: float


@dataclass(frozen=True, slots=True, eq=False)
class Poles:
    """The poles that have been born, in columns of length n, ascending by device code.

    Attributes:
        pole: unified code of the pole.
        feeder: unified code of the lamp feeder behind which it stands.
        lamp_w: rated power of its lamp [W].
    """

    device: Ints
    pole: Ints
    feeder: Ints
    lamp_w: Floats

    def __len__(self) -> int:
        return len(self.device)


@dataclass(frozen=True, slots=True)
class LampFinding:
    """Something is wrong with ``object`` (pole or feeder); ``devices`` say so."""

    t: int
    type: str
    object: int
    devices: tuple[int, ...]


def poles(city: City, device: Ints, watched: Ints) -> Poles:
    """The poles on which ``device`` are mounted (``watched``: the codes of their objects)."""
    table = city.objects["pole"]
    order = np.argsort(device, kind="stable")
    row = np.searchsorted(table.code, watched[order])
    return Poles(
        device=device[order],
        pole=table.code[row],
        feeder=np.asarray(table.columns["feeder"]).astype(np.int64)[row],
        lamp_w=np.asarray(table.columns["lamp_w"], np.float64)[row],
    )


@dataclass(slots=True, eq=False)
class LampWatch:
    """The brain's attention on the street lamps.

    Attributes:
        lon, lat: where its sun stands [deg].
        speakers: one device behind each feeder; whether its node has died tells of the cabinet.
    """

    poles: Poles
    rules: LampRules
    lon: float
    lat: float
    said: Floats = field(init=False)
    heard: Ints = field(init=False)
    dark: Ints = field(init=False)
    lit: Ints = field(init=False)
    lit_at: Ints = field(init=False)
    reported: NDArray[np.bool_] = field(init=False)
    silent: NDArray[np.bool_] = field(init=False)
    feeders: Ints = field(init=False)
    speakers: Ints = field(init=False)
    feeder_reported: NDArray[np.bool_] = field(init=False)
    _of: Ints = field(init=False)
    _talks_since: Ints = field(init=False)
    _ticked: int = 0
    _usual_lx: float = np.nan
    _fresh: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.poles)
        self.said, self.heard = np.full((3, n), np.nan), np.zeros((3, n), np.int64)
        self.dark, self.lit, self.lit_at = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
        self.reported, self.silent = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        self.feeders, first, self._of = np.unique(self.poles.feeder, return_index=True, return_inverse=True)
        self.speakers = self.poles.device[first]
        self.feeder_reported = np.zeros(len(self.feeders), np.bool_)
        self._fresh = np.zeros(n, np.bool_)
        self._talks_since = np.full(len(self.feeders), _NEVER)

    def take(self, property_: int, device: Ints, t: Ints, value: Floats) -> None:
        """Readings of one of ``PROPERTIES`` since the last tick; later ones count, older ones than known are left."""
        if not len(self.poles) or not len(device):
            return
        at = np.minimum(np.searchsorted(self.poles.device, device), len(self.poles) - 1)
        mine = self.poles.device[at] == device
        at, t, value = at[mine], t[mine], value[mine]
        order = np.argsort(t, kind="stable")
        at, t, value = at[order], t[order], value[order]
        newer = t > self.heard[property_, at]
        at, t, value = at[newer], t[newer], value[newer]
        self.said[property_, at], self.heard[property_, at] = value, t
        if property_ == POWER:
            self._fresh[at] = True

    def tick(self, t: int, *, dead: NDArray[np.bool_]) -> list[LampFinding]:
        """What is newly wrong at city time ``t`` [ms], by type and code.

        Args:
            dead: whether the node of each of ``speakers`` has died and not come back.
        """
        if not len(self.poles):
            return []
        night = elevation_deg(t, lon=self.lon, lat=self.lat) < self.rules.dark_deg
        talking = self._talking(t)
        if talking is None:
            self._fresh[:] = False
            return []
        self._count(night)
        found = self._feeders(t, night=night, talking=talking, dead=dead)
        if night:
            found += self._lamps(t)
        return sorted(found + self._silent(t, talking), key=lambda one: (one.type, one.object))

    def burning_since(self, pole: int, since: int) -> bool | None:
        """Whether the lamp of ``pole`` (code) was seen burning after ``since`` [ms]: None while nothing tells."""
        row = np.flatnonzero(self.poles.pole == pole)
        if not len(row) or self.heard[POWER, row[0]] <= since:
            return None
        if self.lit_at[row[0]] > since:
            return True
        return False if self.dark[row[0]] >= self.rules.persist_count else None

    def feeder_burning_since(self, feeder: int, since: int) -> bool | None:
        """Whether most lamps of ``feeder`` (code) were seen burning after ``since`` [ms]: None while nothing tells."""
        rows = np.flatnonzero(self.poles.feeder == feeder)
        told = rows[self.heard[POWER, rows] > since]
        if not len(told):
            return None
        if (self.lit_at[told] > since).mean() >= self.rules.feeder_ratio:
            return True
        return False if (self.dark[told] >= self.rules.persist_count).mean() >= self.rules.feeder_ratio else None

    def forget(self, code: int) -> None:
        """The matter of a pole or feeder is closed: judge it afresh."""
        rows = (self.poles.pole == code) | (self.poles.feeder == code)
        self.reported[rows], self.dark[rows] = False, 0
        self.feeder_reported[self.feeders == code] = False

    def _talking(self, t: int) -> NDArray[np.bool_] | None:
        """Which feeders have been heard lately; None if so few that it must be the platform that is deaf."""
        heard = np.zeros(len(self.feeders), np.int64)
        np.maximum.at(heard, self._of, self.heard[POWER])
        known = heard > 0
        talking: NDArray[np.bool_] = t - heard <= self.rules.feeder_silent_s * SECOND_MS
        if not known.any() or (known & ~talking).sum() > self.rules.deaf_ratio * known.sum():
            self._talks_since[:] = _NEVER
            return None
        if t - self._ticked > self.rules.feeder_silent_s * SECOND_MS:
            self._talks_since[:] = _NEVER  # nobody listened meanwhile
        self._ticked = t
        begun = talking & (self._talks_since == _NEVER)
        self._talks_since = np.where(talking, np.where(begun, t, self._talks_since), _NEVER)
        return talking | ~known

    def _count(self, night: bool) -> None:
        """Count readings in a row that say dark or lit, for the poles that said something since the last tick."""
        rows = np.flatnonzero(self._fresh)
        self._fresh[:] = False
        if not night or not len(rows):
            return
        rules = self.rules
        power, dimming, light = self.said[POWER, rows], self.said[DIMMING, rows], self.said[LIGHT, rows]
        should = dimming >= rules.dimming_least_ratio
        ratio = power / np.maximum(self.poles.lamp_w[rows] * dimming, 1e-9)
        lit = should & (ratio >= rules.lit_power_ratio)
        if (seen := lit & np.isfinite(light)).any():
            self._usual_lx = float(np.median(light[seen]))
        no_light = ~(light >= rules.dark_light_ratio * self._usual_lx)  # where nobody burns, nothing speaks against it
        dark = should & (ratio < rules.dark_power_ratio) & no_light
        self.dark[rows] = np.where(dark, self.dark[rows] + 1, np.where(lit, 0, self.dark[rows]))
        self.lit[rows] = np.where(lit, self.lit[rows] + 1, 0)
        sure = rows[self.lit[rows] >= rules.persist_count - 1]
        self.lit_at[sure] = self.heard[POWER, sure]
        self.reported[sure] = False

    def _feeders(
        self, t: int, *, night: bool, talking: NDArray[np.bool_], dead: NDArray[np.bool_]
    ) -> list[LampFinding]:
        """Feeders that went dark: dead and silent at night, or nearly all their lamps dark at once."""
        count = np.bincount(self._of, minlength=len(self.feeders))
        dark = np.bincount(self._of, self.dark >= self.rules.persist_count, len(self.feeders))
        together = (dark >= self.rules.feeder_ratio * count) & (count >= self.rules.feeder_least_count)
        burning = np.bincount(self._of, self.lit >= self.rules.persist_count - 1, len(self.feeders))
        self.feeder_reported &= ~(talking & (burning >= self.rules.feeder_ratio * count))
        gone = ((~talking & dead) | together) & night & ~self.feeder_reported
        self.feeder_reported |= gone
        rows = self.feeder_reported[self._of]
        self.reported |= rows & (self.dark >= self.rules.persist_count)
        return [
            LampFinding(t, FEEDER_DARK, int(self.feeders[one]), tuple(self.poles.device[self._of == one].tolist()))
            for one in np.flatnonzero(gone)
        ]

    def _lamps(self, t: int) -> list[LampFinding]:
        new = (self.dark >= self.rules.persist_count) & ~self.reported & ~self.feeder_reported[self._of]
        self.reported |= new
        return [
            LampFinding(t, LAMP_DARK, int(self.poles.pole[row]), (int(self.poles.device[row]),))
            for row in np.flatnonzero(new)
        ]

    def _silent(self, t: int, talking: NDArray[np.bool_]) -> list[LampFinding]:
        """Poles that stopped talking while their feeder goes on; after a break, each gets its time to speak up."""
        heard = self.heard[POWER]
        since = np.maximum(heard, self._talks_since[self._of])
        quiet = (heard > 0) & (t - since > self.rules.silent_s * SECOND_MS) & talking[self._of]
        new = quiet & ~self.silent
        self.silent = quiet
        self.dark[quiet] = 0
        return [
            LampFinding(t, DEVICE_SILENT, int(self.poles.pole[row]), (int(self.poles.device[row]),))
            for row in np.flatnonzero(new)
        ]

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All that is remembered, as plain arrays by name."""
        reported = np.isin(self.poles.feeder, self.feeders[self.feeder_reported])
        return {"device": self.poles.device, **self._by_device(), "feeder_reported": reported}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what ``state`` gave, be it of fewer or more poles; nothing saved, nothing done."""
        if "device" not in state:
            return
        was = np.asarray(state["device"], np.int64)
        for name, held in carried(state, self._by_device(), was=was, now=self.poles.device).items():
            setattr(self, name, held.astype(getattr(self, name).dtype))
        still = self.poles.feeder[np.isin(self.poles.device, was[np.asarray(state["feeder_reported"], np.bool_)])]
        self.feeder_reported = np.isin(self.feeders, still)

    def _by_device(self) -> dict[str, NDArray[np.generic]]:
        names = ("said", "heard", "dark", "lit", "lit_at", "reported", "silent")
        return {name: getattr(self, name) for name in names}
