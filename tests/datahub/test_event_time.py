"""Late and early readings: taken, marked, settled; whatever the order in which they arrive."""

from __future__ import annotations

import random

import pytest
from fastapi.testclient import TestClient
from hub_town import GATEWAY, METER, MINUTE, POST, T0, Town, births, pack
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.api.app import app
from datahub.books import Books, By
from datahub.contract.clock import DAY_MS, to_utc
from datahub.contract.errors import DeclarationError
from datahub.contract.messages import Lost
from datahub.ingest.event_time import FILE, in_force, load

HOUR = 60 * MINUTE
TEXT = """
[skew_s]
value = {skew}
unit = "s"
zh = ""
en = ""
source = "test"
date = 2026-11-25
[far_future_s]
value = {far}
unit = "s"
zh = ""
en = ""
source = "test"
date = 2026-11-25
[settled_s]
value = {settled}
unit = "s"
zh = ""
en = ""
source = "test"
date = 2026-11-25
"""


def test_the_declared_numbers_are_those_by_which_the_hub_judges() -> None:
    policy = in_force()
    assert (policy.skew_ms, policy.far_future_ms) == (5 * MINUTE, DAY_MS)
    assert policy.watermark(T0) == T0 - 2 * DAY_MS
    assert all(limit.unverified and limit.unit == "s" for limit in (policy.skew_s, policy.settled_s))


@pytest.mark.parametrize(
    ("numbers", "rule"),
    [
        ({"skew": 9, "far": 8, "settled": 0}, "above"),
        ({"skew": -1, "far": 8, "settled": 0}, "negative"),
        ({"skew": 1, "far": 8, "settled": -1}, "ahead of city time"),
        ({"skew": '"soon"', "far": 8, "settled": 1}, "float"),
    ],
)
def test_numbers_that_contradict_themselves_are_refused(numbers: dict[str, object], rule: str) -> None:
    with pytest.raises(DeclarationError, match=rule) as caught:
        load(TEXT.format(**numbers))
    assert FILE in str(caught.value)


def test_a_late_reading_stands_in_the_aggregates_at_its_own_time_and_below_the_watermark_it_is_counted() -> None:
    town = Town()
    town.send(births(METER, devices=[101]))
    now = T0 + 3 * DAY_MS
    town.hub.tick(now - MINUTE)
    town.send(pack(101, [(101, "volume_m3", T0, 1.0), (101, "volume_m3", now, 9.0)]))
    town.hub.tick(now)
    hour = {"start": T0, "end": T0 + HOUR, "every_s": 3600.0}
    assert town.hub.queries.series(101, "volume_m3", **hour).count.tolist() == [1]
    late = [(101, "volume_m3", T0 + MINUTE, 2.0), (101, "volume_m3", now - HOUR, 8.0)]
    town.send(pack(101, late, first=2, result_time=now))
    town.hub.tick(now + MINUTE)
    series = town.hub.queries.series(101, "volume_m3", **hour)
    assert (series.count.tolist(), series.last.tolist()) == ([2], [2.0])
    assert town.hub.queries.latest("volume_m3").value.tolist() == [9.0]
    told = TestClient(app(town.hub)).get("/event-time").json()
    assert told == {
        "time": to_utc(now + MINUTE),
        "watermark": to_utc(now + MINUTE - 2 * DAY_MS),
        "skew_s": 300.0,
        "far_future_s": 86_400.0,
        "settled_s": 172_800.0,
        "late": 2,
        "belated": 1,
    }
    town.hub.close()


PACKS = st.lists(
    st.tuples(
        st.sampled_from((101, 102, GATEWAY)),
        st.sampled_from((T0, T0 + MINUTE)),
        st.integers(0, 12),
        st.integers(1, 4),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(ticks=st.lists(PACKS, min_size=1, max_size=4), seed=st.integers(0, 2**16))
def test_within_each_tick_no_order_of_late_early_lost_and_repeated_packs_of_two_epochs_changes_anything(
    ticks: list[list[tuple[int, int, int, int]]], seed: int
) -> None:
    straight, shuffled = Town(), Town()
    chance = random.Random(seed)
    for town in (straight, shuffled):
        for epoch in (T0, T0 + MINUTE):
            town.send(births(METER, devices=[101, 102], epoch=epoch))
            town.send(births(POST, devices=[201], nodes=[GATEWAY], epoch=epoch))
    seen: list[object] = []
    for number, packs in enumerate(ticks):
        t = T0 + (number + 1) * HOUR
        messages: list[object] = [said(*one, t=t) for one in packs]
        beyond = [(node, epoch, 100 + 9 * first) for node, epoch, first, _ in packs]  # of these nothing was sent
        messages += [Lost(node=node, epoch=epoch, first=at, last=at + 3, t=t) for node, epoch, at in beyond]
        for message in messages:
            straight.send(message)
        again = [*messages, *chance.choices([*messages, *seen], k=3)] if messages else []
        chance.shuffle(again)
        while again:
            cut = chance.randint(1, len(again))
            shuffled.send(*again[:cut])
            again = again[cut:]
        seen += messages
        straight.hub.tick(t)
        shuffled.hub.tick(t)
    assert known(shuffled) == known(straight)
    for town in (straight, shuffled):
        assert town.hub.queries.ledger().closes()
        town.hub.close()


def said(node: int, epoch: int, first: int, count: int, *, t: int) -> object:
    """A pack whose readings follow from node, epoch and number; some are hours late, some ahead."""
    device, name = (201, "noise_dba") if node == GATEWAY else (node, "volume_m3")
    readings = []
    for n in range(first, first + count):
        hours = (7 * n + 5 * (epoch - T0) // MINUTE) % 10 - 6
        readings.append((device, name, T0 + hours * HOUR + n * MINUTE, 40.0 + n % 5))
    return pack(node, readings, first=first, epoch=epoch, result_time=t)


def known(town: Town) -> tuple[object, ...]:
    """All that the town shows, but for how often things came."""
    queries, books = town.hub.queries, Books(town.hub)
    tally = queries.ledger()
    divided = [[(part.name, part.stored, part.rejected, part.lost) for part in books.divide(by).parts] for by in By]
    late = town.hub.memory.latest
    return (
        town.stored(),
        queries.digest(),
        (tally.stored, tally.rejected, tally.lost, tally.by_reason, tally.by_kind),
        [queries.latest_of(device) for device in (101, 102, 201)],
        books.missing(),
        sorted(books.declared(), key=lambda gap: (gap.node, gap.epoch, gap.first)),
        divided,
        queries.ahead(),
        (late.late, late.belated),
    )
