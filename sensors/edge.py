"""Edge nodes: gateways that look at their own devices and act by declared rules, with or without an uplink (A-34).

An edge node has local access to what stands behind it, polls it, and sets it at once when a rule says so. What it and
its devices have to say while the uplink is cut waits in a memory of declared size, in its order: readings in the
outbox, reports and acknowledgements here. When the line is back it says who it is, then what it did, then hears what is
wanted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from datahub.contract.clock import MINUTE_MS, SECOND_MS, to_local
from datahub.contract.messages import Ack, Reported, Up
from datahub.contract.observations import Floats, Ints
from sensors.actuator import Actuator
from sensors.chance import Seeds
from sensors.fleet import Fleet
from sensors.gateway import Rows
from sensors.rules import Holds, Rule, When
from sensors.world.world import World

Said: TypeAlias = Reported | Ack


@dataclass(frozen=True, slots=True)
class EdgeSpec:
    """What the edge nodes of one kind of device do and keep.

    Attributes:
        kind: kind of device behind them; each of its gateways is an edge node.
        poll_s: time between two looks at the devices [s]; whole minutes.
        memory_readings, memory_messages: how much one node keeps that the platform has not acknowledged or heard.
            What does not fit is not taken, so it consumes no sequence; the node tells how much that was.
        rules: what it does by itself, in order.
    """

    kind: str
    poll_s: int
    memory_readings: int
    memory_messages: int
    rules: tuple[Rule, ...]


class Hand(Protocol):
    """How a node sets its own devices, and lets a device say what its settings are."""

    def set_locally(self, fleet: Fleet, row: int, *, setting: str, value: float, reason: str) -> None:
        """Begin now; the device reports when it is done, with the reason."""

    def report(self, fleet: Fleet, row: int, reason: str = "") -> None:
        """The device at one row says what its settings are."""


class Edge:
    """All edge nodes of one fleet.

    Args:
        cut_off: which nodes (codes) have no line on the real wire, whatever the world says.

    Attributes:
        spec: what they do.
        acted: how often a rule has set a device.
    """

    def __init__(
        self,
        spec: EdgeSpec,
        fleet: Fleet,
        *,
        world: World,
        actuator: Actuator,
        hand: Hand,
        seeds: Seeds,
        cut_off: Callable[[Ints], NDArray[np.bool_]],
    ) -> None:
        self.spec, self.acted, self._cut_off = spec, 0, cut_off
        self._fleet, self._world, self._actuator, self._hand = fleet, world, actuator, hand
        self._rng = seeds.rng("field", fleet.kind.name, "edge")
        self._holds = [Holds(rule, len(fleet)) for rule in spec.rules]
        names = [it.name for it in fleet.kind.descriptor.properties]
        self._column = [names.index(rule.property) for rule in spec.rules]
        self._was_cut: NDArray[np.bool_] = np.zeros(len(fleet.nodes), np.bool_)
        self._waiting: list[Said] = []
        self._told: deque[Reported] = deque(maxlen=spec.memory_messages)
        self._unkept: dict[int, int] = {}
        self._confessed: Ints = np.zeros(len(fleet.nodes), np.int64)
        fleet.memory_readings = spec.memory_readings

    def step(self, t: int) -> list[Up]:
        """What goes up at the whole minute ``t`` [ms] besides the devices' own packs; devices are set on the way."""
        up = self._reconnect(t)
        return up + self._poll(t) if t % (self.spec.poll_s * SECOND_MS) == 0 else up

    def keep(self, message: Said) -> bool:
        """Take a report or acknowledgement of one of our devices into the memory; False if it can go up at once."""
        node, ours = self._fleet.nodes.rows(np.array([message.node], np.int64))
        if not ours[0]:
            return False
        waiting = sum(it.node == message.node for it in self._waiting)
        if not waiting and self._linked(node, message.t)[0]:
            self._remember(message)
            return False
        if waiting < self.spec.memory_messages:
            self._waiting.append(message)
        else:
            self._unkept[message.node] = self._unkept.get(message.node, 0) + 1
        return True

    def again(self, nodes: Ints) -> list[Reported]:
        """What these nodes (codes) have told of their own doing; it may have been lost with a broken connection."""
        return [it for it in self._told if it.node in nodes]

    def state(self, row: int) -> dict[str, float]:
        """The settings of one device as they are."""
        return self._actuator.state(self._world, self._fleet.sites, row)

    def objection(self, row: int, command: str, arguments: Mapping[str, float]) -> str:
        """Why the node will not let the platform do this to a device; "" if it will, and then its rule gives way."""
        for holds in self._holds:
            rule = holds.rule
            touches = self._actuator.settings[rule.setting] == command and holds.holds[row]
            if not touches or arguments.get(rule.setting) == rule.value:
                continue
            if rule.safety:
                since = to_local(int(holds.held_since[row]))
                cause = rule.cause(float(holds.seen[row]))
                return f"{rule.setting} is held at {rule.value:g} by rule '{rule.name}' since {since}: {cause}"
            holds.give_way(row)
        return ""

    def _linked(self, of: Rows, t: int) -> NDArray[np.bool_]:
        """Which nodes (rows) have an uplink at ``t`` [ms]."""
        return self._fleet.outbox.linked(of, t) & ~self._cut_off(self._fleet.nodes.code[of])

    def _reconnect(self, t: int) -> list[Up]:
        """Nodes whose uplink is back say who they are, then what waited, then what they could not keep."""
        nodes = self._fleet.nodes
        linked = self._linked(np.arange(len(nodes)), t)
        owing = np.isin(nodes.code, [it.node for it in self._waiting])  # cut and mended between two looks
        back = np.flatnonzero(linked & (self._was_cut | owing) & nodes.powered)
        self._was_cut = ~linked | (self._was_cut & ~nodes.powered)
        if not back.size:
            return []
        codes = set(nodes.code[back].tolist())
        said = [it for it in self._waiting if it.node in codes]
        self._waiting = [it for it in self._waiting if it.node not in codes]
        for it in said:
            self._remember(it)
        for node in back.tolist():
            self._confess(node)
        unsaid = np.setdiff1d(back, self._fleet.announced)
        return [nodes.births(unsaid), *said] if unsaid.size else [*said]

    def _confess(self, node: int) -> None:
        """Tell what did not fit into one node's memory (row)."""
        fleet = self._fleet
        readings = int(fleet.forgone[node] - self._confessed[node])
        self._confessed[node] += readings
        messages = self._unkept.pop(int(fleet.nodes.code[node]), 0)
        if readings or messages:
            first = int(fleet.nodes.devices(np.array([node]))[0])
            words = f"memory was full: {readings} readings were not taken, {messages} reports not kept"
            self._hand.report(fleet, first, words)

    def _remember(self, message: Said) -> None:
        if isinstance(message, Reported) and message.reason:
            self._told.append(message)

    def _poll(self, t: int) -> list[Up]:
        fleet, rows, times = self._fleet, np.arange(len(self._fleet)), np.array([t])
        truth = fleet.kind.measure(self._world, fleet.sites, t)
        values = fleet.hardware.read(truth[:, None], rows, times, rng=self._rng)[:, 0]
        values[~fleet.able(rows, t)] = np.nan
        cut = ~self._linked(np.arange(len(fleet.nodes)), t)[fleet.nodes.of]
        touched: set[int] = set()
        for holds, column in zip(self._holds, self._column, strict=True):
            in_force = cut if holds.rule.when is When.UPLINK_CUT else np.ones(len(rows), np.bool_)
            self._see_hands(holds)
            takes, lets_go = holds.look(values[:, column], in_force=in_force, t=t)
            for row in takes.tolist():
                self._take_hold(holds, row, cut=bool(cut[row]))
            for row in lets_go.tolist():
                self._let_go(holds, row)
            touched |= set(takes.tolist())
        return self._tell(np.array(sorted(touched), np.int64), values, t)

    def _tell(self, rows: Ints, values: Floats, t: int) -> list[Up]:
        """The readings on which rules took hold go up too, unless the devices say the same at the same time anyhow."""
        rows = rows[~np.isin(rows, self._fleet.sampled(t // MINUTE_MS))]
        return list(self._fleet.speak(rows, values[rows][:, None], t)) if len(rows) else []

    def _setting(self, holds: Holds, row: int) -> float:
        return self.state(row)[holds.rule.setting]

    def _take_hold(self, holds: Holds, row: int, *, cut: bool) -> None:
        rule, holds.before[row], holds.settled[row] = holds.rule, self._setting(holds, row), False
        if holds.before[row] != rule.value:
            reason = f"rule '{rule.name}': {rule.cause(float(holds.seen[row]))}{', without uplink' if cut else ''}"
            self._set(row, rule.setting, rule.value, reason)

    def _let_go(self, holds: Holds, row: int) -> None:
        rule = holds.rule
        if holds.before[row] != rule.value:
            self._set(row, rule.setting, float(holds.before[row]), f"rule '{rule.name}' lets go")

    def _set(self, row: int, setting: str, value: float, reason: str) -> None:
        self.acted += 1
        self._hand.set_locally(self._fleet, row, setting=setting, value=value, reason=reason)

    def _see_hands(self, holds: Holds) -> None:
        """A held device that was where the rule wants it and is not any more has been set by hand on site."""
        for row in np.flatnonzero(holds.holds).tolist():
            there = self._setting(holds, row) == holds.rule.value
            if holds.settled[row] and not there:
                holds.give_way(row)
                self._hand.report(self._fleet, row, f"set by hand on site, rule '{holds.rule.name}' gives way")
            holds.settled[row] = there
