"""Taking up where a former process ended, however it ended."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from sqlmodel import col, select

from datahub.devices.register import load
from datahub.devices.registry import Registry
from datahub.ingest.entry import from_bytes
from datahub.ingest.ledger import Ledger, Tally
from datahub.ingest.memory import Memory
from datahub.store.journal import Journal
from datahub.store.migrations import StoreRefused
from datahub.store.observations import Observations, Progress
from datahub.store.session import Store
from datahub.store.tables import DeathRow, TickRow


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where the former process stood: last tick, its city time [ms; None: none yet] and last entry evaluated."""

    tick: int
    t: int | None
    journal: int
    ledger: Ledger
    at_tick: Tally


def resume(
    store: Store, *, journal: Journal, observations: Observations, registry: Registry, memory: Memory
) -> Resumed:
    """Build everything in memory again from both databases.

    The column store holds all up to ``progress``; journal entries above it are taken up in order, and evaluated again
    (in silence: what followed was committed then) at the ticks that had seen them.

    Raises:
        StoreRefused: if the two databases do not belong together.
    """
    with store.lock, store.engine.connect() as connection:
        load(connection, registry)
    with store.session() as session:
        ticks = list(session.exec(select(TickRow).order_by(col(TickRow.id))))
        deaths = list(session.exec(select(DeathRow)))
    progress = observations.progress() or Progress(0, 0, 0, b"{}")
    last = ticks[-1].id if ticks else 0
    if progress.tick > last:
        raise StoreRefused(
            f"the observations go up to tick {progress.tick}, the transactional database only to {last}; "
            "they do not belong together: restore both from one copy or choose another directory"
        )
    ledger = Ledger()
    ledger.add(msgspec.json.decode(progress.ledger, type=Tally))
    _windows(observations, registry)
    _latest(observations, registry=registry, memory=memory)
    at_tick = _replay([one for one in ticks if one.id > progress.tick], journal, progress, registry, memory, ledger)
    for dead in deaths:
        row = registry.nodes.row(dead.node)
        if row >= 0 and registry.nodes.epoch[row] <= dead.epoch:
            registry.nodes.dead[row] = True
    memory.digest = ticks[-1].digest if ticks else bytes(32)
    newest = ticks[-1] if ticks else None
    return Resumed(last, newest.t if newest else None, newest.journal if newest else 0, ledger, at_tick)


def _windows(observations: Observations, registry: Registry) -> None:
    packs = {name: column.astype(np.int64) for name, column in observations.packs().items()}
    row = registry.nodes.rows(packs["node"])
    registry.windows.accept(row, epoch=packs["epoch"], first=packs["first"], count=packs["count"])
    np.maximum.at(registry.nodes.heard, row, packs["result_time"])


def _latest(observations: Observations, *, registry: Registry, memory: Memory) -> None:
    memory.fit()
    for part in observations.scan():
        device, number = np.asarray(part["device"], np.int64), np.asarray(part["property"], np.int16)
        memory.latest.restore(
            slot=registry.locate(device, number).slot,
            time=np.asarray(part["phenomenon_time"], np.int64),
            value=np.asarray(part["value"], np.float64),
            quality=np.asarray(part["quality"], np.uint8),
            held_s=np.asarray(part["held_s"], np.int64),
        )


def _replay(
    ticks: list[TickRow], journal: Journal, progress: Progress, registry: Registry, memory: Memory, ledger: Ledger
) -> Tally:
    """Take up the entries the column store lacks; returns the ledger as it stood at the last tick."""
    left = iter(ticks)
    tick = next(left, None)
    at_tick = ledger.totals()
    for number, body in journal.after(progress.journal):
        while tick is not None and tick.journal < number:
            memory.evaluate(tick.t)
            at_tick = ledger.totals()
            tick = next(left, None)
        entry = from_bytes(body)
        packs = entry.packs
        row = registry.nodes.rows(packs.node)
        registry.windows.accept(row, epoch=packs.epoch, first=packs.first, count=packs.count)
        np.maximum.at(registry.nodes.heard, row, packs.result_time)
        memory.add(entry)
        ledger.add(entry.tally)
    while tick is not None:
        memory.evaluate(tick.t)
        at_tick = ledger.totals()
        tick = next(left, None)
    return at_tick
