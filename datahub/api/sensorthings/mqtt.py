"""SensorThings' MQTT extension: new observations go out by datastream, and what is published there is created.

An MQTT 3.1.1 broker tells nobody who subscribes to what, so it is declared which datastreams go out: by kind of device,
``created`` for those made through the API, ``all``. Nothing is published, and no connection is open, unless that is
declared. What bears an ``@iot.id`` is the hub's own word and is not created again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from threading import Condition
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.api.problems import Problem
from datahub.api.sensorthings.answer import Answer
from datahub.api.sensorthings.derived import OWN_KIND
from datahub.api.sensorthings.grammar import wrong
from datahub.api.sensorthings.model import Entity, EntitySet, relation
from datahub.api.sensorthings.options import Options
from datahub.api.sensorthings.path import read
from datahub.api.sensorthings.service import SensorThings
from datahub.api.sensorthings.walk import follow
from datahub.contract.errors import CitybrainError, UsageError
from datahub.contract.wire import Outgoing
from datahub.transport.address import Address
from datahub.transport.connection import Connection, Incoming

TOPICS: Final = "v1.1/+/Observations"
"""Topics on which observations are published and created (OGC 18-088, 13.2 and 13.3); the middle is a datastream."""

CREATED, ALL = "created", "all"
_TOPIC: Final = re.compile(r"v1\.1/(Datastreams\([^/]*\)/Observations)")
_ENCODER: Final = msgspec.json.Encoder()


class Extension:
    """The hub's voice and ear on SensorThings' topics.

    Args:
        things: the hub's SensorThings.
        url: address of the broker.
        base: address of the API's root, for the links in what is published.
        streams: what goes out: kinds of device, ``created``, ``all``.

    Attributes:
        published, created, refused: observations that went out, that were created, and that could not be.
        problem: what was wrong with the last that was refused.

    Raises:
        OutsideError: if no broker answers.
    """

    def __init__(self, things: SensorThings, url: str, *, base: str, streams: Sequence[str], name: str = "sta") -> None:
        self._things, self._base, self._streams = things, base, frozenset(streams)
        self.published = self.created = self.refused = 0
        self.problem = ""
        self._counted = Condition()
        self._last: bytes | None = None
        address = Address.of(url)
        hub = things.source.hub
        self._connection = Connection(
            address, f"citybrain-{hub.city}-{name}", filters=[TOPICS], take=self._take, live=True
        )
        things.mqtt = f"mqtt://{address.host}:{address.port}"

    def _take(self, message: Incoming) -> None:
        """Create what somebody published; what cannot be is counted, and stops nothing."""
        try:
            found = _TOPIC.fullmatch(message.topic)
            body = msgspec.json.decode(message.payload)
            if isinstance(body, dict) and "@iot.id" in body:
                return
            if found is None:
                raise wrong(f"'{message.topic:.80}' is no topic of a datastream's observations")
            if message.dup and message.payload == self._last:
                return  # the broker did not hear that it came
            place = follow(self._things.source, read(found[1]))
            parent = (place.parent, place.to) if place.parent is not None and place.to is not None else None
            self._things.changes.create(place.set, body, parent=parent)
        except (Problem, CitybrainError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            with self._counted:
                self.refused, self.problem = self.refused + 1, str(error)
                self._counted.notify_all()
            return
        with self._counted:
            self.created, self._last = self.created + 1, bytes(message.payload)
            self._counted.notify_all()

    def heard(self, count: int, *, wait_s: float) -> bool:
        """Whether so many were created or refused; waits at most ``wait_s`` [s of wall time] until it is so."""
        with self._counted:
            return self._counted.wait_for(lambda: self.created + self.refused >= count, wait_s)

    def publish(self) -> int:
        """Send out what the last tick evaluated of the declared datastreams; returns how many observations."""
        fresh = self._fresh()
        to = relation(EntitySet.OBSERVATIONS, "Datastream")
        topics: dict[tuple[int, str], str] = {}
        for one in fresh:
            if (one.device, one.says) not in topics and to is not None:
                stream = next(iter(self._things.source.related(one, to)), None)
                topics[one.device, one.says] = f"v1.1/{stream.path}/Observations" if stream else ""
            topic = topics[one.device, one.says]
            if topic:
                told = Answer(self._things.source, self._base).entity(one, Options())
                self._connection.send(Outgoing(topic, _ENCODER.encode(told), qos=0))
                self.published += 1
        return len(fresh)

    def _fresh(self) -> list[Entity]:
        hub = self._things.source.hub
        with hub.store.lock:
            readings, names = hub.memory.fresh.readings, list(hub.registry.kinds.properties)
            rows = np.flatnonzero(self._wanted(readings.device))
            columns = [
                column[rows].tolist()
                for column in (
                    readings.device,
                    readings.property,
                    readings.phenomenon_time,
                    readings.value,
                    readings.quality,
                    readings.sequence,
                )
            ]
        return [
            self._things.source.readings.entity(
                device, names[number], t=t, value=value, quality=quality, sequence=sequence, said=None
            )
            for device, number, t, value, quality, sequence in zip(*columns, strict=True)
        ]

    def _wanted(self, device: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which readings are of a declared kind."""
        if not len(device):
            return np.zeros(0, np.bool_)
        registry = self._things.source.hub.registry
        wanted = [
            ALL in self._streams or (CREATED if kind.name.startswith(OWN_KIND) else kind.name) in self._streams
            for kind in registry.kinds.kinds
        ]
        return np.array(wanted, np.bool_)[registry.kind[registry.rows(device)]]

    def close(self) -> None:
        """Let go."""
        self._things.mqtt = ""
        self._connection.close()


def declared(text: str) -> tuple[str, ...]:
    """The declared streams of a setting: names with commas between.

    Raises:
        UsageError: if a name is none.
    """
    names = tuple(filter(None, (one.strip() for one in text.split(","))))
    odd = next((one for one in names if not one.isidentifier()), None)
    if odd is not None:
        raise UsageError(f"'{odd:.40}' is no kind of device; write kinds with commas between, 'created' or 'all'")
    return names
