"""The column store's memory: what was written and is not asked for is let go of, but never under a reader's hands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from datahub.store.observations import LEAST_MB, Observations, Progress

T0 = 1_763_793_120_000
ROWS = 500_000


@pytest.fixture
def store(tmp_path: Path) -> Observations:
    """A store that lets go after five pieces of ``ROWS`` rows: of 20 MB each, as chance cannot be compressed."""
    return Observations(tmp_path, forget_rows=5 * ROWS)


def append(store: Observations, *, piece: int) -> None:
    rng = np.random.default_rng(piece)
    node = np.zeros(0, np.int64)
    store.append(
        observation={
            "device": rng.integers(0, 2**62, ROWS),
            "property": np.zeros(ROWS, np.int16),
            "phenomenon_time": T0 + rng.integers(0, 2**30, ROWS),
            "value": rng.random(ROWS),
            "quality": np.zeros(ROWS, np.uint8),
            "sequence": rng.integers(0, 2**62, ROWS),
            "held_s": np.zeros(ROWS, np.int32),
        },
        pack=dict.fromkeys(("node", "epoch", "first", "count", "result_time", "arrived"), node),
        account={"node": node, "device": node, "fate": node.astype(np.uint8), "count": node},
        progress=Progress(piece, piece, T0, b"{}"),
    )


def kept_mb(store: Observations) -> float:
    found = store.ask("SELECT sum(memory_usage_bytes)::BIGINT AS n FROM duckdb_memory()")
    return float(found["n"][0]) / 2**20


def test_what_is_written_is_let_go_of_and_still_there(store: Observations) -> None:
    for piece in range(4):
        append(store, piece=piece)
    store.settle()
    before = kept_mb(store)
    append(store, piece=4)
    assert before > 3 * LEAST_MB
    assert kept_mb(store) < LEAST_MB + 20  # the last piece is not in the file yet
    assert int(store.ask("SELECT count(*) AS n FROM observation")["n"][0]) == 5 * ROWS
    store.close()


def test_a_reader_never_meets_the_smaller_limit(store: Observations) -> None:
    def limit(ask) -> str:  # type: ignore[no-untyped-def]
        return str(ask("SELECT current_setting('memory_limit') AS x")["x"][0])

    whole = limit(store.ask)
    with store.snapshot() as snapshot:
        for piece in range(6):
            append(store, piece=piece)
            assert limit(snapshot.ask) == whole
        store.settle()
        held = kept_mb(store)
    append(store, piece=6)
    assert limit(store.ask) == whole
    assert kept_mb(store) < held
    store.close()
