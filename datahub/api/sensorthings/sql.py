"""Filters on observations, handed to the column store: whatever is asked, no row is loaded that is not wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from datahub.api.sensorthings.grammar import Call, Duration, Expression, Literal, Moment, Name, wrong
from datahub.api.sensorthings.options import Order

Bound: TypeAlias = int | float | str

COLUMNS: Final[Mapping[tuple[str, ...], str]] = {
    ("result",): "value",
    ("phenomenonTime",): "phenomenon_time",
    ("resultQuality",): "quality",
}
"""What of an observation stands in the column store, and under which name. ``resultTime`` is kept for packs only."""

_SIGNS: Final = {
    "or": "({} OR {})",
    "and": "({} AND {})",
    "not": "(NOT COALESCE({}, FALSE))",
    "eq": "({} = {})",
    "ne": "({} IS DISTINCT FROM {})",
    "gt": "({} > {})",
    "ge": "({} >= {})",
    "lt": "({} < {})",
    "le": "({} <= {})",
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "(CAST({} AS DOUBLE) / NULLIF({}, 0))",
    "mod": "({} % NULLIF({}, 0))",
    "neg": "(- {})",
    "round": "round({})",
    "floor": "floor({})",
    "ceiling": "ceil({})",
    **{name: f"{name}(epoch_ms({{}}))" for name in ("year", "month", "day", "hour", "minute")},
    "second": "(({} // 1000) % 60)",
    "fractionalseconds": "(({} % 1000) / 1000.0)",
    "totaloffsetminutes": "(0 * {})",
    "date": "strftime(epoch_ms({}), '%Y-%m-%d')",
    "time": "strftime(epoch_ms({}), '%H:%M:%S')",
}
_LOGIC: Final = ("or", "and", "not")
_COMPARE: Final = ("eq", "ne", "gt", "ge", "lt", "le")
_TEXT: Final = ("date", "time")
_TIMES: Final = ("year", "month", "day", "hour", "minute", "second", "fractionalseconds", "totaloffsetminutes", *_TEXT)


def condition(tree: Expression, *, now: int) -> tuple[str, list[Bound]]:
    """A filter as a condition on the observation table, and the values for its question marks.

    Raises:
        Problem: 400, if it asks for what the column store does not have, or makes no sense.
    """
    text, values, kind = _translate(tree, now=now)
    if kind != "bool":
        raise wrong("a filter is a comparison, such as result gt 5")
    return text, values


def _translate(tree: Expression, *, now: int) -> tuple[str, list[Bound], str]:
    """Text, values, and what it is: bool, number, time, span or text."""
    match tree:
        case Literal(bool(value)):
            return ("(1 = 1)" if value else "(1 = 0)"), [], "bool"
        case Literal(Moment(ms)):
            return "CAST(? AS BIGINT)", [ms], "time"
        case Literal(Duration(ms)):
            return "CAST(? AS BIGINT)", [ms], "span"
        case Literal(int() | float() as value):
            return "CAST(? AS DOUBLE)", [value], "number"
        case Literal(str(value)):
            return "?", [value], "text"
        case Literal(value):
            raise wrong(f"'{value}' cannot be compared with an observation")
        case Name(parts):
            return _column(parts)
        case Call("now", ()):
            return "CAST(? AS BIGINT)", [now], "time"
        case Call("mindatetime" | "maxdatetime" as name, ()):
            return "CAST(? AS BIGINT)", [0 if name == "mindatetime" else 7_258_118_399_999], "time"
        case Call(name, arguments):
            return _call(name, [_translate(one, now=now) for one in arguments])
    raise wrong("a filter is a comparison, such as result gt 5")


def _column(parts: tuple[str, ...]) -> tuple[str, list[Bound], str]:
    column = COLUMNS.get(parts)
    if column is None:
        known = ", ".join("/".join(each) for each in COLUMNS)
        raise wrong(
            f"observations are not searched by '{'/'.join(parts):.80}', only by {known}; go to the datastream first, "
            "as in Datastreams('...')/Observations"
        )
    return column, [], "time" if column == "phenomenon_time" else "number"


def _call(name: str, given: list[tuple[str, list[Bound], str]]) -> tuple[str, list[Bound], str]:
    pattern = _SIGNS.get(name)
    if pattern is None:
        raise wrong(f"'{name}' is not known for observations")
    kinds = [kind for _, _, kind in given]
    values = [value for _, some, _ in given for value in some]
    return pattern.format(*(text for text, _, _ in given)), values, _kind(name, kinds)


def _kind(name: str, kinds: list[str]) -> str:
    """What comes of an operator; refuses what does not go together."""
    if name in _LOGIC and set(kinds) == {"bool"}:
        return "bool"
    if name in _COMPARE and len(set(kinds)) == 1:
        return "bool"
    if name in _TIMES and kinds == ["time"]:
        return "text" if name in _TEXT else "number"
    if set(kinds) == {"number"} and name not in (*_LOGIC, *_COMPARE, *_TIMES):
        return "number"
    if name in ("add", "sub") and kinds == ["time", "span"]:
        return "time"
    if (name, kinds) == ("sub", ["time", "time"]):
        return "span"
    raise wrong(f"'{name}' does not go with {' and '.join(kinds)}; times are written like 2025-11-25T08:00:00Z")


def ordering(order: Sequence[Order], *, default: bool, now: int) -> tuple[str, list[Bound]]:
    """The ORDER BY, and values for its question marks. Without a wish, and with ``default``, by time.

    Raises:
        Problem: 400, as ``condition``.
    """
    parts, values = list[str](), list[Bound]()
    for one in order:
        if one.by == Name(("id",)) or one.by == Name(("@iot.id",)):
            columns, some = ["device", "property", "phenomenon_time", "sequence"], list[Bound]()
        else:
            text, some, _ = _translate(one.by, now=now)
            columns = [text]
        parts += [f"{column} DESC" if one.falling else column for column in columns]
        values += some
    if not order and not default:
        return "", values
    return f"ORDER BY {', '.join([*parts, 'phenomenon_time', 'sequence', 'device', 'property'])}", values
