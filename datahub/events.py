"""What the hub found at a tick, for the brain and the transcript. Frozen; in an order that arrival does not change."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from datahub.contract.codes import AckStatus


class AlarmOpened(msgspec.Struct, frozen=True, tag=True):
    """A reading crossed a declared threshold, or a device failed (``fault``: a matter for its owner alone).

    ``property`` is empty and ``device`` the node where a whole node fell silent.
    """

    t: int
    id: str
    kind: str
    device: int
    property: str
    value: float
    limit: float
    fault: bool


class AlarmClosed(msgspec.Struct, frozen=True, tag=True):
    """The cause of an alarm is gone."""

    t: int
    id: str
    kind: str
    device: int


class CommandMoved(msgspec.Struct, frozen=True, tag=True):
    """A command came further: the device said so, or its time ran out."""

    t: int
    id: str
    device: int
    status: AckStatus
    detail: str = ""


class StateReported(msgspec.Struct, frozen=True, tag=True):
    """A device said what its settings are."""

    t: int
    device: int
    state: dict[str, float]


class DevicesBorn(msgspec.Struct, frozen=True, tag=True):
    """Devices of one kind said that they are there, since the last tick."""

    t: int
    kind: str
    count: int


HubEvent: TypeAlias = AlarmOpened | AlarmClosed | CommandMoved | StateReported | DevicesBorn
