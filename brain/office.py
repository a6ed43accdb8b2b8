"""What every reaction works with: the memory, the declarations, the land, the senses, and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from brain.cases.kinds import CaseType
from brain.dispatch.choice import Practice
from brain.ground import Ground
from brain.memory import Memory
from brain.model import Message
from brain.plans.declared import Plan
from brain.state import Case, Incident


class Senses(Protocol):
    """What the brain notices (``brain.senses``)."""

    def look(self, t: int, open_incidents: Sequence[Incident]) -> Sequence[Message]:
        """What is newly noticed at ``t`` [ms]: anomalies, events raised, events taken back."""

    def normal(self, incident: Incident) -> bool:
        """Whether the readings that gave an incident away are back in their normal band for long enough."""

    def well(self, case: Case) -> bool | None:
        """Whether the thing of a case is well by its own readings since it was handled; None while they are silent."""

    def told(self, closed_valves: Sequence[int]) -> None:
        """Which valves (codes) are closed now, so that nobody wonders at what follows from it."""

    def over(self, event: str) -> None:
        """An event is closed or dismissed: what it explained may be noticed anew."""


@dataclass(slots=True)
class Office:
    """The desk at which the brain decides."""

    memory: Memory
    plans: Sequence[Plan]
    cases: Mapping[str, CaseType]
    practice: Practice
    ground: Ground
    senses: Senses
    t: int = 0
    _by_name: dict[str, Plan] = field(default_factory=dict)

    def plan_of(self, incident: Incident) -> Plan | None:
        """The plan that answers an incident: the one in force, or the one that would be."""
        if not self._by_name:
            self._by_name = {plan.name: plan for plan in self.plans}
        return self._by_name.get(incident.plan)
