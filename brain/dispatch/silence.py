"""Follow-up on silence: when a task has stood still for too long, and why."""

from __future__ import annotations

from brain.dispatch.choice import Practice
from brain.state import Line, Task
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import TaskStage
from datahub.contract.duties import duties


def silent_why(task: Task, *, t: int, practice: Practice) -> str:
    """Why a task must be given to another crew at ``t`` [ms]; empty while it is in order."""
    waited_s = (t - task.moved) / SECOND_MS
    match task.stage:
        case TaskStage.SUBMITTED if waited_s > practice.accept_s:
            return f"not accepted within {practice.accept_s:.0f} s"
        case TaskStage.ACCEPTED if duties()[task.duty].desk:
            return f"not begun within {practice.desk_begin_s:.0f} s" if waited_s > practice.desk_begin_s else ""
        case TaskStage.ACCEPTED if waited_s > practice.depart_s:
            return f"not on the way within {practice.depart_s:.0f} s"
        case TaskStage.EN_ROUTE:
            allowed_s = max(0.0, (task.eta - task.assigned) / SECOND_MS) * practice.arrive_ratio + practice.arrive_s
            return f"not there after {allowed_s:.0f} s on the way" if waited_s > allowed_s else ""
        case TaskStage.ON_SITE:
            allowed_s = (task.deadline - (task.assigned or task.ordered)) / SECOND_MS * practice.work_ratio
            return f"no word from the site for {allowed_s:.0f} s" if waited_s > allowed_s else ""
        case _:
            return ""


def pause_ms(failures: int, practice: Practice) -> int:
    """How long to wait before an unreachable department is tried again [ms]: doubling, up to a limit."""
    pause_s: float = min(practice.retry_s * 2.0 ** (failures - 1), practice.retry_most_s)
    return round(pause_s * SECOND_MS)


def rest_ms(attempt: int, practice: Practice, *, desk: bool = False) -> int:
    """How long the next attempt at a task waits before it is given out [ms].

    The second goes out at once; from the third on the pause doubles, up to a limit: what failed twice fails again soon.
    A desk is no more than a call away, and is asked again after minutes.
    """
    if attempt < 3:
        return 0
    most_s = practice.desk_silent_s if desk else practice.again_most_s
    pause_s: float = min(practice.again_s * 2.0 ** (attempt - 3), most_s)
    return round(pause_s * SECOND_MS)


def resting(line: Line | None, t: int) -> bool:
    """Whether a department that did not answer is left alone for now."""
    return line is not None and line.failures > 0 and t < line.retry
