"""What somebody tells of an entity: fields that are there and fit, relations that lead somewhere, nothing unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from datahub.api.sensorthings.grammar import moment, wrong
from datahub.api.sensorthings.model import RELATIONS, REQUIRED, EntitySet, Fields, Key, Relation, fields_of

_NUMBERS: Final = ("OM_Measurement", "OM_CountObservation", "OM_TruthObservation", "OM_Observation")
_JSON: Final = {str: "text", dict: "an object", object: "a value"}


@dataclass(frozen=True, slots=True)
class Told:
    """Fields, and for each relation that was told either keys of what is there or bodies of what is to be created."""

    fields: Fields
    relations: dict[Relation, list[Key | dict[str, object]]]


def read(entity_set: EntitySet, body: object, *, whole: bool) -> Told:
    """The body of a request. ``whole``: what is mandatory must be in it.

    Raises:
        Problem: 400, naming the field, the rule and the remedy.
    """
    if not isinstance(body, dict):
        raise wrong("the body is a JSON object")
    known = fields_of(entity_set)
    relations = {to.name: to for to in RELATIONS[entity_set]}
    if entity_set is EntitySet.DATASTREAMS:
        relations["FeatureOfInterest"] = FEATURE
    fields: Fields = {}
    found: dict[Relation, list[Key | dict[str, object]]] = {}
    for name, value in body.items():
        if name in relations:
            found[relations[name]] = _related(relations[name], value)
        elif name in known:
            if value is not None:
                fields[name] = _fitting(name, value, known[name])
        elif "@iot." not in name:
            raise wrong(f"{entity_set} have no '{name:.40}'; they have {', '.join((*known, *relations))}")
    if whole:
        check_whole(entity_set, fields)
    _check_values(entity_set, fields)
    return Told(fields, found)


FEATURE: Final = Relation("FeatureOfInterest", EntitySet.FEATURES_OF_INTEREST, stored=True)
"""What all observations of a datastream are about: the hub keeps that once, with the datastream."""


def check_whole(entity_set: EntitySet, fields: Mapping[str, object]) -> None:
    """Refuse what lacks a mandatory field."""
    lacking = [name for name in REQUIRED[entity_set] if name not in fields]
    if lacking:
        raise wrong(f"mandatory for {entity_set} and not told: {', '.join(lacking)}")


def _fitting(name: str, value: object, kind: type) -> object:
    if not isinstance(value, kind):
        raise wrong(f"{name} is {_JSON[kind]}, not '{value!s:.40}'")
    return value


def _check_values(entity_set: EntitySet, fields: Fields) -> None:
    observed = fields.get("observationType")
    if isinstance(observed, str) and not observed.endswith(_NUMBERS):
        raise wrong(f"observationType '{observed:.80}': the hub keeps numbers, so it is one of {', '.join(_NUMBERS)}")
    if isinstance(fields.get("time"), str):
        moment(str(fields["time"]))
    unit = fields.get("unitOfMeasurement")
    if isinstance(unit, dict) and not {"name", "symbol", "definition"} <= set(unit):
        raise wrong("unitOfMeasurement has name, symbol and definition; each may be null")
    if entity_set is EntitySet.LOCATIONS and "location" in fields and point_of(fields["location"]) is None:
        raise wrong("location is a GeoJSON geometry or feature, lon before lat")


def _related(to: Relation, value: object) -> list[Key | dict[str, object]]:
    listed = value if isinstance(value, list) else [value]
    if isinstance(value, list) != to.many and value is not None:
        raise wrong(f"{to.name} is {'a list' if to.many else 'one'}")
    found: list[Key | dict[str, object]] = []
    for one in listed if value is not None else []:
        if not isinstance(one, dict):
            raise wrong(f"{to.name}: an entity is an object, or {{'@iot.id': ...}} for one that is there")
        key = one.get("@iot.id")
        if key is not None and (isinstance(key, bool) or not isinstance(key, int | str)):
            raise wrong(f"{to.name}: @iot.id is a number or text")
        found.append(one if key is None else key)
    return found


def point_of(geometry: object) -> tuple[float, float] | None:
    """Some point of a GeoJSON geometry (its first), lon and lat [deg]; None if it has none."""
    here = geometry.get("geometry", geometry) if isinstance(geometry, dict) else None
    here = here.get("coordinates") if isinstance(here, dict) and isinstance(here.get("type"), str) else None
    while isinstance(here, list) and here and isinstance(here[0], list):
        here = here[0]
    if not isinstance(here, list) or len(here) < 2:
        return None
    lon, lat = here[:2]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in (lon, lat)):
        return None
    return (float(lon), float(lat)) if abs(lon) <= 180 and abs(lat) <= 90 else None
