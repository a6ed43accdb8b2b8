"""What a step of a plan still has to order: one function per action, from the incident and what is under way.

Each returns only what is missing, so asking again orders nothing twice; when the area grows (a valve fails), the same
functions order the rest. Crews are left open: dispatch chooses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import atan2, ceil
from typing import Final, Protocol, TypeAlias

from brain.distance import distance_m
from brain.model import CommandOrdered, Place, TaskOrdered
from brain.plans.declared import Action, Step
from brain.state import CommandState, Fact, Incident, StepState, Task
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import AckStatus, TaskStage


class Land(Protocol):
    """What the orders must know of the register (``brain.ground.Ground``)."""

    def actuator(self, valve: int) -> int:
        """The device that turns a valve; 0 if it is turned by hand."""

    def pipe(self, code: int) -> Place | None:
        """Middle of a pipe."""

    def valve(self, code: int) -> Place | None:
        """Where a valve is."""

    def community(self, code: str) -> Place:
        """Middle of a community."""

    def junctions(self, place: Place, *, radius_m: float, most: int) -> Sequence[tuple[int, int]]:
        """(object, device) of the signalled junctions nearest to a place."""


@dataclass(frozen=True, slots=True)
class Site:
    """All that an action looks at: the incident, one step of its plan, and what was ordered for the incident so far.

    ``days``: how long the people concerned should have to do without from now on, in whole days, at least one.
    """

    t: int
    incident: Incident
    step: Step
    tasks: Sequence[Task]
    commands: Sequence[CommandState]
    land: Land
    days: int = 1

    @property
    def state(self) -> StepState:
        """How the step stands."""
        return self.incident.steps[self.step.id]

    def mine(self) -> list[Task]:
        """Tasks of this step in its present round."""
        return [task for task in self.tasks if task.step == self.step.id and task.ordered >= self.state.opened]

    def name(self, number: int) -> str:
        """Id of the step's next task or command: event, step, round, ordinal."""
        return f"{self.incident.id}.{self.step.id}.{self.state.round}-{number}"

    def numbers(self) -> Iterable[int]:
        """Ordinals not yet used in this round."""
        held = sum(task.step == self.step.id for task in self.tasks)
        held += sum(command.step == self.step.id for command in self.commands)
        return count(held + 1)

    def task(
        self,
        number: int,
        *,
        place: Place | None = None,
        objects: tuple[int, ...] = (),
        details: dict[str, Fact] | None = None,
    ) -> TaskOrdered:
        """An order to the step's department, crew still open; it has the step's time from now on."""
        return TaskOrdered(
            t=self.t,
            id=self.name(number),
            event=self.incident.id,
            step=self.step.id,
            department=self.step.department,
            duty=self.step.duty,
            crew="",
            deadline=self.t + round(self.step.deadline_s.value * SECOND_MS),
            place=place or self.incident.place,
            objects=objects,
            details=details or {},
        )

    def command(self, number: int, *, device: int, code: int, name: str, arguments: dict[str, float]) -> CommandOrdered:
        """An order to a device, worthless after the time the plan states."""
        expires = self.t + round(self.step.amount("expires_s") * SECOND_MS)
        return CommandOrdered(
            t=self.t,
            id=self.name(number),
            event=self.incident.id,
            step=self.step.id,
            device=device,
            object=code,
            name=name,
            arguments=arguments,
            expires=expires,
        )


Wanted: TypeAlias = Sequence[TaskOrdered | CommandOrdered]


def _task(site: Site) -> Wanted:
    """One task at the place; further attempts at it are dispatch's business."""
    if site.mine():
        return ()
    pipe = site.incident.pipe
    facts = site.incident.facts
    details: dict[str, Fact] = {name: facts[name] for name in ("diameter_m", "loss_m3_s") if name in facts}
    number = next(iter(site.numbers()))
    return (site.task(number, objects=(pipe,) if pipe else (), details=details),)


def _search(site: Site) -> Wanted:
    """The next likely pipes, as many at once as the plan says; none within sight of one that was looked at."""
    if site.incident.facts.get("burst_seen") == 1:
        return ()
    looked = [task for task in site.tasks if task.duty == site.step.duty]
    places = [task.place for task in looked]
    room = round(site.step.amount("parallel_count")) - sum(task.open for task in looked)
    wanted: list[TaskOrdered] = []
    numbers = iter(site.numbers())
    for code in ranked(site.incident.candidates):
        if len(wanted) >= room:
            break
        place = site.land.pipe(code)
        sight = site.step.amount("sight_m")
        if place is None or any(distance_m(place, other) < sight for other in places):
            continue
        places.append(place)
        wanted.append(site.task(next(numbers), place=place, objects=(code,)))
    return wanted


def ranked(candidates: Mapping[str, float]) -> list[int]:
    """Candidate pipes by weight, heaviest first; equal ones in the order of their codes."""
    return [int(code) for code, _ in sorted(candidates.items(), key=lambda item: (-item[1], int(item[0])))]


def _move(site: Site, valves: Iterable[int], *, position: float) -> Wanted:
    """Move motorised valves for which no such command is under way or done."""
    under_way = {
        command.object
        for command in site.commands
        if command.arguments.get("position_ratio") == position
        and (command.open or command.status is AckStatus.DONE)
        and command.ordered >= site.state.opened
    }
    arguments = {"position_ratio": position, "travel_s": site.step.amount("travel_s")}
    wanted = [(valve, site.land.actuator(valve)) for valve in valves if valve not in under_way]
    return [
        site.command(number, device=device, code=valve, name="move", arguments=arguments)
        for number, (valve, device) in zip(site.numbers(), wanted, strict=False)
        if device
    ]


def _close_motorised(site: Site) -> Wanted:
    closed = site.incident.closed_valves
    return _move(site, (valve for valve in site.incident.shutdown.motorised if valve not in closed), position=0.0)


def _open_motorised(site: Site) -> Wanted:
    return _move(site, motorised(site.incident, site.land), position=1.0)


def motorised(incident: Incident, land: Land) -> list[int]:
    """Closed valves of an incident that a motor can open."""
    return [valve for valve in incident.closed_valves if valve not in incident.hand_operated and land.actuator(valve)]


def manual(incident: Incident, land: Land) -> list[int]:
    """Closed valves of an incident that a crew must open."""
    by_motor = set(motorised(incident, land))
    return [valve for valve in incident.closed_valves if valve not in by_motor]


def _turn(site: Site, valves: Sequence[int]) -> Wanted:
    """Crews for valves that nobody turns yet, neighbouring valves to one crew."""
    taken = {code for task in site.mine() if task.open for code in task.objects}
    free = [valve for valve in valves if valve not in taken]
    room = round(site.step.amount("parallel_count")) - sum(task.open for task in site.mine())
    groups = _around(site, free, parts=max(0, room))
    numbers = iter(site.numbers())
    return [
        site.task(next(numbers), place=site.land.valve(group[0]), objects=tuple(group), details={"valves_count": n})
        for group, n in ((group, len(group)) for group in groups)
    ]


def _around(site: Site, valves: Sequence[int], *, parts: int) -> list[list[int]]:
    """Valves in at most ``parts`` groups of neighbours, by their bearing from the incident; nearest first in each."""
    here = site.incident.place
    places = [(valve, place) for valve in valves if (place := site.land.valve(valve)) is not None]
    turned = sorted(places, key=lambda each: (atan2(each[1].lat - here.lat, each[1].lon - here.lon), each[0]))
    if not turned or not parts:
        return []
    size = ceil(len(turned) / parts)
    groups = [turned[start : start + size] for start in range(0, len(turned), size)]
    return [[v for v, _ in sorted(group, key=lambda each: (distance_m(here, each[1]), each[0]))] for group in groups]


def _close_manual(site: Site) -> Wanted:
    closed = site.incident.closed_valves
    return _turn(site, [valve for valve in site.incident.shutdown.manual if valve not in closed])


def _open_manual(site: Site) -> Wanted:
    return _turn(site, manual(site.incident, site.land))


def _signals(site: Site, name: str, arguments: dict[str, float]) -> Wanted:
    """A command to each junction around, once."""
    told = {command.object for command in site.commands if command.name == name}
    radius, most = site.step.amount("radius_m"), round(site.step.amount("most_count"))
    near = site.land.junctions(site.incident.place, radius_m=radius, most=most)
    fresh = [(code, device) for code, device in near if code not in told]
    return [
        site.command(number, device=device, code=code, name=name, arguments=arguments)
        for number, (code, device) in zip(site.numbers(), fresh, strict=False)
    ]


def _clear_signals(site: Site) -> Wanted:
    # Phase 1 is the main road's green (the first phase of a ring by GB/T 20999 practice; unverified).
    return _signals(site, "preempt", {"phase_state": 1.0, "hold_s": site.step.amount("hold_s")})


def _release_signals(site: Site) -> Wanted:
    return _signals(site, "release", {})


def _hydrants(site: Site, codes: Sequence[int]) -> Wanted:
    """The hydrants of which the fire brigade has not been told yet."""
    told = {code for task in site.mine() if task.open or task.stage is TaskStage.DONE for code in task.objects}
    fresh = tuple(code for code in codes if code not in told)
    if not fresh:
        return ()
    return (site.task(next(iter(site.numbers())), objects=fresh, details={"hydrants_count": len(fresh)}),)


def _hydrants_out(site: Site) -> Wanted:
    return _hydrants(site, site.incident.shutdown.hydrants)


def _tankers(site: Site) -> Wanted:
    """Lorries by need: water for the people cut off, for as many days as it should last; then what lorries left.

    Communities that are cut off later, because a valve did not close, get lorries of their own.
    """
    served = {code for task in site.mine() for code in str(task.details.get("communities", "")).split(",")}
    people = {code: held for code, held in site.incident.shutdown.communities.items() if code not in served}
    numbers = iter(site.numbers())
    return [*_lorries(site, people, numbers), *_left_over(site, numbers)]


def _lorries(site: Site, people: Mapping[str, int], numbers: Iterator[int]) -> Iterable[TaskOrdered]:
    """A share of the people to each lorry: it serves several small communities, or several share a large one."""
    litres = site.step.amount("litres_per_person_day") * site.days
    need_m3 = sum(people.values()) * litres / 1_000
    lorries = min(round(site.step.amount("most_count")), ceil(need_m3 / site.step.amount("tanker_m3")))
    parts = _shares(people, at_least=lorries) if lorries else []
    rounds: list[list[str]] = [[] for _ in range(lorries)]
    load = [0] * lorries
    for held, code in parts:
        least = load.index(min(load))
        rounds[least].append(code)
        load[least] += held
    for tour, held in zip(rounds, load, strict=True):
        if tour:
            details: dict[str, Fact] = {
                "volume_m3": round(held * litres / 1_000, 1),
                "people_count": held,
                "communities": ",".join(dict.fromkeys(tour)),
            }
            yield site.task(next(numbers), place=site.land.community(tour[0]), details=details)


def _left_over(site: Site, numbers: Iterator[int]) -> Iterable[TaskOrdered]:
    """What a lorry has not brought of its share is wanted from the next, while people are without water."""
    followed = {task.details.get("rest_of") for task in site.mine()}
    dry = float(site.incident.facts.get("people_without_water", 0.0)) > 0
    short = [task for task in site.mine() if task.stage is TaskStage.DONE and task.id not in followed] if dry else []
    for task in short:
        left_m3 = round(volume_m3(task.details) - volume_m3(task.findings), 1)
        if left_m3 > 0:
            details = task.details | {"volume_m3": left_m3, "rest_of": task.id}
            yield site.task(next(numbers), place=task.place, details=details)


def volume_m3(facts: Mapping[str, Fact]) -> float:
    """Water that a lorry was asked for, or says it has brought [m3]."""
    volume = facts.get("volume_m3", 0.0)
    return float(volume) if isinstance(volume, int | float) else 0.0


def _shares(people: Mapping[str, int], *, at_least: int) -> list[tuple[int, str]]:
    """Communities with their people, largest first; the largest is halved until there are enough shares."""
    shares = sorted(((held, code) for code, held in people.items()), key=lambda each: (-each[0], each[1]))
    while len(shares) < at_least and shares[0][0] > 1:
        held, code = shares.pop(0)
        shares += [(held - held // 2, code), (held // 2, code)]
        shares.sort(key=lambda each: (-each[0], each[1]))
    return shares


def _nothing(site: Site) -> Wanted:
    """Waiting orders nothing; warnings are composed in their own room."""
    return ()


#: What each action orders.
ORDERS: Final[Mapping[Action, Callable[[Site], Wanted]]] = {
    Action.TASK: _task,
    Action.SEARCH: _search,
    Action.CLOSE_MOTORISED: _close_motorised,
    Action.CLOSE_MANUAL: _close_manual,
    Action.OPEN_MOTORISED: _open_motorised,
    Action.OPEN_MANUAL: _open_manual,
    Action.CLEAR_SIGNALS: _clear_signals,
    Action.RELEASE_SIGNALS: _release_signals,
    Action.WARN: _nothing,
    Action.ALL_CLEAR: _nothing,
    Action.HYDRANTS_OUT: _hydrants_out,
    Action.HYDRANTS_BACK: _hydrants_out,
    Action.TANKERS: _tankers,
    Action.WAIT: _nothing,
}


def wanted(site: Site) -> Wanted:
    """What the step still has to order."""
    return ORDERS[site.step.action](site)
