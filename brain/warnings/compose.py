"""What the people of an area are told, and how gravely: CAP 1.2 words from the facts of an incident."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec
from msgspec.structs import replace

from brain.model import WarningIssued
from brain.warnings.span import in_words, round_up_h
from datahub.contract.clock import HOUR_MS, SECOND_MS
from datahub.contract.codes import AlertStatus, Certainty, Severity, Urgency
from datahub.contract.declared import formed, parsed
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import line_of

#: Response level -> how grave (levels I-IV are red, orange, yellow, blue: S62, S63, V; CAP 1.2 3.2.2 has four as well).
SEVERITY: Final[Mapping[int, Severity]] = {
    1: Severity.EXTREME,
    2: Severity.SEVERE,
    3: Severity.MODERATE,
    4: Severity.MINOR,
}

_WORDS: Final = frozenset({"names", "people", "span"})
_FILE = "brain/warnings/texts.toml"


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in both languages, with words to fill in."""

    zh: str
    en: str


def read_texts(content: str, *, file: str) -> dict[str, Text]:
    """The texts that a TOML file declares.

    Raises:
        DeclarationError: if one lacks a language or asks for a word that nobody fills in.
    """
    texts = {}
    for name, held in parsed(content, file=file).items():
        remedy = "give it zh and en, and nothing else"
        texts[name] = formed(held, Text, file=file, text=content, keys=(name,), remedy=remedy)
        for lang, text in held.items():
            unknown = {word for _, word, _, _ in string.Formatter().parse(text) if word} - _WORDS
            if unknown:
                rule = f"text '{name}' asks for {', '.join(sorted(unknown))}"
                remedy = f"use only {', '.join(sorted(_WORDS))}"
                raise DeclarationError(rule, file=file, line=line_of(content, (name, lang)), remedy=remedy)
    return texts


@cache
def texts() -> dict[str, Text]:
    """The declared texts."""
    return read_texts((files("brain") / "warnings" / "texts.toml").read_text("utf-8"), file=_FILE)


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a warning is for.

    Attributes:
        communities: code -> people concerned.
        zh, en: their names, ready to read.
    """

    communities: Mapping[str, int]
    zh: str
    en: str

    @property
    def people(self) -> int:
        """How many people, in all."""
        return sum(self.communities.values())


@dataclass(frozen=True, slots=True)
class Cause:
    """What the warning is about: the incident, its level, the plan's step, and how long it should last from now [h]."""

    event: str
    step: str
    level: int
    hours: float


def water_off(cause: Cause, audience: Audience, *, id: str, channel: str, t: int) -> WarningIssued:  # noqa: A002
    """Tell people that their water is off."""
    severity = SEVERITY[cause.level]
    issued = _issue(
        "water_off", cause, audience, id=id, channel=channel, t=t, severity=severity, urgency=Urgency.IMMEDIATE
    )
    return replace(issued, promised_s=float(round_up_h(cause.hours) * HOUR_MS // SECOND_MS))


def water_back(cause: Cause, audience: Audience, *, id: str, channel: str, t: int) -> WarningIssued:  # noqa: A002
    """Tell people that their water is back: over, and so minor."""
    severity, urgency = Severity.MINOR, Urgency.PAST
    return _issue("water_back", cause, audience, id=id, channel=channel, t=t, severity=severity, urgency=urgency)


def _issue(
    text: str,
    cause: Cause,
    audience: Audience,
    *,
    id: str,  # noqa: A002
    channel: str,
    t: int,
    severity: Severity,
    urgency: Urgency,
) -> WarningIssued:
    declared = texts()[text]
    people, (zh, en) = audience.people, in_words(round_up_h(cause.hours))
    return WarningIssued(
        t=t,
        id=id,
        event=cause.event,
        step=cause.step,
        channel=channel,
        severity=severity,
        urgency=urgency,
        certainty=Certainty.OBSERVED,
        communities=tuple(audience.communities),
        people=people,
        zh=declared.zh.format(names=audience.zh, people=people, span=zh),
        en=declared.en.format(names=audience.en, people=people, span=en),
        status=AlertStatus.EXERCISE,
    )
