"""Declarations: TOML read strictly, so that what an official wrote wrongly is refused before anything runs.

Unknown key, wrong type, wrong unit and missing reference end in a ``DeclarationError`` that names file, line, the rule
and the remedy in one sentence. A variation is an overlay (``--set a.b=value``) that goes through the same checks.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib.resources.abc import Traversable
from pathlib import Path
from types import UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from datahub.contract.declared import parsed
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import Keys, line_of

Overlay: TypeAlias = Mapping[str, Any]

_PART = re.compile(r'"([^"]+)"|([^".]+)')
_PATH = re.compile(rf"(?:{_PART.pattern})(?:\.(?:{_PART.pattern}))*")


class Declaration(BaseModel):
    """A table of a declaration file: closed (no key that is not declared), typed strictly, never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


D = TypeVar("D", bound=BaseModel)


def read(path: Path | Traversable, model: type[D], *, overlay: Overlay | None = None) -> D:
    """What a declaration file says, checked against its model.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    text = text_of(path)
    data = parsed(text, file=str(path))
    return validate(overlaid(data, overlay or {}), model, file=str(path), text=text, overlay=overlay)


def validate(
    data: Mapping[str, Any], model: type[D], *, file: str, text: str = "", overlay: Overlay | None = None
) -> D:
    """A model of ``data``; ``text`` is where its lines are looked up.

    Raises:
        DeclarationError: about the first rule that is broken, wrong keys before missing ones.
    """
    try:
        return model.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        found = [(tuple(e["loc"]), e) for e in error.errors(include_url=False)]
        keys, first = min(found, key=lambda pair: (pair[1]["type"] == "missing", line_of(text, pair[0]) or 0))
        rule, remedy = _explain(model, data, keys, dict(first))
        if overlay and _holds(overlay, keys):
            raise DeclarationError(rule, file="--set " + ".".join(map(str, keys)), remedy=remedy) from error
        raise DeclarationError(rule, file=file, line=line_of(text, keys), remedy=remedy) from error


def text_of(path: Path | Traversable) -> str:
    """Text of a declaration file.

    Raises:
        DeclarationError: if there is none, or it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DeclarationError("there is no such file", file=str(path), remedy="create it") from error
    except UnicodeDecodeError as error:
        raise DeclarationError("this is not UTF-8 text", file=str(path), remedy="save it as UTF-8") from error


def unknown(what: str, name: str, known: Iterable[str], *, path: Path | Traversable, keys: Keys) -> DeclarationError:
    """The error of a reference to something that is not declared; raise it."""
    choices = list(known)
    return DeclarationError(
        f"there is no {what} '{name}'",
        file=str(path),
        line=line_of(text_of(path), keys),
        remedy=_did_you_mean(name, choices),
    )


def broken(rule: str, *, path: Path | Traversable, keys: Keys, remedy: str) -> DeclarationError:
    """The error of a rule that reaches over several keys or files; raise it."""
    return DeclarationError(rule, file=str(path), line=line_of(text_of(path), keys), remedy=remedy)


def overlay_of(settings: Sequence[str]) -> dict[str, Any]:
    """Overlay of settings such as ``weather.rain_mm=12``; a value is TOML, or text as it stands.

    A part of the path that itself holds a dot is quoted as in TOML: ``expect."incidents.count".equals=5``.

    Raises:
        DeclarationError: if a setting has no ``=``.
    """
    overlay: dict[str, Any] = {}
    for setting in settings:
        path, equals, value = setting.partition("=")
        parts = [(part[1] or part[2]).strip() for part in _PART.finditer(path)]
        if not equals or not all(parts) or not _PATH.fullmatch(path):
            raise DeclarationError("a setting is PATH=VALUE", file=f"--set {setting}", remedy="write it like a.b=3")
        try:
            meant: object = tomllib.loads(f"v = {value}")["v"]
        except tomllib.TOMLDecodeError:
            meant = value
        table = overlay
        for part in parts[:-1]:
            table = table.setdefault(part, {})
        table[parts[-1]] = meant
    return overlay


def overlaid(data: Mapping[str, Any], overlay: Overlay) -> dict[str, Any]:
    """``data`` with the overlay laid on: tables merge, entries of a list are named by index, all else is replaced."""
    result = dict(data)
    for key, value in overlay.items():
        below = result.get(key)
        if isinstance(value, Mapping) and isinstance(below, list) and all(part.isdecimal() for part in value):
            entries = {str(i): entry for i, entry in enumerate(below)}
            result[key] = list(overlaid(entries, value).values())
        elif isinstance(value, Mapping) and isinstance(below, Mapping):
            result[key] = overlaid(below, value)
        else:
            result[key] = value
    return result


def _holds(overlay: Overlay, keys: Keys) -> bool:
    """Whether the overlay is what said this."""
    table: object = overlay
    for key in keys:
        if not isinstance(table, Mapping):
            return True
        if str(key) not in table:
            return False
        table = table[str(key)]
    return True


def _explain(model: type[BaseModel], data: Mapping[str, Any], keys: Keys, error: dict[str, Any]) -> tuple[str, str]:
    """Rule and remedy of one finding of pydantic."""
    name, place = str(keys[-1]) if keys else "", ".".join(map(str, keys))
    if error["type"] == "extra_forbidden":
        known = _fields(model, keys[:-1])
        for other in known:
            if "_" in name and name.rsplit("_", 1)[0] == other.rsplit("_", 1)[0] and "_" in other:
                unit = other.rsplit("_", 1)[1]
                return f"'{place}' is in the wrong unit", f"give it in {unit} and write '{other}'"
        return f"unknown key '{place}'", _did_you_mean(name, known)
    if error["type"] == "missing":
        return f"'{place}' is missing", f"add '{name}'"
    expected = str(error.get("ctx", {}).get("expected", "")).replace("'", "")
    said = str(error["msg"])[0].lower() + str(error["msg"])[1:].replace("Value error, ", "")
    said = said.removeprefix("value error, ")
    rule = f"'{place}' is {_shown(error.get('input'))}, but {said}" if place else said
    if expected:
        choices = expected.replace(" or ", ", ").split(", ")
        return rule, _did_you_mean(str(error.get("input")), choices)
    return rule, f"correct '{name}'" if name else "correct this table"


def _shown(value: object) -> str:
    """A value as one would write it, cut where it grows long."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _did_you_mean(name: str, known: Sequence[str]) -> str:
    """The remedy for a name that is not known."""
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    if not known:
        return "remove it"
    shown = ", ".join(list(known)[:12]) + (" ..." if len(known) > 12 else "")
    return f"choose one of: {shown}"


def _fields(model: type[BaseModel], keys: Keys) -> list[str]:
    """Names of the keys that the table at ``keys`` may hold."""
    here: object = model
    for key in keys:
        here = _within(here, key)
    if isinstance(here, type) and issubclass(here, BaseModel):
        return [field.alias or name for name, field in here.model_fields.items()]
    return []


def _within(annotation: object, key: str | int) -> object:
    """What stands at a key of a model, or at an entry of a list or table of models."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return next((found for part in parts if (found := _within(part, key)) is not None), None)
    if origin in (tuple, list) and isinstance(key, int):
        return parts[0]
    if origin is dict and isinstance(key, str):
        return parts[1]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return next((f.annotation for n, f in annotation.model_fields.items() if key in (n, f.alias)), None)
    return None
