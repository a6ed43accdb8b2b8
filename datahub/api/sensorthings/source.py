"""Everything that SensorThings shows of a hub, wherever it comes from: derived, created, read, ordered."""

from __future__ import annotations

from datahub.api.problems import Problem
from datahub.api.sensorthings.created import Created
from datahub.api.sensorthings.derived import Derived
from datahub.api.sensorthings.model import Entity, EntitySet, Key, Relation, Span, joined, span, written
from datahub.api.sensorthings.readings import Readings, Scope
from datahub.commands import CommandStatus
from datahub.contract.clock import SECOND_MS, to_utc, wall_ms
from datahub.hub import Hub
from datahub.store import entities

_S = EntitySet


class Source:
    """Finds entities and what they are related to."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.created = Created(hub.store)
        self.derived = Derived(hub)
        self.readings = Readings(hub, self.created)

    def now(self) -> int:
        """City time [ms]; the machine's clock while the hub does not know it yet."""
        return self.hub.queries.health().now or wall_ms()

    def all(self, entity_set: EntitySet) -> Span:
        """Every entity of a set, the created ones first (not for observations, which are asked for page by page)."""
        if entity_set is _S.TASKS:
            store = self.hub.store
            return Span(entities.count_orders(store), lambda i: self._task(entities.orders(store, skip=i, top=1)[0]))
        return joined([span(self.created.all(entity_set)), self.derived.all(entity_set)])

    def find(self, entity_set: EntitySet, key: Key) -> Entity:
        """The one of that key.

        Raises:
            Problem: 404.
        """
        if entity_set is _S.OBSERVATIONS:
            found = self.readings.find(key)
        elif entity_set is _S.TASKS:
            status = self.hub.commands.status(str(key))
            found = None if status is None else _task(status)
        else:
            found = self.created.find(entity_set, key) or self.derived.find(entity_set, key)
        if found is None:
            raise Problem(404, f"there is no {entity_set}({written(key):.80})")
        return found

    def related(self, entity: Entity, to: Relation) -> Span:
        """Where a relation leads, except to observations (``scope``)."""
        if entity.set is _S.OBSERVATIONS:
            return span(self._of_observation(entity, to))
        if entity.set is _S.TASKS:
            return span([self.find(to.to, f"{entity.device}:{entity.says}")])
        if to.to is _S.TASKS:
            given = self.hub.commands.of(entity.device)
            return span([_task(one) for one in given if one.name == entity.says])
        if entity.own and to.stored:
            return span([self.find(to.to, key) for key in entity.links.get(to.name, ())])
        created = span(self.created.pointing(to, entity.key))
        return created if entity.own else joined([created, self.derived.related(entity, to.name)])

    def _of_observation(self, entity: Entity, to: Relation) -> list[Entity]:
        stream = self.created.of_device(entity.device) or self.derived.find(
            _S.DATASTREAMS, f"{entity.device}:{entity.says}"
        )
        if stream is None or to.to is _S.DATASTREAMS:
            return [] if stream is None else [stream]
        if stream.own:
            return [self.find(to.to, key) for key in stream.links.get("FeatureOfInterest", ())]
        thing = self.derived.related(stream, "Thing")
        return [self.find(to.to, one.key) for one in thing]

    def scope(self, entity: Entity) -> Scope:
        """Whose observations belong to a datastream or to a feature of interest."""
        if entity.set is _S.DATASTREAMS:
            return Scope((entity.device,), entity.says)
        devices = [it.device for it in self.created.all(_S.DATASTREAMS) if entity.key in it.links["FeatureOfInterest"]]
        if not entity.own:
            thing = self.derived.find(_S.THINGS, entity.key)
            streams = () if thing is None else self.derived.related(thing, "Datastreams")
            devices += sorted({one.device for one in streams})
        return Scope(tuple(one for one in devices if one))

    def _task(self, id_: str) -> Entity:
        return self.find(_S.TASKS, id_)


def _task(status: CommandStatus) -> Entity:
    """An order as a Task; ``properties`` say how far it has come."""
    return Entity(
        _S.TASKS,
        status.id,
        {
            "creationTime": to_utc(status.issued),
            "taskingParameters": {**status.arguments, "valid_s": (status.expires - status.issued) / SECOND_MS},
            "properties": {
                "status": status.status.value,
                "updated": to_utc(status.updated),
                "expires": to_utc(status.expires),
                "detail": status.detail,
            },
        },
        device=status.device,
        says=status.name,
    )
