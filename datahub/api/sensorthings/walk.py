"""Where a resource path leads."""

from __future__ import annotations

from dataclasses import dataclass

from datahub.api.problems import Problem
from datahub.api.sensorthings.model import Entity, EntitySet, Key, Relation, relation, shown, written
from datahub.api.sensorthings.path import ResourcePath, Step
from datahub.api.sensorthings.source import Source

_SETS = {one.value: one for one in EntitySet}


@dataclass(frozen=True, slots=True)
class Place:
    """The end of a path: an entity, a field of it, or the entities of a set or relation.

    ``parent`` and ``to``: by which relation of which entity it was reached (of a set: neither).
    """

    set: EntitySet
    entity: Entity | None = None
    field: str = ""
    parent: Entity | None = None
    to: Relation | None = None


def follow(source: Source, path: ResourcePath) -> Place:
    """Go a path.

    Raises:
        Problem: 404, at the step that leads nowhere.
    """
    source.derived.refresh()
    first, *rest = path.steps
    entity_set = _SETS.get(first.name)
    if entity_set is None:
        raise Problem(404, f"there is no '{first.name:.40}'; there are: {', '.join(_SETS)}")
    place = Place(entity_set, None if first.key is None else source.find(entity_set, first.key))
    for step in rest:
        place = _on(source, place, step)
    return place


def _on(source: Source, place: Place, step: Step) -> Place:
    entity = place.entity
    if entity is None or place.field:
        raise Problem(404, f"'{step.name:.40}' follows upon many; choose one, as in {place.set}(1)/{step.name:.40}")
    to = relation(entity.set, step.name)
    if to is None:
        if step.name not in shown(entity.set) or step.key is not None:
            raise Problem(404, f"{entity.path} has no '{step.name:.40}'")
        return Place(entity.set, entity, field=step.name)
    if not to.many:
        found = list(source.related(entity, to))
        if step.key is not None or not found:
            raise Problem(404, f"{entity.path} leads to no {step.name}{'' if step.key is None else ' with a key'}")
        return Place(to.to, found[0], parent=entity, to=to)
    if step.key is None:
        return Place(to.to, parent=entity, to=to)
    return Place(to.to, _member(source, entity, to, step.key), parent=entity, to=to)


def _member(source: Source, entity: Entity, to: Relation, key: Key) -> Entity:
    """The one of that key, if the relation leads to it."""
    found = source.find(to.to, key)
    back = relation(to.to, to.inverse) if to.inverse else None
    if back is not None:
        there = any(one.key == entity.key for one in source.related(found, back))
    else:
        there = any(one.key == found.key for one in source.related(entity, to))
    if not there:
        raise Problem(404, f"{entity.path} leads to no {to.to}({written(key):.80})")
    return found
