"""The numbers of policy by which the brain decides, as they are in force on one day of the city."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from brain.dispatch.choice import Practice
from brain.parameter import bind
from brain.plans.findings import WaterLimits


@dataclass(frozen=True, slots=True)
class Policy:
    """How departments are dealt with, and what drinking water must meet. The senses bind their own numbers."""

    practice: Practice
    water: WaterLimits


def in_force(day: date) -> Policy:
    """What the declared tables say for a day."""
    return Policy(practice=bind(Practice, "dispatch", day=day), water=bind(WaterLimits, "water_quality", day=day))
