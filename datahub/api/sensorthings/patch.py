"""JSON Patch (RFC 6902) on the fields of an entity."""

from __future__ import annotations

import copy

from datahub.api.sensorthings.grammar import wrong
from datahub.api.sensorthings.model import Fields

MOST: int = 1_000
"""Steps of one patch at most."""


def patched(fields: Fields, steps: object) -> Fields:
    """The fields after all steps.

    Raises:
        Problem: 400, at the first that cannot be done.
    """
    if not isinstance(steps, list) or len(steps) > MOST:
        raise wrong(f"a JSON Patch is a list of at most {MOST} steps")
    document = copy.deepcopy(fields)
    for number, step in enumerate(steps, 1):
        try:
            _step(document, step)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise wrong(f"step {number} of the patch, {step!s:.120}, leads nowhere") from error
    return document


def _step(document: Fields, step: dict[str, object]) -> None:
    match step:
        case {"op": "add", "path": str(path), "value": value}:
            _put(document, path, value, insert=True)
        case {"op": "replace", "path": str(path), "value": value}:
            _get(document, path)
            _put(document, path, value, insert=False)
        case {"op": "remove", "path": str(path)}:
            _drop(document, path)
        case {"op": "test", "path": str(path), "value": value}:
            if _get(document, path) != value:
                raise wrong(f"the patch expects something else at {path:.80}")
        case {"op": "copy", "from": str(source), "path": str(path)}:
            _put(document, path, copy.deepcopy(_get(document, source)), insert=True)
        case {"op": "move", "from": str(source), "path": str(path)}:
            value = _get(document, source)
            _drop(document, source)
            _put(document, path, value, insert=True)
        case _:
            raise ValueError


def _parts(path: str) -> list[str]:
    if not path.startswith("/"):
        raise ValueError
    return [part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/")]


def _parent(document: Fields, path: str) -> tuple[object, str]:
    *way, last = _parts(path)
    here: object = document
    for part in way:
        here = _inner(here, part)
    return here, last


def _inner(here: object, part: str) -> object:
    if isinstance(here, dict):
        return here[part]
    if isinstance(here, list) and part.isdecimal():
        return here[int(part)]
    raise TypeError


def _get(document: Fields, path: str) -> object:
    return _inner(*_parent(document, path))


def _put(document: Fields, path: str, value: object, *, insert: bool) -> None:
    here, last = _parent(document, path)
    if isinstance(here, dict):
        here[last] = value
    elif isinstance(here, list) and insert:
        here.insert(len(here) if last == "-" else int(last), value)
    elif isinstance(here, list):
        here[int(last)] = value
    else:
        raise TypeError


def _drop(document: Fields, path: str) -> None:
    here, last = _parent(document, path)
    if isinstance(here, dict):
        del here[last]
    elif isinstance(here, list):
        del here[int(last)]
    else:
        raise TypeError
