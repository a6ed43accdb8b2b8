"""What an expression says of one entity. What is absent or does not fit makes a comparison untrue, not an error."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from datahub.api.problems import Problem
from datahub.api.sensorthings.grammar import Call, Duration, Expression, Literal, Moment, Name, moment
from datahub.api.sensorthings.places import compared, length_m
from datahub.contract.clock import SECOND_MS, to_utc

Look = Callable[[tuple[str, ...]], list[object]]
"""Gives every value that a name leads to: several, where the way goes over a relation to many."""

_ORDERED: Final[Mapping[str, Callable[..., bool]]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_SUMS: Final[Mapping[str, Callable[..., float]]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "mod": math.fmod,
}
_TEXT: Final[Mapping[str, Callable[..., object]]] = {
    "substringof": lambda a, b: a in b,
    "contains": lambda a, b: b in a,
    "endswith": lambda a, b: a.endswith(b),
    "startswith": lambda a, b: a.startswith(b),
    "indexof": lambda a, b: a.find(b),
    "concat": lambda a, b: a + b,
    "length": len,
    "tolower": str.lower,
    "toupper": str.upper,
    "trim": str.strip,
}
_CALENDAR: Final[Mapping[str, Callable[[datetime], object]]] = {
    **{name: operator.attrgetter(name) for name in ("year", "month", "day", "hour", "minute", "second")},
    "fractionalseconds": lambda t: t.microsecond / 1e6,
    "date": lambda t: t.date().isoformat(),
    "time": lambda t: t.time().isoformat(),
    "totaloffsetminutes": lambda _: 0,
}
_ROUND: Final[Mapping[str, Callable[[float], float]]] = {
    "round": lambda x: math.floor(x + 0.5) if x >= 0 else math.ceil(x - 0.5),
    "floor": math.floor,
    "ceiling": math.ceil,
}
_EARLIEST, _LATEST = Moment(0), Moment(7_258_118_399_999)


def holds(tree: Expression, look: Look, *, now: int) -> bool:
    """Whether an entity fulfils a filter. ``now``: city time [ms]."""
    return any(value is True for value in values(tree, look, now=now))


def values(tree: Expression, look: Look, *, now: int) -> list[object]:
    """Every value an expression has for one entity."""
    match tree:
        case Literal(value):
            return [value]
        case Name(parts):
            return look(parts) or [None]
        case Call("or", (left, right)):
            return [holds(left, look, now=now) or holds(right, look, now=now)]
        case Call("and", (left, right)):
            return [holds(left, look, now=now) and holds(right, look, now=now)]
        case Call("not", (inner,)):
            return [not holds(inner, look, now=now)]
        case Call(name, arguments):
            given = [values(one, look, now=now) for one in arguments]
            return [_apply(name, one, now=now) for one in _product(given)]
    return [None]


def _product(given: list[list[object]]) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = [()]
    for choices in given:
        found = [(*before, one) for before in found for one in choices]
    return found


def _apply(name: str, arguments: tuple[object, ...], *, now: int) -> object:
    if name == "now":
        return Moment(now)
    if name in ("mindatetime", "maxdatetime"):
        return _EARLIEST if name == "mindatetime" else _LATEST
    if name in ("eq", "ne") and None in arguments:
        return (arguments[0] is arguments[1]) == (name == "eq")
    try:
        return _applied(name, _alike(arguments))
    except (TypeError, ValueError, ArithmeticError, AttributeError, OSError):
        return None


def _alike(arguments: tuple[object, ...]) -> tuple[object, ...]:
    """Times that are text, read as times where the other side is one or a length of time."""
    if any(isinstance(one, Moment | Duration) for one in arguments):
        return tuple(_moment(one) if isinstance(one, str) else one for one in arguments)
    return arguments


def _moment(text: str) -> object:
    try:
        return moment(text.partition("/")[0])
    except Problem:
        return text


def _applied(name: str, arguments: tuple[object, ...]) -> object:
    if name in _ORDERED:
        return _compare(name, arguments)
    if name in _SUMS:
        return _reckon(name, arguments)
    if name == "neg":
        return _SUMS["sub"](0, arguments[0])
    if name in _TEXT:
        return _TEXT[name](*arguments) if all(isinstance(one, str) for one in arguments) else None
    if name == "substring" and isinstance(arguments[0], str):
        start, *length = (int(str(one)) for one in arguments[1:])
        return arguments[0][start : start + length[0]] if length else arguments[0][start:]
    if name in _CALENDAR:
        at = _moment(arguments[0]) if isinstance(arguments[0], str) else arguments[0]
        return _CALENDAR[name](datetime.fromtimestamp(at.ms / SECOND_MS, UTC)) if isinstance(at, Moment) else None
    if name in _ROUND:
        return _ROUND[name](_number(arguments[0]))
    if name == "geo.length":
        return length_m(arguments[0])
    return compared(name, *arguments)


def _compare(name: str, arguments: tuple[object, ...]) -> bool | None:
    left, right = arguments
    if isinstance(left, str) != isinstance(right, str) and name in ("eq", "ne"):
        left, right = (to_utc(it.ms) if isinstance(it, Moment) else str(it) for it in (left, right))
    elif type(left) is not type(right):
        left, right = _number(left), _number(right)
    return bool(_ORDERED[name](left, right))


def _reckon(name: str, arguments: tuple[object, ...]) -> object:
    left, right = arguments
    if isinstance(left, Moment) and isinstance(right, Duration):
        return Moment(int(_SUMS[name](left.ms, right.ms)))
    if isinstance(left, Moment) and isinstance(right, Moment) and name == "sub":
        return Duration(left.ms - right.ms)
    return _SUMS[name](_number(left), _number(right))


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return value
