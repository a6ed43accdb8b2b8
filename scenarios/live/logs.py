"""What an engineer may read of a live process: one line of key=value on stderr for what is out of the ordinary.

Rooms say it with structlog; only the command line decides whether anybody hears. Virtual runs are silent: what they
have to say is their outcome.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

import structlog
from structlog.typing import EventDict, Processor

from brain.model import DepartmentReached, DepartmentUnreachable, Message
from datahub.contract.clock import to_local, to_utc, wall_ms

SLOW_S: Final = 2.0
"""A quantum that takes longer is worth a line: by then the field has told its time ten times (our choice) [s]."""

_log = structlog.get_logger()


def hush() -> None:
    """Say nothing, whatever happens: for all that is no live process."""
    structlog.configure(processors=[_drop])


def speak(process: str) -> None:
    """Write lines to stderr, each with the wall-clock time and the name of the process."""

    def stamp(_logger: object, _method: str, said: EventDict) -> EventDict:
        return {**said, "at": to_utc(wall_ms()), "process": process}

    order = ["at", "level", "process", "event"]
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        stamp,
        structlog.processors.LogfmtRenderer(key_order=order),
    ]
    structlog.configure(processors=processors, logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def warn_in_clear(host: str) -> None:
    """Say that what is served on an address crosses the network in clear, if any other machine may reach it."""
    own = host.lower() == "localhost"
    with suppress(ValueError):  # a name
        own = ip_address(host).is_loopback
    if not own:
        _log.warning("http_in_clear", host=host, remedy="set CITYBRAIN_CERTIFICATE and CITYBRAIN_CERTIFICATE_KEY")


def _drop(_logger: object, _method: str, _said: EventDict) -> EventDict:
    raise structlog.DropEvent


@dataclass(slots=True)
class Notes:
    """Notes on each quantum of a live city: what was slow, who does not answer, what was refused.

    ``rejected`` gives the readings and messages refused so far, by reason.
    """

    rejected: Callable[[], Mapping[str, int]]
    _known: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._known = dict(self.rejected())

    def take(self, said: Iterable[Message], *, t: int, took_s: float) -> None:
        """A quantum to city time ``t`` [ms] is over; it took so long on the wall."""
        now = to_local(t)
        if took_s > SLOW_S:
            _log.warning("slow_quantum", t=now, took_s=round(took_s, 2))
        for message in said:
            match message:
                case DepartmentUnreachable(department=who, failures=failures, why=why):
                    _log.warning("department_unreachable", t=now, department=who, failures=failures, why=why)
                case DepartmentReached(department=who, silent_s=silent_s):
                    _log.info("department_reached", t=now, department=who, silent_s=silent_s)
                case _:
                    pass
        fresh = dict(self.rejected())
        for reason in sorted(fresh):
            more = fresh[reason] - self._known.get(reason, 0)
            if more:
                _log.warning("rejected", t=now, reason=reason, count=more, total=fresh[reason])
        self._known = fresh
