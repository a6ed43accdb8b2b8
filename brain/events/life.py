"""The life of an incident, from belief to closed loop, as one table of allowed moves (workflow W1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from brain.state import Incident, IncidentStage
from datahub.contract.errors import IllegalMove

_S = IncidentStage

#: What is confirmed was so and can only be closed; what is closed or dismissed stays so, and happens anew as another.
MOVES: Final[Mapping[IncidentStage, tuple[IncidentStage, ...]]] = {
    _S.RAISED: (_S.CONFIRMED, _S.DISMISSED),
    _S.CONFIRMED: (_S.CLOSED,),
    _S.CLOSED: (),
    _S.DISMISSED: (),
}


def move(incident: Incident, stage: IncidentStage, *, t: int) -> Incident:
    """The incident itself, moved at city time ``t`` [ms].

    Raises:
        IllegalMove: naming the incident, its stage and what was allowed.
    """
    if stage not in MOVES[incident.stage]:
        choices = tuple(each.value for each in MOVES[incident.stage])
        raise IllegalMove(f"incident {incident.id}", stage=incident.stage, move=stage, allowed=choices)
    incident.stage = stage
    if stage is _S.CONFIRMED:
        incident.confirmed = t
    else:
        incident.closed = t
    return incident
