"""Who is sent: the nearest able crew that is free."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from brain.distance import distance_m
from brain.model import Place
from brain.state import CrewState
from datahub.contract.clock import SECOND_MS


@dataclass(frozen=True, slots=True)
class Practice:
    """How crews drive and how long the centre waits (``brain/parameters/dispatch.toml``).

    Attributes:
        road_ratio: length of the way over the distance as the crow flies.
        speed_m_s: mean speed of a service vehicle in town [m/s].
        accept_s: an order should be accepted within this time [s].
        depart_s: a crew should be on its way within this time of accepting [s].
        arrive_ratio: how many times its estimated travel time a crew may take.
        arrive_s: and this much more [s].
        work_ratio: how many times the time until its deadline a crew may work in silence.
        retry_s, retry_most_s: first and longest pause before an unreachable department is tried again [s].
        poll_s: how often the position of idle crews is asked for [s].
        silent_s: for this long a crew that fell silent and is not heard again gets nothing [s].
        again_s, again_most_s: pause before a third attempt, and the longest before any further one [s].
        desk_begin_s: a desk, which need not drive, should have begun within this time of accepting [s].
        desk_silent_s: for this long a desk that did not answer is left alone, whichever attempt it was [s].
    """

    road_ratio: float
    speed_m_s: float
    accept_s: float
    depart_s: float
    arrive_ratio: float
    arrive_s: float
    work_ratio: float
    retry_s: float
    retry_most_s: float
    poll_s: float
    silent_s: float
    again_s: float
    again_most_s: float
    desk_begin_s: float
    desk_silent_s: float


@dataclass(frozen=True, slots=True)
class Choice:
    """A crew and how long it should need to get there [s]. An empty crew: the department sends whom it likes."""

    crew: str
    eta_s: float = 0.0


def travel_s(crew: CrewState, place: Place, practice: Practice) -> float:
    """How long a crew should need to a place [s]."""
    return distance_m(crew, place) * practice.road_ratio / practice.speed_m_s


def choose(
    duty: str,
    place: Place,
    crews: Iterable[CrewState],
    *,
    busy: Collection[str],
    tried: Collection[str],
    practice: Practice,
    system: int = -1,
) -> Choice | None:
    """The crew for a task, or None while every able crew is busy or owes an answer. Ties go by code.

    ``crews`` are those of the department. One that had the task before is taken only if no other is free, one that
    owes an answer not at all: its silence ends when it is heard, or is forgiven after a while. A department none of
    whose crews has the skill is left to choose itself. ``system`` is the supply system of the place: no road leads
    from one to another, so crews come over the sea only where none is at home.
    """
    able = [crew for crew in crews if duty in crew.skills]
    if not able:
        return Choice("")
    able = [crew for crew in able if system < 0 or crew.system in (-1, system)] or able
    free = [crew for crew in able if crew.code not in busy and not crew.silent]
    best = min(
        free,
        key=lambda crew: (crew.code in tried, travel_s(crew, place, practice), crew.code),
        default=None,
    )
    return None if best is None else Choice(best.code, travel_s(best, place, practice))


def eta_ms(task_place: Place, crew: CrewState | None, *, t: int, practice: Practice) -> int:
    """When a crew should be at a place [ms]; now, if nobody drives."""
    return t if crew is None else t + round(travel_s(crew, task_place, practice) * SECOND_MS)
