"""Expectations of a scenario: each names a value of the outcome and the band in which it must lie."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec

from scenarios.declarations import Declaration
from scenarios.outcome import ExpectationOutcome, Outcome

Scalar: TypeAlias = float | str | bool


class Expectation(Declaration):
    """One bound on one value. Exactly one of the first two, or one or both of the last two, is given.

    Attributes:
        equals: the value itself.
        one_of: any of these.
        at_least, at_most: inclusive bounds.
        why: what the band rests on.
    """

    equals: Scalar | None = None
    one_of: tuple[Scalar, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    why: str = ""

    def __str__(self) -> str:
        if self.equals is not None:
            return f"= {self.equals}"
        if self.one_of:
            return "one of " + ", ".join(str(value) for value in self.one_of)
        bounds = (("≥", self.at_least), ("≤", self.at_most))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)

    def holds(self, actual: Scalar | None) -> bool:
        """Whether a value lies in the band; a missing value never does."""
        if actual is None:
            return False
        if self.equals is not None:
            return actual == self.equals
        if self.one_of:
            return actual in self.one_of
        if isinstance(actual, str):
            return False
        return (self.at_least is None or actual >= self.at_least) and (self.at_most is None or actual <= self.at_most)


NOT_JUDGED = "not judged: the run ended at "


def judge(outcome: Outcome, expectations: Mapping[str, Expectation], *, ended: str = "") -> list[ExpectationOutcome]:
    """Every expectation with what came of it. A name that the outcome does not have is not held, and says so.

    ``ended``: in words when a run ended that was shorter than its scenario; what it has no value of may yet have come.
    """
    values = flatten(msgspec.to_builtins(outcome))
    values["ledger.closes"] = outcome.ledger.closes
    judged = []
    for name, expectation in expectations.items():
        actual = values.get(name)
        expected = str(expectation)
        if actual is None and ended and name.partition(".")[0] in Outcome.__struct_fields__:
            expected += f" ({NOT_JUDGED}{ended})"
        elif name not in values:
            near = difflib.get_close_matches(name, values, n=1)
            expected += f" (no such value in the outcome{'; did you mean ' + near[0] + '?' if near else ''})"
        judged.append(ExpectationOutcome(name=name, expected=expected, actual=actual, held=expectation.holds(actual)))
    return judged


def in_words(judged: ExpectationOutcome) -> str:
    """Why an expectation does not count as held."""
    if NOT_JUDGED in judged.expected:
        return f"failed: {judged.name}, expected {judged.expected}"
    return f"failed: {judged.name} is {judged.actual}, expected {judged.expected}"


def flatten(content: object, path: str = "") -> dict[str, Scalar | None]:
    """Every scalar of nested mappings and lists by its dotted path; a list also has its length under ``.count``."""
    if isinstance(content, Mapping):
        items = [(f"{path}.{key}" if path else str(key), value) for key, value in content.items()]
    elif isinstance(content, Sequence) and not isinstance(content, str):
        items = [(f"{path}.{index}", value) for index, value in enumerate(content)]
    else:
        return {path: content if isinstance(content, float | int | str | bool) else None}
    found: dict[str, Scalar | None] = {}
    if not isinstance(content, Mapping):
        found[f"{path}.count"] = len(items)
    for key, value in items:
        found.update(flatten(value, key))
    return found
