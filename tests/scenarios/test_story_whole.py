"""Whole stories of the invented town to their ends: a burst until the water runs again, and a day without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from brain.model import (
    EventClosed,
    EventConfirmed,
    EventRaised,
    Message,
    PlanActivated,
    StepDone,
    StepOpened,
    TaskOrdered,
    TaskUpdated,
)
from datahub.contract.city import Crew
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import TaskStage
from scenarios import simulation
from scenarios.agents.practice import ordinary
from scenarios.agents.way import distance_m
from scenarios.outcome import Outcome
from scenarios.run import outcome_of
from scenarios.scenario import configured
from scenarios.simulation import Story
from scenarios.survey.city import load_city
from scenarios.transcript import Transcript

BECAUSE = [
    ("patrol", "close_motorised"),
    ("patrol", "close_manual"),
    ("stilled", "repair"),
    ("repair", "flush"),
    ("flush", "disinfect"),
    ("disinfect", "water_quality_test"),
    ("water_quality_test", "open_motorised"),
    ("water_quality_test", "open_manual"),
    ("open_motorised", "pressure_back"),
    ("open_manual", "pressure_back"),
]
"""What must be done before what may be begun: nobody digs under pressure, nobody drinks untested water."""


def whole(name: str, folder: Path, *, seed: int, look: Callable[[Story, Outcome], None]) -> None:
    """A story of the harbour from beginning to end; ``look`` sees it while it still stands."""
    scenario = configured(name, city="harbour", duration=None, settings=("scale=0.2",))
    city = load_city("harbour", scale=scenario.scale)

    def conclude(story: Story) -> None:
        look(story, outcome_of(name, scenario, city, story, seed=seed, bus="local"))

    with Transcript.at(folder / "transcript.jsonl") as transcript:
        simulation.simulate(
            scenario, city, seed=seed, bus="local", transcript=transcript, directory=None, judge=conclude
        )


def missed(outcome: Outcome) -> list[str]:
    """Expectations that do not hold, with what came instead."""
    return [f"{it.name} is {it.actual}, expected {it.expected}" for it in outcome.expectations if not it.held]


def test_a_burst_is_led_to_its_end_and_nothing_happens_before_its_cause(tmp_path: Path) -> None:
    def look(story: Story, outcome: Outcome) -> None:
        assert missed(outcome) == []
        causal(story)
        driven(story)

    whole("water_main_burst", tmp_path, seed=3, look=look)


def test_a_calm_day_stays_calm_from_midnight_to_midnight(tmp_path: Path) -> None:
    def look(story: Story, outcome: Outcome) -> None:
        assert missed(outcome) == []
        assert outcome.simulated_s == 86_400
        assert outcome.ledger.stored > 100_000, "the city did speak"

    whole("calm_day", tmp_path, seed=1, look=look)


def causal(story: Story) -> None:
    """Burst, detected, confirmed, activated, isolated, repaired, tested, reopened, pressure back, closed."""
    said, [burst] = story.said, story.outside.disturbances
    reopened = max(done(said, "open_manual"), done(said, "open_motorised"))
    course = [
        first(said, EventRaised),
        first(said, EventConfirmed),
        first(said, PlanActivated),
        done(said, "stilled"),
        done(said, "repair"),
        done(said, "flush"),
        done(said, "disinfect"),
        done(said, "water_quality_test"),
        reopened,
        done(said, "pressure_back"),
        first(said, EventClosed),
    ]
    assert course == sorted(set(course)), [said[index] for index in course]
    times = [burst.at, *(said[index].t for index in course)]
    assert times == sorted(times)
    detected, confirmed, still, repaired, tested = times[1], times[2], times[4], times[5], times[8]
    assert burst.at < detected < confirmed < still < repaired < tested < times[-1]
    for cause, step in BECAUSE:
        assert places(said, StepDone, cause)[0] < places(said, StepOpened, step)[0], (
            f"{step} was begun before {cause} was done"
        )
    assert story.truth.stilled <= still, "the platform says that a main is still when it really is"
    assert not story.outside.world.water.bursts, "and the hole is mended"


def first(said: Sequence[Message], kind: type[Message]) -> int:
    """Where in the story the only message of a kind stands."""
    [index] = [index for index, message in enumerate(said) if isinstance(message, kind)]
    return index


def done(said: Sequence[Message], step: str) -> int:
    """Where in the story a step of the plan was done for the last time."""
    return places(said, StepDone, step)[-1]


def places(said: Sequence[Message], kind: type[StepDone | StepOpened], step: str) -> list[int]:
    """Where in the story a step of the plan was begun or done; a failed test repeats some."""
    return [index for index, it in enumerate(said) if isinstance(it, kind) and it.step == step]


def driven(story: Story) -> None:
    """Nobody arrives sooner than the straight way takes at the declared speed.

    A crew that was sent for the first time leaves its station at the hour's speed; afterwards it has been somewhere
    on its way home, and no faster than on empty roads since it was last seen at a place.
    """
    practice, legs = ordinary(), 0
    crews = {team.crew.code: team.crew for teams in story.outside.crews.teams.values() for team in teams}
    seen: dict[str, tuple[float, float, int]] = {}
    for crew, lon, lat, left, arrived in trips(story.said, crews):
        if crew.code in seen:
            was_lon, was_lat, since = seen[crew.code]
            speed = practice.fastest_m_s(crew.vehicle)
        else:
            was_lon, was_lat, since = crew.lon, crew.lat, left
            speed = practice.speed_m_s(crew.vehicle, left)
            legs += 1
        least_s = distance_m(was_lon, was_lat, lon, lat) / speed
        assert (arrived - since) / SECOND_MS >= 0.999 * least_s, (crew.code, left, arrived, least_s)
        seen[crew.code] = (lon, lat, arrived)
    assert legs >= 4, "patrol, police, repair and tankers at least"


def trips(said: Sequence[Message], crews: dict[str, Crew]) -> Iterator[tuple[Crew, float, float, int, int]]:
    """Every trip to a task in order of arrival: crew, place [deg], when it left and when it was there [ms]."""
    place = {it.id: it.place for it in said if isinstance(it, TaskOrdered)}
    left: dict[str, int] = {}
    for it in sorted((it for it in said if isinstance(it, TaskUpdated)), key=lambda it: it.t):
        if it.stage is TaskStage.EN_ROUTE:
            left[it.id] = it.t
        elif it.stage is TaskStage.ON_SITE and it.id in left:
            yield crews[it.crew], place[it.id].lon, place[it.id].lat, left[it.id], it.t
