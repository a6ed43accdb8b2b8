"""Gathers what the page shows: the pictures of what was hit and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brain.model import AnomalyFound, Message, WarningIssued
from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS, MINUTE_MS, SECOND_MS
from datahub.queries import Queries
from scenarios.judge import told
from scenarios.outcome import Outcome
from scenarios.report.figures import Curve, curves, map_of, timeline
from scenarios.report.page import page
from scenarios.scenario import Scenario

#: property -> (unit for people, factor)
SHOWN = {"pressure_pa": ("kPa", 1e-3), "flow_m3_s": ("m³/h", 3600.0)}


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
    dry: dict[str, tuple[str, ...]] = {}
    for message in source.said:
        if isinstance(message, WarningIssued):
            dry.setdefault(message.event, message.communities)
    figures = [("Where: outlines, trunk mains, communities without water", map_of(city, outcome.incidents, dry=dry))]
    for incident in outcome.incidents:
        it = incidents[incident.id]
        steps = [
            (step, (opened - begins) / SECOND_MS, (it.done[step] - begins) / SECOND_MS)
            for step, opened in it.opened.items()
            if step in it.done
        ]
        figures.append(("What happened when: each step of the plan from opened to done", timeline(incident, steps)))
    if found := _curves(source):
        marks = {
            name: round(begins + since * SECOND_MS)
            for incident in outcome.incidents[:1]
            for name, since in (
                ("detected", incident.detected_s),
                ("confirmed", incident.confirmed_s),
                ("closed", incident.closed_s),
            )
            if since is not None
        }
        figures.append(
            (
                "Pressures and flows nearest to it, beside what is normal for the hour",
                curves(found, start=begins, marks=marks),
            )
        )
    names = {code: f"{d.zh} {d.en}" for code, d in city.departments.items()}
    path.write_text(page(outcome, titles=(scenario.zh, scenario.en), figures=figures, names=names), encoding="utf-8")


def _curves(source: Source) -> list[Curve]:
    """The four loggers that deviated most, one hour before to the end; nothing where nothing was found."""
    found = next((message for message in source.said if isinstance(message, AnomalyFound)), None)
    if found is None:
        return []
    result = []
    for device in sorted(found.evidence, key=lambda code: (-abs(found.evidence[code]), code))[:4]:
        for name, (unit, factor) in SHOWN.items():
            series = source.queries.series(
                int(device), name, start=found.t - 2 * HOUR_MS, end=source.ends, every_s=5 * MINUTE_MS / SECOND_MS
            )
            if len(series):
                empty = np.full(len(series), np.nan)
                title = f"{name.split('_')[0]} at {device}"
                result.append(Curve(title, unit, series.t, series.mean * factor, empty, empty))
    return result
