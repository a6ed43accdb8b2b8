"""CreateObservations: many observations of several datastreams as arrays (OGC 18-088, 12.2)."""

from __future__ import annotations

from datahub.api.problems import Problem
from datahub.api.sensorthings.changes import Changes
from datahub.api.sensorthings.grammar import wrong
from datahub.api.sensorthings.model import Entity, EntitySet
from datahub.api.sensorthings.source import Source

FAILED = "error"
"""What stands in the answer in the place of an observation that could not be created (clause 12.2.2)."""


def create(source: Source, changes: Changes, body: object) -> list[Entity | None]:
    """Create them all; None stands for each that could not be.

    Raises:
        Problem: 400, if it is no such list, or a datastream is unknown.
    """
    groups = [_group(source, one) for one in body] if isinstance(body, list) else []
    if not groups:
        raise wrong("CreateObservations takes a list of {Datastream, components, dataArray}")
    made: list[Entity | None] = []
    for stream, bodies in groups:
        sound = [one for one in bodies if _sound(changes, stream, one)]
        created = iter(changes.observe(stream, sound) if sound else ())
        kept = {id(one) for one in sound}
        made += [next(created) if id(one) in kept else None for one in bodies]
    return made


def _sound(changes: Changes, stream: Entity, body: dict[str, object]) -> bool:
    try:
        changes.read(stream, body)
    except Problem:
        return False
    return True


def _group(source: Source, told: object) -> tuple[Entity, list[dict[str, object]]]:
    match told:
        case {"Datastream": {"@iot.id": int() | str() as key}, "components": list(names), "dataArray": list(rows)}:
            pass
        case _:
            raise wrong("each group is {Datastream: {'@iot.id': ...}, components: [...], dataArray: [[...], ...]}")
    if "result" not in names or not all(isinstance(one, str) for one in names):
        raise wrong("components are names of fields, and result is one of them")
    try:
        stream = source.find(EntitySet.DATASTREAMS, key)
    except Problem as error:
        raise wrong(error.detail) from error
    bodies = []
    for row in rows:
        if not isinstance(row, list) or len(row) != len(names):
            raise wrong(f"each row of dataArray is a list of {len(names)} values, one for each component")
        body = {name: value for name, value in zip(names, row, strict=True) if name != "id"}
        feature = body.pop("FeatureOfInterest/id", None)
        bodies.append({**body, **({} if feature is None else {"FeatureOfInterest": {"@iot.id": feature}})})
    return stream, bodies
