"""Where in a TOML text a key stands, which the standard library's reader does not tell."""

from __future__ import annotations

import re
from collections import Counter
from typing import TypeAlias

Keys: TypeAlias = tuple[str | int, ...]
"""Path to a value: names of tables and keys, indices of lists."""

_HEADER = re.compile(r"^\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=(.*)$"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
_TEXT = re.compile(r'''"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"(?:\\.|[^"\\\n])*"|'[^'\n]*\'''')


def line_of(text: str, keys: Keys) -> int | None:
    """Line (from 1) of the value at ``keys``, or of the nearest table that holds it; None where there is no text.

    A table without a header of its own begins where the first of its parts does.
    """
    if not text:
        return None
    places = _places(text)
    for end in range(len(keys), 0, -1):
        known = keys[:end]
        if known in places:
            return places[known]
        within = [line for place, line in places.items() if place[:end] == known]
        if within:
            return min(within)
    return 1


def _places(text: str) -> dict[Keys, int]:
    """Line of every key that begins a line, of every table header, and of list entries that begin a line."""
    places: dict[Keys, int] = {}
    counts: Counter[Keys] = Counter()
    table: Keys = ()
    within: Keys = ()
    depth = entry = 0
    whole = text.splitlines()
    for number, line in enumerate(_without_texts(text).splitlines(), 1):
        bare = line.split("#", 1)[0]
        if depth:
            if depth == 1 and bare.strip() and not bare.strip().startswith("]"):
                places.setdefault((*within, entry), number)
                entry += 1
            depth += _opened(bare)
            continue
        if header := _HEADER.match(whole[number - 1]):
            table = _indexed(_parts(header[2]), counts, listed=header[1] == "[[")
            places.setdefault(table, number)
        elif found := _KEY.match(whole[number - 1]):
            within, entry = (*table, *_parts(found[1])), 0
            places.setdefault(within, number)
            depth = max(_opened(bare), 0)
    return places


def _parts(dotted: str) -> Keys:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _indexed(parts: Keys, counts: Counter[Keys], *, listed: bool) -> Keys:
    """A header's path, with the index of every list of tables it goes through."""
    path: Keys = ()
    for i, part in enumerate(parts):
        path = (*path, part)
        if i == len(parts) - 1 and listed:
            counts[path] += 1
        if counts[path]:
            path = (*path, counts[path] - 1)
    return path


def _opened(line: str) -> int:
    """Brackets opened on a line and not closed."""
    return line.count("[") + line.count("{") - line.count("]") - line.count("}")


def _without_texts(text: str) -> str:
    """The text with quoted parts blanked out, line for line."""
    return _TEXT.sub(lambda found: re.sub(r"[^\n]", "_", found[0]), text)
