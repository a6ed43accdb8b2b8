"""What each panel shows, as plain data: keyed by id, so that only what has changed crosses the wire."""

from __future__ import annotations

from collections import Counter
from typing import Final

from brain.console.look import Look
from brain.console.shown import Panel, rounded, vital_scale
from brain.views import CaseView, Situation, Vital
from datahub.contract.clock import SECOND_MS

LINES: Final = 80
"""Lines of the ticker on the page."""

CASES: Final = 60
"""Open cases on the page; the rest is counted."""

_DEVICES_OWN: Final = ("AlarmRaised", "AlarmCleared")
"""Messages about a device's own health: a matter of its owner, counted among the devices, not told in the ticker."""

_LIVE: Final = ("flow_m3_s", "pressure_pa", "lamp_power_w")
"""Properties whose newest reading says how old the picture is."""


def head(situation: Situation, look: Look) -> Panel:
    """City, mode, clock, the air outside, and how old the newest reading is."""
    ages = [age for name in _LIVE if (age := situation.fresh.age_s(name)) is not None]
    return {
        "city": look.words.of(situation.city),
        "war": situation.at_war,
        "t": situation.t,
        "data_t": situation.t - round(min(ages) * SECOND_MS) if ages else 0,
        "air": _air(situation, look),
        "open": sum(1 for each in situation.incidents if not each.closed and each.stage != "dismissed"),
    }


def _air(situation: Situation, look: Look) -> Panel:
    """Temperature, humidity and dust by the poles' median; empty before any has spoken."""
    air = situation.air
    if air is None:
        return {}
    return {
        "values": [f"{air.temperature_c:.1f} °C", f"{air.humidity_percent:.0f} %", f"{air.pm2_5_ug_m3:.0f} µg/m³"],
        "points": look.words("head.air_points", n=f"{air.n:,}"),
    }


def vitals(situation: Situation, look: Look) -> Panel:
    """The indicators, by key."""
    return {sign.key: _vital(sign, look) for sign in situation.vitals}


def _vital(sign: Vital, look: Look) -> Panel:
    scale, words = vital_scale(sign, look.words), look.words
    return {
        "name": words.of(sign.name),
        "unit": scale[1],
        "decimals": scale[2],
        "value": rounded(sign.value, scale),
        "low": rounded(sign.low, scale),
        "high": rounded(sign.high, scale),
        **_basis(sign, look),
        "outside": sign.outside,
        "trend": [rounded(value, scale) for value in sign.trend],
    }


def _basis(sign: Vital, look: Look) -> Panel:
    """What the value rests on: so many loggers (in the tip), or the whole of which it is a share (beside it)."""
    if not sign.n:
        return {}
    n = f"{sign.n:,}"
    if sign.unit in ("Pa", "m3/s"):
        return {"points": look.words("sign.points", n=n)}
    return {"n": look.words("sign.of", n=n)}


def ticker(situation: Situation, look: Look) -> Panel:
    """The last messages, what happened last first: a department may tell late what it did before."""
    seen: Counter[int] = Counter()
    told = [line for line in situation.ticker if line.kind not in _DEVICES_OWN]
    lines: Panel = {}
    for line in told:
        seen[line.t] += 1
        text = look.words.of(line.text)
        lines[f"{line.t}-{seen[line.t]}"] = {"t": line.t, "grade": line.grade, "text": text, "subject": line.subject}
    shown = [key for _, key in sorted(zip(told, lines, strict=True), key=lambda each: each[0].t)][::-1][:LINES]
    return {"order": list(shown), "by": {key: lines[key] for key in shown}}


def cases(situation: Situation, look: Look) -> Panel:
    """Open grid cases, nearest deadline first."""
    opened = sorted((each for each in situation.cases if not each.closed), key=lambda each: (each.deadline, each.id))
    shown = opened[:CASES]
    return {
        "order": [each.id for each in shown],
        "by": {each.id: _case(each, look) for each in shown},
        "more": len(opened) - len(shown),
        "open": len(opened),
        "closed": sum(1 for each in situation.cases if each.closed),
    }


def _case(case: CaseView, look: Look) -> Panel:
    return {
        "name": look.words.of(case.name) or case.type,
        "code": str(case.object),
        "community": case.community,
        "step": case.step,
        "filed": case.filed,
        "deadline": case.deadline,
        "handled": bool(case.handled),
        "reworks": case.reworks,
        "at": [case.lat, case.lon],
    }


def lines(situation: Situation, look: Look) -> Panel:
    """Departments whose system does not answer."""
    return {
        each.department: {"name": look.words.of(each.name), "failures": each.failures, "since": each.since}
        for each in situation.lines
        if each.failures
    }


def devices(situation: Situation, look: Look) -> Panel:
    """Kinds of device with their states, and the cells of the map that they stand in."""
    return {
        layer.kind: {
            "name": look.words.of(layer.name),
            "online": layer.online,
            "silent": layer.silent,
            "dead": layer.dead,
            "cells": {f"{cell.lat:.3f},{cell.lon:.3f}": [cell.total, cell.abnormal] for cell in layer.cells},
        }
        for layer in situation.layers
    }
