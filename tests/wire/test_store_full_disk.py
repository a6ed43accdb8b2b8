"""The column store on a disk that fills up: what it cannot put in order it puts off, and no row is lost or doubled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_disk import SmallDisk, small_disk

from datahub.store.failure import StoreFailed
from datahub.store.observations import Observations, Progress
from datahub.trouble import Cause

T0 = 1_763_793_120_000
ROWS = 1_000
ROOM = 96 * 1024
"""Enough for some appends in the log, not for a page of the file (256 KiB) [byte]."""


def append(store: Observations, *, piece: int) -> None:
    node = np.zeros(0, np.int64)
    store.append(
        observation={
            "device": np.arange(ROWS) + piece * ROWS,
            "property": np.zeros(ROWS, np.int16),
            "phenomenon_time": T0 + np.arange(ROWS),
            "value": np.random.default_rng(piece).random(ROWS),
            "quality": np.zeros(ROWS, np.uint8),
            "sequence": np.arange(ROWS),
            "held_s": np.zeros(ROWS, np.int32),
        },
        pack=dict.fromkeys(("node", "epoch", "first", "count", "result_time", "arrived"), node),
        account={"node": node, "device": node, "fate": node.astype(np.uint8), "count": node},
        progress=Progress(piece, piece, T0, b"{}"),
    )


def append_all(store: Observations, pieces: range) -> None:
    for piece in pieces:
        append(store, piece=piece)


def nearly_full(disk: SmallDisk) -> None:
    disk.fill()
    ballast = disk.folder / "ballast"
    with ballast.open("r+b") as file:
        file.truncate(ballast.stat().st_size - ROOM)


def rows(store: Observations) -> int:
    return int(store.ask("SELECT count(DISTINCT device) AS n FROM observation")["n"][0])


def test_pages_are_let_go_of_once_there_is_room_again(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        if not disk.real:
            pytest.skip("needs the right to mount a small disk: run as root")
        store = Observations(tmp_path, forget_rows=ROWS)
        append(store, piece=0)
        nearly_full(disk)
        with pytest.raises(StoreFailed) as refused:
            append_all(store, range(1, 10))
        assert refused.value.cause is Cause.DISK_FULL
        assert store.failed is refused.value
        disk.free()
        store.close()
        again = Observations(tmp_path)
        followed = again.progress()
        assert followed is not None
        kept = followed.journal + 1
        assert kept > 1, "what fits into the log is taken"
        assert rows(again) == kept * ROWS
        append(again, piece=kept)
        assert rows(again) == (kept + 1) * ROWS
        assert again.failed is None
        again.close()
