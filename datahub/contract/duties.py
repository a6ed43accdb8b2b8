"""Duties: the words in which the platform orders work and departments take it, each with its name in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Literal

import msgspec

from datahub.contract.declared import formed, own_text, parsed
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import line_of

_FILE = "datahub/contract/duties.toml"


class Duty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of work that a department can be asked for.

    Attributes:
        desk: done from the desk; else whoever does it drives there.
        channel: how it tells people of a warning; empty where it tells nobody.
    """

    zh: str
    en: str
    desk: bool = False
    channel: Literal["", "sms", "door"] = ""


@cache
def duties() -> Mapping[str, Duty]:
    """Every declared duty by the word that orders name it by.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    return read_duties(own_text(__package__, "duties.toml"), file=_FILE)


def read_duties(text: str, *, file: str) -> Mapping[str, Duty]:
    """The duties that a TOML text declares.

    Raises:
        DeclarationError: for the first that lacks a name or says what is not known, with line, rule and remedy.
    """
    declared: dict[str, Duty] = {}
    for name, table in parsed(text, file=file).items():
        remedy = "give it zh and en, and where it has them desk and channel"
        duty = formed(table, Duty, file=file, text=text, keys=(name,), remedy=remedy)
        if not (duty.zh.strip() and duty.en.strip()):
            lacking = "zh" if not duty.zh.strip() else "en"
            rule = f"duty '{name}' has no name in '{lacking}'"
            line = line_of(text, (name,))
            raise DeclarationError(rule, file=file, line=line, remedy=f"write what people call it as {lacking}")
        declared[name] = duty
    return MappingProxyType(declared)
