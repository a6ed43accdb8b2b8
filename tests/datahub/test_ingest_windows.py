"""Which sequences have come: exact, in whatever order and pieces they come."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hub_town import METER, T0, births
from hypothesis import given, settings
from hypothesis import strategies as st

from datahub.devices.registry import Registry
from datahub.ingest.windows import Intervals

RUNS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=25)
PACKS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 30), st.integers(0, 9)), min_size=1, max_size=30
)


@given(RUNS)
def test_intervals_are_a_set_of_whole_numbers(runs: list[tuple[int, int]]) -> None:
    intervals, numbers = Intervals(), set[int]()
    for first, count in runs:
        fresh = intervals.add(first, first + count)
        said = [number for low, high in fresh for number in range(low, high)]
        assert sorted(said) == sorted(set(range(first, first + count)) - numbers)
        numbers |= set(range(first, first + count))
        assert intervals.total() == len(numbers)
        assert all(high < low for high, low in zip(intervals.high, intervals.low[1:], strict=False))
    assert intervals.prefix() == next(number for number in range(100) if number not in numbers)


@settings(max_examples=100)
@given(packs=PACKS, cuts=st.sets(st.integers(1, 30)))
def test_every_sequence_is_new_exactly_once_however_packs_are_cut_repeated_and_shuffled(
    packs: list[tuple[int, int, int, int]], cuts: set[int]
) -> None:
    registry = Registry()
    registry.learn(births(METER, devices=[101, 102, 103], epoch=T0 + 1))
    registry.settle()
    seen: dict[tuple[int, int], set[int]] = {}
    edges = [0, *sorted(cut for cut in cuts if cut < len(packs)), len(packs)]
    for start, end in pairwise(edges):
        part = np.array(packs[start:end], np.int64)
        row, epoch, first, count = part[:, 0], T0 + part[:, 1], part[:, 2], part[:, 3]
        fresh = registry.windows.accept(row, epoch=epoch, first=first, count=count)
        new: list[tuple[int, int, int]] = []
        for at, low, high in zip(fresh.pack.tolist(), fresh.low.tolist(), fresh.high.tolist(), strict=True):
            assert first[at] <= low <= high <= first[at] + count[at]
            new += [(int(row[at]), int(epoch[at]), number) for number in range(low, high)]
        came = {
            (int(r), int(e), number)
            for r, e, f, c in zip(row, epoch, first, count, strict=True)
            for number in range(f, f + c)
        }
        before = {(r, e, number) for (r, e), numbers in seen.items() for number in numbers}
        assert len(new) == len(set(new))
        assert set(new) == came - before
        for r, e, number in came:
            seen.setdefault((r, e), set()).add(number)
    expected = {key: next(n for n in range(100) if n not in numbers) for key, numbers in seen.items()}
    keys = sorted(seen)
    marks = registry.windows.watermark(np.array([k[0] for k in keys], int), np.array([k[1] for k in keys], int))
    assert marks.tolist() == [expected[key] - 1 for key in keys]
    assert registry.windows.ahead() == sum(len(numbers) - expected[key] for key, numbers in seen.items())


def test_windows_told_as_runs_can_be_taken_up_again() -> None:
    registry = Registry()
    registry.learn(births(METER, devices=[101, 102, 103]))
    registry.settle()
    rows = np.array([0, 0, 1, 2], np.int64)
    first, count = np.array([0, 20, 0, 5]), np.array([10, 5, 7, 2])
    registry.windows.accept(rows, epoch=np.full(4, T0), first=first, count=count)
    node, epoch, low, length = registry.windows.runs()
    again = Registry()
    again.learn(births(METER, devices=[101, 102, 103]))
    again.settle()
    again.windows.accept(again.nodes.rows(node), epoch=epoch, first=low, count=length)
    assert [column.tolist() for column in again.windows.runs()] == [
        node.tolist(),
        epoch.tolist(),
        low.tolist(),
        length.tolist(),
    ]
    assert again.windows.ahead() == registry.windows.ahead() == 5 + 2


def test_a_new_birth_epoch_begins_at_nought_and_late_packs_of_the_old_one_still_count() -> None:
    registry = Registry()
    registry.learn(births(METER, devices=[101]))
    registry.settle()
    row, nought = np.array([0]), np.array([0])
    registry.windows.accept(row, epoch=np.array([T0]), first=nought, count=np.array([5]))
    registry.learn(births(METER, devices=[101], epoch=T0 + 9))
    registry.settle()
    assert registry.nodes.next.tolist() == [0]
    late = registry.windows.accept(row, epoch=np.array([T0]), first=np.array([3]), count=np.array([4]))
    assert (late.low.tolist(), late.high.tolist()) == ([5], [7])
    registry.windows.accept(row, epoch=np.array([T0 + 9]), first=nought, count=np.array([2]))
    assert registry.windows.watermark(np.array([0, 0]), np.array([T0, T0 + 9])).tolist() == [6, 1]
