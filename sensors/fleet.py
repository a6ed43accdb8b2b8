"""A fleet: all devices of one kind in columns, measured and packed by one call for those that are due.

Time goes in whole minutes. Each node reports at a minute of its own (from its code, so the load is even and a thinned
city keeps it), its devices measure at the same minute of each sampling period. Nothing here is made per reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import MINUTE_MS, SECOND_MS
from datahub.contract.messages import Up
from datahub.contract.observations import Floats, Ints, ObservationBatch, concatenate
from sensors.chance import Seeds
from sensors.faults import Faults
from sensors.gateway import Nodes, Rows
from sensors.hardware import Hardware
from sensors.kind import BATTERY, UNSEEN, Kind, Sites
from sensors.outbox import Outbox
from sensors.world import trait

if TYPE_CHECKING:
    from sensors.world.world import World

MINUTE_S, HOUR_MIN = 60, 60


class Slots:
    """Which rows are due at which minute: those with one period share a wheel, each row has its place on it."""

    def __init__(self, period: Rows, phase: Rows, by: Rows) -> None:
        self._wheels: list[tuple[int, Rows, Ints]] = []
        for turn in np.unique(period).tolist():
            rows = np.flatnonzero(period == turn)
            order = rows[np.lexsort((rows, by[rows], phase[rows] % turn))].astype(np.int32)
            bounds = np.searchsorted(phase[order] % turn, np.arange(turn + 1)).astype(np.int64)
            self._wheels.append((turn, order, bounds))

    def at(self, minute: int) -> Ints:
        """Rows due at a minute, grouped by sender."""
        parts = []
        for turn, order, bounds in self._wheels:
            place = minute % turn
            if bounds[place] < bounds[place + 1]:
                parts.append(order[bounds[place] : bounds[place + 1]])
        return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What devices say in one pack each: values (d, c) of devices ``rows``, grouped by node; NaN is nothing.

    Column c is the property ``property[c]`` at ``times[c]`` [ms].
    """

    rows: Ints
    values: Floats
    property: Ints
    times: Ints

    @classmethod
    def of(cls, rows: Ints, values: Floats, times: Ints) -> Self:
        """From values (d, s, p) at times (s,)."""
        _, samples, width = values.shape
        flat = values.reshape(len(rows), samples * width)
        if samples == 1:
            return cls(rows, flat, np.arange(width), times.repeat(width))
        return cls(rows, flat, _tiled(np.arange(width), samples), times.repeat(width))

    def beside(self, values: Floats) -> Self:
        """With one property more, measured last."""
        return type(self)(
            self.rows,
            np.column_stack((self.values, values)),
            np.append(self.property, self.property[-1] + 1),
            np.append(self.times, self.times[-1]),
        )

    def where(self, keep: NDArray[np.bool_]) -> Self:
        """Of these devices only."""
        return self if keep.all() else type(self)(self.rows[keep], self.values[keep], self.property, self.times)


def _tiled(row: NDArray[Any], times: int) -> NDArray[Any]:
    """A row so many times one after the other (``np.tile`` without its ceremony)."""
    return np.broadcast_to(row, (times, len(row))).reshape(-1)


def _firsts(of: Rows) -> NDArray[np.intp]:
    """Where each run of equal rows begins."""
    new = np.ones(len(of), np.bool_)
    np.not_equal(of[1:], of[:-1], out=new[1:])
    return np.flatnonzero(new)


class Fleet:
    """All devices of one kind.

    Attributes:
        kind, sites: what they are and where.
        nodes: who speaks for them.
        outbox: what they have said and nobody acknowledged.
        hardware: how they err.
        muted: readings that never came to be, by dropouts (counted for the judge).
        memory_readings: how many unacknowledged readings one node keeps; None: as many as there are.
        announced: rows of the nodes that have just said who they are, as their line was mended.
        forgone: readings of each node that were not taken because its memory was full.
    """

    def __init__(
        self, kind: Kind, sites: Sites, *, seeds: Seeds, faults: Faults, start: int, resend_s: float = 600.0
    ) -> None:
        self.kind, self.sites, self.faults, self.start = kind, sites, faults, start
        self.nodes = Nodes(kind, sites, epoch=start)
        self.outbox = Outbox(self.nodes, resend_s=resend_s, memory=faults.memory)
        self.hardware = Hardware(kind, sites.device, seeds=seeds, faults=faults, start=start)
        self.muted = 0
        self.memory_readings: int | None = None
        self.announced: Ints = np.zeros(0, np.int64)
        self._cut: NDArray[np.bool_] = np.zeros(len(self.nodes), np.bool_)
        self.forgone: Ints = np.zeros(len(self.nodes), np.int64)
        self._link = seeds.rng("field", kind.name, "link")
        self._battery = kind.descriptor.properties[-1].name == BATTERY
        self._last_state: Ints = np.full(len(sites) if kind.watch else 0, UNSEEN, np.int64)
        self._lay_slots(seeds)
        if kind.unpowered_silent:
            first = np.unique(self.nodes.of, return_index=True)[1]
            self._feeder: Ints = np.asarray(sites.columns[kind.behind], np.int64)[first]

    def _lay_slots(self, seeds: Seeds) -> None:
        kind, of = self.kind, self.nodes.of
        report_s = kind.pace(self.sites) if kind.pace else np.full(len(self.sites), kind.report_s, np.int64)
        period = self._period = (report_s // MINUTE_S).astype(np.int32)
        draw = trait.uniform(self.nodes.code, trait.salt(seeds, "field", kind.name, "phase"))
        phase = self._phase = (draw[of] * period).astype(np.int32)
        self._reports = Slots(period, phase, of)
        step = kind.sample_s // MINUTE_S
        self._kept: Floats | None = None
        if not kind.frozen and (period > step).any():
            cells = int(period.max()) // step
            self._kept = np.full((len(self.sites), cells, len(kind.accuracy)), np.nan)
            self._cells: NDArray[np.int32] = period // step
            self._samples = Slots(np.full(len(self.sites), step, np.int32), phase % step, of)

    def __len__(self) -> int:
        return len(self.sites)

    def tick(self, world: World, t: int) -> list[Up]:
        """What goes up at the whole minute ``t`` [ms]; ``world`` stands at ``t``."""
        minute = t // MINUTE_MS
        messages = self.follow_power(world, t) + self._follow_uplink(world, t)
        if self._kept is not None:
            self._sample(world, minute)
        due = self._reports.at(minute)
        parts = self.outbox.take(t)
        if len(due):
            parts += self._report(world, due, t)
        if self.kind.watch is not None:
            parts += self._look(world, due, t)
        messages += self.outbox.declare(t)
        parts = [batch for batch in parts if batch.packs]
        return [*messages, concatenate(parts)] if parts else messages

    def _sample(self, world: World, minute: int) -> None:
        """Devices whose sampling is due measure and keep the value until they report."""
        rows = self._samples.at(minute)
        if len(rows) and self._kept is not None:
            values = self._measured(world, rows, np.array([minute * MINUTE_MS]))
            awake = self.hardware.awake(rows, minute * MINUTE_MS)
            if not awake.all():
                values[~awake] = np.nan
            self._kept[rows, self._cell(rows, minute)] = values[:, 0]

    def _cell(self, rows: Ints, minute: int) -> Ints:
        step = self.kind.sample_s // MINUTE_S
        return np.asarray((minute - self._phase[rows]) // step % self._cells[rows], np.int64)

    def _measured(self, world: World, rows: Ints, times: Ints) -> Floats:
        """Readings (d, s, p) of devices ``rows`` at ``times``, with all their errors, not yet rounded."""
        sites = self.sites.take(rows)
        if not self.kind.frozen:
            return self.hardware.read(self.kind.measure(world, sites, int(times[0]))[:, None], rows, times)
        truth = self.kind.measure(world, sites.repeat(len(times)), _tiled(times, len(rows)))
        return self.hardware.read(truth.reshape(len(rows), len(times), -1), rows, times)

    def _report(self, world: World, due: Ints, t: int) -> list[ObservationBatch]:
        """Devices whose report is due say what they have, as far as they can."""
        if self.kind.frozen:
            step_ms = self.kind.sample_s * SECOND_MS
            times = t - t % step_ms + step_ms * np.arange(1 - self.kind.report_s // self.kind.sample_s, 1)
            values = self._measured(world, due, times)
        elif self._kept is not None:
            values, times = self._collect(due, t)
        else:
            times = np.array([t])
            values = self._measured(world, due, times)
        said = _Said.of(due, values, times)
        if self._battery:
            hourly = (self._period[due] >= HOUR_MIN) | ((t // MINUTE_MS - self._phase[due]) % HOUR_MIN == 0)
            said = said.beside(np.where(hourly, self.hardware.voltage_v(due, t), np.nan))
        return self._send(said.where(self.able(due, t)), t)

    def sampled(self, minute: int) -> Ints:
        """Rows of the devices that measure by themselves at a minute."""
        return (self._reports if self._kept is None else self._samples).at(minute)

    def able(self, rows: Ints, t: int) -> NDArray[np.bool_]:
        """Which devices can speak: awake, and their node has power."""
        return self.hardware.awake(rows, t) & self.nodes.powered[self.nodes.of[rows]]

    def _collect(self, due: Ints, t: int) -> tuple[Floats, Ints]:
        """What devices have kept since their last report, oldest first, (d, s, p), and when that was."""
        assert self._kept is not None
        minute, cells = t // MINUTE_MS, self._cells[due][:, None]
        back = np.arange(self._kept.shape[1] - 1, -1, -1)
        place = (self._cell(due, minute)[:, None] - back) % cells
        values = self._kept[due[:, None], place]
        values[back >= cells] = np.nan
        self._kept[due] = np.nan
        return values, t - back * self.kind.sample_s * SECOND_MS

    def _look(self, world: World, due: Ints, t: int) -> list[ObservationBatch]:
        """Devices that watch for something speak at once when they see it."""
        assert self.kind.watch is not None
        truth = self.kind.measure(world, self.sites, t)
        shown = self.hardware.lasting(truth[:, None], np.arange(len(truth)))[:, 0]
        state = self.kind.watch(shown, self._last_state)
        changed = (state != self._last_state) & (self._last_state != UNSEEN)
        self._last_state = state
        if self._kept is None:
            changed[due] = False
        rows = np.flatnonzero(changed)
        rows = rows[self.able(rows, t)]
        return self.speak(rows, self.hardware.read(truth[rows][:, None], rows, np.array([t])), t) if len(rows) else []

    def speak(self, rows: Ints, values: Floats, t: int) -> list[ObservationBatch]:
        """Devices (rows, ascending, at least one) say at once what they read: values (d, 1, p), not yet rounded."""
        batch, of = self._pack(self._within_memory(_Said.of(rows, values, np.array([t]))), t)
        return [self.outbox.lay(batch, of, t)]

    def _send(self, said: _Said, t: int) -> list[ObservationBatch]:
        """Pack readings and give them to the link, with what can happen to packs there."""
        of = self.nodes.of[said.rows]
        senders = of[_firsts(of)]
        drop, late, double = self._link.random((3, len(senders)))
        dropped = senders[drop < self.faults.dropout]
        if dropped.size:
            mute = np.isin(of, dropped)
            self.muted += int(np.isfinite(said.values[mute]).sum())
            said = said.where(~mute)
        if (cut := senders[late < self.faults.late]).size:
            self._lose_link(cut[self.outbox.linked(cut, t)], t)
        batch, spoke = self._pack(self._within_memory(said), t)
        now = self.outbox.lay(batch, spoke, t)
        if not (twice := senders[double < self.faults.duplicate]).size:
            return [now]
        return [now, now.select(np.isin(now.node, self.nodes.code[twice]))]

    def _within_memory(self, said: _Said) -> _Said:
        """What its nodes can still keep; the rest never comes to be and is counted."""
        if self.memory_readings is None or self.outbox.in_flight + said.values.size <= self.memory_readings:
            return said
        of, n = self.nodes.of[said.rows], len(self.nodes)
        coming = np.bincount(of, weights=np.isfinite(said.values).sum(axis=1), minlength=n).astype(np.int64)
        full = self.outbox.in_flight_of_each() + coming > self.memory_readings
        self.forgone += np.where(full, coming, 0)
        return said.where(~full[of])

    def _lose_link(self, cut: Rows, t: int) -> None:
        """These nodes (rows) have no link for a while."""
        away_s = self.faults.late_s * np.exp(self._link.standard_normal(len(cut)))
        away_s = np.clip(away_s, MINUTE_S, max(MINUTE_S, self.faults.late_max_s))
        self.outbox.lose_link(cut, t + (away_s * SECOND_MS).astype(np.int64))

    def _pack(self, said: _Said, t: int) -> tuple[ObservationBatch, NDArray[np.intp]]:
        """One pack for each node with something to say."""
        shown = self.hardware.round(said.values, said.property)
        d, width = shown.shape
        columns: list[NDArray[Any]] = [
            self.sites.device[said.rows].repeat(width),
            _tiled(said.property.astype(np.int16), d),
            _tiled(said.times, d),
            shown.reshape(-1),
        ]
        keep = np.isfinite(shown)
        each = np.full(d, width, np.int64)
        if not keep.all():
            each = np.count_nonzero(keep, axis=1)
            columns = [column[keep.reshape(-1)] for column in columns]
        of = self.nodes.of[said.rows]
        first = _firsts(of)
        counts = np.add.reduceat(each, first) if len(first) else each
        some = counts > 0
        spoke = of[first][some].astype(np.intp)
        return self.nodes.pack(spoke, counts[some], t=t, columns=columns), spoke

    def follow_power(self, world: World, t: int) -> list[Up]:
        """Nodes whose feeder has lost its power fall silent; those that have it back begin a new epoch."""
        if not self.kind.unpowered_silent:
            return []
        energised = world.power.energised(self._feeder)
        messages: list[Up] = []
        cut = world.uplinks.cut_until(self._feeder) > t
        if (off := np.flatnonzero(self.nodes.powered & ~energised)).size:
            gasps = self.nodes.switch_off(off)
            messages += [gasp for gasp, unheard in zip(gasps, cut[off], strict=True) if not unheard]
        if (on := np.flatnonzero(~self.nodes.powered & energised)).size:
            self.outbox.begin_epoch(on)
            self.nodes.switch_on(on, t)
            if (heard := on[~cut[on]]).size:
                messages.append(self.nodes.births(heard))
        return messages

    def _follow_uplink(self, world: World, t: int) -> list[Up]:
        """Nodes whose cabinet's line is cut have no link until it is mended; then they say again who they are."""
        self.announced = self.announced[:0]
        if not self.kind.unpowered_silent or not (world.uplinks.any_cut(t) or self._cut.any()):
            return []
        until = world.uplinks.cut_until(self._feeder)
        cut = until > t
        self.outbox.lose_link(np.flatnonzero(cut), until[cut])
        self.announced = np.flatnonzero(self._cut & ~cut & self.nodes.powered)
        self._cut = cut
        return [self.nodes.births(self.announced)] if self.announced.size else []

    def acts(self, row: int, t: int) -> bool:
        """Whether a device can take an order at ``t``: awake, and its node has power and a link."""
        rows = np.array([row])
        of = self.nodes.of[rows]
        there = self.hardware.awake(rows, t) & self.nodes.powered[of] & self.outbox.linked(of, t)
        return bool(there[0])

    def speaks(self, row: int, t: int) -> bool:
        """Whether a device can say anything at ``t``: awake, and its node has power."""
        return bool(self.able(np.array([row]), t)[0])

    def epoch(self, row: int) -> int:
        """When the node of a device was switched on [ms]."""
        return int(self.nodes.epoch[self.nodes.of[row]])
