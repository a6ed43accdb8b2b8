"""The data model of OGC SensorThings API 1.1 (18-088), part 1 and the tasking core: sets, relations, what is mandatory.

Ids: what the hub derives from its registry has text ids made of codes and names; what was created has whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

Key: TypeAlias = int | str
Fields: TypeAlias = dict[str, object]


class EntitySet(StrEnum):
    """OGC 18-088, clause 8.2, and 17-079r1 (tasking core), clause 8."""

    THINGS = "Things"
    LOCATIONS = "Locations"
    HISTORICAL_LOCATIONS = "HistoricalLocations"
    DATASTREAMS = "Datastreams"
    SENSORS = "Sensors"
    OBSERVED_PROPERTIES = "ObservedProperties"
    OBSERVATIONS = "Observations"
    FEATURES_OF_INTEREST = "FeaturesOfInterest"
    ACTUATORS = "Actuators"
    TASKING_CAPABILITIES = "TaskingCapabilities"
    TASKS = "Tasks"


S = EntitySet


@dataclass(frozen=True, slots=True)
class Relation:
    """A way from an entity to others; ``stored``: what is created keeps it, the other side is found through it."""

    name: str
    to: EntitySet
    many: bool = False
    stored: bool = False
    inverse: str = ""


RELATIONS: Final[Mapping[EntitySet, tuple[Relation, ...]]] = {
    S.THINGS: (
        Relation("Datastreams", S.DATASTREAMS, many=True, inverse="Thing"),
        Relation("Locations", S.LOCATIONS, many=True, stored=True),
        Relation("HistoricalLocations", S.HISTORICAL_LOCATIONS, many=True, inverse="Thing"),
        Relation("TaskingCapabilities", S.TASKING_CAPABILITIES, many=True, inverse="Thing"),
    ),
    S.LOCATIONS: (
        Relation("Things", S.THINGS, many=True, inverse="Locations"),
        Relation("HistoricalLocations", S.HISTORICAL_LOCATIONS, many=True, inverse="Locations"),
    ),
    S.HISTORICAL_LOCATIONS: (
        Relation("Thing", S.THINGS, stored=True),
        Relation("Locations", S.LOCATIONS, many=True, stored=True),
    ),
    S.DATASTREAMS: (
        Relation("Thing", S.THINGS, stored=True),
        Relation("Sensor", S.SENSORS, stored=True),
        Relation("ObservedProperty", S.OBSERVED_PROPERTIES, stored=True),
        Relation("Observations", S.OBSERVATIONS, many=True, inverse="Datastream"),
    ),
    S.SENSORS: (Relation("Datastreams", S.DATASTREAMS, many=True, inverse="Sensor"),),
    S.OBSERVED_PROPERTIES: (Relation("Datastreams", S.DATASTREAMS, many=True, inverse="ObservedProperty"),),
    S.OBSERVATIONS: (
        Relation("Datastream", S.DATASTREAMS),
        Relation("FeatureOfInterest", S.FEATURES_OF_INTEREST),
    ),
    S.FEATURES_OF_INTEREST: (Relation("Observations", S.OBSERVATIONS, many=True, inverse="FeatureOfInterest"),),
    S.ACTUATORS: (Relation("TaskingCapabilities", S.TASKING_CAPABILITIES, many=True, inverse="Actuator"),),
    S.TASKING_CAPABILITIES: (
        Relation("Thing", S.THINGS),
        Relation("Actuator", S.ACTUATORS),
        Relation("Tasks", S.TASKS, many=True, inverse="TaskingCapability"),
    ),
    S.TASKS: (Relation("TaskingCapability", S.TASKING_CAPABILITIES),),
}

REQUIRED: Final[Mapping[EntitySet, Mapping[str, type]]] = {
    S.THINGS: {"name": str, "description": str},
    S.LOCATIONS: {"name": str, "description": str, "encodingType": str, "location": dict},
    S.HISTORICAL_LOCATIONS: {"time": str},
    S.DATASTREAMS: {"name": str, "description": str, "observationType": str, "unitOfMeasurement": dict},
    S.SENSORS: {"name": str, "description": str, "encodingType": str, "metadata": object},
    S.OBSERVED_PROPERTIES: {"name": str, "definition": str, "description": str},
    S.FEATURES_OF_INTEREST: {"name": str, "description": str, "encodingType": str, "feature": dict},
}
"""What must be told of an entity that is created, and its JSON type."""

OPTIONAL: Final[Mapping[EntitySet, Mapping[str, type]]] = {
    S.DATASTREAMS: {"observedArea": dict, "phenomenonTime": str, "resultTime": str, "properties": dict},
    S.HISTORICAL_LOCATIONS: {},
}
"""What may be told besides; of all others: ``properties``."""


def fields_of(entity_set: EntitySet) -> Mapping[str, type]:
    """Every field that an entity which is created may have."""
    return {**REQUIRED[entity_set], **OPTIONAL.get(entity_set, {"properties": dict})}


_DESCRIBED: Final = ("name", "description", "encodingType", "metadata", "properties")
_SHOWN: Final[Mapping[EntitySet, tuple[str, ...]]] = {
    S.OBSERVATIONS: ("phenomenonTime", "resultTime", "result", "resultQuality"),
    S.ACTUATORS: _DESCRIBED,
    S.TASKING_CAPABILITIES: ("name", "description", "taskingParameters", "properties"),
    S.TASKS: ("creationTime", "taskingParameters", "properties"),
}


def shown(entity_set: EntitySet) -> tuple[str, ...]:
    """Every field that an entity of a set may show."""
    return _SHOWN.get(entity_set) or tuple(fields_of(entity_set))


def relation(entity_set: EntitySet, name: str) -> Relation | None:
    """The relation of that name; None if there is none."""
    return next((one for one in RELATIONS[entity_set] if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Entity:
    """One thing, sensor, stream ... as the API shows it.

    Attributes:
        own: it was created through the API; else it is derived from the hub's registry.
        links: of one that was created: relation -> keys.
        device, says: of a datastream: whose readings of what it shows; of a task: which command to whom.
    """

    set: EntitySet
    key: Key
    fields: Fields
    own: bool = False
    links: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    device: int = 0
    says: str = ""

    @property
    def path(self) -> str:
        """Where it stands below the root."""
        return f"{self.set}({written(self.key)})"


def written(key: Key) -> str:
    """A key as it stands in brackets: numbers as they are, text in quotes."""
    return str(key) if isinstance(key, int) else "'" + key.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Span:
    """Entities that are made when they are looked at: a million of them cost nothing."""

    count: int
    at: Callable[[int], Entity]

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Entity]:
        return (self.at(i) for i in range(self.count))


def span(entities: Sequence[Entity]) -> Span:
    """Entities that are there."""
    return Span(len(entities), entities.__getitem__)


def joined(spans: Sequence[Span]) -> Span:
    """One after the other."""
    ends = [sum(len(one) for one in spans[: i + 1]) for i in range(len(spans))]

    def at(i: int) -> Entity:
        place = next(k for k, end in enumerate(ends) if i < end)
        return spans[place].at(i - (ends[place] - len(spans[place])))

    return Span(ends[-1] if ends else 0, at)
