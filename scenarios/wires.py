"""The wire of a run, chosen by a word: in the process, the embedded broker, or any broker by URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from datahub.contract.errors import UsageError
from datahub.contract.topics import Topics
from datahub.transport.address import Address
from datahub.transport.broker import EmbeddedBroker
from datahub.transport.bus import CityBus, FieldBus
from datahub.transport.connection import probe
from datahub.transport.local import LocalBus
from datahub.transport.mqtt import MqttCityBus, MqttFieldBus

EMBEDDED: Final = "or use the embedded broker (--bus mqtt)"


def answers(word: str) -> None:
    """See whether the wire that a word names is there, before a run prepares anything.

    Raises:
        UsageError: if it names none.
        OutsideError: if its broker does not answer.
    """
    if word.startswith("mqtt://"):
        probe(Address.of(word), remedy=EMBEDDED)
    elif word not in ("local", "mqtt"):
        raise UsageError(f"there is no bus '{word}'; write local, mqtt or mqtt://host:port")


@contextmanager
def wire(word: str, topics: Topics) -> Iterator[tuple[FieldBus, CityBus]]:
    """Both ends of a wire, for as long as they are needed.

    Raises:
        UsageError: if ``word`` is none of ``local``, ``mqtt`` and ``mqtt://host:port``.
        OutsideError: if a broker cannot be reached or started.
    """
    answers(word)
    if word == "local":
        bus = LocalBus()
        yield bus.field_end, bus.city_end
    elif word == "mqtt":
        with EmbeddedBroker() as broker, _mqtt(broker.url, topics) as ends:
            yield ends
    else:
        with _mqtt(word, topics) as ends:
            yield ends


@contextmanager
def _mqtt(url: str, topics: Topics) -> Iterator[tuple[FieldBus, CityBus]]:
    city = MqttCityBus(url, topics)
    try:
        field = MqttFieldBus(url, topics)
        try:
            yield field, city
        finally:
            field.close()
    finally:
        city.close()
