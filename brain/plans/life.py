"""The life of one step of a plan, as one table of allowed moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from brain.state import Incident, StepStage, StepState
from datahub.contract.errors import IllegalMove

_S = StepStage

#: A step that was skipped opens when its facts come to hold after all, one that was done when the area has grown.
#: Back to waiting leads a repetition: a bad result sends every step that leads to it round again, however it stood.
MOVES: Final[Mapping[StepStage, tuple[StepStage, ...]]] = {
    _S.WAITING: (_S.OPEN, _S.SKIPPED, _S.WAITING),
    _S.OPEN: (_S.DONE, _S.WAITING),
    _S.DONE: (_S.OPEN, _S.WAITING),
    _S.SKIPPED: (_S.OPEN, _S.WAITING),
}


def move(incident: Incident, step: str, stage: StepStage) -> StepState:
    """The state of an incident's step, moved; one that nobody has spoken of yet waits.

    Raises:
        IllegalMove: naming the incident and its step, where that stands and what was allowed.
    """
    state = incident.steps.setdefault(step, StepState())
    if stage not in MOVES[state.stage]:
        choices = tuple(each.value for each in MOVES[state.stage])
        raise IllegalMove(f"step {step} of {incident.id}", stage=state.stage, move=stage, allowed=choices)
    state.stage = stage
    if stage is _S.WAITING:
        state.round, state.overdue = state.round + 1, False
    return state
