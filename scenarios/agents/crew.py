"""All departments' crews: they take orders from their own systems, go there, work on the world and report.

Time is SimPy's, in milliseconds of city time. A crew works on one order at a time; others wait in its queue. Chance
comes from one stream per crew and order, so that what befalls one order changes no other.
"""

from __future__ import annotations

from collections.abc import Mapping

import simpy

from datahub.connector import Stub, WorkOrder, WorkUpdate
from datahub.contract.city import City, Crew, Department
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import TaskStage
from datahub.contract.duties import duties
from datahub.contract.errors import UsageError
from scenarios.agents.citizen import Citizens
from scenarios.agents.duties import DUTIES
from scenarios.agents.practice import Practice, ordinary
from scenarios.agents.team import RADIO_MS, Outcome, Steps, Team, Work
from scenarios.agents.way import distance_m
from sensors.chance import Seeds
from sensors.world.world import World


class Crews:
    """The crews of every department that has a system.

    Args:
        env: counts milliseconds of city time.
        stubs: each department's own system.
        citizens: who calls the water company.
        silent_share: share of the orders that a crew never answers; None takes the declared one.

    Raises:
        UsageError: if a crew has a vehicle of which nobody has said how it drives.
    """

    def __init__(
        self,
        env: simpy.Environment,
        world: World,
        stubs: Mapping[str, Stub],
        seeds: Seeds,
        *,
        citizens: Citizens,
        practice: Practice | None = None,
        silent_share: float | None = None,
    ) -> None:
        self._env, self._stubs, self._citizens = env, stubs, citizens
        self._practice = practice or ordinary()
        self._silent_share = self._practice.of("silent_share") if silent_share is None else silent_share
        self.teams: dict[str, list[Team]] = {}
        for code, department in world.city.departments.items():
            if code in stubs:
                crews = (*department.crews, *_duty_desk(world.city, department))
                self.teams[code] = [Team(env, world, crew, stubs[code], self._practice, seeds) for crew in crews]
                for crew in crews:
                    self._practice.speed_m_s(crew.vehicle, int(env.now))

    def begin(self) -> None:
        """All crews are at their stations, and all duty desks look at their screens, from now on."""
        for code, teams in self.teams.items():
            for team in teams:
                team.locate()
                team.life = self._env.process(self._live(team))
            self._env.process(self._watch(code))

    def _watch(self, department: str) -> Steps:
        stub, teams = self._stubs[department], self.teams[department]
        while True:
            for back in stub.withdrawn():
                _recall(teams, back)
            for order in stub.orders():
                self._give(teams, stub, order)
            yield self._env.timeout(round(self._practice.of("look_s") * SECOND_MS))

    def _give(self, teams: list[Team], stub: Stub, order: WorkOrder) -> None:
        """Hand an order to the crew asked for, else to the able one with the least to do, the nearest first."""
        named = [team for team in teams if order.crew and team.crew.code == order.crew]
        able = named or [team for team in teams if order.duty in team.crew.skills]
        if not able:
            why = f"no crew can do {order.duty}"
            stub.report(WorkUpdate(0, order.id, TaskStage.FAILED, int(self._env.now), findings={"why": why}))
            return
        team = min(able, key=lambda one: (len(one.queue) + (one.order is not None), _far(one, order), one.crew.code))
        team.queue.append(order)
        if team.waker is not None:
            team.waker.succeed()
            team.waker = None

    def _live(self, team: Team) -> Steps:
        while True:
            yield from self._rest(team)
            team.begin(team.queue.pop(0))
            try:
                yield from self._carry_out(team)
            except simpy.Interrupt:
                team.halt()
            team.order, team.silent = None, False
            team.locate()

    def _rest(self, team: Team) -> Steps:
        """Wait for an order, going home meanwhile."""
        if not team.queue and not team.at_home():
            team.set_off(team.crew.lon, team.crew.lat)
        while not team.queue:
            team.waker = self._env.event()
            if team.way is None:
                yield team.waker
                continue
            yield team.waker | self._env.timeout(min(RADIO_MS, max(0, team.way.end - team.now)))
            if team.now >= team.way.end:
                team.halt()
            team.locate()
        team.waker = None

    def _carry_out(self, team: Team) -> Steps:
        order = team.order
        assert order is not None
        lost, early = team.rng.random() < self._silent_share, team.rng.random() < 0.5
        team.silent = lost and early
        yield team.take("accept")
        team.halt()
        team.say(TaskStage.ACCEPTED)
        team.locate()
        if lost:
            team.silent = True
            at_desk = duties()[order.duty].desk
            yield team.wait_s(self._practice.of("desk_silence_s" if at_desk else "silence_s"))
            team.silent = False
            if team.recalled:
                return
            team.say(TaskStage.ACCEPTED)
        outcome = yield from self._work(team, order)
        team.say(outcome.stage, outcome.findings)

    def _work(self, team: Team, order: WorkOrder) -> Work:
        """Go there and do what the duty asks; an order that makes no sense there is given back, with the reason."""
        work = DUTIES.get(order.duty)
        if work is None:
            return Outcome({"why": f"nobody has learnt to do {order.duty}"}, TaskStage.FAILED)
        try:
            if not duties()[order.duty].desk:
                yield team.turn_out()
                team.say(TaskStage.EN_ROUTE)
                yield from team.go(order.lon, order.lat)
            team.say(TaskStage.ON_SITE)
            return (yield from work(team, order, self._citizens))
        except (UsageError, LookupError, ValueError) as error:
            return Outcome({"why": f"the order makes no sense on the spot: {error}"}, TaskStage.FAILED)


def _recall(teams: list[Team], order: str) -> None:
    """An order was taken back; a crew nobody can reach hears of it when it turns up again."""
    for team in teams:
        team.queue = [waiting for waiting in team.queue if waiting.id != order]
        if team.order is None or team.order.id != order or team.life is None:
            continue
        if team.silent:
            team.recalled = True
        else:
            team.life.interrupt(order)


def _duty_desk(city: City, department: Department) -> tuple[Crew, ...]:
    """The duty desk does what no crew has as its skill; its code is empty, because it cannot be sent."""
    skilled = {skill for crew in department.crews for skill in crew.skills}
    left = tuple(duty for duty in department.duties if duty not in skilled)
    if not left:
        return ()
    if department.crews:
        lon, lat = department.crews[0].lon, department.crews[0].lat
    else:
        first = next(iter(city.divisions.values()))
        lon, lat = first.lon, first.lat
    return (Crew("", f"{department.zh}值班台", f"{department.en}, duty desk", lon, lat, left, "desk"),)


def _far(team: Team, order: WorkOrder) -> float:
    return round(distance_m(*team.place(), order.lon, order.lat))
