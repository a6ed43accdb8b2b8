"""The words of $filter and $orderby (OData 4.0 part 2, 5.1.1, as OGC 18-088, 9.3.3.5 takes it over), read into a tree.

``odata-query`` on PyPI reads much the same; it needs python-dateutil below 3, which this project has left, does not
know SensorThings' ``geography`` and ``st_`` words, and translates to ORMs that the readings are not in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, TypeAlias

from datahub.api.problems import Problem
from datahub.contract.clock import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, from_datetime

LONGEST: Final = 4_000
"""Characters of a filter at most, and ..."""

DEEPEST: Final = 40
"""... brackets within brackets at most, and ..."""

MOST_OPERATORS: Final = 200
"""... operators. Ours to choose."""

FUNCTIONS: Final = {
    **dict.fromkeys(("length", "tolower", "toupper", "trim"), 1),
    **dict.fromkeys(("year", "month", "day", "hour", "minute", "second", "fractionalseconds", "date", "time"), 1),
    **dict.fromkeys(("totaloffsetminutes", "round", "floor", "ceiling", "geo.length"), 1),
    **dict.fromkeys(("substringof", "contains", "endswith", "startswith", "indexof", "concat"), 2),
    **dict.fromkeys(("geo.distance", "geo.intersects", "st_equals", "st_disjoint", "st_touches", "st_within"), 2),
    **dict.fromkeys(("st_overlaps", "st_crosses", "st_intersects", "st_contains"), 2),
    **dict.fromkeys(("now", "mindatetime", "maxdatetime"), 0),
}
"""Functions and how many arguments each takes; ``substring`` takes two or three."""

_LEVELS: Final = (("or",), ("and",), ("eq", "ne", "gt", "ge", "lt", "le"), ("add", "sub"), ("mul", "div", "mod"))


class Moment(NamedTuple):
    """A time [ms since 1970, UTC]."""

    ms: int


class Duration(NamedTuple):
    """A length of time [ms]."""

    ms: int


class Shape(NamedTuple):
    """A geometry as it was written (WKT, lon lat, WGS 84)."""

    wkt: str


Value: TypeAlias = str | float | int | bool | Moment | Duration | Shape | None


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that was written out."""

    value: Value


@dataclass(frozen=True, slots=True)
class Name:
    """A field, or the way to one over relations and inner keys."""

    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """An operator or function and what it is applied to."""

    name: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Literal | Name | Call

_TOKEN: Final = re.compile(
    r"\s+|(?P<quoted>(?P<of>geography|duration)?'(?P<inside>(?:[^']|'')*)')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)"
    r"|(?P<name>@?[A-Za-z_][\w.]*(?:/@?[\w.]+)*)|(?P<sign>[(),-])"
)
_LONGEST_MS: Final = 200 * 366 * DAY_MS
_DURATION: Final = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def wrong(detail: str) -> Problem:
    """A question that cannot be asked so."""
    return Problem(400, detail)


def moment(text: str) -> Moment:
    """A time as ISO 8601 writes it; without an offset it is UTC.

    Raises:
        Problem: 400.
    """
    try:
        found = datetime.fromisoformat(text)
        ms = from_datetime(found if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise wrong(f"'{text:.60}' is no time; write it like 2025-11-25T08:00:00Z") from error
    if not 0 <= ms < 7_258_118_400_000:
        raise wrong(f"'{text:.60}' is no time from 1970 to 2199")
    return Moment(ms)


def parse(text: str) -> Expression:
    """The tree of an expression.

    Raises:
        Problem: 400, saying where it cannot be read.
    """
    if len(text) > LONGEST:
        raise wrong(f"the expression has more than {LONGEST} characters")
    reader = _Reader(_tokens(text), text)
    tree = reader.level(0)
    reader.end()
    return tree


def names(tree: Expression) -> list[tuple[str, ...]]:
    """Every field that an expression looks at."""
    match tree:
        case Name(parts):
            return [parts]
        case Call(_, arguments):
            return [one for argument in arguments for one in names(argument)]
    return []


class _Token(NamedTuple):
    kind: str
    text: str
    value: Value
    at: int


def _tokens(text: str) -> list[_Token]:
    found, at = list[_Token](), 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise wrong(f"cannot read '{text[at : at + 20]}' at character {at + 1} of '{text:.80}'")
        kind = match.lastgroup or ""
        if match["quoted"] is not None:
            found.append(_Token("value", match[0], _quoted(match["of"], match["inside"].replace("''", "'")), at))
        elif match["moment"] is not None:
            found.append(_Token("value", match[0], moment(match[0]), at))
        elif match["number"] is not None:
            number: Value = int(match[0]) if match[0].isdigit() and len(match[0]) < 19 else float(match[0])
            found.append(_Token("value", match[0], number, at))
        elif kind:
            found.append(_Token(kind, match[0], None, at))
        at = match.end()
    return found


def _quoted(of: str | None, inside: str) -> Value:
    if of == "geography":
        return Shape(inside)
    if of == "duration":
        return duration(inside)
    return inside


def duration(text: str) -> Duration:
    """A length of time as ISO 8601 writes it (days to seconds).

    Raises:
        Problem: 400.
    """
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        raise wrong(f"'{text:.40}' is no duration; write it like P1D or PT15M")
    sign, days, hours, minutes, seconds = found.groups()
    whole = int(days or 0) * DAY_MS + int(hours or 0) * HOUR_MS + int(minutes or 0) * MINUTE_MS
    whole += round(float(seconds or 0) * SECOND_MS)
    if whole > _LONGEST_MS:
        raise wrong(f"'{text:.40}' is longer than 200 years")
    return Duration(-whole if sign else whole)


_WORDS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None}


class _Reader:
    """Reads tokens by precedence, loosest first."""

    def __init__(self, tokens: Sequence[_Token], text: str) -> None:
        self._tokens, self._text = tokens, text
        self._at = self._depth = self._operators = 0

    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _is(self, *words: str) -> bool:
        token = self._next()
        return token is not None and token.kind != "value" and token.text in words

    def _fail(self, wanted: str) -> Problem:
        token = self._next()
        where = f"'{token.text:.40}' (character {token.at + 1})" if token else "the end"
        return wrong(f"{wanted} is expected, and there stands {where} in '{self._text:.120}'")

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            raise self._fail(f"'{sign}'")
        self._at += 1

    def end(self) -> None:
        """Nothing may be left."""
        if self._next() is not None:
            raise self._fail("an operator or the end")

    def level(self, depth: int) -> Expression:
        """An expression whose operators bind at least so tightly."""
        if depth == len(_LEVELS):
            return self._unary()
        left = self.level(depth + 1)
        while self._is(*_LEVELS[depth]):
            self._operators += 1
            if self._operators > MOST_OPERATORS:
                raise wrong(f"more than {MOST_OPERATORS} operators")
            operator = self._tokens[self._at].text
            self._at += 1
            left = Call(operator, (left, self.level(depth + 1)))
        return left

    def _unary(self) -> Expression:
        for sign, name in (("not", "not"), ("-", "neg")):
            if self._is(sign):
                self._at += 1
                return Call(name, (self._within(self._unary),))
        return self._primary()

    def _within(self, read: Callable[[], Expression]) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise wrong(f"more than {DEEPEST} brackets within brackets")
        found = read()
        self._depth -= 1
        return found

    def _whole(self) -> Expression:
        return self.level(0)

    def _primary(self) -> Expression:
        token = self._next()
        if token is None or (token.kind == "sign" and token.text != "("):
            raise self._fail("a value, a field or a function")
        self._at += 1
        if token.kind == "value":
            return Literal(token.value)
        if token.kind == "sign":
            inner = self._within(self._whole)
            self._expect(")")
            return inner
        if self._is("("):
            return self._call(token)
        if token.text in _WORDS:
            return Literal(_WORDS[token.text])
        return Name(tuple(token.text.split("/")))

    def _call(self, token: _Token) -> Expression:
        self._expect("(")
        arguments: list[Expression] = []
        while not self._is(")"):
            if arguments:
                self._expect(",")
            arguments.append(self._within(self._whole))
        self._expect(")")
        takes = (2, 3) if token.text == "substring" else (FUNCTIONS.get(token.text, -1),)
        if takes == (-1,):
            raise wrong(
                f"there is no function '{token.text:.40}'; there are: {', '.join(sorted(FUNCTIONS))}, substring"
            )
        if len(arguments) not in takes:
            raise wrong(f"{token.text} takes {takes[-1]} arguments, not {len(arguments)}")
        return Call(token.text, tuple(arguments))
