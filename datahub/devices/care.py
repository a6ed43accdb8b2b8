"""The care of devices: their condition, the faults that it shows, and whose matter they are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from datahub.contract.messages import Alarm
from datahub.devices.alarms import Alarms
from datahub.devices.condition import Condition
from datahub.devices.faults import Faults
from datahub.devices.owners import Owners
from datahub.devices.registry import Registry
from datahub.events import AlarmClosed, AlarmOpened, HubEvent
from datahub.ingest.memory import Memory
from datahub.store.observations import Observations


class Care:
    """Looks after the devices of one hub at its ticks.

    Attributes:
        condition: how every device is.
        owners: whose it is.
    """

    def __init__(self, registry: Registry, memory: Memory, alarms: Alarms) -> None:
        self._registry, self._alarms = registry, alarms
        self.condition = Condition(registry, memory, alarms.flapping.policy)
        self.owners = Owners(registry)
        self._faults = Faults(self.condition, registry, memory.latest)

    def restore(self, session: Session, observations: Observations, *, t: int | None) -> None:
        """Take up where a former process ended; the column store holds all that was evaluated."""
        self.condition.restore(session, observations, t=t)

    def tick(self, session: Session, *, t: int, keep: bool) -> list[AlarmOpened | AlarmClosed]:
        """See what the tick evaluated, and once an hour of city time look for faults.

        Args:
            keep: make durable what cannot be counted again.
        """
        self.condition.see(t)
        if not self.condition.hourly(session, t=t, keep=keep):
            return []
        said = self._alarms.settle(session, self._registry, t=t)
        return said + self._alarms.judge(session, self._faults.look(self._alarms.faults, t=t))

    def messages(self, session: Session, events: Sequence[HubEvent]) -> list[Alarm]:
        """Alarms as those hear them who listen northbound; a fault says whose matter it is."""
        alarms = [event for event in events if isinstance(event, AlarmOpened | AlarmClosed)]
        if not alarms:
            return []
        self.owners.refresh(session)
        owner = self.owners.of([event.device for event in alarms])
        return [_message(event, owner=of) for event, of in zip(alarms, owner, strict=True)]


def _message(event: AlarmOpened | AlarmClosed, *, owner: str) -> Alarm:
    if isinstance(event, AlarmClosed):
        return Alarm(id=event.id, kind=event.kind, device=event.device, t=event.t, raised=False, owner=owner)
    return Alarm(
        id=event.id,
        kind=event.kind,
        device=event.device,
        t=event.t,
        raised=True,
        property=event.property,
        value=event.value,
        limit=event.limit,
        fault=event.fault,
        owner=owner,
    )
