"""The working life of a device, as one table of allowed moves (workflow W4; the stage list is ours)."""

from __future__ import annotations

from collections.abc import Mapping

from datahub.contract.codes import DeviceState
from datahub.contract.errors import IllegalMove, UsageError
from datahub.devices.registry import STAGES, Registry
from datahub.store.session import Store
from datahub.store.tables import DeviceRow, MoveRow

MOVES: Mapping[DeviceState, tuple[DeviceState, ...]] = {
    DeviceState.PLANNED: (DeviceState.CODED, DeviceState.RETIRED),
    DeviceState.CODED: (DeviceState.PROVISIONED, DeviceState.RETIRED),
    DeviceState.PROVISIONED: (DeviceState.ACTIVE, DeviceState.RETIRED),
    DeviceState.ACTIVE: (DeviceState.MAINTENANCE, DeviceState.RETIRED),
    DeviceState.MAINTENANCE: (DeviceState.ACTIVE, DeviceState.RETIRED),
    DeviceState.RETIRED: (),
}


def check(thing: str, stage: DeviceState, to: DeviceState) -> None:
    """Let a move pass or refuse it.

    Raises:
        IllegalMove: if that stage cannot follow.
    """
    if to not in MOVES[stage]:
        raise IllegalMove(thing, stage=stage, move=to, allowed=MOVES[stage])


class Lifecycle:
    """Moves devices through their working life and remembers who did it."""

    def __init__(self, store: Store, *, registry: Registry) -> None:
        self._store, self._registry = store, registry

    def stage(self, device: int) -> DeviceState:
        """Where a device stands.

        Raises:
            UsageError: if no such device was ever born.
        """
        return STAGES[int(self._registry.stage[self._row(device)])]

    def move(self, device: int, to: DeviceState, *, t: int, by: str) -> None:
        """Take a device to another stage.

        Raises:
            IllegalMove: if that cannot follow.
            UsageError: if no such device was ever born.
        """
        row = self._row(device)
        check(f"device {device}", STAGES[int(self._registry.stage[row])], to)
        with self._store.session() as session:
            kept = session.get_one(DeviceRow, device)
            kept.stage = STAGES.index(to)
            session.add(kept)
            session.add(MoveRow(device=device, t=t, stage=to, by=by))
        self._registry.stage[row] = STAGES.index(to)

    def _row(self, device: int) -> int:
        row = self._registry.row(device)
        if row < 0:
            raise UsageError(f"no device {device} was ever born; see the registry for the devices there are")
        return row
