"""What a caller wants of a collection: $filter $select $expand $orderby $top $skip $count (OGC 18-088, 9.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote_plus

from datahub.api.sensorthings.grammar import DEEPEST, Expression, parse, wrong

PAGE: Final = 100
"""Entities in one answer, if nobody says how many."""

MOST: Final = 1_000
"""Entities in one answer at most; ``@iot.nextLink`` leads to the others."""

DEEPEST_EXPAND: Final = 6
"""Relations that one question may follow."""


@dataclass(frozen=True, slots=True)
class Order:
    """By what to sort, and whether the greatest comes first."""

    by: Expression
    falling: bool


@dataclass(frozen=True, slots=True)
class Expand:
    """A relation whose entities are shown within, and what is wanted of them."""

    relation: str
    options: Options


@dataclass(frozen=True, slots=True)
class Options:
    """All of it. ``array``: observations as one array (``$resultFormat=dataArray``); ``text`` as it was asked."""

    filter: Expression | None = None
    select: tuple[str, ...] = ()
    expand: tuple[Expand, ...] = ()
    order: tuple[Order, ...] = ()
    top: int = PAGE
    skip: int = 0
    count: bool = False
    array: bool = False
    text: tuple[tuple[str, str], ...] = ()

    def next(self) -> str:
        """The same question for the page after this."""
        kept = [(name, value) for name, value in self.text if name != "$skip"]
        pairs = [*kept, ("$skip", str(self.skip + self.top))]
        return "&".join(f"{name}={quote(value, safe='(),/$;:=')}" for name, value in pairs)


def read(query: str) -> Options:
    """What stands behind the question mark; ``+`` is a blank, names may be percent-encoded.

    Raises:
        Problem: 400.
    """
    pairs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        name = unquote_plus(name)
        if name in ("resultFormat", "$resultFormat"):
            name = "$resultFormat"
        if name.startswith("$"):
            pairs.append((name, unquote_plus(value)))
    return _options(pairs, depth=0)


def _options(pairs: list[tuple[str, str]], *, depth: int) -> Options:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise wrong(f"{twice} stands twice")
    options = Options(text=tuple(pairs))
    for name, value in pairs:
        options = _with(options, name, value.strip(), depth=depth)
    return options


def _with(options: Options, name: str, value: str, *, depth: int) -> Options:
    match name:
        case "$filter":
            return replace(options, filter=parse(value))
        case "$select":
            return replace(options, select=tuple(_name(one) for one in value.split(",")))
        case "$expand":
            return replace(options, expand=tuple(_expand(one, depth=depth) for one in split(value, ",")))
        case "$orderby":
            return replace(options, order=tuple(_order(one) for one in split(value, ",")))
        case "$top":
            return replace(options, top=min(_whole(name, value), MOST))
        case "$skip":
            return replace(options, skip=_whole(name, value))
        case "$count":
            if value not in ("true", "false"):
                raise wrong(f"$count is true or false, not '{value:.20}'")
            return replace(options, count=value == "true")
        case "$resultFormat":
            if value != "dataArray":
                raise wrong(f"resultFormat '{value:.20}' is not known; there is dataArray")
            return replace(options, array=True)
    raise wrong(f"there is no option '{name:.40}'")


def _name(text: str) -> str:
    if not text.strip():
        raise wrong("$select names an empty field")
    return text.strip()


def _whole(name: str, value: str) -> int:
    if not (value.isdecimal() and value.isascii() and len(value) < 10):
        raise wrong(f"{name} is a whole number from 0, not '{value:.20}'")
    return int(value)


def _order(text: str) -> Order:
    words = text.rsplit(None, 1)
    if len(words) == 2 and words[1].lower() in ("asc", "desc"):
        return Order(parse(words[0]), words[1].lower() == "desc")
    return Order(parse(text), falling=False)


def _expand(text: str, *, depth: int) -> Expand:
    """``Datastreams/Observations($top=1)`` is ``Datastreams($expand=Observations($top=1))``."""
    if depth >= DEEPEST_EXPAND:
        raise wrong(f"$expand goes over more than {DEEPEST_EXPAND} relations")
    text = text.strip()
    head, bracket, rest = text.partition("(")
    first, slash, further = head.partition("/")
    if slash:
        return Expand(first.strip(), Options(expand=(_expand(further + bracket + rest, depth=depth + 1),)))
    if not bracket:
        return Expand(_relation(head), Options())
    if not rest.endswith(")"):
        raise wrong(f"a bracket is not closed in $expand={text:.80}")
    pairs = []
    for one in split(rest[:-1], ";"):
        name, _, value = one.strip().partition("=")
        pairs.append((name, value))
    return Expand(_relation(head), _options(pairs, depth=depth + 1))


def _relation(text: str) -> str:
    if not text.strip().isidentifier():
        raise wrong(f"'{text:.40}' is no relation that could be expanded")
    return text.strip()


def split(text: str, sign: str) -> Iterator[str]:
    """The parts of a text between signs that stand in no bracket and no quotes.

    Raises:
        Problem: 400, if brackets or quotes are left open.
    """
    depth, quoted, start = 0, False, 0
    for i, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter in "()":
            depth += 1 if letter == "(" else -1
        elif not quoted and depth == 0 and letter == sign:
            yield text[start:i]
            start = i + 1
        if not 0 <= depth <= DEEPEST:
            break
    if quoted or depth:
        raise wrong(f"brackets or quotes are left open in '{text:.80}'")
    yield text[start:]
