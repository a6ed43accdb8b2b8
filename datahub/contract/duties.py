"""Duties: the words in which the platform orders work and departments take it, each with its name in both languages."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal

import msgspec

from datahub.contract.errors import DeclarationError

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
    return read_duties((files("datahub.contract") / "duties.toml").read_text("utf-8"), file=_FILE)


def read_duties(text: str, *, file: str) -> Mapping[str, Duty]:
    """The duties that a TOML text declares.

    Raises:
        DeclarationError: for the first that lacks a name or says what is not known, with line, rule and remedy.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else None
        raise DeclarationError(f"not TOML: {error}", file=file, line=line, remedy="mend the syntax there") from error
    declared: dict[str, Duty] = {}
    for name, table in tables.items():
        line = next((n for n, row in enumerate(text.splitlines(), 1) if row.strip().startswith(f"[{name}]")), None)
        try:
            duty = msgspec.convert(table, Duty, strict=True)
        except msgspec.ValidationError as error:
            remedy = "give it zh and en, and where it has them desk and channel"
            raise DeclarationError(f"duty '{name}': {error}", file=file, line=line, remedy=remedy) from error
        if not (duty.zh.strip() and duty.en.strip()):
            lacking = "zh" if not duty.zh.strip() else "en"
            rule = f"duty '{name}' has no name in '{lacking}'"
            raise DeclarationError(rule, file=file, line=line, remedy=f"write what people call it as {lacking}")
        declared[name] = duty
    return MappingProxyType(declared)
