"""What the map draws on its ground: the incident with its area, valves and loggers, crews on their way, cases."""

from __future__ import annotations

from typing import Final

from brain.console.land import Land
from brain.console.look import Look
from brain.console.shown import Json, Panel
from brain.console.traces import place_of
from brain.views import CrewView, IncidentView, Situation, Spot, TaskView

DESK: Final = "desk"
"""Vehicle of a crew that does not drive."""


def picture(situation: Situation, look: Look, land: Land) -> Panel:
    """Everything on the map that may change."""
    chosen = look.selected(situation)
    tasks = {task.id: task for task in situation.tasks}
    drawn: Panel = {
        "incidents": {each.id: _incident(each, look) for each in situation.incidents if _on_map(each, chosen)},
        "crews": {
            crew.code: _crew(crew, tasks.get(crew.task), look, t=situation.t)
            for crew in situation.crews
            if _drives(crew)
        },
        "cases": {each.id: [each.lat, each.lon] for each in situation.cases if not each.closed},
    }
    if chosen is not None:
        drawn["chosen"] = _chosen(chosen) | {"evidence": _evidence(situation, chosen, look, land)}
    return drawn


def _on_map(incident: IncidentView, chosen: IncidentView | None) -> bool:
    ended = incident.closed or incident.stage == "dismissed"
    return not ended or (chosen is not None and chosen.id == incident.id)


def _incident(each: IncidentView, look: Look) -> Panel:
    return {"at": [each.lat, each.lon], "level": each.level, "name": look.words.of(each.name), "stage": each.stage}


def _drives(crew: CrewView) -> bool:
    return crew.vehicle != DESK


def _crew(crew: CrewView, task: TaskView | None, look: Look, *, t: int) -> Panel:
    """A crew; when it should be there is told until that time has passed."""
    shown: Panel = {
        "name": look.words.of(crew.name),
        "department": look.words.of(crew.department),
        "at": [round(crew.lat, 5), round(crew.lon, 5)],
        "busy": task is not None,
        "silent": crew.silent,
    }
    if task is not None:
        shown |= {
            "stage": crew.stage,
            "word": look.words(f"crew.{crew.stage}"),
            "task": look.words.of(task.name),
            "to": [task.lat, task.lon],
            "event": task.event,
        }
        if crew.stage in ("accepted", "en_route") and crew.eta > t:
            shown["eta"] = crew.eta
    return shown


def _chosen(incident: IncidentView) -> Panel:
    """The selected incident's area, likely pipes and valves."""
    sure = bool(incident.confirmed)
    return {
        "id": incident.id,
        "level": incident.level,
        "area": {code: people for code, people in incident.area if sure},
        "candidates": [] if sure else _spots(incident.candidates),
        "to_close": _spots(incident.to_close) if not incident.closed else [],
        "closed": _spots(incident.closed_valves),
    }


def _spots(spots: tuple[Spot, ...]) -> Json:
    return [[spot.lat, spot.lon, str(spot.code), round(spot.weight, 2)] for spot in spots]


def _evidence(situation: Situation, incident: IncidentView, look: Look, land: Land) -> Panel:
    """Loggers that gave the incident away, as far as their place is known."""
    return {
        str(curve.device): {"at": [curve.lat, curve.lon], "name": place_of(curve, look, land)}
        for curve in situation.curves
        if curve.device in incident.devices and curve.lat
    }
