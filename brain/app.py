"""The brain: once a tick it looks, listens, decides until all is quiet, and hands in what it has decided."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Protocol

import msgspec

from brain.apply import apply
from brain.board import TICKER, Board
from brain.cases.kinds import case_types
from brain.curves import Curves
from brain.dispatch.desk import Desk
from brain.ground import Ground
from brain.handlers import REACTIONS, RULES
from brain.memory import Memory
from brain.model import (
    AlarmCleared,
    AlarmRaised,
    CommandOrdered,
    CommandUpdated,
    EventClosed,
    EventDismissed,
    EventRaised,
    Message,
    OrderGiven,
)
from brain.office import Office, Senses
from brain.plans.declared import Plan
from brain.plans.reading import library
from brain.policy import Policy, in_force
from brain.records import Records, Transactions
from brain.seats import check
from brain.senses import CitySenses
from brain.state import CrewState, Task
from datahub.connector import Connector, Exchange, WorkOrder
from datahub.contract.city import City
from datahub.contract.clock import MINUTE_MS, local_date
from datahub.contract.codes import AckStatus, TaskStage
from datahub.contract.errors import CitybrainError, UsageError
from datahub.events import AlarmClosed, AlarmOpened, CommandMoved, HubEvent
from datahub.queries import Queries

LEARNED_MS = 15 * MINUTE_MS
"""How often what the senses have learned is kept; a crash costs at most so much of learning."""

_MOST_ROUNDS = 10_000
"""Rounds of rules in one tick, above which something runs in a circle."""


class RestlessError(CitybrainError):
    """The rules of one tick never came to rest: a fault of the brain itself."""


class Orders(Protocol):
    """The way down to devices (``datahub.commands.Commands``)."""

    def order(
        self,
        device: int,
        name: str,
        *,
        arguments: Mapping[str, float],
        t: int,
        expires: int,
        id: str,  # noqa: A002
    ) -> object:
        """Tell a device to act; the same id again changes nothing."""


class Brain:
    """The city brain of one city.

    Args:
        city: divisions and asset register.
        queries: the one door for reading what devices said.
        commands: the way down to devices.
        connectors: the dialect of each department's system, by department.
        exchange: carries requests to those systems.
        store: the city's transactional database; what its books hold is taken up.
        senses, plans: those of the city and the declared ones, unless others are given.
        policy: the numbers of policy in force on a day of the city; asked anew when a day begins.
        watched: somebody looks at ``board.situation``, so it is made after ticks.
    """

    def __init__(
        self,
        *,
        city: City,
        queries: Queries | None,
        commands: Orders,
        connectors: Mapping[str, Connector],
        exchange: Exchange,
        store: Transactions,
        senses: Senses | None = None,
        plans: Sequence[Plan] | None = None,
        policy: Callable[[date], Policy] = in_force,
        watched: bool = False,
    ) -> None:
        self.city = city
        self._commands, self._records = commands, Records(store)
        if senses is None and queries is None:
            raise UsageError("a brain needs queries, or senses of its own")
        notices: Senses = senses or CitySenses(city, queries, self._records.blobs())  # type: ignore[arg-type]
        t = self._records.last_tick()
        self._policy, self._day = policy, local_date(t)
        numbers = policy(self._day)
        self._desk = Desk(connectors, exchange, numbers.practice)
        self.office = Office(
            memory=self._records.recall(),
            plans=library() if plans is None else plans,
            cases=case_types(),
            policy=numbers,
            ground=Ground(city, notices.movers),
            senses=notices,
            t=t,
        )
        self._learned = self.office.t
        self._given: deque[OrderGiven] = deque()
        self._lock = threading.Lock()
        self._take_up()
        curves = Curves(queries, notices.attention) if queries and isinstance(notices, CitySenses) else None
        self.board = Board(city, self.office, queries, curves)
        self._watched = watched
        if watched:
            self.board.note(self._records.said(last=TICKER))
            self.board.follow(self.office.t)
            self.show()

    @property
    def memory(self) -> Memory:
        """How all matters stand. To be read by the tick's own thread only; others read ``brain.views``."""
        return self.office.memory

    def order(self, order: OrderGiven) -> None:
        """A person at a seat gives an order; it is carried out in the next tick. May be called from any thread.

        Raises:
            OrderForbiddenError: if the seat's role may not give it.
        """
        check(order)
        with self._lock:
            self._given.append(order)

    def tick(self, t: int, events: Sequence[HubEvent] = (), *, show: bool = True) -> list[Message]:
        """One step at city time ``t`` [ms], after the hub's; all that is said in it, in order.

        Args:
            t: not before the last tick.
            events: what the hub found at its own tick.
            show: make the situation at its end, if it is watched; ``show`` makes it later.
        """
        office, said = self.office, _Said()
        office.t = t
        self._follow_the_day()
        self._hear(self._from_hub(events), said)
        self._hear(office.senses.look(t, office.memory.open_incidents()), said)
        self._hear(self._desk.listen(office.memory, t=t), said)
        self._hear(self._from_seats(t), said)
        self._settle(said)
        while self._hand_in(said):
            self._settle(said)
        blobs = office.senses.state() if t - self._learned >= LEARNED_MS or said.raised else None
        if blobs is not None:
            self._learned = t
        self._records.keep(office.memory, said.messages, t=t, blobs=blobs)
        if self._watched:
            self.board.note(said.messages)
            self.board.follow(t)
        if show:
            self.show()
        return said.messages

    def show(self) -> None:
        """Make the situation of the last tick for those who watch; it costs as much as the tick itself."""
        if self._watched:
            self.board.publish(self.office.t)

    def attentive(self, heard_s: float) -> dict[str, float]:
        """How well it listens, after so long [s]: indicators of its senses (empty for senses that are given)."""
        senses = self.office.senses
        return senses.attentive(heard_s) if isinstance(senses, CitySenses) else {}

    def close(self) -> None:
        """Keep what was learned since it was last kept."""
        office = self.office
        self._records.keep(office.memory, (), t=office.t, blobs=office.senses.state())

    def _follow_the_day(self) -> None:
        """The numbers of policy are those of the city's day: known with the first tick, new at midnight."""
        day = local_date(self.office.t)
        if day != self._day:
            self._day, self.office.policy = day, self._policy(day)
            self._desk.practice = self.office.policy.practice

    def _hear(self, messages: Iterable[Message], said: _Said) -> None:
        """Apply each message and let its reactions follow it, depth first, so that nobody reacts to what is stale."""
        for message in messages:
            apply(self.office.memory, message)
            said.add(message)
            for react in REACTIONS.get(type(message), ()):
                self._hear(list(react(self.office, message)), said)

    def _settle(self, said: _Said) -> None:
        for _ in range(_MOST_ROUNDS):
            follows: list[Message] = next(filter(None, (list(rule(self.office)) for rule in RULES)), [])
            if not follows:
                return
            self._hear(follows, said)
        raise RestlessError(f"at {self.office.t} ms the rules did not come to rest; last said: {said.messages[-1]}")

    def _from_hub(self, events: Sequence[HubEvent]) -> Iterable[Message]:
        for event in events:
            match event:
                case AlarmOpened():
                    yield AlarmRaised(
                        t=event.t,
                        id=event.id,
                        kind=event.kind,
                        device=event.device,
                        property=event.property,
                        value=event.value,
                        limit=event.limit,
                        fault=event.fault,
                    )
                case AlarmClosed():
                    yield AlarmCleared(t=event.t, id=event.id)
                case CommandMoved() if event.id in self.office.memory.commands:
                    yield CommandUpdated(t=event.t, id=event.id, status=event.status, detail=event.detail)
                case _:
                    pass

    def _from_seats(self, t: int) -> list[OrderGiven]:
        with self._lock:
            given = list(self._given)
            self._given.clear()
        return [msgspec.structs.replace(each, t=t) for each in given]

    def _hand_in(self, said: _Said) -> bool:
        """Carry out what was decided: commands, tasks, withdrawals. True if anything was said because of it."""
        before = len(said.messages)
        for message in said.fresh():
            if isinstance(message, CommandOrdered):
                self._hear(self._command(message), said)
        memory, t = self.office.memory, self.office.t
        for task in [each for each in memory.tasks.values() if each.recall]:
            if task.submitted and self._desk.reachable(memory, task.department, t):
                self._hear(self._desk.recall(memory, task, t=t), said)
            elif not task.submitted:
                task.recall = False
                memory.keep(task)
        for task in memory.open_tasks():
            ready = task.stage is TaskStage.ORDERED and task.assigned and not task.recall
            if ready and self._desk.reachable(memory, task.department, t):
                self._hear(self._desk.hand_in(memory, self._work_order(task), task.department, t=t), said)
        return len(said.messages) > before

    def _command(self, message: CommandOrdered) -> Iterable[Message]:
        try:
            self._commands.order(
                message.device,
                message.name,
                arguments=message.arguments,
                t=message.t,
                expires=message.expires,
                id=message.id,
            )
        except UsageError as error:
            yield CommandUpdated(t=message.t, id=message.id, status=AckStatus.REJECTED, detail=str(error))

    def _work_order(self, task: Task) -> WorkOrder:
        zh, en = self._words(task)
        return WorkOrder(
            id=task.id,
            duty=task.duty,
            zh=zh,
            en=en,
            lon=task.place.lon,
            lat=task.place.lat,
            deadline=task.deadline,
            objects=task.objects,
            crew=task.crew,
            details=dict(task.details),
        )

    def _words(self, task: Task) -> tuple[str, str]:
        """What the department reads: the warning itself where one goes out, else the step's or the case's title."""
        office = self.office
        warning = office.memory.warnings.get(str(task.details.get("warning", "")))
        if warning is not None:
            return warning.zh, warning.en
        incident, case = office.memory.incidents.get(task.event), office.memory.cases.get(task.event)
        if case is not None:
            kind = office.cases[case.type]
            return kind.zh, kind.en
        plan = office.plan_of(incident) if incident else None
        step = plan.find(task.step) if plan else None
        return (step.zh, step.en) if step else (task.duty, task.duty)

    def _take_up(self) -> None:
        """Know every crew from its department's card."""
        memory = self.office.memory
        for department in self.city.departments.values():
            for crew in department.crews:
                known = memory.crews.get(crew.code)
                state = known or CrewState(
                    code=crew.code, department=department.code, lon=crew.lon, lat=crew.lat, skills=crew.skills
                )
                state.skills = crew.skills
                state.system = -1 if crew.vehicle == "desk" else self.office.ground.system(crew.lon, crew.lat)
                memory.keep(state)


class _Said:
    """What one tick has said so far."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.raised = False
        self._seen = 0

    def add(self, message: Message) -> None:
        """One more."""
        self.messages.append(message)
        self.raised = self.raised or isinstance(message, EventRaised | EventClosed | EventDismissed)

    def fresh(self) -> list[Message]:
        """What was said since the last call."""
        fresh = self.messages[self._seen :]
        self._seen = len(self.messages)
        return fresh
