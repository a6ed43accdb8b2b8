"""Case types: what is filed, who handles it within which time, and what closes it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import msgspec

from datahub.contract.declared import read
from datahub.contract.errors import DeclarationError
from datahub.contract.lines import line_of

_FILE = "brain/cases/types.toml"


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time limit [s] with its source and date."""

    value: float
    unit: str
    source: str
    date: str
    unverified: bool = False


class CaseType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One type of grid case.

    Attributes:
        class_code: class of component (GB/T 30428.2), four digits.
        handle: duty by which ``department`` solves it; ``solved_by``: the finding that is 1 when it is.
        verify: duty by which ``verifier`` looks whether it is so.
        limit_s: handling limit, from filing.
        device_wait_s: how long the thing's own readings are waited for after a good verification.
    """

    name: str
    zh: str
    en: str
    class_code: str
    department: str
    handle: str
    verifier: str
    verify: str
    filing: str
    closing: str
    solved_by: str
    limit_s: Limit
    verify_s: Limit
    device_wait_s: Limit


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: tuple[CaseType, ...]


def case_types(text: str | None = None) -> Mapping[str, CaseType]:
    """Every declared case type by name.

    Raises:
        DeclarationError: naming file, line, rule and remedy.
    """
    content = (files("brain") / "cases" / "types.toml").read_text("utf-8") if text is None else text
    remedy = "compare with the other case types and correct this one"
    declared = read(content, _File, file=_FILE, remedy=remedy).type
    for index, each in enumerate(declared):
        if any(limit.unit != "s" for limit in (each.limit_s, each.verify_s, each.device_wait_s)):
            rule = f"case type '{each.name}' has a limit that is not in seconds"
            raise DeclarationError(rule, file=_FILE, line=line_of(content, ("type", index)), remedy='write unit = "s"')
    return {each.name: each for each in declared}
