"""Creating, changing and deleting: what was created may be changed; what the registry says is the devices' own word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from datahub.api.problems import Problem
from datahub.api.sensorthings.grammar import wrong
from datahub.api.sensorthings.model import RELATIONS, Entity, EntitySet, Fields, Key, Relation, relation
from datahub.api.sensorthings.observing import Observing, Reading
from datahub.api.sensorthings.patch import patched
from datahub.api.sensorthings.source import Source
from datahub.api.sensorthings.tasking import task
from datahub.api.sensorthings.telling import FEATURE, Told, check_whole, point_of, read
from datahub.contract.clock import to_utc
from datahub.contract.codes import DeviceState

_S = EntitySet
_BORN: Final = (_S.ACTUATORS, _S.TASKING_CAPABILITIES)
_KEPT: Final = ("unitOfMeasurement", "observationType")
DEEPEST: Final = 8
"""Entities within entities that one request may create."""


class Changes:
    """All that changes anything."""

    def __init__(self, source: Source) -> None:
        self._source, self.observing = source, Observing(source)

    def create(self, entity_set: EntitySet, body: object, *, parent: tuple[Entity, Relation] | None = None) -> Entity:
        """Create an entity with all that is told within it, or nothing. ``parent``: at whose relation it was sent.

        Raises:
            Problem: 400, 404 or 409, saying what cannot be.
        """
        if entity_set in _BORN:
            raise Problem(409, f"{entity_set} come from the births of devices; connect a device that takes orders")
        if entity_set is _S.TASKS:
            return self._task(body, parent)
        if entity_set is _S.OBSERVATIONS:
            return self._observation(body, parent)
        made: list[Entity] = []
        try:
            return self._create(entity_set, body, parent, made=made, depth=0)
        except Exception:
            for one in reversed(made):
                if self._source.created.find(one.set, one.key) is not None:
                    self._remove(one)
            raise

    def _create(
        self,
        entity_set: EntitySet,
        body: object,
        parent: tuple[Entity, Relation] | None,
        *,
        made: list[Entity],
        depth: int,
    ) -> Entity:
        if depth > DEEPEST:
            raise wrong(f"more than {DEEPEST} entities within one another")
        told = read(entity_set, body, whole=entity_set is not _S.HISTORICAL_LOCATIONS or parent is None)
        if entity_set is _S.HISTORICAL_LOCATIONS:
            told.fields.setdefault("time", to_utc(self._source.now()))
        if parent is not None and parent[1].inverse:
            inverse = relation(entity_set, parent[1].inverse)
            if inverse is not None and inverse.stored:
                told.relations[inverse] = [parent[0].key]
        stored = [to for to in (*RELATIONS[entity_set], FEATURE) if to.stored]
        links = {
            to.name: tuple(self._one(to, item, made=made, depth=depth) for item in told.relations[to])
            for to in stored
            if to in told.relations
        }
        self._check_links(entity_set, links)
        entity = self._source.created.add(entity_set, told.fields, links)
        made.append(entity)
        if entity_set is _S.DATASTREAMS:
            entity = self._speaking(entity)
        self._moved(entity, links)
        if parent is not None and parent[1].stored:
            self._attach(parent[0], parent[1], entity.key)
        self._children(entity, told, made=made, depth=depth)
        return self._source.find(entity_set, entity.key)

    def _one(self, to: Relation, item: Key | dict[str, object], *, made: list[Entity], depth: int) -> Key:
        """Key of what a relation leads to, created now if it is not there."""
        if isinstance(item, dict):
            return self._create(to.to, item, None, made=made, depth=depth + 1).key
        try:
            return self._source.find(to.to, item).key
        except Problem as error:
            raise wrong(f"{to.name}: {error.detail}") from error

    def _check_links(self, entity_set: EntitySet, links: Mapping[str, tuple[Key, ...]]) -> None:
        lacking = [to.name for to in RELATIONS[entity_set] if to.stored and not to.many and not links.get(to.name)]
        if lacking:
            raise wrong(f"mandatory for {entity_set} and not told: {', '.join(lacking)}")

    def _children(self, entity: Entity, told: Told, *, made: list[Entity], depth: int) -> None:
        """What is told within an entity and points back to it."""
        for to in RELATIONS[entity.set]:
            items = [] if to.stored else told.relations.get(to, [])
            if to.to is _S.OBSERVATIONS and items:
                self._observations(entity, items)
                continue
            for item in items:
                if isinstance(item, dict):
                    self._create(to.to, item, (entity, to), made=made, depth=depth + 1)
                else:
                    self._point(self._source.find(to.to, item), to.inverse, entity.key)

    def _observations(self, stream: Entity, items: list[Key | dict[str, object]]) -> None:
        if stream.set is not _S.DATASTREAMS:
            raise wrong("observations are created within their datastream")
        bodies = [item for item in items if isinstance(item, dict)]
        if len(bodies) < len(items):
            raise wrong("an observation stays with its datastream")
        self.observe(stream, bodies)

    def _point(self, child: Entity, name: str, key: Key) -> None:
        """Let an entity that is there lead to another."""
        to = relation(child.set, name)
        if to is None or not to.stored:
            raise wrong(f"{child.path} cannot be linked so")
        self._own(child)
        links = {**child.links, name: (*child.links.get(name, ()), key) if to.many else (key,)}
        self._moved(self._source.created.change(child, links=links), {name: links[name]})

    def _attach(self, parent: Entity, to: Relation, key: Key) -> None:
        """What was sent to a relation of an entity becomes where that leads: a thing's new place."""
        self._own(parent)
        changed = self._source.created.change(parent, links={**parent.links, to.name: (key,)})
        self._moved(changed, {to.name: (key,)})

    def _moved(self, entity: Entity, links: Mapping[str, tuple[Key, ...]]) -> None:
        """A thing that has another place has a history of places (clause 8.2.3)."""
        if entity.set is _S.THINGS and links.get("Locations"):
            self._source.created.add(
                _S.HISTORICAL_LOCATIONS,
                {"time": to_utc(self._source.now())},
                {"Thing": (entity.key,), "Locations": links["Locations"]},
            )

    def _speaking(self, stream: Entity) -> Entity:
        thing = self._source.find(_S.THINGS, stream.links["Thing"][0])
        place = relation(_S.THINGS, "Locations")
        at = (0.0, 0.0)
        for location in self._source.related(thing, place) if place else ():
            at = point_of(location.fields["location"]) or at
        return self.observing.bear(stream, lon=at[0], lat=at[1])

    # observations and tasks

    def observe(self, stream: Entity, bodies: list[dict[str, object]]) -> list[Entity]:
        """Create observations of one datastream, all or none."""
        readings = [self.observing.read(stream, body) for body in bodies]
        if not stream.device:  # the process ended between its creation and its birth
            stream = self._speaking(stream)
        for body in bodies:
            stream = self._about(stream, body.get("FeatureOfInterest"))
        return self.observing.observe(stream, readings)

    def read(self, stream: Entity, body: dict[str, object]) -> Reading:
        """An observation as it is told, or a problem."""
        return self.observing.read(stream, body)

    def _about(self, stream: Entity, told: object) -> Entity:
        """See that the datastream knows what it is about, and that an observation does not say otherwise."""
        known = stream.links.get("FeatureOfInterest", ())
        if isinstance(told, dict):
            key = told.get("@iot.id")
            if known and key is not None and str(key) != str(known[0]):
                raise wrong(f"all observations of {stream.path} are about FeaturesOfInterest({known[0]})")
            if known:
                return stream
            named = self._one(FEATURE, key, made=[], depth=0) if isinstance(key, int | str) else None
            found = (
                self.create(_S.FEATURES_OF_INTEREST, told)
                if named is None
                else self._source.find(_S.FEATURES_OF_INTEREST, named)
            )
        elif known:
            return stream
        else:
            feature = self.observing.feature(stream)
            if feature is None:
                raise wrong("name a FeatureOfInterest, or give the thing a location first")
            found = feature
        return self._source.created.change(stream, links={**stream.links, "FeatureOfInterest": (found.key,)})

    def _observation(self, body: object, parent: tuple[Entity, Relation] | None) -> Entity:
        if not isinstance(body, dict):
            raise wrong("the body is a JSON object")
        stream = self._named(_S.DATASTREAMS, "Datastream", body, parent)
        return self.observe(stream, [body])[0]

    def _task(self, body: object, parent: tuple[Entity, Relation] | None) -> Entity:
        if not isinstance(body, dict):
            raise wrong("the body is a JSON object")
        return task(self._source, self._named(_S.TASKING_CAPABILITIES, "TaskingCapability", body, parent), body)

    def _named(
        self, entity_set: EntitySet, name: str, body: Mapping[str, object], parent: tuple[Entity, Relation] | None
    ) -> Entity:
        if parent is not None and parent[0].set is entity_set:
            return parent[0]
        told = body.get(name)
        key = told.get("@iot.id") if isinstance(told, dict) else None
        if isinstance(key, bool) or not isinstance(key, int | str):
            raise wrong(f"name the {name}: {{'{name}': {{'@iot.id': ...}}}}")
        try:
            return self._source.find(entity_set, key)
        except Problem as error:
            raise wrong(error.detail) from error

    # changing and deleting

    def update(self, entity: Entity, body: object, *, whole: bool) -> Entity:
        """Change what is told (PATCH), or put it in the place of what was (PUT)."""
        self._own(entity)
        told = read(entity.set, body, whole=whole)
        fields = told.fields if whole else {**entity.fields, **told.fields}
        links = dict(entity.links)
        for to, items in told.relations.items():
            if to.stored and items:
                links[to.name] = tuple(self._one(to, item, made=[], depth=0) for item in items)
        return self._changed(entity, fields, links)

    def patch(self, entity: Entity, steps: object) -> Entity:
        """Change fields by a JSON Patch (RFC 6902)."""
        self._own(entity)
        told = read(entity.set, patched(entity.fields, steps), whole=True)
        return self._changed(entity, told.fields, dict(entity.links))

    def _changed(self, entity: Entity, fields: Fields, links: dict[str, tuple[Key, ...]]) -> Entity:
        check_whole(entity.set, fields)
        other = [name for name in _KEPT if entity.set is _S.DATASTREAMS and fields[name] != entity.fields[name]]
        if other or links.get("ObservedProperty") != entity.links.get("ObservedProperty"):
            what = other[0] if other else "ObservedProperty"
            raise Problem(409, f"{what} says what the numbers of this datastream mean; create another datastream")
        changed = self._source.created.change(entity, fields=fields, links=links)
        if links.get("Locations") != entity.links.get("Locations"):
            self._moved(changed, links)
        return changed

    def delete(self, entity: Entity) -> None:
        """Take an entity away, with what cannot be without it. The readings of a datastream stay in the hub."""
        if entity.set is _S.OBSERVATIONS:
            raise Problem(409, "an observation that was acknowledged is never taken back")
        if entity.set is _S.TASKS:
            raise Problem(409, "an order that was sent cannot be taken back; it expires by itself")
        self._own(entity)
        self._remove(entity)

    def _remove(self, entity: Entity) -> None:
        now = self._source.now()
        for gone in self._source.created.remove(entity, t=now):
            if gone.device and self._source.hub.registry.row(gone.device) >= 0:
                self._source.hub.lifecycle.move(gone.device, DeviceState.RETIRED, t=now, by="sensorthings")

    def _own(self, entity: Entity) -> None:
        if not entity.own:
            raise Problem(
                409,
                f"{entity.path} is what the hub's registry says, by the births of its devices; "
                "it is changed there, not here",
            )
