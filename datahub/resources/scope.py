"""What an application asks for and a grant gives: properties, kinds of device, areas."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from datahub.contract.errors import UsageError


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Data that may be called.

    Attributes:
        properties: observed properties; at least one.
        kinds: kinds of device; empty: any.
        areas: codes of divisions or unit grids; empty: the whole city and what lies around it.
    """

    properties: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()


def check(
    scope: Scope, *, properties: Collection[str], kinds: Collection[str], around: Callable[[str], tuple[str, ...]]
) -> None:
    """Refuse what is not there. ``around``: codes of an area and of all it lies in, UsageError if there is none.

    Raises:
        UsageError: naming it.
    """
    if not scope.properties:
        raise UsageError("an application names at least one property; name what is needed, not everything")
    for word, named, known in (("property", scope.properties, properties), ("kind", scope.kinds, kinds)):
        for one in named:
            if one not in known:
                raise UsageError(f"there is no {word} '{one:.80}'; there are: {', '.join(sorted(known)) or 'none yet'}")
    for code in scope.areas:
        around(code)


def within(scope: Scope, outer: Scope, *, around: Callable[[str], tuple[str, ...]]) -> None:
    """Refuse a scope that reaches beyond another.

    Raises:
        UsageError: naming what does.
    """
    beyond = [one for one in scope.properties if one not in outer.properties]
    if outer.kinds:
        beyond += [one for one in scope.kinds if one not in outer.kinds] if scope.kinds else ["any kind"]
    if outer.areas:
        beyond += (
            [one for one in scope.areas if not set(around(one)) & set(outer.areas)] if scope.areas else ["any area"]
        )
    if beyond or not scope.properties:
        what = ", ".join(beyond) or "nothing at all"
        raise UsageError(f"{what} was not applied for; grant what was applied for or less, or refuse")


def to_text(scope: Scope) -> str:
    """As it lies in the database."""
    return msgspec.json.encode(scope).decode()


def from_text(text: str) -> Scope:
    """As it was."""
    return msgspec.json.decode(text, type=Scope)
