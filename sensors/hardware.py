"""The hardware of one fleet: how its sensors err, stand still, creep away, fall silent, and run out of battery."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import DAY_MS
from datahub.contract.observations import Floats, Ints
from sensors import battery
from sensors.chance import Seeds
from sensors.faults import Faults, Spells
from sensors.kind import BATTERY, Kind
from sensors.world import trait


class Hardware:
    """Sensors and cells of the devices of one kind, by their row in the fleet.

    Lasting traits (gain, bias, spells of faults, charge of the cell) come from device code and seed; the scatter of
    single readings from the stream ``noise`` of the kind.
    """

    def __init__(self, kind: Kind, codes: Ints, *, seeds: Seeds, faults: Faults, start: int) -> None:
        self.kind, self.start = kind, start
        self._n = len(codes)
        self._rng = seeds.rng("field", kind.name, "noise")
        self._lasting(kind, codes, seeds=seeds)
        self._noise = np.array([it.noise for it in kind.accuracy]) * faults.noise
        self._scatter = np.array([it.scatter for it in kind.accuracy]) * faults.noise
        self._scattered, self._noisy = np.flatnonzero(self._scatter), np.flatnonzero(self._noise)
        self._grain(kind)
        self._lay_spells(kind, codes, seeds=seeds, faults=faults)
        self._away: Ints | None = None
        self._full: NDArray[np.float32] | None = None
        if kind.battery_years:
            age = trait.uniform(codes, trait.salt(seeds, "field", kind.name, "battery"))
            neglected = trait.uniform(codes, trait.salt(seeds, "field", kind.name, "neglect")) < faults.neglect
            self._full = np.where(neglected, age, 0.15 + 0.85 * age).astype(np.float32)

    def _lasting(self, kind: Kind, codes: Ints, *, seeds: Seeds) -> None:
        self._gain: dict[int, NDArray[np.float32]] = {}
        self._bias: dict[int, NDArray[np.float32]] = {}
        for place, accuracy in enumerate(kind.accuracy):
            name = ("field", kind.name, kind.descriptor.properties[place].name)
            if accuracy.gain:
                off = accuracy.gain * trait.normal(codes, trait.salt(seeds, *name, "gain"))
                self._gain[place] = (1 + np.clip(off, -3 * accuracy.gain, 3 * accuracy.gain)).astype(np.float32)
            if accuracy.bias:
                off = accuracy.bias * trait.normal(codes, trait.salt(seeds, *name, "bias"))
                self._bias[place] = np.clip(off, -3 * accuracy.bias, 3 * accuracy.bias).astype(np.float32)

    def _grain(self, kind: Kind) -> None:
        properties = kind.descriptor.properties
        step = np.array([it.resolution for it in properties])
        self._up, self._down = np.where(step < 1, np.rint(1 / step), 1.0), np.where(step < 1, 1.0, step)
        self._low = np.array([it.low for it in properties])
        self._high = np.array([it.high for it in properties])

    def _lay_spells(self, kind: Kind, codes: Ints, *, seeds: Seeds, faults: Faults) -> None:
        def lay(name: str, rate: float, hours: float) -> Spells:
            path = ("field", kind.name, name)
            return Spells.lay(codes, name=path, seeds=seeds, rate=rate, hours=hours, start=self.start)

        def salt(*name: str) -> int:
            return trait.salt(seeds, "field", kind.name, *name)

        sticking = np.array([i for i, it in enumerate(kind.accuracy) if it.sticks], np.int64)
        creeping = np.array([i for i, it in enumerate(kind.accuracy) if it.drift_day], np.int64)
        self.silence = lay("silent", faults.silent_year, faults.silent_h)
        self.stuck = lay("stuck", faults.stuck_year if len(sticking) else 0.0, faults.stuck_h)
        self.stuck.choose(codes[self.stuck.row], sticking, salt=salt("stuck", "which"))
        self.drift = lay("drift", faults.drift_year if len(creeping) else 0.0, faults.drift_h)
        self.drift.choose(codes[self.drift.row], creeping, salt=salt("drift", "which"))
        draw = trait.uniform(codes[self.drift.row], salt("drift", "speed"))
        speed = np.array([it.drift_day for it in kind.accuracy])
        self.drift.value = np.where(draw < 0.5, -1, 1) * (0.5 + np.abs(2 * draw - 1)) * speed[self.drift.property]

    def awake(self, rows: Ints, t: int) -> NDArray[np.bool_]:
        """Which devices can speak at ``t`` [ms]: neither broken, nor out of battery, nor busy with themselves."""
        places, spell = self.silence.among(rows, t)
        talking = np.ones(len(rows), np.bool_)
        talking[places[(self.silence.since[spell] <= t) & (t < self.silence.until[spell])]] = False
        if self._full is not None:
            talking &= self._charge(rows, t) > 0
        if self._away is not None:
            talking &= self._away[rows] <= t
        return talking

    def leave(self, row: int, *, until: int) -> None:
        """A device is busy with itself until then [ms]: it neither measures, nor speaks, nor hears."""
        if self._away is None:
            self._away = np.zeros(self._n, np.int64)
        self._away[row] = until

    def _charge(self, rows: Ints, t: int) -> Floats:
        full = np.zeros(len(rows)) if self._full is None else self._full[rows].astype(np.float64)
        return battery.charge(full, age_ms=t - self.start, years=self.kind.battery_years)

    def lasting(self, values: Floats, rows: Ints) -> Floats:
        """What devices would show without scatter: ``values`` (d, s, p) with each device's gain and bias."""
        shown = values.copy()
        for place, gain in self._gain.items():
            shown[:, :, place] *= gain[rows][:, None]
        for place, bias in self._bias.items():
            shown[:, :, place] += bias[rows][:, None]
        return shown

    def read(self, values: Floats, rows: Ints, times: Ints, *, rng: np.random.Generator | None = None) -> Floats:
        """What devices measured: ``values`` (d, s, p) of the world at ``times`` (s,) [ms] with all that is wrong.

        ``rng``: scatter of readings that are not the devices' own reports; None: the kind's stream ``noise``.
        """
        shown, rng = self.lasting(values, rows), rng or self._rng
        if len(where := self._scattered):
            draw = rng.standard_normal((*shown.shape[:2], len(where)))
            shown[..., where] *= 1 + self._scatter[where] * draw
        if len(where := self._noisy):
            shown[..., where] += self._noise[where] * rng.standard_normal((*shown.shape[:2], len(where)))
        self._creep(shown, rows, times)
        self._stick(shown, rows, times)
        return shown

    def _creep(self, shown: Floats, rows: Ints, times: Ints) -> None:
        for place, spell in zip(*self.drift.among(rows, int(times[-1])), strict=True):
            since, until = self.drift.since[spell], self.drift.until[spell]
            age = np.where((since <= times) & (times < until), times - since, 0)
            shown[place, :, self.drift.property[spell]] += self.drift.value[spell] * age / DAY_MS

    def _stick(self, shown: Floats, rows: Ints, times: Ints) -> None:
        for place, spell in zip(*self.stuck.among(rows, int(times[-1])), strict=True):
            within = (self.stuck.since[spell] <= times) & (times < self.stuck.until[spell])
            column = shown[place, :, self.stuck.property[spell]]
            within &= np.isfinite(column)
            if within.any():
                if np.isnan(self.stuck.value[spell]):
                    self.stuck.value[spell] = column[within][0]
                column[within] = self.stuck.value[spell]

    def voltage_v(self, rows: Ints, t: int) -> Floats:
        """Battery voltage that devices show at ``t`` [V]."""
        shown = battery.voltage_v(self._charge(rows, t))
        return shown + battery.NOISE_V * self._rng.standard_normal(len(rows))

    def round(self, values: Floats, properties: Ints) -> Floats:
        """Readings (d, c) of these ``properties`` (c,), within their range and in whole steps of their resolution."""
        held: Floats = np.maximum(values, self._low[properties])
        np.minimum(held, self._high[properties], out=held)
        up, down = self._up[properties], self._down[properties]
        held *= up / down
        np.rint(held, out=held)
        held *= down
        held /= up
        return held

    def truth(self, codes: Ints, t: int) -> list[tuple[int, str, str, int]]:
        """What is wrong at ``t``, for the judge: device, fault, property (or ""), since when [ms]."""
        names = [it.name for it in self.kind.descriptor.properties]
        wrong = [
            (int(codes[spells.row[i]]), fault, names[spells.property[i]] if named else "", int(spells.since[i]))
            for fault, spells, named in (
                ("silent", self.silence, False),
                ("stuck", self.stuck, True),
                ("drift", self.drift, True),
            )
            for i in spells.at(t)
        ]
        if self._full is not None:
            empty = np.flatnonzero(self._charge(np.arange(self._n), t) <= 0)
            life = self._full[empty] * self.kind.battery_years * battery.YEAR_MS
            since = self.start + life.astype(np.int64)
            wrong += [(int(codes[i]), "battery", BATTERY, int(s)) for i, s in zip(empty, since, strict=True)]
        return sorted(wrong)
