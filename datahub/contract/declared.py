"""Declarations in TOML, read strictly: what is unknown, missing or of another type is refused with file and line."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, TypeVar

import msgspec

from datahub.contract.errors import DeclarationError
from datahub.contract.lines import Keys, line_of

T = TypeVar("T")

_AT: Final = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP: Final = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]")
_NAMED: Final = re.compile(r"unknown field `(?P<key>.+)`$")


class Number(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number of policy: value and unit, its names, and on whose word it is so since when."""

    value: float
    unit: str
    zh: str
    en: str
    source: str
    date: dt.date
    unverified: bool = False


def own_text(package: str, file: str) -> str:
    """Text of a declaration that lies in a package."""
    return files(package).joinpath(file).read_text("utf-8")


def parsed(text: str, *, file: str) -> dict[str, Any]:
    """The content of a TOML text.

    Raises:
        DeclarationError: if it is none, naming file and line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        line = int(words.split("at line ")[1].split(",")[0]) if "at line " in words else len(text.splitlines())
        rule = f"this is not TOML: {words.split(' (at')[0].lower()}"
        raise DeclarationError(rule, file=file, line=line, remedy="correct this line") from error


def read(text: str, sort: type[T], *, file: str, remedy: str = "") -> T:
    """What a TOML text declares, as a ``msgspec.Struct``.

    Args:
        remedy: what to do about a broken rule; else it follows from the rule.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    return formed(parsed(text, file=file), sort, file=file, text=text, remedy=remedy)


def formed(data: Mapping[str, Any], sort: type[T], *, file: str, text: str, keys: Keys = (), remedy: str = "") -> T:
    """``read`` for the part of a text that lies at ``keys``.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    try:
        return msgspec.convert(data, sort, strict=True)
    except msgspec.ValidationError as error:
        words = str(error)
        at = _AT.search(words)
        rule = words[: at.start()] if at else words
        place = (*keys, *(_steps(at["path"]) if at else ()))
        named = _NAMED.search(rule)
        line = line_of(text, (*place, named["key"]) if named else place) if place or named else None
        where = ".".join(str(key) for key in place)
        rule = f"{f'[{where}] ' if where else ''}{rule[:1].lower()}{rule[1:]}"
        raise DeclarationError(rule, file=file, line=line, remedy=remedy or _remedy(rule)) from error


def _steps(path: str) -> Keys:
    """The keys of a path such as ``.step[3].duty``, as far as it names them (msgspec writes [...] for any key)."""
    keys = list[str | int]()
    for step in _STEP.finditer(path.partition("[...]")[0]):
        keys.append(int(step["index"]) if step["index"] else step["key"])
    return tuple(keys)


def _remedy(rule: str) -> str:
    if "unknown field" in rule:
        return "mend its name or remove it"
    return "add it" if "missing required field" in rule else "write it as expected"


def refuse_below(
    numbers: msgspec.Struct, least: float, *, file: str, text: str, rule: str, beyond: bool = False
) -> None:
    """Refuse numbers (the fields of a declared struct) that lie below ``least``, or not ``beyond`` it.

    Raises:
        DeclarationError: about the first, with its line; ``rule``: what is wrong with so little.
    """
    for name, number in msgspec.structs.asdict(numbers).items():
        if number.value < least or (beyond and number.value == least) or number.value != number.value:
            remedy = f"give {f'more than {least:g}' if beyond else f'{least:g} or more'}"
            said = f"[{name}] {number.value:g} {rule}"
            raise DeclarationError(said, file=file, line=line_of(text, (name, "value")), remedy=remedy)
