"""The course of a plan: which steps open, end, are skipped or begin anew, from facts and finished work alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from brain.model import Message, StepDone, StepOpened, StepOverdue
from brain.plans.declared import Condition, Phase, Plan, Step
from brain.state import Incident, IncidentStage, StepStage, StepState
from datahub.contract.clock import SECOND_MS


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of the work that steps have ordered.

    Attributes:
        busy: steps with a task or command still open.
        begun: steps that have ordered anything in their present round.
    """

    busy: Collection[str] = frozenset()
    begun: Collection[str] = frozenset()


def advance(plan: Plan, incident: Incident, *, work: Work, t: int) -> list[Message]:
    """The next messages of a plan's course at city time ``t`` [ms]; call again until nothing follows.

    One call ends what is over and opens what may open by the states given; it changes nothing itself.
    """
    said: list[Message] = []
    for step in plan.step:
        state = incident.steps.get(step.id, StepState())
        if state.stage is StepStage.OPEN:
            outcome = _outcome(step, incident, work)
            if outcome:
                said.append(StepDone(t=t, event=incident.id, step=step.id, outcome=outcome))
            elif t >= state.deadline and not state.overdue:
                said.append(StepOverdue(t=t, event=incident.id, step=step.id, deadline=state.deadline))
        elif _may_open(plan, step, incident):
            if _applies(step, incident):
                deadline = t + round(step.deadline_s.value * SECOND_MS)
                said.append(StepOpened(t=t, event=incident.id, step=step.id, deadline=deadline))
            elif state.stage is StepStage.WAITING:
                said.append(StepDone(t=t, event=incident.id, step=step.id, outcome="skipped"))
    return said


def _outcome(step: Step, incident: Incident, work: Work) -> str:
    """How an open step has ended; empty while it has not.

    Orders are given before anything is judged, so a step that has ordered nothing by now had nothing to do.
    """
    if step.fails_when and step.id in work.begun and step.id not in work.busy and _holds(step.fails_when, incident):
        return "failed"
    if step.enough_when and _holds(step.enough_when, incident):
        return "done"
    if step.done_when:
        return "done" if _holds(step.done_when, incident) else ""
    return "" if step.id in work.busy else "done"


def _may_open(plan: Plan, step: Step, incident: Incident) -> bool:
    """Whether a step's turn has come: its phase runs, what it follows is over, what follows it has not begun."""
    if not incident.open or (step.phase is not Phase.VERIFY and incident.stage is not IncidentStage.CONFIRMED):
        return False
    state = incident.steps.get(step.id, StepState())
    if state.stage is StepStage.DONE:
        return False
    if not all(_over(incident, needed) for needed in step.after):
        return False
    if state.stage is StepStage.SKIPPED:
        followers = (each.id for each in plan.step if step.id in each.after)
        return all(_stage(incident, each) in (StepStage.WAITING, StepStage.SKIPPED) for each in followers)
    return True


def _applies(step: Step, incident: Incident) -> bool:
    graded = incident.level in step.levels or step.phase is Phase.VERIFY
    return graded and _holds(step.when, incident)


def _holds(conditions: tuple[Condition, ...], incident: Incident) -> bool:
    return all(condition.holds(incident.facts) for condition in conditions)


def _stage(incident: Incident, step: str) -> StepStage:
    state = incident.steps.get(step)
    return state.stage if state else StepStage.WAITING


def _over(incident: Incident, step: str) -> bool:
    return _stage(incident, step) in (StepStage.DONE, StepStage.SKIPPED)


def left_ms(plan: Plan, incident: Incident, step: str, *, t: int) -> int:
    """How long it should take from ``t`` until a step is over [ms]: the longest way to it, by what the plan expects.

    A step at work takes what is left of its time, one that waits its whole time after the last of those it follows.
    Whether a waiting step's facts will hold nobody knows yet, so it counts; one that this level does not ask for does
    not.
    """
    until: dict[str, int] = {}
    for each in plan.step:  # a step stands after those it follows (``brain.plans.reading``)
        state = incident.steps.get(each.id, StepState())
        begins = max((until[needed] for needed in each.after), default=t)
        if state.stage in (StepStage.DONE, StepStage.SKIPPED):
            until[each.id] = t
        elif state.stage is StepStage.OPEN:
            until[each.id] = max(t, state.opened + round(each.takes_s * SECOND_MS))
        elif each.phase is Phase.VERIFY or incident.level in each.levels:
            until[each.id] = begins + round(each.takes_s * SECOND_MS)
        else:
            until[each.id] = begins
    return until[step] - t


def outage_ms(plan: Plan, incident: Incident, *, t: int) -> int:
    """How long people should have to do without from ``t`` on [ms]; 0 if the plan does not say with what it is over."""
    return left_ms(plan, incident, plan.plan.back_with, t=t) if plan.plan.back_with else 0


def complete(plan: Plan, incident: Incident) -> bool:
    """Whether every step is over and the plan's closing conditions hold."""
    return all(_over(incident, step.id) for step in plan.step) and _holds(plan.plan.close_when, incident)
