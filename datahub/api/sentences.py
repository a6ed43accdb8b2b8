"""What is wrong with a request, in words that need no Python: the checks are pydantic's, the sentences ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

Fault: TypeAlias = Mapping[str, Any]
"""One fault as pydantic tells it: ``type``, ``loc``, ``msg`` and, where it has more to say, ``ctx``."""

_MEMBER: Final = re.compile(r"<[\w.]+: ('(?:[^'\\]|\\.)*')>")
"""A member of an enumeration as Python shows it; the group is what a caller writes."""

_OBJECT: Final = "must be a JSON object, sent as application/json"
_WHOLE, _NUMBER, _TRUTH = "must be a whole number", "must be a number", "must be true or false"
_TIME: Final = "must be a time like 2026-07-01T08:00:00Z"

_SAID: Final[Mapping[str, str | Callable[[Fault], str]]] = MappingProxyType(
    {
        "missing": "is missing",
        "extra_forbidden": "is not known here",
        "enum": lambda fault: f"must be one of {_members(fault)}",
        "literal_error": lambda fault: f"must be one of {_members(fault)}",
        "value_error": lambda fault: f"must be {fault['ctx']['error']}",
        "model_type": _OBJECT,
        "model_attributes_type": _OBJECT,
        "dict_type": "must be a JSON object",
        "list_type": "must be a list",
        "string_type": "must be text",
        "int_type": _WHOLE,
        "int_parsing": _WHOLE,
        "int_from_float": _WHOLE,
        "float_type": _NUMBER,
        "float_parsing": _NUMBER,
        "finite_number": "must be a finite number",
        "bool_type": _TRUTH,
        "bool_parsing": _TRUTH,
        "datetime_parsing": _TIME,
        "datetime_from_date_parsing": _TIME,
    }
)


def of_faults(faults: Sequence[Fault], body: object) -> str:
    """All that is wrong, each with where it is. ``body``: what was sent, as far as it is known."""
    return "; ".join(_sentence(fault, body) for fault in faults)


def _sentence(fault: Fault, body: object) -> str:
    place = fault["loc"]
    if fault["type"] == "json_invalid":
        return f"the body is no JSON: {fault['ctx']['error']} {_spot(int(place[-1]), body)}"
    said = _SAID.get(fault["type"])
    words = said(fault) if callable(said) else said or _plain(fault["msg"])
    return f"{'.'.join(map(str, place[1:])) or place[0]}: {words}"


def _spot(at: int, body: object) -> str:
    """Where in a text a character stands, as editors count."""
    before = body[:at] if isinstance(body, str) else ""
    if len(before) < at:
        return f"at character {at + 1}"
    return f"at line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"


def _members(fault: Fault) -> str:
    listed = _MEMBER.sub(r"\1", str(fault["ctx"]["expected"])).replace(" or ", ", ")
    return listed.replace("'", "")


def _plain(message: str) -> str:
    """A sentence of pydantic's as it goes on behind the name of a thing."""
    return _MEMBER.sub(r"\1", message).replace("Input should be", "must be").replace("String should", "must")
