"""Whether what plans and case types ask for can be done: somebody answers for each duty, and somebody has learnt it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeAlias

from brain.cases.kinds import CaseType
from brain.plans.declared import Action, Plan
from brain.wording import EVENTS
from datahub.contract.city import City, Department
from datahub.contract.duties import duties
from datahub.contract.lines import Keys
from scenarios.declarations import broken, unknown

File: TypeAlias = Path | Traversable

_TELLING = (Action.WARN, Action.ALL_CLEAR)


def check_plan(plan: Plan, *, path: File, cities: Iterable[City]) -> None:
    """Everything that a plan asks for can be done in every city.

    Args:
        path: its ``plan.toml``, whose lines the refusals name.

    Raises:
        DeclarationError: if it answers an event that nothing raises, a step asks for a duty that is not declared or
            not the department's, or warns by a duty that tells nobody.
    """
    if plan.plan.event not in EVENTS:
        raise unknown("type of event", plan.plan.event, EVENTS, path=path, keys=("plan", "event"))
    towns = tuple(cities)
    for index, step in enumerate(plan.step):
        if not step.department:
            continue
        asked = f"step '{step.id}'"
        _check_asked(asked, step.department, step.duty, path=path, at=("step", index), keys=_STEP, cities=towns)
        if step.action in _TELLING and not duties()[step.duty].channel:
            by = ", ".join(name for name, duty in duties().items() if duty.channel)
            rule = f"{asked} tells people by '{step.duty}', which has no channel"
            remedy = f"choose one of: {by}, or declare its channel in datahub/contract/duties.toml"
            raise broken(rule, path=path, keys=("step", index, "duty"), remedy=remedy)


def check_case_types(types: Mapping[str, CaseType], *, path: File, cities: Iterable[City]) -> None:
    """Every type of case can be handled and verified in every city.

    Args:
        types: in the order of the file ``path``.

    Raises:
        DeclarationError: if one asks for a duty that is not declared, or not the department's.
    """
    towns = tuple(cities)
    for index, (name, type_) in enumerate(types.items()):
        asked, at = f"case type '{name}'", ("type", index)
        _check_asked(asked, type_.department, type_.handle, path=path, at=at, keys=_HANDLE, cities=towns)
        _check_asked(asked, type_.verifier, type_.verify, path=path, at=at, keys=_VERIFY, cities=towns)


def check_departments(city: City, *, folder: Traversable, learnt: Collection[str]) -> None:
    """Every department can do what it answers for.

    Args:
        folder: ``departments/`` of the city.
        learnt: duties that the crews of the field know how to do.

    Raises:
        DeclarationError: if a duty is not declared, nobody in the field has learnt it, or no crew of the department
            has it as a skill although it is not done from the desk.
    """
    for code, department in city.departments.items():
        path, skilled = folder / f"{code}.toml", {skill for crew in department.crews for skill in crew.skills}
        for duty in department.duties:
            if duty not in duties():
                raise unknown("duty", duty, duties(), path=path, keys=("duties",))
            if duty not in learnt:
                remedy = "write its work in scenarios/agents/ and name it in scenarios/agents/duties.py"
                raise broken(f"nobody has learnt to do '{duty}'", path=path, keys=("duties",), remedy=remedy)
            if duty not in skilled and not duties()[duty].desk:
                rule = f"no crew of '{code}' can do '{duty}', and it is not done from the desk"
                raise broken(rule, path=path, keys=("duties",), remedy="give a crew the skill, or strike the duty")


#: Keys under which a declaration names department and duty.
_STEP, _HANDLE, _VERIFY = ("department", "duty"), ("department", "handle"), ("verifier", "verify")


def _check_asked(
    asked: str, department: str, duty: str, *, path: File, at: Keys, keys: tuple[str, str], cities: Iterable[City]
) -> None:
    """The duty is declared, and in every city the department is there and answers for it."""
    if duty not in duties():
        raise unknown("duty", duty, duties(), path=path, keys=(*at, keys[1]))
    for city in cities:
        if department not in city.departments:
            rule = f"{asked} asks for department '{department}', which {city.name} does not have"
            remedy = f"choose one of {', '.join(sorted(city.departments))}, or declare it"
            raise broken(rule, path=path, keys=(*at, keys[0]), remedy=remedy)
        if duty not in city.departments[department].duties:
            rule = f"{asked} asks '{department}' for '{duty}', which is no duty of it in {city.name}"
            raise broken(rule, path=path, keys=(*at, keys[1]), remedy=_who(duty, city.departments))


def _who(duty: str, departments: Mapping[str, Department]) -> str:
    able = [code for code, each in departments.items() if duty in each.duties]
    return f"ask {' or '.join(able)}, or add it to the department's duties" if able else "add it to its duties"
