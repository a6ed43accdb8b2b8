"""The northbound side of the wire: alarms as any other system hears them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from datahub.contract.messages import Alarm
from datahub.contract.topics import Topics
from datahub.transport.address import Address
from datahub.transport.connection import Connection


@contextmanager
def listening(url: str, topics: Topics, heard: Callable[[Alarm], None], *, name: str = "north") -> Iterator[None]:
    """Give every alarm of a city to ``heard``, in the thread of the connection, for as long as it is needed.

    Raises:
        OutsideError: if no broker answers.
    """
    read = msgspec.json.Decoder(Alarm).decode
    connection = Connection(
        Address.of(url),
        f"citybrain-{topics.city}-{name}",
        filters=[topics.alarm("+")],
        take=lambda message: heard(read(message.payload)),
    )
    try:
        yield
    finally:
        connection.close()
