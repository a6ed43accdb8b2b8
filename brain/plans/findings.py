"""What crews' findings mean for an incident: from a duty's own words to the plan's facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from brain.model import Place
from brain.state import Fact, Task

#: Findings that are facts of the plan, by duty: finding -> fact.
_FACTS: Final[Mapping[str, Mapping[str, str]]] = {
    "confirm_call": {"calls_count": "calls_count", "plausible": "plausible"},
    "patrol_main": {"burst_seen": "burst_seen", "road_blocked": "road_blocked"},
    "repair_main": {"repaired": "repaired"},
    "close_road": {"road_closed": "road_closed"},
    "open_road": {"road_closed": "road_closed"},
}


@dataclass(frozen=True, slots=True)
class WaterLimits:
    """Drinking water in the network (``brain/parameters/water_quality.toml``)."""

    turbidity_most_ntu: float
    chlorine_least_mg_l: float
    chlorine_most_mg_l: float
    coliform_most_per_100ml: float


def facts_of(duty: str, findings: Mapping[str, Fact], *, done: bool) -> dict[str, Fact]:
    """Facts that follow from a finished task. A search that found nothing says nothing of the whole."""
    facts: dict[str, Fact] = {fact: findings[name] for name, fact in _FACTS.get(duty, {}).items() if name in findings}
    if duty == "patrol_main" and findings.get("burst_seen") != 1:
        return {}
    if duty == "hydrants_out" and done:
        facts["hydrants_told"] = 1.0
    if duty == "hydrants_back" and done:
        facts["hydrants_told"] = 0.0
    return facts


def seen_at(task: Task, otherwise: Place) -> tuple[int, Place]:
    """The pipe that a patrol has seen burst, and where; what it did not say is taken from the task."""
    found = task.findings
    named = str(found.get("pipe", ""))
    pipe = int(named) if named.isdecimal() else (task.objects[0] if task.objects else otherwise.object)
    lon, lat = found.get("lon", task.place.lon), found.get("lat", task.place.lat)
    return pipe, Place(lon=float(lon), lat=float(lat), object=pipe, community=otherwise.community)


def failed_valves(task: Task) -> list[int]:
    """Valves of a task that would not move."""
    named = str(task.findings.get("failed", ""))
    return [int(code) for code in named.split(",") if code.strip().isdecimal()]


def water_is_good(findings: Mapping[str, Fact], limits: WaterLimits) -> bool:
    """Whether a sample meets the limits; a value that is missing does not."""

    def number(name: str) -> float:
        value = findings.get(name)
        return float(value) if isinstance(value, int | float) else float("nan")

    return (
        number("turbidity_ntu") <= limits.turbidity_most_ntu
        and limits.chlorine_least_mg_l <= number("free_chlorine_mg_l") <= limits.chlorine_most_mg_l
        and number("coliform_per_100ml") <= limits.coliform_most_per_100ml
    )
