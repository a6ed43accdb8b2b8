"""The two curves: pressure and flow of what is looked at, with band, limit and marks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from brain.console.land import Land
from brain.console.look import Look
from brain.console.shown import Json, Panel, curve_scale
from brain.views import Curve, IncidentView, Situation
from datahub.contract.clock import HOUR_MS, MINUTE_MS

PROPERTIES: Final = ("pressure_pa", "flow_m3_s")

STEP_MS: Final = 5 * MINUTE_MS
"""One point of a curve on the screen."""


def traces(situation: Situation, look: Look, land: Land) -> Panel:
    """For each property the curve that is looked at."""
    incident = look.selected(situation)
    shown: Panel = {}
    for name in PROPERTIES:
        fitting = fitting_curves(situation, name, incident)
        if fitting:
            at = look.curve.get(name, 0) % len(fitting)
            marks = _marks(incident, look)
            shown[name] = _trace(fitting[at], look, land) | {"at": at + 1, "of": len(fitting), "marks": marks}
    return shown


def fitting_curves(situation: Situation, name: str, incident: IncidentView | None) -> list[Curve]:
    """Curves of a property: those that gave the incident away, in order of strength; else the plants' own."""
    curves = [curve for curve in situation.curves if curve.property == name and curve.t]
    rank = {device: place for place, device in enumerate(incident.devices)} if incident else {}
    return sorted(curves, key=lambda curve: (rank.get(curve.device, len(rank)), curve.site != "plant", curve.device))


def _trace(curve: Curve, look: Look, land: Land) -> Panel:
    scale = curve_scale(curve)
    factor, unit, decimals = scale
    sign = _sign(curve)
    points: dict[str, list[Json]] = {}
    for t, value in zip(*_thinned(curve.t, curve.value), strict=True):
        points.setdefault(_hour(t), []).append([t, round(value * factor * sign, decimals)])
    band: dict[str, list[Json]] = {}
    guessed = curve.guessed or (False,) * len(curve.band_t)
    for t, low, high, guess in zip(curve.band_t, curve.low, curve.high, guessed, strict=True):
        edges = sorted((low * factor * sign, high * factor * sign))
        entry: list[Json] = [t, round(edges[0], decimals), round(edges[1], decimals)]
        band.setdefault(_hour(t), []).append([*entry, 1] if guess else entry)
    return {
        "device": str(curve.device),
        "name": f"{look.words('curve.' + curve.property)} · {place_of(curve, look, land)}",
        "unit": unit,
        "decimals": decimals,
        "limit": None if curve.limit is None else round(curve.limit * factor, decimals),
        "points": dict(points),
        "band": dict(band),
    }


def place_of(curve: Curve, look: Look, land: Land) -> str:
    """Where a logger is, in words."""
    if not curve.site:
        return str(curve.device)
    if curve.site == "plant":
        plant = land.plant(curve.lon, curve.lat)
        if plant is not None:
            return look.words("curve.plant", place=plant.zh if look.lang == "zh" else plant.en)
    near = land.near(curve.lon, curve.lat)
    if near is None:
        return str(curve.device)
    name = land.short(near.zh) if look.lang == "zh" else land.short(near.en)
    return look.words(f"curve.{curve.site}", place=name)


def _sign(curve: Curve) -> int:
    """A flow that runs from b to a is shown as what passes."""
    return -1 if curve.property == "flow_m3_s" and curve.value and float(np.median(curve.value)) < 0 else 1


def _thinned(times: Sequence[int], values: Sequence[float]) -> tuple[list[int], list[float]]:
    """Mean of each step of the curve; the last reading stays as it is."""
    t, value = np.asarray(times, np.int64), np.asarray(values, np.float64)
    step = t // STEP_MS
    _, first, count = np.unique(step, return_index=True, return_counts=True)
    mean = np.add.reduceat(value, first) / count
    return t[first].tolist(), mean.tolist()


def _hour(t: int) -> str:
    return str(t // HOUR_MS)


def _marks(incident: IncidentView | None, look: Look) -> Json:
    if incident is None:
        return []
    marks: list[Json] = [{"t": incident.raised, "word": look.words("curve.event")}]
    if incident.closed:
        marks.append({"t": incident.closed, "word": look.words("curve.closed")})
    return marks
