"""What a plan may say: the closed vocabulary of its facts, actions and conditions."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

import msgspec

from brain.state import Fact

#: Every fact that a plan may ask for, and what it means in the city.
FACTS: Final[dict[str, str]] = {
    "calls_count": "citizens' calls that the water company has of the place",
    "plausible": "1 if the calls fit a burst main",
    "burst_seen": "1 once a patrol has seen the water",
    "road_blocked": "1 if water or the dig blocks the road",
    "road_class": "class of the road over the pipe: 0 none, 1 branch, 2 secondary, 3 arterial",
    "diameter_m": "inner diameter of the burst pipe [m]",
    "loss_m3_s": "estimated loss through the hole [m3/s]",
    "people_without_water": "people whom isolation cuts off now",
    "hospitals_affected": "hospitals among them",
    "hydrants_dry": "hydrants without pressure",
    "motorised_closed": "1 once every motorised valve of the segment is closed",
    "manual_closed": "1 once every manual valve of the segment is closed",
    "isolated": "1 once both are",
    "repaired": "1 once the pipe is tight again",
    "water_quality_good": "1 if the last sample met the limits, 0 if not",
    "motorised_open": "1 once every motorised valve that was closed is open again",
    "manual_open": "1 once every manual valve that was closed is open again",
    "reopened": "1 once both are",
    "road_closed": "1 while the police keep the road closed",
    "signals_cleared": "1 while junctions are pre-empted",
    "hydrants_told": "1 once the fire brigade knows which hydrants are dry",
    "people_warned": "people to whom a warning was addressed",
    "pressure_normal": "1 once the loggers are back in their normal band for long enough",
}


class Action(StrEnum):
    """What a step makes happen. Each has one function in ``brain.plans.orders.ORDERS``."""

    TASK = "task"  # one task for a department, at the place
    SEARCH = "search"  # patrols, candidate by candidate, until one has seen it
    CLOSE_MOTORISED = "close_motorised"  # hub commands to the segment's motorised valves
    CLOSE_MANUAL = "close_manual"  # crews to the segment's manual valves
    OPEN_MOTORISED = "open_motorised"
    OPEN_MANUAL = "open_manual"
    CLEAR_SIGNALS = "clear_signals"  # pre-empt the junctions around
    RELEASE_SIGNALS = "release_signals"
    WARN = "warn"  # tell the people who are cut off
    ALL_CLEAR = "all_clear"  # tell them that water is back
    HYDRANTS_OUT = "hydrants_out"
    HYDRANTS_BACK = "hydrants_back"
    TANKERS = "tankers"  # water by lorry, by need
    WAIT = "wait"  # nothing to do but for a fact to come true


class Phase(StrEnum):
    """Part of the plan. Verification runs before activation; the others need a confirmed event."""

    VERIFY = "verify"  # 核实
    RESPOND = "respond"  # 处置
    RECOVER = "recover"  # 恢复


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bound on one fact. A fact that nobody knows yet meets no condition."""

    fact: str
    at_least: float | None = None
    at_most: float | None = None
    equals: float | None = None

    def holds(self, facts: Mapping[str, Fact]) -> bool:
        """Whether the fact is known and lies in the bound."""
        value = facts.get(self.fact)
        if not isinstance(value, int | float):
            return False
        return (
            (self.equals is None or value == self.equals)
            and (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
        )

    def __str__(self) -> str:
        bounds = (("=", self.equals), (">=", self.at_least), ("<=", self.at_most))
        return self.fact + " " + " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)


class Criterion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to reach a level: all its conditions hold."""

    level: int
    all: tuple[Condition, ...]
    source: str
    date: str
    unverified: bool = False


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number that a step works with, with its unit, source and date."""

    value: float
    unit: str
    source: str
    date: str
    unverified: bool = False


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of the plan.

    Attributes:
        department, duty: who does what, where the action needs a department.
        after: steps that must be over before.
        when: facts that must hold, or the step is skipped (and opened later if they come to hold in time).
        levels: response levels at which it applies.
        deadline_s: by when it must be done, from its opening [s].
        expected_s: how long it usually takes [s], by which people are told how long it will be; none: its deadline.
        done_when: facts that end it; none: it ends with its own tasks and commands.
        enough_when: facts with which it is over too, whatever of it is still under way: crews are called off.
        fails_when: facts that make its result bad once its work is over; then ``repeat`` begins anew.
        amounts: its numbers.
    """

    id: str
    zh: str
    en: str
    phase: Phase
    action: Action
    deadline_s: Amount
    expected_s: Amount | None = None
    department: str = ""
    duty: str = ""
    after: tuple[str, ...] = ()
    when: tuple[Condition, ...] = ()
    levels: tuple[int, ...] = (1, 2, 3, 4)
    done_when: tuple[Condition, ...] = ()
    enough_when: tuple[Condition, ...] = ()
    fails_when: tuple[Condition, ...] = ()
    repeat: tuple[str, ...] = ()
    amounts: dict[str, Amount] = {}

    @property
    def takes_s(self) -> float:
        """How long it should take from its opening [s]."""
        return (self.expected_s or self.deadline_s).value

    def amount(self, name: str) -> float:
        """One of its numbers."""
        return self.amounts[name].value


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the plan is for.

    Attributes:
        event: type of event that it answers.
        default_level: response level while no graver criterion is met.
        confirm_when: any of these sets of facts confirms the event.
        close_when: facts that end the plan, once every step is over.
        back_with: the step with whose end people have again what the event took from them; a plan that warns has one,
            for a warning says how long it will be.
        draft: it is still being written: checked and tested like any other, but it answers no event.
    """

    name: str
    event: str
    zh: str
    en: str
    reference: str
    default_level: int
    confirm_when: tuple[tuple[Condition, ...], ...]
    close_when: tuple[Condition, ...]
    back_with: str = ""
    draft: bool = False


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One emergency plan (数字化预案). Without criteria of a ``level`` it always runs at its default level."""

    plan: Head
    step: tuple[Step, ...]
    level: tuple[Criterion, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a plan that cannot say until when; the path at the end is how msgspec names the place."""
        back, ids = self.plan.back_with, [step.id for step in self.step]
        if not back and any(step.action is Action.WARN for step in self.step):
            raise ValueError("the plan warns, but 'back_with' names no step with which it is over - at `$.plan.name`")
        if back and back not in ids:
            near = get_close_matches(back, ids, n=1)
            known = f"did you mean '{near[0]}'?" if near else f"steps are {', '.join(ids)}"
            raise ValueError(f"back_with names '{back}', which is no step; {known} - at `$.plan.back_with`")

    @property
    def name(self) -> str:
        """Name by which it is referred to."""
        return self.plan.name

    def find(self, step: str) -> Step:
        """The step of that id."""
        return next(each for each in self.step if each.id == step)
