"""Numbers of policy: dated tables with unit and source, bound to a frozen dataclass and refused when they do not fit.

A table of ``brain/parameters/<name>.toml`` looks so::

    [window_s]
    en = "readings of this time are taken together"
    unit = "s"
    source = "S1"
    unverified = true
    values = { 2026-01-01 = 300 }

The value in force at a day is that of the latest date not after it (the manner of OpenFisca). The day is the city's,
not the reader's: a value dated 2030 does not govern a story of 2025, if there is an earlier one. The earliest governs
all that lies before it too: its date says when we took it down, and a city had some rule before that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from difflib import get_close_matches
from importlib.resources import files
from typing import Any, TypeVar

import msgspec

from datahub.contract.declared import formed, parsed
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import line_of
from datahub.contract.units import written_unit

Rules = TypeVar("Rules")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of policy, with all its dates.

    Attributes:
        name: with the unit as its ending.
        values: (first day in force, value), ascending by day.
        unverified: the source was not compared, or there is none but judgement.
    """

    name: str
    en: str
    zh: str
    unit: str
    source: str
    unverified: bool
    values: tuple[tuple[date, float], ...]

    def at(self, day: date) -> float:
        """The value in force on ``day``; before the first date, the first value."""
        held = [value for since, value in self.values if since <= day]
        return held[-1] if held else self.values[0][1]


def parameters(name: str) -> dict[str, Parameter]:
    """All numbers of one table.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    resource = files("brain") / "parameters" / f"{name}.toml"
    return read_parameters(resource.read_text("utf-8"), file=f"brain/parameters/{name}.toml")


def read_parameters(text: str, *, file: str) -> dict[str, Parameter]:
    """The numbers that a TOML text declares.

    Raises:
        DeclarationError: for a broken table, naming file, line, rule and remedy.
    """
    tables = parsed(text, file=file)
    return {name: _parameter(name, table, file=file, text=text) for name, table in tables.items()}


def bind(rules: type[Rules], name: str, *, day: date, text: str | None = None) -> Rules:
    """The numbers of table ``name`` in force on ``day`` as the dataclass ``rules``.

    Raises:
        DeclarationError: if the table lacks a field of ``rules`` or has one that it does not know.
    """
    file = f"brain/parameters/{name}.toml"
    table = parameters(name) if text is None else read_parameters(text, file=file)
    wanted = {field.name: str(field.type) for field in fields(rules)}  # type: ignore[arg-type]
    for extra in [key for key in table if key not in wanted]:
        near = get_close_matches(extra, wanted, n=1)
        remedy = f"did you mean '{near[0]}'?" if near else f"remove it; known are {', '.join(sorted(wanted))}"
        raise DeclarationError(f"'{extra}' is not a number of '{name}'", file=file, remedy=remedy)
    for missing in [key for key in wanted if key not in table]:
        raise DeclarationError(f"the number '{missing}' is missing", file=file, remedy=f"add a table [{missing}]")
    held = {key: table[key].at(day) for key in wanted}
    return rules(**{key: int(value) if wanted[key] == "int" else float(value) for key, value in held.items()})


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    en: str
    unit: str
    source: str
    values: dict[str, float]
    zh: str = ""
    unverified: bool = False


def _parameter(name: str, table: Any, *, file: str, text: str) -> Parameter:
    def refuse(key: str, rule: str, remedy: str) -> DeclarationError:
        return DeclarationError(f"[{name}] {rule}", file=file, line=line_of(text, (name, key)), remedy=remedy)

    said = formed(table, _Table, file=file, text=text, keys=(name,))
    for key in ("en", "unit", "source", "values"):
        if not getattr(said, key):
            raise refuse(key, f"lacks '{key}'", "every number needs what it means, a unit, a source and dated values")
    promised = written_unit(name)
    if promised is None or said.unit != promised:
        raise refuse("unit", f"is in '{said.unit}' but its name promises {promised!r}", "make name and unit agree")
    try:
        values = tuple(sorted((date.fromisoformat(day), value) for day, value in said.values.items()))
    except ValueError as error:
        rule = f"has values that are not dated numbers ({error})"
        raise refuse("values", rule, "write values = { 2026-01-01 = 1.5 }") from error
    return Parameter(
        name=name,
        en=said.en,
        zh=said.zh,
        unit=said.unit,
        source=said.source,
        unverified=said.unverified,
        values=values,
    )
