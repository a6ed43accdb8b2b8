"""Curves and vital signs: what the loggers and lamps say, beside what is normal for the hour."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from brain.awareness.attention import Attention
from brain.awareness.lamps import POWER
from brain.awareness.loggers import INLET, PLANT, TRUNK
from brain.memory import Memory
from brain.views import Curve, Name, Vital
from datahub.contract.clock import HOUR_MS, MINUTE_MS
from datahub.contract.codes import TaskStage
from datahub.queries import Queries

SHOWN_MS: Final = 24 * HOUR_MS
"""How far back a curve goes."""

_TREND: Final = 60
"""Values that a vital sign's trend keeps; one a tick."""

SERVICE_PA: Final = 140_000.0
"""Least pressure of normal service at a hydrant [Pa] (GB 55036-2022 3.0.3, GB 50974 7.2.8; S27, V)."""

LIT_RATIO: Final = 0.98
"""Share of street lamps lit on main roads to aim at (CJJ 89, G: unverified)."""

_OUTLETS: Final = 8
"""Plant outlets whose pressure, and whose flow, are followed always."""

_BAND_MS: Final = 15 * MINUTE_MS

_NAMES: Final = {
    "pressure_pa": Name("压力", "Pressure"),
    "flow_m3_s": Name("流量", "Flow"),
}

_SITES: Final = {PLANT: "plant", TRUNK: "trunk", INLET: "inlet"}

_UNITS: Final = {"pressure_pa": "Pa", "flow_m3_s": "m3/s"}


_Edges: TypeAlias = tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]
"""Times [ms], lower and upper edge of a band."""


@dataclass(slots=True)
class _Track:
    """The last day of one device's property."""

    property: str
    t: deque[int] = field(default_factory=lambda: deque(maxlen=4_000))
    value: deque[float] = field(default_factory=lambda: deque(maxlen=4_000))


@dataclass(slots=True)
class Curves:
    """Keeps the last day of the loggers that matter: the plants' own, and those that gave an incident away."""

    queries: Queries
    attention: Attention
    _tracks: dict[int, _Track] = field(default_factory=dict)
    _bands: dict[int, tuple[int, Curve]] = field(default_factory=dict)
    _trends: dict[str, deque[float]] = field(default_factory=dict)

    def follow(self, devices: Iterable[int], t: int) -> None:
        """Read on for these devices; a new one begins with its last day."""
        wanted = self._plants() | set(devices)
        for device in sorted(wanted - set(self._tracks)):
            self._begin(device, t)
        for device in sorted(set(self._tracks) - wanted):
            del self._tracks[device]
        for name in _UNITS:
            rows = self.queries.new(name).good()
            for device, track in self._tracks.items():
                if track.property != name:
                    continue
                mine = rows.device == device
                self._append(track, rows.phenomenon_time[mine].tolist(), rows.value[mine].tolist())

    def shown(self, t: int) -> tuple[Curve, ...]:
        """The curves of the last day with their bands, by device."""
        return tuple(self._curve(device, track, t) for device, track in sorted(self._tracks.items()))

    def vitals(self, memory: Memory, t: int) -> tuple[Vital, ...]:
        """The indicators of the first page."""
        signs = [*self._supply(t), *self._lamps(t), *self._work(memory, t)]
        return tuple(self._with_trend(sign) for sign in signs)

    def _plants(self) -> set[int]:
        supply = self.attention.supply
        if supply is None:
            return set()
        known = supply.loggers
        outlets = [known.device[(known.place == PLANT) & (known.flow == flow)][:_OUTLETS] for flow in (False, True)]
        return set(np.concatenate(outlets).tolist())

    def _begin(self, device: int, t: int) -> None:
        for name in _UNITS:
            if self.queries.describe(device, name) is not None:
                track = self._tracks[device] = _Track(name)
                past = self.queries.series(device, name, start=t - SHOWN_MS, end=t, every_s=300.0)
                self._append(track, past.t.tolist(), past.mean.tolist())

    def _append(self, track: _Track, times: list[int], values: list[float]) -> None:
        for at, value in zip(times, values, strict=True):
            if not track.t or at > track.t[-1]:
                track.t.append(at)
                track.value.append(value)
        while track.t and track.t[-1] - track.t[0] > SHOWN_MS:
            track.t.popleft()
            track.value.popleft()

    def _curve(self, device: int, track: _Track, t: int) -> Curve:
        quarter = t // _BAND_MS
        held = self._bands.get(device)
        if held is None or held[0] != quarter:
            band = held[1] if held is not None and held[0] < quarter else None
            former = (band.band_t, band.low, band.high) if band is not None else None
            held = self._bands[device] = (quarter, self._band(device, track, t, former=former))
        band = held[1]
        lon, lat, site = self._place(device)
        return Curve(
            device=device,
            property=track.property,
            name=_NAMES[track.property],
            unit=_UNITS[track.property],
            t=tuple(track.t),
            value=tuple(track.value),
            band_t=band.band_t,
            low=band.low,
            high=band.high,
            lon=lon,
            lat=lat,
            site=site,
            limit=SERVICE_PA if track.property == "pressure_pa" else None,
            guessed=band.guessed,
        )

    def _place(self, device: int) -> tuple[float, float, str]:
        """Where a logger watches [deg], and what: plant, trunk or inlet."""
        supply = self.attention.supply
        signal = int(supply.loggers.find(np.array([device]))[0]) if supply is not None else -1
        if supply is None or signal < 0:
            return 0.0, 0.0, ""
        known, water = supply.loggers, self.attention.city.water
        table, row = water.pipes if known.flow[signal] else water.nodes, int(known.row[signal])
        return float(table.lon[row]), float(table.lat[row]), _SITES[int(known.place[signal])]

    def _band(self, device: int, track: _Track, t: int, *, former: _Edges | None) -> Curve:
        """The band of the last day; what ``former`` has of it is not worked out again: learning changes what comes."""
        empty = Curve(device, track.property, _NAMES[track.property], _UNITS[track.property], (), ())
        supply = self.attention.supply
        if supply is None:
            return empty
        signal = int(supply.loggers.find(np.array([device]))[0])
        if signal < 0:
            return empty
        rules, since = supply.bands.rules, t - SHOWN_MS
        held = [(at, low, high) for at, low, high in zip(*former, strict=True) if at > since] if former else []
        first = held[-1][0] + round(rules.slot_s * 1000) if held else since
        edges = np.array([*held, *zip(*supply.bands.curve(signal, first, t), strict=True)], np.float64).reshape(-1, 3)
        times, low, high = edges[np.isfinite(edges).all(axis=1)].T
        declared = rules.band_sigma * rules.first_day_ratio * np.abs(low + high)
        return dataclasses.replace(
            empty,
            band_t=tuple(times.astype(np.int64).tolist()),
            low=tuple(low.tolist()),
            high=tuple(high.tolist()),
            guessed=tuple(np.isclose(high - low, declared, rtol=1e-6, atol=0.0).tolist()),
        )

    def _supply(self, t: int) -> list[Vital]:
        supply = self.attention.supply
        if supply is None:
            return []
        loggers, (low, high) = supply.loggers, supply.bands.normal(t)
        level, scale = supply.bands.level(t), supply.bands.scale(t)
        out = np.flatnonzero(loggers.flow & (loggers.place == PLANT))
        flow = self.queries.latest("flow_m3_s", loggers.device[out])
        heard = np.isfinite(flow.value)
        total = float(np.abs(flow.value[heard]).sum()) if heard.any() else None
        middle, width = float(np.abs(level[out]).sum()), 3.0 * float(np.sqrt(np.square(scale[out]).sum()))
        known = np.isfinite(middle + width)
        signs = [
            Vital(
                key="supply_m3_s",
                name=Name("出厂水量", "Supply from plants"),
                unit="m3/s",
                value=total,
                low=middle - width if known else None,
                high=middle + width if known else None,
                n=int(heard.sum()),
                t=t,
            )
        ]
        inlets = np.flatnonzero(~loggers.flow & (loggers.place == INLET))
        pressure = self.queries.latest("pressure_pa", loggers.device[inlets])
        if np.isfinite(pressure.value).any():
            worst = int(np.nanargmin(pressure.value))
            at = inlets[worst]
            signs.append(
                Vital(
                    key="zone_pressure_pa",
                    name=Name("最低分区压力", "Lowest zone pressure"),
                    unit="Pa",
                    value=float(pressure.value[worst]),
                    low=float(low[at]) if np.isfinite(low[at]) else SERVICE_PA,
                    high=float(high[at]) if np.isfinite(high[at]) else None,
                    n=int(np.isfinite(pressure.value).sum()),
                    t=t,
                )
            )
        return signs

    def _lamps(self, t: int) -> list[Vital]:
        """Share of the lamps that burn among those that should."""
        lamps = self.attention.lamps
        if lamps is None or not len(lamps.poles):
            return []
        power, dimming = lamps.said[POWER], lamps.said[1]
        should = (dimming > 0) & np.isfinite(power)
        lit = should & (power > 0.1 * lamps.poles.lamp_w)
        value = float(lit.sum() / should.sum()) if should.any() else None
        name = Name("亮灯率", "Street lamps lit")
        return [Vital("lit_ratio", name, "1", value, low=LIT_RATIO, n=int(should.sum()), t=t)]

    def _work(self, memory: Memory, t: int) -> list[Vital]:
        people = sum(
            float(each.facts.get("people_without_water", 0)) for each in memory.open_incidents() if each.closed_valves
        )
        done = [case for case in memory.cases.values() if case.handled]
        on_time = sum(case.handled <= case.deadline for case in done)
        busy = {task.crew for task in memory.open_tasks() if task.stage is not TaskStage.ORDERED}
        free = sum(code not in busy for code in memory.crews)
        return [
            Vital("dry_people", Name("停水人口", "People without water"), "1", people, high=0.0, t=t),
            Vital(
                "open_cases",
                Name("未结案件", "Open cases"),
                "1",
                float(sum(case.open for case in memory.cases.values())),
                n=len(memory.cases),
                t=t,
            ),
            Vital(
                "on_time_ratio",
                Name("按期处置率", "Cases handled on time"),
                "1",
                on_time / len(done) if done else None,
                low=0.9,
                n=len(done),
                t=t,
            ),
            Vital("free_crews", Name("待命队伍", "Crews free"), "1", float(free), low=1.0, n=len(memory.crews), t=t),
        ]

    def _with_trend(self, sign: Vital) -> Vital:
        trend = self._trends.setdefault(sign.key, deque(maxlen=_TREND))
        if sign.value is not None:
            trend.append(sign.value)
        return Vital(
            sign.key, sign.name, sign.unit, sign.value, sign.low, sign.high, sign.n, sign.t, trend=tuple(trend)
        )
