"""The life of a task, as one table of allowed moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from brain.model import TaskUpdated
from brain.state import Task
from datahub.contract.codes import TaskStage
from datahub.contract.errors import IllegalMove

_S = TaskStage

#: A department may leave stages out (a quick crew), never go back. Ordered to ordered: a crew was chosen.
MOVES: Final[Mapping[TaskStage, tuple[TaskStage, ...]]] = {
    _S.ORDERED: (_S.ORDERED, _S.SUBMITTED, _S.ACCEPTED, _S.EN_ROUTE, _S.ON_SITE, _S.DONE, _S.FAILED, _S.WITHDRAWN),
    _S.SUBMITTED: (_S.ACCEPTED, _S.EN_ROUTE, _S.ON_SITE, _S.DONE, _S.FAILED, _S.WITHDRAWN),
    _S.ACCEPTED: (_S.EN_ROUTE, _S.ON_SITE, _S.DONE, _S.FAILED, _S.WITHDRAWN),
    _S.EN_ROUTE: (_S.ON_SITE, _S.DONE, _S.FAILED, _S.WITHDRAWN),
    _S.ON_SITE: (_S.DONE, _S.FAILED, _S.WITHDRAWN),
    _S.DONE: (),
    _S.FAILED: (),
    _S.WITHDRAWN: (),
}


def allowed(task: Task, stage: TaskStage) -> bool:
    """Whether a task may move to ``stage``. The same word again moves nothing, except that a crew is chosen."""
    return stage in MOVES[task.stage]


def move(task: Task, update: TaskUpdated) -> Task:
    """The task itself, moved as the update says.

    Raises:
        IllegalMove: if its life does not know this move.
    """
    if not allowed(task, update.stage):
        choices = tuple(stage.value for stage in MOVES[task.stage])
        raise IllegalMove(f"task {task.id}", stage=task.stage, move=update.stage, allowed=choices)
    task.stage, task.moved = update.stage, update.t
    task.crew = update.crew or task.crew
    task.findings = {**task.findings, **update.findings}
    match update.stage:
        case _S.ORDERED:
            task.deadline += update.t - task.ordered  # a crew's time begins when it is chosen
            task.assigned = update.t
        case _S.SUBMITTED:
            task.submitted = update.t
        case _S.ACCEPTED:
            task.accepted = update.t
        case _S.ON_SITE:
            task.arrived = update.t
        case _S.DONE | _S.FAILED | _S.WITHDRAWN:
            task.finished = update.t
        case _:
            pass
    return task
