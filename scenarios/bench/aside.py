"""Parts of a measurement in processes of their own. They print nothing: what they have to say comes by their pipes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Final

from scenarios.live.logs import hush

SPAWN: Final[SpawnContext] = multiprocessing.get_context("spawn")
"""Where pipes and shared memory for such processes come from."""


def aside(work: Callable[..., None], *arguments: Any, **named: Any) -> SpawnProcess:
    """A process that will do this work; what goes wrong in it stands on stderr."""
    return SPAWN.Process(target=_hushed, args=(work, arguments, named))


def _hushed(work: Callable[..., None], arguments: Sequence[Any], named: Mapping[str, Any]) -> None:
    hush()
    work(*arguments, **named)
