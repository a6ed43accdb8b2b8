"""Gathers what the page shows: the pictures of what was hit and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brain.model import AnomalyFound, Message, WarningIssued
from brain.plans.reading import library
from brain.views import Name
from brain.wording import EVENTS, STAGES
from datahub.contract.city import City
from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, of_day
from datahub.contract.duties import duties
from datahub.contract.observations import Floats, Ints
from datahub.queries import Queries
from scenarios.judge import told
from scenarios.outcome import Outcome
from scenarios.report.figures import Curve, curves, map_of, timeline
from scenarios.report.loggers import Logger, chosen, loggers_of
from scenarios.report.page import page
from scenarios.scenario import Scenario

#: property -> (unit for people, factor)
SHOWN = {"pressure_pa": ("kPa", 1e-3), "flow_m3_s": ("m³/h", 3600.0)}

_TITLES = {"pressure_pa": Name("压力", "Pressure"), "flow_m3_s": Name("流量", "Flow")}

_HABIT_MS = 30 * MINUTE_MS
"""The day is parted into spans of this length, in each of which a logger has its usual range."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the report takes its pictures from.

    Attributes:
        said: every message of the city, in order.
        queries: what the hub stored.
        begins, ends: first and last moment of the scenario [ms].
    """

    said: Sequence[Message]
    queries: Queries
    begins: int
    ends: int


def write_report(path: Path, outcome: Outcome, scenario: Scenario, city: City, source: Source) -> None:
    """Write the self-contained report of a run."""
    begins = source.begins
    incidents = told(source.said)
    names = names_of(city)
    dry: dict[str, tuple[str, ...]] = {}
    for message in source.said:
        if isinstance(message, WarningIssued):
            dry.setdefault(message.event, message.communities)
    figures = [
        (
            "位置:区划、供水主干管、停水社区 · Where: outlines, trunk mains, communities without water",
            map_of(city, outcome.incidents, dry=dry, names=names),
        )
    ]
    for incident in outcome.incidents:
        it = incidents[incident.id]
        steps = [
            (names.get(step, step), (opened - begins) / SECOND_MS, (it.done[step] - begins) / SECOND_MS)
            for step, opened in it.opened.items()
            if step in it.done
        ]
        figures.append(
            (
                "时间线:预案各步骤从启动到完成 · When: each step of the plan from opened to done",
                timeline(incident, steps, begins=begins),
            )
        )
    if found := _curves(source, city):
        marks = {
            name: round(begins + since * SECOND_MS)
            for incident in outcome.incidents[:1]
            for name, since in (
                ("发现 detected", incident.detected_s),
                ("核实 confirmed", incident.confirmed_s),
                ("办结 closed", incident.closed_s),
            )
            if since is not None
        }
        figures.append(
            (
                "水厂与暴露异常的监测点，及平日同时段范围 · "
                "Plants and loggers that gave it away, and their range at that hour before",
                curves(found, start=begins, marks=marks),
            )
        )
    whole = path.with_suffix(".part")
    whole.write_text(page(outcome, titles=(scenario.zh, scenario.en), figures=figures, names=names), encoding="utf-8")
    whole.replace(path)


def _curves(source: Source, city: City) -> list[Curve]:
    """The loggers that deviated most, from two hours before, and always what a plant gives and a pressure."""
    found = next((message for message in source.said if isinstance(message, AnomalyFound)), None)
    start = found.t - 2 * HOUR_MS if found else source.begins
    evidence = {int(device): weight for device, weight in found.evidence.items()} if found else {}
    loggers = loggers_of(city)
    gave = {it.device: _greatest(source, it, start=start) for it in loggers.values() if it.site == "plant"}
    heard = sorted((device for device in gave if gave[device] > 0), key=lambda device: (-gave[device], device))
    curves_of = (_curve(source, it, start=start) for it in chosen(loggers, evidence, heard=heard))
    return [curve for curve in curves_of if curve is not None]


def _greatest(source: Source, logger: Logger, *, start: int) -> float:
    """Greatest hourly mean of what a logger said, without direction; 0 if it said nothing."""
    series = source.queries.series(logger.device, logger.property, start=start, end=source.ends, every_s=3600.0)
    return float(np.abs(series.mean).max(initial=0.0))


def _curve(source: Source, logger: Logger, *, start: int) -> Curve | None:
    """What one logger said, beside its usual range; None if nothing."""
    device, name = logger.device, logger.property
    series = source.queries.series(device, name, start=start, end=source.ends, every_s=5 * MINUTE_MS / SECOND_MS)
    if not len(series):
        return None
    unit, factor = SHOWN[name]
    sign, direction = logger.directed(series.mean)
    title = " · ".join(part for part in (_shown(_TITLES[name]), _shown(logger.name), _shown(direction).strip()) if part)
    low, high = (edge * factor * sign for edge in _usual(source, device, name, series.t))
    return Curve(title, unit, series.t, series.mean * factor * sign, np.fmin(low, high), np.fmax(low, high))


def _usual(source: Source, device: int, name: str, t: Ints) -> tuple[Floats, Floats]:
    """Least and greatest value of a logger at each time of day, in the days before the scenario; NaN where unheard."""
    before = source.queries.series(
        device, name, start=source.begins - 7 * DAY_MS, end=source.begins, every_s=_HABIT_MS / SECOND_MS
    )
    spans = DAY_MS // _HABIT_MS
    low, high = np.full(spans, np.nan), np.full(spans, np.nan)
    span = np.array([of_day(int(moment)) // _HABIT_MS for moment in before.t], np.int64)
    np.fmin.at(low, span, before.min)
    np.fmax.at(high, span, before.max)
    asked = np.array([of_day(int(moment)) // _HABIT_MS for moment in t], np.int64)
    return low[asked], high[asked]


def names_of(city: City) -> dict[str, str]:
    """What people call the things that outcome and transcript name by id, in both languages."""
    names = {code: f"{d.zh} {d.en}" for code, d in city.departments.items()}
    names |= {step.id: f"{step.zh} {step.en}" for plan in library() for step in plan.step}
    for words in (EVENTS, {str(stage): name for stage, name in STAGES.items()}):
        names |= {word: _shown(name) for word, name in words.items()}
    return names | {f"duty.{word}": f"{duty.zh} {duty.en}" for word, duty in duties().items()}


def _shown(name: Name) -> str:
    return f"{name.zh} {name.en}"
