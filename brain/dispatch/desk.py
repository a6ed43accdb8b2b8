"""The duty desk: hands tasks to departments' systems, takes them back, and listens to what becomes of them.

The one place of the brain from which requests go out; what they mean is decided elsewhere. Handing in twice is
harmless, because a task's id is made from content and the department knows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx

from brain.dispatch.choice import Practice
from brain.dispatch.life import MOVES
from brain.dispatch.silence import pause_ms, resting
from brain.memory import Memory
from brain.model import DepartmentReached, DepartmentUnreachable, Message, TaskUpdated
from brain.state import Line, Task
from datahub.connector import Connector, CrewStatus, Exchange, Unanswered, WorkOrder, WorkUpdate
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import TaskStage

_MOST_PAGES = 50
"""Pages of updates read from one department in one tick; what is left is read in the next."""


@dataclass(slots=True)
class Desk:
    """Speaks with every department through its connector; ``connectors`` by department."""

    connectors: Mapping[str, Connector]
    exchange: Exchange
    practice: Practice

    def hand_in(self, memory: Memory, order: WorkOrder, department: str, *, t: int) -> list[Message]:
        """Hand one order to its department; what is said of it, or that nobody answers."""
        return self._speak(memory, department, self.connectors[department].submit(order), t=t)

    def recall(self, memory: Memory, task: Task, *, t: int) -> list[Message]:
        """Tell a department that a task is withdrawn. Whatever it answers, the matter is closed."""
        said = self._speak(memory, task.department, self.connectors[task.department].withdraw(task.id), t=t)
        if not any(isinstance(each, DepartmentUnreachable) for each in said):
            task.recall = False
            memory.keep(task)
        return said

    def listen(self, memory: Memory, *, t: int) -> list[Message]:
        """Ask the departments that have open tasks, and now and then the others, what is new."""
        waiting = {task.department for task in memory.open_tasks() if task.stage is not TaskStage.ORDERED}
        said: list[Message] = []
        for department in sorted(self.connectors):
            line = memory.lines.get(department) or Line(department=department)
            due = department in waiting or not line.polled or t - line.polled >= self.practice.poll_s * SECOND_MS
            if due and not resting(line, t):
                said.extend(self._poll(memory, department, t=t))
        return said

    def reachable(self, memory: Memory, department: str, t: int) -> bool:
        """Whether a department may be spoken to now."""
        return department in self.connectors and not resting(memory.lines.get(department), t)

    def _poll(self, memory: Memory, department: str, *, t: int) -> list[Message]:
        said: list[Message] = []
        for _ in range(_MOST_PAGES):
            line = memory.lines.get(department) or Line(department=department)
            before = line.after
            said.extend(self._speak(memory, department, self.connectors[department].poll(before), t=t))
            line = memory.lines[department]
            if line.failures or line.after == before:
                break
        memory.lines[department].polled = t  # not worth a row of its own: after a restart all are asked anew
        return said

    def _speak(self, memory: Memory, department: str, request: httpx.Request, *, t: int) -> list[Message]:
        """One request and what its answer says, in messages; the line's cursor and the crews' positions are noted."""
        line = memory.lines.get(department) or Line(department=department)
        try:
            response = self.exchange.call(department, request, t=t)
            updates, crews = self.connectors[department].read(response)
        except Unanswered as error:
            return [self._unreachable(memory, line, error, t)]
        said: list[Message] = []
        if line.failures:
            said.append(DepartmentReached(t=t, department=department, silent_s=(t - line.since) / SECOND_MS))
        after = max([line.after, *(update.ordinal for update in updates)])
        if line.failures or after != line.after or department not in memory.lines:
            line.failures = line.since = line.retry = 0
            line.after = after
            memory.keep(line)
        for status in crews:
            self._locate(memory, status)
        news = self._news(memory, updates, t)
        return [*said, *news]

    def _unreachable(self, memory: Memory, line: Line, error: Unanswered, t: int) -> DepartmentUnreachable:
        line.failures += 1
        line.since = line.since or t
        line.retry = t + max(pause_ms(line.failures, self.practice), round(error.retry_s * SECOND_MS))
        memory.keep(line)
        why = str(error)
        return DepartmentUnreachable(t=t, department=line.department, failures=line.failures, retry=line.retry, why=why)

    def _locate(self, memory: Memory, status: CrewStatus) -> None:
        crew = memory.crews.get(status.crew)
        if crew is None or status.t < crew.t:
            return
        if crew.silent and status.t > crew.silent:
            crew.silent = 0  # its radio is heard again
            memory.keep(crew)
        fresh = (status.t, status.lon, status.lat, status.order, status.t + round(status.eta_s * SECOND_MS))
        if fresh != (crew.t, crew.lon, crew.lat, crew.order, crew.eta):
            crew.t, crew.lon, crew.lat, crew.order, crew.eta = fresh
            memory.keep(crew)

    def _news(self, memory: Memory, updates: Sequence[WorkUpdate], t: int) -> list[Message]:
        """Updates of tasks of ours that tell anything new. One that goes back, or comes too late, tells nothing."""
        said: list[Message] = []
        stages: dict[str, TaskStage] = {}
        for update in updates:
            task = memory.tasks.get(update.order)
            if task is None:
                continue
            stage = stages.get(task.id, task.stage)
            if update.stage in (stage, TaskStage.ORDERED) or update.stage not in MOVES[stage]:
                continue
            stages[task.id] = update.stage
            at = min(max(update.t, task.ordered), t)
            findings = dict(update.findings)
            said.append(TaskUpdated(t=at, id=task.id, stage=update.stage, crew=update.crew, findings=findings))
        return said
