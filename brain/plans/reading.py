"""Reading plans strictly: what an official wrote wrongly is refused with file, line, rule and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeVar

from brain.plans.declared import FACTS, Action, Condition, Phase, Plan, Step
from datahub.contract.declared import read
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import Keys, line_of
from datahub.contract.units import written_unit

D = TypeVar("D")

#: Actions that order a department, and so need one.
_ORDERING = frozenset(
    {
        Action.TASK,
        Action.SEARCH,
        Action.CLOSE_MANUAL,
        Action.OPEN_MANUAL,
        Action.WARN,
        Action.ALL_CLEAR,
        Action.HYDRANTS_OUT,
        Action.HYDRANTS_BACK,
        Action.TANKERS,
    }
)

#: Numbers that an action cannot do without.
_NEEDS: dict[Action, tuple[str, ...]] = {
    Action.SEARCH: ("parallel_count", "sight_m"),
    Action.CLOSE_MOTORISED: ("travel_s", "expires_s"),
    Action.OPEN_MOTORISED: ("travel_s", "expires_s"),
    Action.CLOSE_MANUAL: ("parallel_count",),
    Action.OPEN_MANUAL: ("parallel_count",),
    Action.CLEAR_SIGNALS: ("radius_m", "hold_s", "expires_s", "most_count"),
    Action.RELEASE_SIGNALS: ("radius_m", "expires_s", "most_count"),
    Action.TANKERS: ("litres_per_person_day", "tanker_m3", "most_count"),
}


def read_plan(text: str, *, file: str) -> Plan:
    """One plan, each of whose references leads somewhere.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    remedy = "compare with the other plans of the library and correct this key"
    plan = read(text, Plan, file=file, remedy=remedy)
    ids = [step.id for step in plan.step]
    for index, step in enumerate(plan.step):
        for rule, key, remedy in _faults(step, ids=ids[:index], every=ids):
            line = line_of(text, ("step", index, *key.split(".")))
            raise DeclarationError(f"step '{step.id}' {rule}", file=file, line=line, remedy=remedy)
    for condition, path in _conditions(plan):
        if condition.fact not in FACTS:
            rule = f"'{condition.fact}' is no fact that a plan may ask for"
            raise DeclarationError(rule, file=file, line=line_of(text, path), remedy=_nearest(condition.fact, FACTS))
    for index, criterion in enumerate(plan.level):
        if criterion.level not in (1, 2, 3, 4):
            rule = f"level {criterion.level} does not exist"
            line = line_of(text, ("level", index, "level"))
            raise DeclarationError(rule, file=file, line=line, remedy="write 1 (gravest) to 4")
    return plan


def _faults(step: Step, *, ids: Sequence[str], every: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(rule, key, remedy) of each reference of a step that leads nowhere. ``ids``: the steps before it."""
    if step.id in ids:
        yield "stands twice", "id", "give it an id of its own"
    for needed in step.after:
        if needed not in ids:
            yield f"comes after '{needed}', which does not stand before it", "after", _nearest(needed, ids)
    for again in step.repeat:
        if again not in every:
            yield f"repeats '{again}', which is no step", "repeat", _nearest(again, every)
    if bool(step.repeat) != bool(step.fails_when):
        yield "has only one of fails_when and repeat", "repeat", "say both when its result is bad and what begins anew"
    if step.action in _ORDERING and not (step.department and step.duty):
        yield f"orders by '{step.action}' but names no department and duty", "action", "add department and duty"
    if step.action not in _ORDERING and step.department:
        yield f"names a department but '{step.action}' orders none", "department", "remove it"
    if step.action is Action.WAIT and not step.done_when:
        yield "waits for nothing", "action", "add done_when"
    if step.expected_s is not None and step.expected_s.unit != "s":
        yield f"expects to take {step.expected_s.value:g} '{step.expected_s.unit}'", "expected_s", "write it in 's'"
    elif step.takes_s > step.deadline_s.value:
        rule = f"expects to take {step.takes_s:g} s, past its deadline of {step.deadline_s.value:g} s"
        yield rule, "expected_s", "expect less, or allow more"
    for name in _NEEDS.get(step.action, ()):
        if name not in step.amounts:
            yield f"lacks the number '{name}'", "amounts", f"add {name} = {{ value = ..., unit = ..., source = ... }}"
    for name, amount in step.amounts.items():
        unit = written_unit(name)
        if unit is None:
            yield f"gives '{name}', whose name carries no unit", f"amounts.{name}", "end its name in a unit, such as _s"
        elif unit != amount.unit:
            yield f"gives '{name}' in '{amount.unit}'", f"amounts.{name}", f"write it in '{unit}', as its name promises"


def _conditions(plan: Plan) -> Iterator[tuple[Condition, Keys]]:
    """Every condition of a plan with its path."""
    for index, criterion in enumerate(plan.level):
        yield from ((condition, ("level", index, "all")) for condition in criterion.all)
    for index, step in enumerate(plan.step):
        for name in ("when", "done_when", "enough_when", "fails_when"):
            yield from ((condition, ("step", index, name)) for condition in getattr(step, name))
    for choice in plan.plan.confirm_when:
        yield from ((condition, ("plan", "confirm_when")) for condition in choice)
    yield from ((condition, ("plan", "close_when")) for condition in plan.plan.close_when)


def _nearest(word: str, known: Sequence[str] | dict[str, str]) -> str:
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(known))}"


def folders() -> list[Traversable]:
    """Each plan of the library, ordered by name."""
    library = files("brain") / "plans" / "library"
    return sorted((each for each in library.iterdir() if (each / "plan.toml").is_file()), key=lambda each: each.name)


def library() -> tuple[Plan, ...]:
    """Every plan there is; the folder is the registry.

    Raises:
        DeclarationError: for the first plan that breaks a rule.
    """
    plans = []
    for folder in folders():
        file = f"brain/plans/library/{folder.name}/plan.toml"
        plan = read_plan((folder / "plan.toml").read_text("utf-8"), file=file)
        if plan.name != folder.name:
            rule = f"the plan is called '{plan.name}' but lies in '{folder.name}'"
            raise DeclarationError(rule, file=file, line=1, remedy="give folder and plan one name")
        plans.append(plan)
    return tuple(plans)


#: Phases in their order.
PHASES = (Phase.VERIFY, Phase.RESPOND, Phase.RECOVER)
