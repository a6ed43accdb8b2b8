"""Declarations in TOML, read strictly: what is unknown, missing or of another type is refused with file and line."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, Final, TypeVar

import msgspec

from datahub.contract.errors import DeclarationError
from datahub.contract.lines import Keys, line_of

T = TypeVar("T")

_AT: Final = re.compile(r" - at `\$(?P<path>.*)`$")
_STEP: Final = re.compile(r"\.(?P<key>[^.\[\]]+)|\[(?P<index>\d+)\]")
_NAMED: Final = re.compile(r"unknown field `(?P<key>.+)`$")
_ANY: Final = "[...]"
"""How msgspec names a key of a table whose keys are free."""

_DEPTH: Final = 8
"""Tables with free keys within each other; ours have two at most."""


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
        said = words.split(" (at")[0]
        rule = f"this is not TOML: {said[:1].lower()}{said[1:]}"
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
        return _converted(data, sort)
    except msgspec.ValidationError as error:
        within, words = _exactly(data, sort, str(error))
        at = _AT.search(words)
        rule = words[: at.start()] if at else words
        place = (*keys, *within)
        named, known = _NAMED.search(rule), tuple(getattr(sort, "__struct_fields__", ()))
        line = line_of(text, (*place, named["key"]) if named else place) if place or named else None
        rule = f"{f'[{_in_words(place)}] ' if place else ''}{rule[:1].lower()}{rule[1:]}"
        raise DeclarationError(
            rule, file=file, line=line, remedy=remedy or _remedy(rule, () if within else known)
        ) from error


def _converted(data: Mapping[str, Any], sort: type[T]) -> T:
    """Strict, and a date is a date of TOML, not a text that looks like one."""
    return msgspec.convert(data, sort, strict=True, builtin_types=(dt.datetime, dt.date, dt.time))


def _exactly(data: Mapping[str, Any], sort: type[Any], words: str) -> tuple[Keys, str]:
    """Where that is which a complaint of msgspec is about, and the complaint.

    msgspec does not say at which key of a table whose keys are free: each is tried alone.
    """
    keys: Keys = ()
    for known in range(_DEPTH):
        at = _AT.search(words)
        parts = (at["path"] if at else "").split(_ANY)
        keys = (*keys, *_steps(parts[known] if known < len(parts) else ""))
        if known + 1 >= len(parts):
            break
        for key in _at(data, keys):
            alone = _alone(data, keys, key)
            try:
                _converted(alone, sort)
            except msgspec.ValidationError as error:
                data, keys, words = alone, (*keys, key), str(error)
                break
    return keys, words


def _at(data: Any, keys: Keys) -> dict[str, Any]:
    for key in keys:
        data = data[key]
    return dict(data)


def _alone(data: Any, keys: Keys, key: str) -> Any:
    """The same data with one key alone in the table at ``keys``."""
    if not keys:
        return {key: data[key]}
    copy = list(data) if isinstance(data, list) else dict(data)
    copy[keys[0]] = _alone(data[keys[0]], keys[1:], key)  # type: ignore[index]
    return copy


def _steps(path: str) -> Keys:
    """The keys of a path such as ``.step[3].duty``."""
    return tuple(int(it["index"]) if it["index"] else it["key"] for it in _STEP.finditer(path))


def _in_words(place: Keys) -> str:
    """A place as a person counts: ``step 4.duty``."""
    said = ""
    for key in place:
        said += f" {key + 1}" if isinstance(key, int) else f"{'.' if said else ''}{key}"
    return said


def _remedy(rule: str, known: Sequence[str]) -> str:
    """What to do, where a rule of msgspec is broken; ``known``: fields that there may be."""
    named = _NAMED.search(rule)
    near = get_close_matches(named["key"], known, n=1) if named else []
    if named:
        return f"did you mean '{near[0]}'?" if near else "mend its name or remove it"
    return "add it" if "missing required field" in rule else "write it as expected"


def broken(rule: str, *keys: str | int, file: str, text: str, remedy: str) -> DeclarationError:
    """The error of a rule that what lies at ``keys`` breaks; raise it."""
    return DeclarationError(rule, file=file, line=line_of(text, keys), remedy=remedy)


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
            raise broken(f"[{name}] {number.value:g} {rule}", name, "value", file=file, text=text, remedy=remedy)
