"""Pictures of a run as SVG: where it was, what the pressures and flows did, and who did what when.

Colours and shapes are those of the operations centre's light theme: grey-blue is normal, colour means abnormal and
always comes with a shape or a word.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from brain.console.land import boundary
from datahub.contract.city import City
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.observations import Floats, Ints
from scenarios.outcome import IncidentOutcome
from scenarios.report.clockaxis import clock_marks

INK, SECOND, LINE, GROUND = "#1b2433", "#5b6b84", "#c9d3e2", "#ffffff"
NORMAL, BAND = "#4f7099", "#dbe4f0"
LEVEL = {1: "#c62f36", 2: "#d9731a", 3: "#b88a00", 4: "#2777c4"}
LEVELS = ("I", "II", "III", "IV")
SMALL_DEG = 0.2
"""A city that is no wider than this is shown whole [deg of longitude]."""

MARK = {1: "s", 2: "D", 3: "^", 4: "o"}

_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "citybrain",
    "font.family": ["Noto Sans SC", "Noto Sans CJK SC", "Source Han Sans SC", "DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SECOND,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SECOND,
    "ytick.color": SECOND,
    "text.color": INK,
    "figure.facecolor": GROUND,
}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What one device said over time, beside what was normal for the hour.

    ``t`` [ms] and ``value`` have one length; ``low`` and ``high`` are the normal band at the same times (NaN: not
    learned yet). ``unit`` is for people (kPa, m³/h).
    """

    title: str
    unit: str
    t: Ints
    value: Floats
    low: Floats
    high: Floats


def svg(figure: Figure) -> str:
    """The picture as an ``<svg>`` element, without a date, so that two runs give the same bytes."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches="tight")
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


def map_of(
    city: City,
    incidents: Sequence[IncidentOutcome],
    *,
    dry: Mapping[str, tuple[str, ...]],
    names: Mapping[str, str],
) -> str:
    """Map of the districts that were hit: outlines, trunk mains, communities without water, where it happened.

    ``dry``: incident id -> codes of the communities that its isolation cut off.
    """
    with _drawing():
        figure = Figure(figsize=(7.2, 5.6))
        axes = figure.add_subplot()
        for rank, width, colour in (("district", 0.9, SECOND), ("street", 0.35, LINE)):
            rings = [ring for division in city.of_level(rank) for ring in boundary(division.rings)]
            axes.add_collection(LineCollection(rings, linewidths=width, colors=colour, zorder=2))
        _trunk_mains(axes, city)
        for incident in incidents:
            level = incident.level or 4
            cut = [ring for code in dry.get(incident.id, ()) for ring in city.divisions[code].rings]
            axes.add_collection(
                PatchCollection([Polygon(ring) for ring in cut], facecolor=LEVEL[level], alpha=0.25, zorder=1)
            )
            axes.plot(
                incident.lon,
                incident.lat,
                MARK[level],
                color=LEVEL[level],
                markersize=10,
                markeredgecolor=INK,
                zorder=5,
                label=f"{names.get(incident.type, incident.type)} · {LEVELS[level - 1]}",
            )
        _frame(axes, city, incidents)
        if incidents:
            axes.legend(loc="lower left", frameon=False)
        return svg(figure)


def _trunk_mains(axes: Axes, city: City) -> None:
    pipes, nodes = city.water.pipes, city.water.nodes
    trunk = pipes.columns["trunk"].astype(bool)
    a, b = pipes.columns["a"].astype(np.int64)[trunk], pipes.columns["b"].astype(np.int64)[trunk]
    lines = np.stack(
        (np.column_stack((nodes.lon[a], nodes.lat[a])), np.column_stack((nodes.lon[b], nodes.lat[b]))), axis=1
    )
    width = 0.4 + 2.0 * pipes.columns["diameter_m"].astype(np.float64)[trunk]
    axes.add_collection(LineCollection(list(lines), linewidths=width, colors=NORMAL, alpha=0.7, zorder=3))


def _frame(axes: Axes, city: City, incidents: Sequence[IncidentOutcome]) -> None:
    """Show the surroundings of what happened (about 8 km), or all of a city that is small or calm; with a scale bar."""
    rings = city.outline
    west, south = (float(min(ring[:, k].min() for ring in rings)) for k in (0, 1))
    east, north = (float(max(ring[:, k].max() for ring in rings)) for k in (0, 1))
    if incidents and east - west > SMALL_DEG:
        lon, lat = incidents[0].lon, incidents[0].lat
        reach = min(0.08, (east - west) / 2)
        west, east, south, north = lon - 1.4 * reach, lon + 1.4 * reach, lat - reach, lat + reach
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    axes.set_aspect(1 / np.cos(np.deg2rad((south + north) / 2)))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    km = max(k for k in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0) if k < 0.3 * (east - west) * 102 or k == 0.1)
    degrees = km / (111.32 * np.cos(np.deg2rad((south + north) / 2)))
    x, y = east - degrees - 0.03 * (east - west), south + 0.04 * (north - south)
    axes.plot([x, x + degrees], [y, y], color=INK, linewidth=1.5, zorder=6)
    axes.text(x + degrees / 2, y + 0.012 * (north - south), f"{km:g} km", ha="center", va="bottom")


def curves(items: Sequence[Curve], *, start: int, marks: Mapping[str, int]) -> str:
    """Curves one below the other over the city's time from ``start`` [ms], the normal band shaded, events marked."""
    with _drawing():
        figure = Figure(figsize=(7.2, 1.6 * max(len(items), 1) + 0.4))
        rows = figure.subplots(max(len(items), 1), 1, sharex=True, squeeze=False)[:, 0]
        for axes, curve in zip(rows, items, strict=False):
            hours = (curve.t - start) / HOUR_MS
            axes.fill_between(hours, curve.low, curve.high, color=BAND, linewidth=0, label="usual at that hour")
            axes.plot(hours, curve.value, color=NORMAL, linewidth=0.9)
            axes.set_title(curve.title)
            axes.set_ylabel(curve.unit)
            for moment in marks.values():
                axes.axvline((moment - start) / HOUR_MS, color=INK, linewidth=0.6, linestyle=":")
        rows[0].set_title(rows[0].get_title(loc="left"), pad=26)
        span = float(np.ptp(rows[0].get_xlim()))
        for hour, names in _together(marks, start=start, apart=0.12 * span):
            rows[0].annotate(
                names, (hour, 1.02), xycoords=("data", "axes fraction"), fontsize=7, ha="center", va="bottom"
            )
        west, east = rows[-1].get_xlim()
        _clock(rows[-1], [(start + round(hour * HOUR_MS)) for hour in (west, east)], zero=start)
        figure.tight_layout()
        return svg(figure)


def _together(marks: Mapping[str, int], *, start: int, apart: float) -> list[tuple[float, str]]:
    """Marks by hour, those closer than ``apart`` [h] under one label."""
    groups: list[tuple[float, list[str]]] = []
    for name, moment in sorted(marks.items(), key=lambda item: item[1]):
        hour = (moment - start) / HOUR_MS
        if groups and hour - groups[-1][0] < apart:
            groups[-1][1].append(name)
        else:
            groups.append((hour, [name]))
    return [(hour, "\n".join(names)) for hour, names in groups]


def timeline(incident: IncidentOutcome, steps: Sequence[tuple[str, float, float]], *, begins: int) -> str:
    """Steps of the plan as bars from opened to done [s since the scenario began at ``begins``], in the city's time."""
    detected = begins + round(incident.detected_s * SECOND_MS)
    with _drawing():
        figure = Figure(figsize=(7.2, 0.28 * max(len(steps), 1) + 0.9))
        axes = figure.add_subplot()
        for row, (name, opened, done) in enumerate(steps):
            left, right = ((moment - incident.detected_s) / 3600 for moment in (opened, done))
            axes.barh(row, max(right - left, 0.01), left=left, height=0.55, color=NORMAL)
            axes.annotate(
                _span(done - opened),
                (max(right, left + 0.01), row),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
                color=SECOND,
            )
            axes.text(-0.01, row, name, va="center", ha="right", transform=axes.get_yaxis_transform(), fontsize=8)
        axes.set_yticks([])
        axes.set_ylim(len(steps) - 0.4, -0.6)
        axes.set_xlim(left=0)
        axes.margins(x=0.12)
        until = detected + round(axes.get_xlim()[1] * HOUR_MS)
        _clock(axes, [detected, until], zero=detected)
        return svg(figure)


def _clock(axes: Axes, ends: Sequence[int], *, zero: int) -> None:
    """Let the axis of hours since ``zero`` [ms] show the city's time between both ``ends`` [ms]."""
    marks = clock_marks(*ends)
    axes.set_xticks([(t - zero) / HOUR_MS for t, _ in marks], [label for _, label in marks])
    axes.set_xlim((ends[0] - zero) / HOUR_MS, (ends[1] - zero) / HOUR_MS)
    axes.set_xlabel("当地时间 · city time")


@contextmanager
def _drawing() -> Iterator[None]:
    """In the report's style, and silent on typefaces that this machine lacks: the reader's browser has them."""
    fonts = logging.getLogger("matplotlib.font_manager")
    before = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with mpl.rc_context(_STYLE):
            yield
    finally:
        fonts.setLevel(before)


def _span(seconds: float) -> str:
    """A length of time as people say it."""
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d}"
