"""Resource paths: ``Things(1)/Datastreams(2)/Observations``, ``/name``, ``/name/$value``, ``/$ref``, ``/$count``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from datahub.api.problems import Problem
from datahub.api.sensorthings.model import Key

_STEP: Final = re.compile(r"([A-Za-z]+)(?:\(\s*(?:(-?\d{1,18})|'((?:[^']|'')*)')\s*\))?")
LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a path: a set or relation or field, and the key in its brackets, if any."""

    name: str
    key: Key | None


@dataclass(frozen=True, slots=True)
class ResourcePath:
    """The steps, and what of the last is wanted: ``$value``, ``$ref``, ``$count``, or nothing of these."""

    steps: tuple[Step, ...]
    ending: str


def read(text: str) -> ResourcePath:
    """The path below the root.

    Raises:
        Problem: 404, if it is none.
    """
    if len(text) > LONGEST:
        raise Problem(404, f"the path has more than {LONGEST} characters")
    parts = [part for part in _parts(text) if part]
    ending = parts.pop() if parts and parts[-1] in ("$value", "$ref", "$count") else ""
    steps = []
    for part in parts:
        found = _STEP.fullmatch(part)
        if found is None:
            raise Problem(404, f"'{part:.80}' is no part of a path; it looks like Things('1') or Things(1)/name")
        name, number, word = found.groups()
        key: Key | None = int(number) if number is not None else None if word is None else word.replace("''", "'")
        steps.append(Step(name, key))
    return ResourcePath(tuple(steps), ending)


def _parts(text: str) -> list[str]:
    """The text between slashes that stand in no quotes."""
    parts, quoted = [""], False
    for letter in text:
        quoted ^= letter == "'"
        if letter == "/" and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
