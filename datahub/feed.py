"""How the platform hears devices that live in a vendor's own cloud: pure dialects, pulled or pushed.

A feed does no input or output: it yields requests, reads responses, or reads what the vendor posts, and returns what
was said in the words of the city. Its stub is the cloud from the other side: it hears the vendor's devices.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias, runtime_checkable

import httpx

from datahub.contract.codes import AckStatus
from datahub.contract.errors import CitybrainError, UsageError
from datahub.contract.messages import Command, Up


@dataclass(frozen=True, slots=True)
class Told:
    """What a cloud tells of one device at one moment.

    Attributes:
        id: the vendor's own id of this word; the same id again is the same word.
        device: the vendor's own id of the device.
        t: when it was so [ms].
        values: by property of ours, in its SI unit.
    """

    id: str
    device: str
    t: int
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How far an order to a device has come, as the cloud says.

    Attributes:
        id: the vendor's own id of this word; empty for a direct answer.
        order: id of the order, as we gave it.
        state: settings of the device after it, where the cloud says them.
    """

    id: str
    order: str
    device: str
    status: AckStatus
    t: int
    detail: str = ""
    state: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that one answer or one post says.

    Attributes:
        ill: what of it was no word of the dialect, each with what is wrong.
        held: values that the cloud repeats without having measured: no readings.
        cursor: from where to read on; ``more``: at once, for there is more.
        seal: what proves the post and may come but once; empty for an answer.
    """

    told: Sequence[Told] = ()
    outcomes: Sequence[Outcome] = ()
    ill: Sequence[str] = ()
    held: int = 0
    cursor: str = ""
    more: bool = False
    seal: str = ""


class Denial(StrEnum):
    """Why a post is not taken; the words are ours."""

    UNSIGNED = "unsigned"
    STALE = "stale"
    REPLAYED = "replayed"
    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    BUSY = "busy"


STATUS: Final = MappingProxyType(
    {
        Denial.UNSIGNED: 401,
        Denial.STALE: 401,
        Denial.REPLAYED: 409,
        Denial.OVERSIZED: 413,
        Denial.MALFORMED: 400,
        Denial.BUSY: 503,
    }
)
"""HTTP status (RFC 9110) with which each is answered."""


class Denied(CitybrainError):
    """A vendor's post is not taken; it may try again, rightly."""

    def __init__(self, why: Denial, text: str) -> None:
        super().__init__(text)
        self.why = why


class NotUnderstood(UsageError):
    """An order that the vendor's cloud has no word for."""


WISH: Final = "desire"
"""Name of the order that carries a desired setting, which no kind of device takes as a command."""

#: One conversation: requests go out, responses come in, at its end stands what was said.
Flow: TypeAlias = Generator[httpx.Request, httpx.Response, Said]


@runtime_checkable
class Pulled(Protocol):
    """A cloud that is asked."""

    def pull(self, cursor: str, *, t: int) -> Flow:
        """Read one page after ``cursor`` (empty: from the beginning) at city time ``t`` [ms], and enter if need be.

        Raises:
            Unanswered: if what comes is no answer in this dialect, or one that only puts us off.
        """


@runtime_checkable
class Pushed(Protocol):
    """A cloud that posts what its devices say, and takes orders to them."""

    def take(self, body: bytes, headers: Mapping[str, str], *, t: int) -> Said:
        """Read one post that came at city time ``t`` [ms]; names of headers are in small letters.

        Raises:
            Denied: if it is not the vendor's, or no post in this dialect.
        """

    def order(self, command: Command, device: str, *, t: int) -> httpx.Request:
        """The request that hands an order to the cloud (again is harmless: same id, same order).

        A desired setting comes as the order ``WISH``, with the setting as its argument.

        Raises:
            NotUnderstood: if the cloud has no word for it.
        """

    def answer(self, response: httpx.Response, command: Command, device: str, *, t: int) -> Outcome:
        """What the cloud says to an order at once.

        Raises:
            Unanswered: if it is no answer in this dialect, or one that only puts us off.
        """


Feed: TypeAlias = Pulled | Pushed


def converse(flow: Flow, call: Callable[[httpx.Request], httpx.Response]) -> Said:
    """Carry a conversation to its end; ``call`` brings the response to each request."""
    try:
        request = next(flow)
        while True:
            request = flow.send(call(request))
    except StopIteration as end:
        said: Said = end.value
        return said
    finally:
        flow.close()


class Cloud(Protocol):
    """A vendor's cloud from the other side: it hears the devices that are its own.

    Attributes:
        told: readings that it has had to tell so far, each once; a corrected value is one more.
        corrected: how many of them are corrected values.
    """

    told: int
    corrected: int

    def hear(self, message: Up, *, t: int) -> None:
        """One of its devices says something at city time ``t`` [ms]."""

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""


@runtime_checkable
class PostingCloud(Cloud, Protocol):
    """A cloud that posts, and passes orders on to its devices."""

    def due(self, t: int) -> httpx.Request | None:
        """The post that is to be made at ``t`` [ms], if any: until one is answered there is no other."""

    def answered(self, response: httpx.Response | None, *, t: int) -> None:
        """How that post was answered; None: not at all."""

    def orders(self) -> Sequence[Command]:
        """Orders that came in since the last call, for devices of its own (``node`` is left open)."""
