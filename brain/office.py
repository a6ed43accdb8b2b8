"""What every reaction works with: the memory, the declarations, the land, the senses, and the time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from brain.cases.kinds import CaseType
from brain.ground import Ground
from brain.memory import Memory
from brain.model import Message
from brain.plans.declared import Plan
from brain.policy import Policy
from brain.state import Case, Incident
from datahub.contract.observations import Ints


class Senses(Protocol):
    """What the brain notices (``brain.senses``)."""

    def look(self, t: int, open_incidents: Sequence[Incident]) -> Iterable[Message]:
        """What is newly noticed at ``t`` [ms], knowing what is open and which valves are closed for it."""

    def normal(self, incident: Incident) -> bool:
        """Whether the readings that gave an incident away are back in their normal band for long enough."""

    def well(self, case: Case) -> bool | None:
        """Whether the thing of a case is well by its own readings since it was handled; None while they are silent."""

    def over(self, type: str, object: int) -> None:  # noqa: A002
        """A matter of this type at this object is closed or dismissed: what it explained may be noticed anew."""

    def movers(self, kind: str) -> tuple[Ints, Ints]:
        """(device codes, codes of the objects they watch) of all devices of a kind that have been born."""

    def state(self) -> Mapping[str, NDArray[np.generic]]:
        """All that was learned, as plain arrays by name."""


@dataclass(slots=True)
class Office:
    """The desk at which the brain decides."""

    memory: Memory
    plans: Sequence[Plan]
    cases: Mapping[str, CaseType]
    policy: Policy
    ground: Ground
    senses: Senses
    t: int = 0
    _by_name: dict[str, Plan] = field(default_factory=dict)

    def plan_of(self, incident: Incident) -> Plan | None:
        """The plan that answers an incident: the one in force, or the one that would be."""
        if not self._by_name:
            self._by_name = {plan.name: plan for plan in self.plans}
        return self._by_name.get(incident.plan)
