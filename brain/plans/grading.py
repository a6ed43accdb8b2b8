"""Which plan answers an event, and at what level: from facts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from brain.plans.declared import Plan
from brain.state import Fact


def level_of(plan: Plan, facts: Mapping[str, Fact]) -> tuple[int, tuple[str, ...]]:
    """The gravest level whose criterion the facts meet, and the conditions that made it so."""
    for criterion in sorted(plan.level, key=lambda each: each.level):
        if all(condition.holds(facts) for condition in criterion.all):
            return criterion.level, tuple(f"{c} ({_number(facts[c.fact])})" for c in criterion.all)
    return plan.plan.default_level, ("no graver criterion is met",)


def match(plans: Sequence[Plan], event_type: str, facts: Mapping[str, Fact]) -> Plan | None:
    """The plan for an event: of several, the one that would run at the gravest level; ties go by name, drafts out."""
    fitting = [plan for plan in plans if plan.plan.event == event_type and not plan.plan.draft]
    return min(fitting, key=lambda plan: (level_of(plan, facts)[0], plan.name), default=None)


def confirmed_by(plan: Plan, facts: Mapping[str, Fact]) -> tuple[str, ...]:
    """The conditions by which the facts confirm the event; empty while they do not."""
    for choice in plan.plan.confirm_when:
        if all(condition.holds(facts) for condition in choice):
            return tuple(str(condition) for condition in choice)
    return ()


def _number(value: Fact) -> str:
    return f"{value:g}" if isinstance(value, int | float) else value
