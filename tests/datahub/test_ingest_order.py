"""What is stored, counted and hashed does not depend on how it came."""

from __future__ import annotations

from itertools import pairwise

from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, joined, pack
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.contract.messages import Watermarks

METERS = (101, 102)
POSTS = (201, 202)
LENGTH = 24


def reading(node: int, sequence: int) -> tuple[int, str, int, float]:
    """What a node says with a sequence number; every fifth reading of the gateway is of a device nobody knows."""
    t = T0 + sequence * 1000
    if node == GATEWAY:
        device = 999 if sequence % 5 == 4 else POSTS[sequence % 2]
        return (device, ("noise_dba", "leakage_current_a")[sequence // 2 % 2], t, 40.0 + sequence % 3)
    return (node, "volume_m3", t, sequence / 8)


class Outboxes:
    """The other end of the wire: how far each node may forget."""

    def __init__(self) -> None:
        self.marks: dict[int, int] = {}

    def hear(self, town: Town) -> None:
        for message in town.field.receive():
            if isinstance(message, Watermarks):
                self.marks |= dict(zip(message.node.tolist(), message.sequence.tolist(), strict=True))


def town_of_three() -> Town:
    town = Town()
    town.send(births(METER, devices=METERS), births(POST, devices=POSTS, nodes=[GATEWAY, GATEWAY]))
    return town


RUN = st.tuples(st.sampled_from((*METERS, GATEWAY)), st.integers(0, LENGTH - 1), st.integers(1, 9))


@settings(max_examples=10, deadline=None)
@given(runs=st.lists(RUN, min_size=1, max_size=30), cuts=st.sets(st.integers(1, 30)), together=st.booleans())
def test_any_order_repetition_and_cutting_gives_the_same_store_ledger_and_digest(
    runs: list[tuple[int, int, int]], cuts: set[int], together: bool
) -> None:
    town, boxes = town_of_three(), Outboxes()
    delivered: set[tuple[int, int]] = set()
    edges = [0, *sorted(cut for cut in cuts if cut < len(runs)), len(runs)]
    received = 0
    for start, end in pairwise(edges):
        packs = []
        for node, first, count in runs[start:end]:
            numbers = range(first, min(first + count, LENGTH))
            packs.append(pack(node, [reading(node, n) for n in numbers], first=first))
            delivered |= {(node, n) for n in numbers}
            received += len(numbers)
        town.send(*([joined(packs)] if together else packs))
        boxes.hear(town)
    town.hub.tick(T0 + MINUTE)
    reference = town_of_three()
    for node in (*METERS, GATEWAY):
        for n in sorted(n for who, n in delivered if who == node):
            reference.send(pack(node, [reading(node, n)], first=n))
    reference.hub.tick(T0 + MINUTE)

    assert town.stored() == reference.stored()
    assert town.hub.digest() == reference.hub.digest()
    ours, theirs = town.hub.queries.ledger(), reference.hub.queries.ledger()
    assert (ours.stored, ours.rejected, ours.by_reason) == (theirs.stored, theirs.rejected, theirs.by_reason)
    assert ours.received == received
    assert ours.closes()
    assert ours.duplicate == received - len(delivered)
    published = 3 * LENGTH
    in_flight = sum(LENGTH - 1 - boxes.marks.get(node, -1) for node in (*METERS, GATEWAY))
    assert published == ours.stored + ours.rejected + in_flight - town.hub.queries.ahead()
    town.hub.close()
    reference.hub.close()
