"""The hub: joins wire, intake, store, registry, shadows and commands. One owner drives it: ``intake``, then ``tick``.

Intake makes what has arrived durable and acknowledges it at once; everything that depends on history is evaluated in
``tick``. If a commit fails the hub is of no more use and must be opened again: what is in memory may be ahead of what
is durable, and what is durable is always right.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from sqlmodel import Session, col, delete, select

from datahub.answers import Health
from datahub.commands import Commands
from datahub.contract.messages import Ack, BirthBatch, Death, Desired, Lost, Marker, Rebirth, Reported, Up
from datahub.contract.topics import Topics
from datahub.devices import guard as limits
from datahub.devices import health_policy
from datahub.devices.alarms import Alarms, keep_alarms
from datahub.devices.batches import Batches
from datahub.devices.care import Care
from datahub.devices.condition import WORDS, Word
from datahub.devices.credentials import Credentials
from datahub.devices.flapping import Flapping
from datahub.devices.gaps import Gaps
from datahub.devices.guard import Guard
from datahub.devices.jobs import Jobs
from datahub.devices.lifecycle import Lifecycle
from datahub.devices.progress import JobProgress
from datahub.devices.register import save_births, save_deaths
from datahub.devices.registry import Registry
from datahub.devices.shadow import Shadows
from datahub.devices.silence import Listening
from datahub.events import DevicesBorn, HubEvent
from datahub.ingest import notes as notes_of
from datahub.ingest import settling
from datahub.ingest.arrivals import MANY, Arrivals
from datahub.ingest.decode import Sorted, sort
from datahub.ingest.door import Door
from datahub.ingest.entry import to_bytes
from datahub.ingest.event_time import in_force
from datahub.ingest.losses import declare
from datahub.ingest.memory import Memory
from datahub.ingest.notes import Note, births_by_kind, rank
from datahub.ingest.pipeline import take
from datahub.ingest.recovery import Resumed, resume
from datahub.ingest.thresholds import Threshold, Watch, load
from datahub.ingest.upkeep import Upkeep
from datahub.queries import Queries
from datahub.resources import calling
from datahub.resources.applications import Applications
from datahub.resources.refusals import Entrance, Refusals
from datahub.store import retention
from datahub.store.journal import Journal
from datahub.store.observations import Observations, Progress
from datahub.store.session import Store
from datahub.store.tables import InboxRow
from datahub.transport.bus import CityBus, Delivery, Handed

WRITE_ROWS: Final = 500_000
"""Readings are handed to the column store in pieces of at least this size: four row groups of DuckDB are written in
place at once, smaller pieces twice (measured: 330 against 600 ns a row)."""

COMPACT_ABOVE: Final = 500_000
"""Rows of the pack journal (beyond two for each node) above which it is compacted when the hub opens."""


class Hub:
    """The city's IoT management hub.

    Args:
        city: short name, as in topics.
        adcode: six-digit code of the city.
        directory: where the databases lie; None keeps everything in memory.
        bus: the city's end of the wire.
        run: id of a virtual run, empty live. A virtual run is repeated rather than resumed, so it does not wait for the
            disk; a live one does.
        start: city time at the beginning [ms], if known; until a time is known nothing is too far in the future.
        thresholds: declared limits; None takes those in ``ingest/thresholds.toml``.
        write_rows: how many readings go to the column store at a time.
        strict: let in only nodes and devices with a unified code.
        many: messages at once from which on the hub acknowledges before it takes in (``Arrivals``).

    Raises:
        StoreRefused: if a database is newer, unknown, in use or another city's.
    """

    def __init__(
        self,
        city: str,
        adcode: str,
        directory: Path | None,
        bus: CityBus,
        *,
        run: str = "",
        start: int | None = None,
        thresholds: Sequence[Threshold] | None = None,
        write_rows: int = WRITE_ROWS,
        strict: bool = False,
        many: int = MANY,
    ) -> None:
        self._write_rows = write_rows
        self.city, self.adcode, self.topics = city, adcode, Topics(city, run)
        self._bus = bus
        self.store = Store(directory, city=city, power_safe=not run)
        self.observations = Observations(directory)
        self._journal = Journal(self.store)
        self.arrivals = Arrivals(self._journal, many=many)
        self.registry = Registry(self.store.lock)
        self.memory = Memory(self.registry)
        found = self._resume()
        self.applications = Applications(self.store, calling.load())
        self.upkeep = Upkeep(self.observations, self.registry, self.memory, retention.load())
        self._tick, self._seen, self._at_tick = found.tick, found.journal, found.at_tick
        self.now = found.t if found.t is not None else start
        self.ledger = found.ledger
        self.thresholds = tuple(load() if thresholds is None else thresholds)
        self._alarms = Alarms(Watch(self.thresholds), Flapping(health_policy.load()))
        self.care = Care(self.registry, self.memory, self._alarms)
        self.refusals = Refusals(self.store, self.applications.limits, kept_ms=self.upkeep.policy.audit_ms)
        self._version = -1
        self.shadows = Shadows(self.store)
        self.lifecycle = Lifecycle(self.store, registry=self.registry)
        self.commands = Commands(self.store, registry=self.registry, shadows=self.shadows, wire=bus, live=not run)
        self.batches = Batches(self.store, registry=self.registry, commands=self.commands)
        self.jobs = Jobs(self.store, batches=self.batches)
        self._progress = JobProgress(self.jobs, shadows=self.shadows, commands=self.commands, batches=self.batches)
        self.guard = Guard(self.registry.nodes, limits.load())
        settling.check(self.guard.limits, in_force(), self.upkeep.policy)
        self.gaps = Gaps(self.registry.windows)
        self._door = Door(self.registry, self.guard, self.shadows, strict, Credentials(self.store).may_speak_together)
        self._asked: set[int] = set()
        self._listening = Listening(found.t)
        self._notes: list[Note] = []
        self._told: Marker | None = None
        self.queries = Queries(self)
        self._take_up()

    def _resume(self) -> Resumed:
        """Build what is in memory again from both databases."""
        return resume(
            self.store,
            journal=self._journal,
            observations=self.observations,
            registry=self.registry,
            memory=self.memory,
        )

    def _take_up(self) -> None:
        """What a former process left: quarantine, notes for the next tick, messages that it acknowledged only."""
        with self.store.session() as session:
            self.guard.restore(session)
            self.gaps.restore(session)
            kept = session.exec(select(InboxRow).order_by(col(InboxRow.id)))
            self._notes += [notes_of.from_bytes(row.body) for row in kept]
        self.flush()
        with self.store.session() as session:
            self.care.restore(session, self.observations, t=self.now if self._tick else None)
        if self.observations.pack_rows() > COMPACT_ABOVE + 2 * len(self.registry.nodes):
            self.compact()
        self._told = self._enter(())

    # intake

    def intake(self, *, wait_s: float = 0.0, now: int | None = None) -> Marker | None:
        """Take in what has arrived: durable first, then acknowledged, then watermarks go down.

        Args:
            wait_s: wait at most so long for the first message [s of wall time].
            now: city time [ms], if the caller knows it better than the last tick.

        Returns:
            The last end-of-quantum marker of the field among what was taken in since one was returned, if any.
        """
        deliveries = self._bus.receive(wait_s=0.0 if self.arrivals.waiting else wait_s)
        with self.store.lock:
            if now is not None and deliveries:
                self.now = now
            told = None
            if self.topics.run or not self.arrivals.may_wait(deliveries):
                told, self._told = self._enter(deliveries) or self._told, None
            else:
                self.arrivals.keep(deliveries)
            self._bus.acknowledge(deliveries)
            return told

    def take_in(self, messages: Sequence[Up]) -> None:
        """Take in what a door of the hub says in the name of a node, as if by the wire; durable when this returns.

        Nothing is acknowledged: what the wire handed over meanwhile may not be durable yet. A marker that had waited is
        told to whoever calls ``intake`` next.
        """
        with self.store.lock:
            self._told = self._enter([Handed(message) for message in messages]) or self._told

    def settle(self) -> None:
        """Take in what is kept, before an orderly end: whoever opens the hub next may let in by other rules."""
        with self.store.lock:
            self._told = self._enter(()) or self._told

    def _enter(self, deliveries: Sequence[Delivery]) -> Marker | None:
        """Take in what is kept and what has just come; returns the last marker among it."""
        if not deliveries and not self.arrivals.waiting:
            return None
        found = sort([*self.arrivals.waiting, *deliveries], topics=self.topics, now=self.now or 0)
        believed = self._door.markers(found, now=self.now)
        self._take(found)
        self.arrivals.waiting.clear()
        return believed[-1] if believed else None

    def _take(self, found: Sorted) -> None:
        births = self._door.births(found, now=self.now)
        for batch in births:
            self.registry.learn(batch)
        notes: list[Note] = list(self._door.notes(found, now=self.now))
        notes += [DevicesBorn(0, batch.kind.name, len(batch)) for batch in births]
        given_up = self._door.losses(found)
        taken = take(self.registry, found.batches, refused=found.refused, now=self.now)
        taken, lost = declare(self.registry, taken, given_up)
        notes += lost
        body = to_bytes(taken.entry) if taken.entry.tally.received or lost else None
        if body is not None or notes or self.arrivals.waiting:
            with self.store.transaction() as connection:
                if self.arrivals.waiting:
                    self._journal.taken(connection)
                if births:
                    save_births(connection, self.registry, births)
                self._journal.append(
                    connection, body=body, rejected=taken.rejected, inbox=[notes_of.to_bytes(note) for note in notes]
                )
        self._notes += notes
        self._door.reckon(found, births, taken)
        if body is not None:
            self.memory.add(taken.entry, taken.places)
            self.ledger.add(taken.entry.tally)
        if len(taken.marks):
            self._bus.send(taken.marks)
        for node in taken.unborn:
            if node not in self._asked:
                self._asked.add(node)
                self._bus.send(Rebirth(node=node))
        if births:
            self._remind(births)

    def _remind(self, births: Sequence[BirthBatch]) -> None:
        """Devices that were just switched on learn what is wanted of them, even what they once had: they may forget."""
        for shadow in self.shadows.wanted(device for batch in births for device in batch.device.tolist()):
            node = self.registry.node_of(shadow.device)
            self._bus.send(Desired(node=node, device=shadow.device, version=shadow.version, state=shadow.desired))

    def tick(self, t: int) -> list[HubEvent]:
        """Evaluate everything taken in since the last tick, as of city time ``t`` [ms].

        Returns:
            What followed, in an order that does not depend on the order of arrival: births, alarms by device and time,
            silences by node, reports, commands.
        """
        with self.store.lock:
            fresh = self.memory.evaluate(t)
            self._fit()
            crossings = self._alarms.watch.look(fresh)
            notes, self._notes = sorted(self._notes, key=rank), []
            with self.store.transaction() as connection, Session(connection) as session, session.begin():
                events: list[HubEvent] = [DevicesBorn(t, kind, count) for kind, count in births_by_kind(notes)]
                self._bury(session, [note for note in notes if isinstance(note, Death)], t=t)
                self.gaps.look(session, [note for note in notes if isinstance(note, Lost)], t=t)
                events += self._alarms.cross(session, crossings)
                nodes = self.registry.nodes
                fell, rose = self._listening.turn_silent(nodes, t, version=self.registry.version)
                judged = self.guard.look(session, t=t)
                keep_alarms(session, judged)
                events += judged
                claims, self.registry.claims = self.registry.claims, []
                self.refusals.keep(session, claims=claims, t=t)
                events += self._alarms.silence(session, nodes, fell=fell, rose=rose, t=t)
                events += self.care.tick(session, t=t, keep=not self.topics.run)
                events += self.shadows.heard(session, [n for n in notes if isinstance(n, Reported)], t=t)
                events += self.commands.heard(session, [n for n in notes if isinstance(n, Ack)], t=t)
                events += self.commands.follow_up(session, t=t)
                self._progress.follow(session, events, t=t)
                self.applications.expire(session, t=t)
                self._tick += 1
                self._seen = self._journal.last
                self._journal.tick(connection, self._tick, t=t, digest=self.memory.digest)
                if notes:
                    session.exec(delete(InboxRow))
                alarms = self.care.messages(session, events)
            self._at_tick = self.ledger.totals()
            self.now = t
            self._asked.clear()
            for alarm in alarms:
                self._bus.report(alarm)
            if self.memory.unwritten >= self._write_rows:
                self.flush()
            self.upkeep.step(t)
            return events

    def release(self, node: int, *, by: str) -> None:
        """Let a node out of quarantine.

        Raises:
            UsageError: if it is in none.
        """
        with self.store.lock, self.store.session() as session:
            self.guard.release(session, node, t=self.now or 0, by=by)

    def _fit(self) -> None:
        """Follow the registry: limits by kind, alarms by slot."""
        if self._version != self.registry.version:
            self._alarms.watch.lay_out(self.registry.kinds)
            with self.store.session() as session:
                self._alarms.restore(session, self.registry)
                self.lifecycle.welcome(session, t=self.now or 0)
            self._version = self.registry.version

    def _bury(self, session: Session, deaths: Sequence[Death], *, t: int) -> None:
        """Note who is dead, many at once: a broken line may end a thousand nodes in one tick."""
        nodes, buried = self.registry.nodes, dict[int, int]()
        for death in deaths:
            for node in (death.node, *death.carried):
                row = nodes.row(node)
                if row >= 0 and nodes.epoch[row] <= death.epoch:
                    nodes.dead[row], nodes.died[row] = True, t
                    buried[node] = death.epoch
        save_deaths(session.connection(), buried)

    def flush(self) -> None:
        """Write what is evaluated to the column store and trim the journal."""
        with self.store.lock:
            if not self.memory.unwritten:
                return
            observation, pack, account = self.memory.unload()
            ledger = msgspec.json.encode(self._at_tick)
            self.observations.append(
                observation=observation,
                pack=pack,
                account=account,
                progress=Progress(self._seen, self._tick, self.now or 0, ledger),
            )
            self._journal.trim(self._seen, tick=self._tick)

    def compact(self) -> None:
        """Tell the windows of all nodes in as few rows as possible, so that opening stays quick."""
        with self.store.lock:
            self.flush()
            if self.memory.waiting:
                return
            nodes = self.registry.nodes
            node, epoch, first, count = self.registry.windows.runs()
            heard = nodes.heard[nodes.rows(node)]
            self.observations.compact(
                {"node": node, "epoch": epoch, "first": first, "count": count, "result_time": heard, "arrived": heard}
            )

    def health(self) -> Health:
        """How the hub is."""
        with self.store.lock:
            words = self.care.condition.words_of_nodes(self.now or 0)
            return Health(
                now=self.now,
                tick=self._tick,
                devices=len(self.registry),
                nodes=len(words),
                silent_nodes=int((words == WORDS.index(Word.SILENT)).sum()),
                dead_nodes=int((words == WORDS.index(Word.DEAD)).sum()),
                waiting=self.memory.waiting,
                unwritten=self.memory.unwritten,
                open_alarms=self._alarms.count(),
                quarantined_nodes=len(self.guard.held),
                claims_refused=self.refusals.total(Entrance.CLAIM),
            )

    def digest(self) -> str:
        """SHA-256 over all readings evaluated so far, in hexadecimal digits."""
        return self.memory.digest.hex()

    def close(self) -> None:
        """Write what is evaluated, and let go of databases and wire; what is kept is taken in by who opens it again."""
        self.flush()
        self.observations.close()
        self.store.close()
        self._bus.close()
