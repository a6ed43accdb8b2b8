"""The working life of devices and managed objects: one table of allowed moves (workflow W4; the stages are ours)."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session, select

from datahub.contract.codes import DeviceState
from datahub.contract.errors import IllegalMove, UsageError
from datahub.devices.registry import STAGES, Registry
from datahub.store.session import Store
from datahub.store.tables import AssetRow, AuditRow, DeviceRow, MoveRow

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
    """Moves devices and managed objects through their working life and remembers who did it.

    A device that was born stands in the hub's registry; what is not born yet, and objects, in the asset register.
    """

    def __init__(self, store: Store, *, registry: Registry) -> None:
        self._store, self._registry = store, registry

    def stage(self, code: int) -> DeviceState:
        """Where a device or object stands.

        Raises:
            UsageError: if there is no such thing.
        """
        with self._store.lock:
            row = self._registry.row(code)
            if row >= 0:
                return STAGES[int(self._registry.stage[row])]
            with self._store.session() as session:
                return STAGES[_asset(session, code).stage]

    def move(self, code: int, to: DeviceState, *, t: int, by: str) -> None:
        """Take a device or object to another stage.

        Raises:
            IllegalMove: if that cannot follow.
            UsageError: if there is no such thing.
        """
        with self._store.lock:  # rows move when devices are born; none is while this is held
            row, number = self._registry.row(code), STAGES.index(to)
            with self._store.session() as session:
                check(f"{code}", self.stage(code), to)
                if row >= 0:
                    session.get_one(DeviceRow, code).stage = number
                if row < 0 or session.get(AssetRow, code) is not None:
                    _asset(session, code).stage = number
                session.add(MoveRow(device=code, t=t, stage=to, by=by))
            if row >= 0:
                self._registry.stage[row] = number

    def welcome(self, session: Session, *, t: int) -> None:
        """Devices that were entered before they were born become active, if they were provisioned.

        The birth of one that was not yet stands in the audit trail; it stays where it is, until a person moves it.
        """
        early = STAGES.index(DeviceState.PROVISIONED)
        waiting = session.exec(select(AssetRow).where(AssetRow.sort == "device", AssetRow.stage <= early)).all()
        for asset in waiting:
            row = self._registry.row(asset.code)
            if row < 0:
                continue
            if asset.stage == early:
                asset.stage = STAGES.index(DeviceState.ACTIVE)
                session.add(MoveRow(device=asset.code, t=t, stage=DeviceState.ACTIVE, by="birth"))
            elif self._registry.stage[row] != asset.stage:
                detail = f"born while {STAGES[asset.stage]}"
                session.add(AuditRow(t=t, who=str(asset.code), action="early", subject=str(asset.code), detail=detail))
            session.get_one(DeviceRow, asset.code).stage = asset.stage
            self._registry.stage[row] = asset.stage


def _asset(session: Session, code: int) -> AssetRow:
    found = session.get(AssetRow, code)
    if found is None:
        raise UsageError(f"{code} has no life on record: no such device was born, and no list entered it")
    return found
