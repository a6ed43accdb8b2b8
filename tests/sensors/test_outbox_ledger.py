"""Published is what was acknowledged plus what is in flight, whatever happens on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from field_town import START, harbour
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.contract.clock import MINUTE_MS
from datahub.contract.messages import Lost, Watermarks
from datahub.contract.observations import ObservationBatch
from scenarios.survey.city import sites
from sensors.gateway import Nodes
from sensors.kind import load_kinds
from sensors.outbox import Outbox

KIND = load_kinds()["flow_logger"]
SITES = sites(harbour(), KIND)
NODES = 5

moves = st.lists(
    st.one_of(
        st.tuples(st.just("lay"), st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(1, 4)), max_size=4)),
        st.tuples(st.just("lose"), st.tuples(st.integers(0, NODES - 1), st.integers(1, 30))),
        st.tuples(st.just("time"), st.integers(1, 20)),
        st.tuples(st.just("acknowledge"), st.lists(st.tuples(st.integers(0, NODES - 1), st.floats(0, 1)), max_size=4)),
        st.tuples(st.just("epoch"), st.integers(0, NODES - 1)),
        st.tuples(st.just("resend"), st.none()),
        st.tuples(st.just("power"), st.integers(0, NODES - 1)),
    ),
    max_size=40,
)


@dataclass
class Wire:
    """Nodes with an outbox, a clock, and a hub that knows what it has seen."""

    nodes: Nodes = field(default_factory=lambda: Nodes(KIND, SITES, epoch=START))
    t: int = START
    laid: int = 0
    seen: dict[tuple[int, int], int] = field(default_factory=dict)
    marked: dict[tuple[int, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.nodes)

    def move(self, name: str, what: object) -> None:
        getattr(self, name)(what)

    def lay(self, packs: list[tuple[int, int]]) -> None:
        wanted = {node: count for node, count in packs if self.nodes.powered[node]}
        of, counts = np.array(sorted(wanted), np.intp), np.array([wanted[it] for it in sorted(wanted)], np.int64)
        n = int(counts.sum())
        columns = (np.repeat(self.nodes.code[of], counts), np.zeros(n, np.int16), np.full(n, self.t), np.zeros(n))
        self.laid += n
        self.hear([self.outbox.lay(self.nodes.pack(of, counts, t=self.t, columns=columns), of, self.t)])

    def lose(self, what: tuple[int, int]) -> None:
        node, minutes = what
        self.outbox.lose_link(np.array([node]), np.array([self.t + minutes * MINUTE_MS]))

    def time(self, minutes: int) -> None:
        for _ in range(minutes):
            self.t += MINUTE_MS
            self.hear(self.outbox.take(self.t))

    def resend(self, _: None) -> None:
        self.hear(self.outbox.resend(self.t))

    def acknowledge(self, shares: list[tuple[int, float]]) -> None:
        for node, share in shares:
            for (code, epoch), last in self.seen.items():
                if code == self.nodes.code[node]:
                    mark = round(share * (last + 1)) - 1
                    self.mark(code, epoch, mark)

    def mark(self, code: int, epoch: int, sequence: int) -> None:
        self.marked[code, epoch] = max(sequence, self.marked.get((code, epoch), -1))
        self.outbox.acknowledge(
            Watermarks(node=np.array([code]), epoch=np.array([epoch]), sequence=np.array([sequence]))
        )

    def epoch(self, node: int) -> None:
        self.t += MINUTE_MS
        self.nodes.switch_off(np.array([node]))
        self.outbox.begin_epoch(np.array([node]))
        self.nodes.switch_on(np.array([node]), self.t)

    def power(self, node: int) -> None:
        self.nodes.powered[node] = ~self.nodes.powered[node]

    def hear(self, batches: list[ObservationBatch]) -> None:
        """The hub gets packs; of each node and epoch they come without a gap."""
        for batch in batches:
            batch.check()
            for node, epoch, first, count in zip(batch.node, batch.epoch, batch.first, batch.counts, strict=True):
                key = (int(node), int(epoch))
                assert first <= self.seen.get(key, -1) + 1
                self.seen[key] = max(self.seen.get(key, -1), int(first + count - 1))

    @property
    def closed(self) -> bool:
        """Whether the ledger closes, and nothing was acknowledged that the hub did not get."""
        box = self.outbox
        return box.published == self.laid == box.acknowledged + box.in_flight

    def finish(self) -> None:
        """Links and power come back, and the hub acknowledges all."""
        self.nodes.powered[:] = True
        self.time(60)
        for (code, epoch), last in list(self.seen.items()):
            self.mark(code, epoch, last)


@dataclass
class Forgetful(Wire):
    """Nodes that keep six readings at most; what they declare lost counts as seen."""

    def __post_init__(self) -> None:
        self.outbox = Outbox(self.nodes, memory=6)

    def move(self, name: str, what: object) -> None:
        super().move(name, what)
        self.listen()

    def listen(self) -> None:
        """The hub hears what is declared lost."""
        for lost in self.outbox.declare(self.t):
            assert 0 <= lost.first <= lost.last
            runs = self.runs.setdefault((lost.node, lost.epoch), set())
            runs |= set(range(lost.first, lost.last + 1))

    runs: dict[tuple[int, int], set[int]] = field(default_factory=dict)

    def hear(self, batches: list[ObservationBatch]) -> None:
        """The hub gets packs; beyond a gap it waits for them or for the word that they are lost."""
        for batch in batches:
            batch.check()
            for node, epoch, first, count in zip(batch.node, batch.epoch, batch.first, batch.counts, strict=True):
                self.runs.setdefault((int(node), int(epoch)), set()).update(range(int(first), int(first + count)))

    def mark(self, code: int, epoch: int, sequence: int) -> None:
        """The watermark goes as far as there is no gap."""
        have = self.runs.get((code, epoch), set())
        reached = next(n for n in range(len(have) + 1) if n not in have) - 1
        if reached >= 0:
            super().mark(code, epoch, reached)

    def finish(self) -> None:
        self.nodes.powered[:] = True
        self.time(60)
        self.listen()
        for code, epoch in list(self.runs):
            self.mark(code, epoch, 0)


@settings(max_examples=200, deadline=None)
@given(moves)
def test_with_a_small_memory_each_reading_comes_or_is_declared_lost(story: list[tuple[str, object]]) -> None:
    wire = Forgetful()
    for name, what in story:
        wire.move(name, what)
        assert wire.closed
    wire.finish()
    assert wire.closed
    assert wire.outbox.in_flight == 0
    assert wire.laid == sum(len(run) for run in wire.runs.values())
    assert wire.outbox.forgotten == 0 or wire.laid > 6


def test_a_node_whose_memory_is_full_forgets_its_oldest_packs_and_says_which() -> None:
    wire = Forgetful()
    wire.lose((0, 600))
    for _ in range(4):
        wire.lay([(0, 2)])
    assert wire.outbox.declare(wire.t) == [], "without a link nothing can be said"
    assert wire.outbox.in_flight == 8
    again = wire.t + 600 * MINUTE_MS
    code = int(wire.nodes.code[0])
    lost = Lost(node=code, epoch=START, first=0, last=1, t=START, why="memory full")
    assert wire.outbox.declare(again) == [lost]
    assert wire.outbox.declare(again + MINUTE_MS) == [], "the hub is given time"
    assert wire.outbox.declare(again + 10 * MINUTE_MS) == [lost]
    Wire.mark(wire, code, START, 1)
    assert (wire.outbox.in_flight, wire.outbox.acknowledged, wire.outbox.forgotten) == (6, 2, 2)


@settings(max_examples=200, deadline=None)
@given(moves)
def test_the_ledger_closes_at_every_moment(story: list[tuple[str, object]]) -> None:
    wire = Wire()
    for name, what in story:
        wire.move(name, what)
        assert wire.closed
    wire.finish()
    assert wire.closed
    assert wire.outbox.in_flight == 0
    assert wire.laid == sum(last + 1 for last in wire.seen.values())


def test_a_pack_stays_until_its_last_reading_is_acknowledged() -> None:
    wire = Wire()
    wire.lay([(0, 4)])
    code = int(wire.nodes.code[0])

    wire.mark(code, START, 2)
    assert wire.outbox.in_flight == 4
    wire.mark(code, START, 3)
    assert wire.outbox.in_flight == 0


def test_a_mark_of_another_epoch_acknowledges_nothing() -> None:
    wire = Wire()
    wire.lay([(0, 4)])
    wire.mark(int(wire.nodes.code[0]), START - 1, 10)
    assert wire.outbox.in_flight == 4


def test_marks_of_nodes_that_are_not_ours_are_left_alone() -> None:
    wire = Wire()
    wire.lay([(0, 4)])
    wire.mark(99_999_999_999_999_999, START, 10)
    wire.mark(1, START, 10)
    assert wire.outbox.in_flight == 4


def test_what_nobody_acknowledges_goes_up_again_after_ten_minutes_then_twenty() -> None:
    wire = Wire()
    wire.lay([(0, 4)])
    again = []
    for minute in range(1, 80):
        if wire.outbox.take(START + minute * MINUTE_MS):
            again.append(minute)
    assert again == [10, 30, 70]


def test_while_a_node_has_no_link_all_it_says_waits_in_order() -> None:
    wire = Wire()
    wire.lose((0, 5))
    wire.lay([(0, 1), (1, 1)])
    wire.time(2)
    wire.lay([(0, 2)])
    assert wire.seen == {(int(wire.nodes.code[1]), START): 0}
    assert wire.outbox.in_flight == 4
    wire.time(3)
    assert wire.seen[int(wire.nodes.code[0]), START] == 2
