"""The ledger by node, kind and department adds up to the whole, and gaps have names."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.books import Books, By, Division, Part
from datahub.contract.codes import Reason
from datahub.contract.messages import Lost, Watermarks
from datahub.devices.gaps import Gap
from datahub.store.tables import AssetRow

METERS, POSTS = (101, 102), (201, 202)
NODES = (*METERS, GATEWAY, 777)
"""Node 777 was never born."""

OWNERS = {101: "water", 201: "lighting", 202: "water"}
"""Device 102 is in no register."""

RUN = st.tuples(st.sampled_from(NODES), st.integers(0, 20), st.integers(1, 6), st.booleans())


def said(node: int, n: int) -> tuple[int, str, int, float]:
    """The n-th reading of a node: the gateway also speaks for a stranger, and for a device of another node."""
    if node == GATEWAY:
        device = (*POSTS, 999, 101)[n % 4]
        return (device, "noise_dba" if n % 3 else "nonsense", T0 + n, 50.0)
    return (node, "volume_m3", T0 + n, n / 8)


def fate(node: int, n: int) -> tuple[str, int]:
    """Where that reading goes the first time, and which device answers for it (0: none)."""
    device, name, _, _ = said(node, n)
    if node == GATEWAY and device not in POSTS:
        return "rejected", 0
    return ("stored" if name != "nonsense" else "rejected"), device


class Account:
    """What should stand in the books, counted one reading at a time."""

    def __init__(self) -> None:
        self.settled: set[tuple[int, int]] = set()
        self.parts: Counter[tuple[int, int, str]] = Counter()
        self.unattributed = 0

    def hear(self, node: int, numbers: range) -> None:
        for n in numbers:
            if node == 777:
                self.unattributed += 1
                continue
            where, device = fate(node, n)
            if (node, n) in self.settled:
                where = "duplicate"
            self.settled.add((node, n))
            self.parts[node, device, where] += 1

    def lose(self, node: int, numbers: range) -> None:
        if node == 777:
            self.unattributed += 1  # the message
        else:
            fresh = {(node, n) for n in numbers} - self.settled
            self.settled |= fresh
            self.parts[node, 0, "lost"] += len(fresh)

    def by(self, by: By) -> tuple[tuple[Part, ...], Part]:
        """The parts with something in them, and the rest."""
        kinds = dict.fromkeys(METERS, "water_meter") | dict.fromkeys(POSTS, "smart_pole")
        found: dict[str, Counter[str]] = {}
        for (node, device, where), count in self.parts.items():
            name = {By.NODE: str(node), By.KIND: kinds.get(device, ""), By.DEPARTMENT: OWNERS.get(device, "")}[by]
            found.setdefault(name, Counter())[where] += count
        parts = {name: Part(name, **count) for name, count in found.items() if any(count.values())}
        rest = parts.pop("", Part(""))
        return tuple(parts[name] for name in sorted(parts, key=lambda it: (len(it), it) if by is By.NODE else it)), rest


def town_of_three(directory: Path) -> Town:
    town = Town(directory, run="")
    town.send(births(METER, devices=METERS), births(POST, devices=POSTS, nodes=[GATEWAY, GATEWAY]))
    with town.hub.store.session() as session:
        for code, owner in OWNERS.items():
            row = AssetRow(code=code, sort="device", owner=owner, object=0, lon=113.5, lat=22.2, name="", stage=3)
            session.add(row)
    return town


def whole(division: Division) -> tuple[int, ...]:
    """Sums of all parts and the rest, as they stand in the ledger."""
    every = (*division.parts, division.rest)
    return tuple(sum(getattr(one, name) for one in every) for name in ("stored", "rejected", "duplicate", "lost"))


@settings(max_examples=40, deadline=None)
@given(runs=st.lists(RUN, min_size=1, max_size=25), together=st.integers(1, 6), flush=st.booleans())
def test_every_division_adds_up_to_the_whole_at_any_moment_and_after_a_fall(
    runs: list[tuple[int, int, int, bool]], together: int, flush: bool
) -> None:
    with TemporaryDirectory() as folder:
        town, account = town_of_three(Path(folder)), Account()
        for number in range(0, len(runs), together):
            messages: list[object] = []
            for node, first, count, lost in sorted(runs[number : number + together], key=lambda run: run[3]):
                numbers = range(first, first + count)  # of what comes together, readings count before losses
                if lost:
                    messages.insert(0, Lost(node=node, epoch=T0, first=first, last=first + count - 1, t=T0))
                    account.lose(node, numbers)
                else:
                    messages.append(pack(node, [said(node, n) for n in numbers], first=first))
                    account.hear(node, numbers)
            town.send(*messages)
            if number % 2:
                town.hub.tick(T0 + MINUTE + number)
        as_counted(town, account)
        if flush:
            town.hub.tick(T0 + 2 * MINUTE)
            town.hub.compact()
            as_counted(town, account)
        town.vanish()
        town = Town(Path(folder), run="")
        as_counted(town, account)
        town.hub.close()


def as_counted(town: Town, account: Account) -> None:
    books, tally = Books(town.hub), town.hub.queries.ledger()
    for by in By:
        division = books.divide(by)
        assert (division.parts, division.rest) == account.by(by)
        assert whole(division) == (tally.stored, tally.rejected, tally.duplicate, tally.lost)
        assert division.whole == tally
    assert tally.unattributed == account.unattributed
    assert tally.closes()


def marks(town: Town) -> dict[int, int]:
    """How far the hub said it has each node."""
    found: dict[int, int] = {}
    for message in town.field.receive():
        if isinstance(message, Watermarks):
            found |= dict(zip(message.node.tolist(), message.sequence.tolist(), strict=True))
    return found


def meter(first: int, count: int = 1, *, epoch: int = T0) -> object:
    return pack(101, [(101, "volume_m3", T0 + first + i, 1.0) for i in range(count)], first=first, epoch=epoch)


def test_a_gap_is_named_since_it_was_seen_splits_without_growing_younger_and_goes_when_it_is_filled(
    tmp_path: Path,
) -> None:
    town = town_of_three(tmp_path)
    books = Books(town.hub)
    town.send(meter(0, 3), meter(10, 2))
    assert books.missing() == [], "gaps are found at the tick, whatever the order of arrival within it"
    town.hub.tick(T0 + MINUTE)
    assert books.missing() == [Gap(101, T0, 3, 9, T0 + MINUTE)]
    town.send(meter(5, 2), meter(20))
    town.hub.tick(T0 + 2 * MINUTE)
    named = [Gap(101, T0, 3, 4, T0 + MINUTE), Gap(101, T0, 7, 9, T0 + MINUTE), Gap(101, T0, 12, 19, T0 + 2 * MINUTE)]
    assert books.missing() == named
    assert books.missing(node=102) == []
    town.vanish()
    town = Town(tmp_path, run="")
    books = Books(town.hub)
    assert books.missing() == named
    town.hub.tick(T0 + 3 * MINUTE)
    assert books.missing() == named, "nothing new, nothing younger"
    town.send(meter(3, 2), meter(7, 3), meter(12, 8))
    town.hub.tick(T0 + 4 * MINUTE)
    assert books.missing() == []
    assert town.hub.queries.ahead() == 0
    town.hub.close()


def test_a_gap_of_an_epoch_that_is_over_keeps_its_name(tmp_path: Path) -> None:
    town = town_of_three(tmp_path)
    town.send(meter(0), meter(4))
    town.hub.tick(T0 + MINUTE)
    town.send(births(METER, devices=[101], epoch=T0 + MINUTE), meter(1, epoch=T0 + MINUTE))
    town.hub.tick(T0 + 2 * MINUTE)
    books = Books(town.hub)
    assert books.missing(node=101) == [
        Gap(101, T0, 1, 3, T0 + MINUTE),
        Gap(101, T0 + MINUTE, 0, 0, T0 + 2 * MINUTE),
    ]
    town.send(meter(1, 3))
    town.hub.tick(T0 + 3 * MINUTE)
    assert [gap.epoch for gap in books.missing()] == [T0 + MINUTE]
    town.hub.close()


def test_a_declared_gap_lets_the_watermark_go_on_and_stands_in_the_ledger_as_lost(tmp_path: Path) -> None:
    town = town_of_three(tmp_path)
    town.send(meter(0, 2), meter(6, 2))
    town.hub.tick(T0 + MINUTE)
    assert marks(town)[101] == 1
    town.send(Lost(node=101, epoch=T0, first=1, last=5, t=T0 + MINUTE, why="memory full"))
    assert marks(town)[101] == 7
    town.hub.tick(T0 + 2 * MINUTE)
    books, tally = Books(town.hub), town.hub.queries.ledger()
    assert books.missing() == []
    assert [msgspec.structs.replace(one, id=0) for one in books.declared()] == [
        Gap(101, T0, 2, 5, T0 + MINUTE, True, "memory full")
    ], "what had come is not lost"
    assert (tally.stored, tally.lost, tally.received, tally.duplicate) == (4, 4, 4, 0)
    assert tally.stored + tally.rejected + tally.lost == 8, "published: all that was numbered"
    town.send(meter(3))
    assert town.hub.queries.ledger().duplicate == 1, "what comes after it was declared is not stored again"
    assert town.hub.queries.ledger().closes()
    town.vanish()
    town = Town(tmp_path, run="")
    assert town.hub.queries.ledger().lost == 4
    assert Books(town.hub).declared(node=101) == books.declared()
    town.send(Lost(node=101, epoch=T0, first=1, last=5, t=T0 + 2 * MINUTE))
    assert town.hub.queries.ledger().lost == 4, "said twice, lost once"
    assert marks(town)[101] == 7
    town.hub.close()


@pytest.mark.parametrize(
    ("lost", "reason", "asks"),
    [
        (Lost(node=101, epoch=T0, first=0, last=2**50, t=T0), Reason.MALFORMED, False),
        (Lost(node=777, epoch=T0, first=0, last=1, t=T0), Reason.UNKNOWN_DEVICE, True),
        (Lost(node=101, epoch=T0 + 1, first=0, last=1, t=T0), Reason.UNKNOWN_DEVICE, True),
    ],
    ids=["longer than a node can have filled", "of a node that was not born", "of an epoch to come"],
)
def test_a_gap_that_cannot_be_is_not_taken(tmp_path: Path, lost: Lost, reason: Reason, asks: bool) -> None:
    town = town_of_three(tmp_path)
    town.send(lost)
    town.hub.tick(T0 + MINUTE)
    tally = town.hub.queries.ledger()
    assert tally.lost == 0
    assert Books(town.hub).declared() == []
    assert (tally.by_reason, tally.unattributed) == ({reason: 1}, 1)
    assert tally.closes()
    asked = [message for message in town.field.receive() if type(message).__name__ == "Rebirth"]
    assert bool(asked) == asks, "whom the hub does not know it asks"
    town.hub.close()


def test_accounts_of_a_former_version_are_the_rest(tmp_path: Path) -> None:
    town = town_of_three(tmp_path)
    town.send(meter(0, 3))
    town.hub.tick(T0 + MINUTE)
    town.hub.flush()
    town.hub.observations.compact(town.hub.observations.packs())
    connection = town.hub.observations._connection  # what version 1 did not write
    for table in ("account", "hourly", "daily", "mark"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("UPDATE hub_schema SET version = 1")
    town.vanish()
    town = Town(tmp_path, run="")
    town.send(meter(3))
    division = Books(town.hub).divide(By.NODE)
    assert division.parts == (Part("101", stored=1),)
    assert division.rest == Part("", stored=3)
    assert msgspec.structs.asdict(division.whole)["stored"] == 4
    town.hub.close()
