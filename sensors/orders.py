"""Orders on the field's side: what devices do with commands and desired settings that come down the wire.

A device that is broken, without power or without a link hears nothing: the platform learns that by the silence.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import simpy

from datahub.contract.codes import AckStatus
from datahub.contract.firmware import FIRMWARE, UPDATE_FIRMWARE
from datahub.contract.messages import Ack, Command, Desired, Reported
from sensors.actuator import Refused, load_actuators
from sensors.chance import Seeds
from sensors.edge import Edge
from sensors.firmware import Firmware
from sensors.fleet import Fleet
from sensors.world.world import World

Motion: TypeAlias = tuple[Generator[int, None, None], int | None]


class Held(Refused):
    """A device's edge node holds it by a safety rule, whatever the platform wants; the text says which and why."""


class Orders:
    """Commands and desired settings under way, one process each in ``env`` [ms of city time]."""

    def __init__(
        self,
        env: simpy.Environment,
        world: World,
        fleets: Mapping[str, Fleet],
        send: Callable[[Reported | Ack], None],
        edges: Mapping[str, Edge],
        *,
        seeds: Seeds,
    ) -> None:
        self._env, self._world, self._fleets, self._send, self._edges = env, world, fleets, send, edges
        self._firmware = Firmware(seeds)
        self._actuators = load_actuators()
        self._last: dict[str, Ack] = {}
        self._latest: dict[int, str] = {}
        self._versions: dict[int, int] = {}

    def take(self, orders: Sequence[Command | Desired]) -> None:
        """Begin what came down together, in an order that is the same on every wire."""
        for order in sorted(orders, key=_in_order):
            self._env.process(self._obey(order))

    def _obey(self, order: Command | Desired) -> Generator[simpy.Event, Any, None]:
        place = self._find(order.device)
        if place is None:
            return
        fleet, row = place
        t = int(self._env.now)
        if not fleet.acts(row, t):
            return
        if isinstance(order, Command):
            yield from self._carry_out(order, fleet, row)
        elif order.version >= self._versions.get(order.device, order.version):
            self._versions[order.device] = order.version
            yield from self._settle(order, fleet, row)

    def _carry_out(self, order: Command, fleet: Fleet, row: int) -> Generator[simpy.Event, Any, None]:
        """One command from the order to the last acknowledgement; a repeated one is answered, not done again."""
        if order.id in self._last:
            self._send(self._last[order.id])
            return
        if order.expires <= self._env.now:
            self._ack(order, AckStatus.EXPIRED, "came too late")
            return
        try:
            self._ask(fleet, row, order.name, order.arguments)
            motion, pause = self._begin(order, fleet, row)
        except Refused as error:
            self._ack(order, AckStatus.REJECTED, str(error))
            return
        self._latest[order.device] = order.id
        self._ack(order, AckStatus.ACCEPTED)
        try:
            if not (yield from self._move(motion, pause, order.device, order.id)):
                self._ack(order, AckStatus.REJECTED, f"ended by the newer order {self._latest[order.device]}")
                return
        except Refused as error:
            if not fleet.speaks(row, int(self._env.now)):
                return
            self._ack(order, AckStatus.REJECTED, str(error))
        else:
            self._ack(order, AckStatus.DONE)
        self.report(fleet, row)

    def _settle(self, order: Desired, fleet: Fleet, row: int) -> Generator[simpy.Event, Any, None]:
        """Bring a device's settings to what is desired, as far as it knows them; it reports what they are then."""
        actuator = self._actuators.get(fleet.kind.name)
        if actuator is None:
            return
        mark, kept = f"desired {order.version}", ""
        for key in sorted(set(order.state) & set(actuator.settings)):
            wanted = {key: order.state[key]}
            try:
                self._ask(fleet, row, actuator.settings[key], wanted)
                motion, pause = self._start(fleet, row, actuator.settings[key], wanted)
            except Held as error:
                kept = f"version {order.version} of what is wanted is refused: {error}"
                continue
            except Refused:
                continue
            self._latest[order.device] = mark
            if not (yield from self._move(motion, pause, order.device, mark)):
                return
        self.report(fleet, row, kept)

    def set_locally(self, fleet: Fleet, row: int, *, setting: str, value: float, reason: str) -> None:
        """An edge node sets a device of its own now; an order under way is ended by it as by any newer one."""
        self._env.process(self._by_rule(fleet, row, setting, value, reason))

    def _by_rule(
        self, fleet: Fleet, row: int, setting: str, value: float, reason: str
    ) -> Generator[simpy.Event, Any, None]:
        device = int(fleet.sites.device[row])
        try:
            motion, pause = self._start(
                fleet, row, self._actuators[fleet.kind.name].settings[setting], {setting: value}
            )
        except Refused as error:
            self.report(fleet, row, f"{reason}; the device refuses: {error}")
            return
        self._latest[device] = reason
        if (yield from self._move(motion, pause, device, reason)):
            self.report(fleet, row, reason)

    def _ask(self, fleet: Fleet, row: int, name: str, arguments: Mapping[str, float]) -> None:
        """Ask the device's edge node, if it has one, whether it lets the platform do this.

        Raises:
            Held: if a safety rule holds the device.
        """
        edge = self._edges.get(fleet.kind.name)
        if edge is not None and (why := edge.objection(row, name, arguments)):
            raise Held(why)

    def _begin(self, order: Command, fleet: Fleet, row: int) -> Motion:
        """Begin a command, or the update of the device itself, which is the same for every kind with a command link.

        Raises:
            Refused: if the device cannot or will not do it.
        """
        if order.name != UPDATE_FIRMWARE or fleet.kind.name not in self._actuators:
            return self._start(fleet, row, order.name, order.arguments)
        t = int(self._env.now)
        motion = self._firmware.update(fleet, row, order=order.id, arguments=order.arguments, t=t)
        return motion, next(motion, None)

    def _start(self, fleet: Fleet, row: int, name: str, arguments: Mapping[str, float]) -> Motion:
        """Begin a command: the motion, and how long to wait before it goes on.

        Raises:
            Refused: if the device cannot or will not do it.
        """
        actuator = self._actuators.get(fleet.kind.name)
        if actuator is None:
            raise Refused(f"a {fleet.kind.name} takes no commands")
        complete = actuator.complete(name, arguments)
        self._world.advance(int(self._env.now))
        motion = actuator.act(self._world, fleet.sites, row, name, complete)
        return motion, next(motion, None)

    def _move(
        self, motion: Generator[int, None, None], pause: int | None, device: int, mark: str
    ) -> Generator[simpy.Event, Any, bool]:
        """Wait as a motion goes on; False if a newer order has taken over."""
        while pause is not None:
            yield self._env.timeout(pause)
            if self._latest[device] != mark:
                motion.close()
                return False
            self._world.advance(int(self._env.now))
            pause = next(motion, None)
        return True

    def _find(self, device: int) -> tuple[Fleet, int] | None:
        for fleet in self._fleets.values():
            row = int(np.searchsorted(fleet.sites.device, device))
            if row < len(fleet) and fleet.sites.device[row] == device and fleet.start <= self._env.now:
                return fleet, row
        return None

    def _ack(self, order: Command, status: AckStatus, detail: str = "") -> None:
        ack = Ack(
            node=order.node, device=order.device, command=order.id, status=status, t=int(self._env.now), detail=detail
        )
        self._last[order.id] = ack
        self._send(ack)

    def report(self, fleet: Fleet, row: int, reason: str = "") -> None:
        """A device says what its settings are, which firmware it runs, and why, if that is not what is wanted of it."""
        actuator = self._actuators.get(fleet.kind.name)
        if actuator is None:
            return
        node, device = int(fleet.nodes.code[fleet.nodes.of[row]]), int(fleet.sites.device[row])
        state = actuator.state(self._world, fleet.sites, row) | {FIRMWARE: self._firmware.of(device)}
        self._send(Reported(node=node, device=device, t=int(self._env.now), state=state, reason=reason))


def _in_order(order: Command | Desired) -> tuple[int, int, int, str]:
    """The order of orders that came together, the same on every wire."""
    if isinstance(order, Command):
        return order.issued, order.device, 0, order.id
    return 0, order.device, order.version, ""
