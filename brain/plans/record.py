"""The after-action record: what happened when, what it cost, and where the plan was not kept."""

from __future__ import annotations

from collections.abc import Sequence

from brain.plans.orders import volume_m3
from brain.state import CommandState, Fact, Incident, StepStage, Task, WarningState
from datahub.contract.clock import SECOND_MS
from datahub.contract.codes import AckStatus, TaskStage


def after_action(
    incident: Incident,
    *,
    tasks: Sequence[Task],
    commands: Sequence[CommandState],
    warnings: Sequence[WarningState],
    t: int,
) -> dict[str, Fact]:
    """Times from detection [s], losses, and counts. A time that never came is left out.

    ``lost_m3`` is the estimated loss through the hole times the time until the segment was closed: an upper bound,
    because the loss falls while the valves close.
    """
    record: dict[str, Fact] = {"closed_s": _since(incident, t)}
    marks = {"confirmed_s": incident.confirmed, "activated_s": incident.activated}
    record |= {name: _since(incident, at) for name, at in marks.items() if at}
    for step, state in incident.steps.items():
        if state.stage is StepStage.DONE:
            record[f"{step}_s"] = _since(incident, state.done)
    isolated = max(
        (state.done for step, state in incident.steps.items() if step in ("close_motorised", "close_manual")), default=0
    )
    loss = incident.facts.get("loss_m3_s")
    if isolated and isinstance(loss, int | float):
        record["isolated_s"] = _since(incident, isolated)
        record["lost_m3"] = round(float(loss) * _since(incident, isolated), 1)
    record["people_without_water_peak"] = float(incident.peak_people)
    record["person_hours_without_water"] = round(incident.person_hours, 1)
    return record | _counts(incident, tasks, commands, warnings)


def _counts(
    incident: Incident, tasks: Sequence[Task], commands: Sequence[CommandState], warnings: Sequence[WarningState]
) -> dict[str, Fact]:
    done = [task for task in tasks if task.stage is TaskStage.DONE]
    travel = [(task.arrived - task.assigned) / SECOND_MS for task in done if task.arrived and task.assigned]
    counts: dict[str, Fact] = {
        "tasks_count": float(len(tasks)),
        "tasks_done_count": float(len(done)),
        "reassigned_count": float(sum(task.attempt > 1 for task in tasks)),
        "commands_count": float(len(commands)),
        "commands_failed_count": float(
            sum(command.status in (AckStatus.REJECTED, AckStatus.EXPIRED) for command in commands)
        ),
        "overdue_steps_count": float(sum(state.overdue for state in incident.steps.values())),
        "test_rounds_count": float(max((state.round for state in incident.steps.values()), default=1)),
        "warnings_count": float(len(warnings)),
        "people_warned": float(max((warning.people for warning in warnings if warning.channel == "sms"), default=0)),
        "sms_delivered_count": float(sum(warning.delivered for warning in warnings if warning.channel == "sms")),
        "failed_valves_count": float(len(incident.failed_valves)),
    }
    lorries = [
        task for task in tasks if task.duty == "water_tanker" and task.attempt == 1 and "rest_of" not in task.details
    ]
    if lorries:
        counts["lorry_wanted_m3"] = round(sum(volume_m3(task.details) for task in lorries), 1)
        counts["lorry_brought_m3"] = round(
            sum(volume_m3(task.findings) for task in done if task.duty == "water_tanker"), 1
        )
    if travel:
        counts["mean_arrival_s"] = round(sum(travel) / len(travel), 1)
    return counts


def _since(incident: Incident, t: int) -> float:
    return (t - incident.raised) / SECOND_MS
