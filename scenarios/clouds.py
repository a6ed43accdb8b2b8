"""The field's end of the wire where vendors' clouds carry some of its devices: these never reach the wire.

What a cloud's devices say goes to the cloud, which acknowledges it as its own; what the cloud is ordered to do comes
down to them. The cloud then tells the platform in its own way and time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Lock

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from datahub.connector import Exchange, Unanswered
from datahub.contract.messages import Ack, BirthBatch, Death, Down, Marker, Reported, Up, Watermarks
from datahub.contract.observations import Ints, ObservationBatch
from datahub.feed import Cloud, PostingCloud
from datahub.transport.bus import FieldBus
from scenarios.bridging import Behind

POSTS = 50
"""Posts of one cloud in one turn: a backlog must not hold up the city. Ours to choose."""


class CloudHost:
    """One vendor's cloud at work: a web server and the field's own thread use it one at a time."""

    def __init__(self, own: Behind, cloud: Cloud) -> None:
        self._cloud, self._lock, self.nodes = cloud, Lock(), own.nodes
        speaks = own.sites.device if own.sites.node is None else own.sites.node
        self._node_of = dict(zip(own.sites.device.tolist(), speaks.tolist(), strict=True))

    @property
    def told(self) -> int:
        """Readings that the cloud has had to tell so far, corrected values among them."""
        return self._cloud.told

    @property
    def corrected(self) -> int:
        """Corrected values among them, which no device has published."""
        return self._cloud.corrected

    def hear(self, message: Up, *, t: int) -> None:
        """One of its devices says something."""
        with self._lock:
            self._cloud.hear(message, t=t)

    def handle(self, request: httpx.Request, *, t: int) -> httpx.Response:
        """Answer one request at city time ``t`` [ms]."""
        with self._lock:
            return self._cloud.handle(request, t=t)

    def orders(self) -> list[Down]:
        """Orders for its devices."""
        if not isinstance(self._cloud, PostingCloud):
            return []
        with self._lock:
            new = self._cloud.orders()
        return [msgspec.structs.replace(one, node=self._node_of[one.device]) for one in new]

    def post(self, exchange: Exchange, vendor: str, *, t: int) -> None:
        """Make the posts that are due at ``t`` [ms], until one is not taken."""
        cloud = self._cloud
        if not isinstance(cloud, PostingCloud):
            return
        for _ in range(POSTS):
            with self._lock:
                request = cloud.due(t)
            if request is None:
                return
            try:
                response: httpx.Response | None = exchange.call(vendor, request, t=t)
            except Unanswered:
                response = None
            with self._lock:
                cloud.answered(response, t=t)


class Clouds:
    """The field's end of a wire, with clouds that carry some nodes.

    Args:
        wire: for all other nodes.
        hosts: by vendor.
        clock: tells the city time [ms].
    """

    def __init__(self, wire: FieldBus, hosts: Mapping[str, CloudHost], clock: Callable[[], int]) -> None:
        self._wire, self.hosts, self._clock = wire, hosts, clock
        self._down: list[Down] = []

    def send(self, message: Up) -> None:
        """Send one message up, each node's to where it speaks."""
        match message:
            case ObservationBatch():
                self._send_packs(message)
            case BirthBatch():
                self._send_births(message)
            case Death() | Reported() | Ack():
                host = next((one for one in self.hosts.values() if message.node in one.nodes), None)
                if host is None:
                    self._wire.send(message)
                else:
                    host.hear(message, t=self._clock())
            case Marker():
                self._wire.send(message)

    def _send_packs(self, batch: ObservationBatch) -> None:
        rest = batch
        for host in self.hosts.values():
            theirs = np.isin(rest.node, host.nodes)
            if theirs.any():
                part, rest = rest.select(theirs), rest.select(~theirs)
                host.hear(part, t=self._clock())
                self._down.append(_marks(part))
        if rest.packs:
            self._wire.send(rest)

    def _send_births(self, births: BirthBatch) -> None:
        rest = np.ones(len(births), np.bool_)
        for host in self.hosts.values():
            rest &= ~np.isin(births.node, host.nodes)
        if rest.all():
            self._wire.send(births)
        elif rest.any():
            self._wire.send(_some(births, rest))

    def receive(self, *, wait_s: float = 0.0) -> Sequence[Down]:
        """What has come down, by the wire and from the clouds."""
        own, self._down = self._down, []
        own += [order for host in self.hosts.values() for order in host.orders()]
        return [*own, *self._wire.receive(wait_s=wait_s)]

    def cut_off(self, nodes: Ints) -> NDArray[np.bool_]:
        """Which of these nodes (codes) have no line to the broker; who speaks to a cloud has none to lose."""
        cut = self._wire.cut_off(nodes)
        for host in self.hosts.values() if cut.any() else ():
            cut &= ~np.isin(nodes, host.nodes)
        return cut

    def post(self, exchange: Exchange, *, t: int) -> None:
        """Let every cloud post what is due at ``t`` [ms]; ``exchange`` reaches the platform's door for each vendor."""
        for vendor, host in self.hosts.items():
            host.post(exchange, vendor, t=t)

    @property
    def told(self) -> int:
        """Readings that the clouds have had to tell so far."""
        return sum(host.told for host in self.hosts.values())

    @property
    def corrected(self) -> int:
        """Corrected values among them, which no device has published."""
        return sum(host.corrected for host in self.hosts.values())

    def close(self) -> None:
        """Say good-bye and let go."""
        self._wire.close()


def _marks(batch: ObservationBatch) -> Watermarks:
    """The cloud has these packs."""
    return Watermarks(batch.node, batch.epoch, batch.first + batch.counts - 1)


def _some(births: BirthBatch, keep: NDArray[np.bool_]) -> BirthBatch:
    return BirthBatch(
        kind=births.kind,
        node=births.node[keep],
        epoch=births.epoch[keep],
        device=births.device[keep],
        object=births.object[keep],
        lon=births.lon[keep],
        lat=births.lat[keep],
    )
