"""What was created through the API: kept in the hub's database, and in memory while the hub runs."""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock

import msgspec

from datahub.api.sensorthings.model import RELATIONS, Entity, EntitySet, Key, Relation, relation
from datahub.store import entities
from datahub.store.session import Store


class _Body(msgspec.Struct):
    """How one lies in the database."""

    fields: dict[str, object]
    links: dict[str, tuple[int | str, ...]] = {}
    device: int = 0
    says: str = ""


class Created:
    """Things, sensors, streams ... that somebody created, by id; safe from any thread."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, RLock()
        self._known: dict[int, Entity] = {}
        self._by_device: dict[int, int] = {}
        for id_, sort, raw in entities.load(store):
            self._remember(id_, EntitySet(sort), msgspec.json.decode(raw, type=_Body))

    def _remember(self, id_: int, entity_set: EntitySet, body: _Body) -> Entity:
        entity = Entity(
            set=entity_set,
            key=id_,
            fields=body.fields,
            own=True,
            links=body.links,
            device=body.device,
            says=body.says,
        )
        self._known[id_] = entity
        if body.device:
            self._by_device[body.device] = id_
        return entity

    def find(self, entity_set: EntitySet, key: Key) -> Entity | None:
        """The one of that id; None if there is none in that set."""
        number = key if isinstance(key, int) else int(key) if key.isdecimal() and len(key) < 10 else -1
        found = self._known.get(number)
        return found if found is not None and found.set is entity_set else None

    def all(self, entity_set: EntitySet) -> list[Entity]:
        """Those of one set, by id."""
        with self._lock:
            return [one for one in self._known.values() if one.set is entity_set]

    def of_device(self, device: int) -> Entity | None:
        """The datastream whose readings come under this device's code."""
        number = self._by_device.get(device)
        return None if number is None else self._known[number]

    def pointing(self, to: Relation, key: Key) -> list[Entity]:
        """Those that are found by following ``to`` from the entity of that key."""
        forward = relation(to.to, to.inverse)
        if forward is None or not forward.stored:
            return []
        return [one for one in self.all(to.to) if key in one.links.get(to.inverse, ())]

    def add(self, entity_set: EntitySet, fields: Mapping[str, object], links: Mapping[str, tuple[Key, ...]]) -> Entity:
        """Keep a new one."""
        body = _Body(dict(fields), dict(links))
        with self._lock:
            return self._remember(entities.add(self._store, entity_set, _bytes(body)), entity_set, body)

    def change(
        self,
        entity: Entity,
        *,
        fields: Mapping[str, object] | None = None,
        links: Mapping[str, tuple[Key, ...]] | None = None,
        speaks: tuple[int, str] | None = None,
    ) -> Entity:
        """Keep it with other fields, other links, or (``speaks``) the device and property its readings come under."""
        device, name = speaks or (entity.device, entity.says)
        body = _Body(
            dict(entity.fields if fields is None else fields),
            dict(entity.links if links is None else links),
            device,
            name,
        )
        with self._lock:
            entities.change(self._store, int(entity.key), _bytes(body))
            return self._remember(int(entity.key), entity.set, body)

    def remove(self, entity: Entity, *, t: int) -> list[Entity]:
        """Take it away, and with it what cannot be without it; returns all that went, as of ``t`` [ms]."""
        with self._lock:
            gone: list[Entity] = []
            self._gather(entity, gone)
            entities.remove(self._store, [int(one.key) for one in gone], t=t)
            for one in gone:
                del self._known[int(one.key)]
                self._by_device.pop(one.device, None)
            self._unlink(gone, t=t)
            return gone

    def _gather(self, entity: Entity, gone: list[Entity]) -> None:
        """A thing goes with its streams and its history, a sensor and a property with their streams (clause 10.4)."""
        if entity in gone:
            return
        gone.append(entity)
        for to in RELATIONS[entity.set]:
            forward = relation(to.to, to.inverse)
            if forward is not None and forward.stored and not forward.many:
                for one in self.pointing(to, entity.key):
                    self._gather(one, gone)

    def _unlink(self, gone: list[Entity], *, t: int) -> None:
        keys = {one.key for one in gone}
        for other in list(self._known.values()):
            kept = {name: tuple(key for key in to if key not in keys) for name, to in other.links.items()}
            if kept != dict(other.links):
                changed = self.change(other, links=kept)
                if changed.set is EntitySet.HISTORICAL_LOCATIONS and not kept.get("Locations"):
                    self.remove(changed, t=t)


def _bytes(body: _Body) -> bytes:
    return msgspec.json.encode(body)
