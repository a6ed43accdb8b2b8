"""What came up the wire, sorted: observations in one batch, births, other messages, markers, and what is unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from datahub.contract.codes import Reason
from datahub.contract.messages import Ack, BirthBatch, Death, Lost, Marker, Reported
from datahub.contract.observations import ObservationBatch
from datahub.contract.senml import decode_packs
from datahub.contract.topics import Topics, Word
from datahub.contract.wire import Unreadable, decode_up
from datahub.transport.bus import Arrived, Delivery, Handed


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that could not be read: why, from which node (0: not known), and a word for a person."""

    reason: Reason
    node: int
    detail: str


@dataclass(slots=True)
class Sorted:
    """Deliveries by what they are."""

    batches: list[ObservationBatch] = field(default_factory=list)
    births: list[BirthBatch] = field(default_factory=list)
    notes: list[Death | Reported | Ack] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def sort(deliveries: Sequence[Delivery], *, topics: Topics, now: int) -> Sorted:
    """Read all deliveries; what cannot be read is counted, never raised. ``now`` is city time [ms]."""
    found = Sorted()
    payloads: list[bytes] = []
    nodes: list[int] = []
    head, tail = f"{topics.root}/", f"/{Word.OBS}"  # what ``topics.parse`` does, cheaper: one call per reading counts
    start, end = len(head), -len(tail)
    for delivery in deliveries:
        if isinstance(delivery, Handed):
            _place(delivery.message, found)
            continue
        topic = delivery.topic
        digits = topic[start:end]
        if (
            topic.endswith(tail)
            and topic.startswith(head)
            and digits.isdecimal()
            and digits.isascii()
            and len(digits) < 19
        ):
            payloads.append(delivery.payload)
            nodes.append(int(digits))
        else:
            _other(delivery, topics.parse(topic), found=found, topics=topics)
    if payloads:
        batch, rejections = decode_packs(payloads, nodes, now=now)
        if batch.packs:
            found.batches.append(batch)
        found.refused += [Refused(one.reason, nodes[one.index], one.detail) for one in rejections]
    return found


def _place(message: object, found: Sorted) -> None:
    if isinstance(message, ObservationBatch):
        found.batches.append(message)
    elif isinstance(message, BirthBatch):
        found.births.append(message)
    elif isinstance(message, Marker):
        found.markers.append(message)
    elif isinstance(message, Death | Reported | Ack):
        found.notes.append(message)
    elif isinstance(message, Lost):
        found.lost.append(message)
    else:
        found.refused.append(Refused(Reason.MALFORMED, 0, f"a {type(message).__name__} does not travel upward"))


def _other(delivery: Arrived, parsed: tuple[int, Word] | None, *, found: Sorted, topics: Topics) -> None:
    """Anything that came as bytes and is no observation."""
    node = parsed[0] if parsed else 0
    try:
        _place(decode_up(delivery.topic, delivery.payload, topics=topics), found)
    except Unreadable as error:
        found.refused.append(Refused(error.reason, node, str(error)))
