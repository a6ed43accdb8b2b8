"""A journal entry comes back from its bytes as it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datahub.ingest.entry import Entry, Packs, Readings, from_bytes, to_bytes
from datahub.ingest.ledger import Tally
from datahub.store.migrations import StoreRefused

ROW = st.tuples(
    st.integers(0, 5), st.integers(-3, 9), st.integers(-(2**40), 2**40), st.floats(-1e9, 1e9), st.integers(0, 255)
)
PACK = st.tuples(st.integers(0, 2**60), st.integers(0, 2**50), st.integers(0, 2**50), st.integers(0, 4))


@given(rows=st.lists(ROW, max_size=12), packs=st.lists(PACK, max_size=6), told=st.booleans())
def test_an_entry_survives_its_bytes(
    rows: list[tuple[int, int, int, float, int]], packs: list[tuple[int, int, int, int]], told: bool
) -> None:
    columns = [np.array([pack[i] for pack in packs], np.int64) for i in range(4)]
    delivered = Packs(columns[0], columns[1], columns[2], columns[3], columns[1] + 7)
    numbers = [first + i for _, _, first, count in packs for i in range(count)]
    if told:  # as many readings as the packs deliver, in their order: sequences need not be written
        rows = (rows * 24)[: len(numbers)] if rows else []
    sequence = numbers[: len(rows)] + list(range(len(rows) - len(numbers)))
    readings = Readings(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.int16),
        np.array([row[2] for row in rows], np.int64),
        np.array([row[3] for row in rows], np.float64),
        np.array([row[4] for row in rows], np.uint8),
        np.array(sequence, np.int64),
    )
    entry = Entry(5, readings, delivered, Tally(received=9, stored=4, by_reason={"malformed": 5}))
    back = from_bytes(to_bytes(entry))
    assert (back.arrived, back.tally) == (5, entry.tally)
    for name in ("device", "property", "phenomenon_time", "value", "quality", "sequence"):
        ours, theirs = getattr(back.readings, name), getattr(readings, name)
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()
    for name in ("node", "epoch", "first", "count", "result_time"):
        assert getattr(back.packs, name).tolist() == getattr(delivered, name).tolist()


@pytest.mark.parametrize("body", [b"", b"\x01rest"])
def test_an_entry_of_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(StoreRefused, match="form"):
        from_bytes(body)
