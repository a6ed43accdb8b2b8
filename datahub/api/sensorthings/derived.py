"""What the hub's registry says in the words of SensorThings, made when it is looked at.

Thing: the managed object that devices watch (a pole with its guests), or the device where it watches none. Sensor and
Actuator: a kind of device. ObservedProperty: a property. Datastream: a device's property. TaskingCapability: a command
that a device takes. Each thing has one Location and is its own feature of interest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from datahub.api.sensorthings.model import Entity, EntitySet, Fields, Key, Span, joined, span
from datahub.api.sensorthings.units import unit_of_measurement
from datahub.contract.clock import to_utc
from datahub.contract.messages import KindDescriptor, PropertyDescriptor
from datahub.contract.observations import Floats, Ints
from datahub.devices import coding
from datahub.hub import Hub
from datahub.store import entities

OWN_KIND: Final = "sensorthings_"
"""What the names of those kinds begin with whose devices stand for datastreams that were created."""

GEOJSON: Final = "application/geo+json"
MEASUREMENT: Final = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"
_CLASS_NAMES: Final = {int(number): name for name, number in coding.CLASSES.items()}
_S = EntitySet


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """The registry by thing: devices in the order of their things, and where each thing's begin.

    ``streams`` and ``orders`` count up the properties and the commands of the devices before each; ``by_code`` and
    ``by_thing`` are rows in the order of their codes; ``sort`` is the class of a thing, -1 if its code tells none.
    """

    kinds: tuple[KindDescriptor, ...]
    device: Ints
    kind: Ints
    thing_of: Ints
    born: Ints
    thing: Ints
    first: Ints
    lon: Floats
    lat: Floats
    streams: Ints
    orders: Ints
    sort: Ints
    by_code: Ints
    by_thing: Ints


class Derived:
    """The entities that the hub derives from what it knows."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._version: tuple[int, int] = (-1, -1)
        self._register: dict[int, tuple[str, str, str, float, float]] = {}
        with hub.store.lock:
            self._laid = self._lay_out()

    def refresh(self) -> None:
        """Look whether things were entered into the asset register."""
        found = entities.register(self._hub.store, len(self._register))
        if found is not None:
            with self._hub.store.lock:
                self._register = found

    def _now(self) -> _Layout:
        with self._hub.store.lock:
            self._hub.registry.settle()
            version = (self._hub.registry.version, len(self._register))
            if version != self._version:
                self._laid, self._version = self._lay_out(), version
            return self._laid

    def _lay_out(self) -> _Layout:
        registry = self._hub.registry
        kinds = tuple(registry.kinds.kinds)
        foreign = np.array([not kind.name.startswith(OWN_KIND) for kind in kinds], np.bool_)
        rows = np.flatnonzero(foreign[registry.kind]) if len(registry) else np.zeros(0, np.int64)
        thing_of = np.where(registry.object[rows] > 0, registry.object[rows], registry.device[rows])
        order = np.argsort(thing_of, kind="stable")
        rows, thing_of = rows[order], thing_of[order]
        thing, first = np.unique(thing_of, return_index=True)
        lon, lat = registry.lon[rows][first], registry.lat[rows][first]
        entered = np.array([code for code, it in self._register.items() if it[0] == "object"], np.int64)
        others = np.setdiff1d(entered, thing).tolist()
        kind = registry.kind[rows].astype(np.int64)
        widths = np.array([len(it.properties) for it in kinds], np.int64)[kind] if len(rows) else rows
        orders = np.array([len(it.commands) for it in kinds], np.int64)[kind] if len(rows) else rows
        things = np.concatenate([thing, np.array(others, np.int64)])
        device = registry.device[rows]
        return _Layout(
            kinds=kinds,
            device=device,
            kind=kind,
            thing_of=thing_of,
            born=registry.nodes.epoch[registry.nodes.rows(registry.node[rows])] if len(rows) else rows,
            thing=things,
            first=np.concatenate([first, np.full(len(others), len(rows))]).astype(np.int64),
            lon=np.concatenate([lon, np.array([self._register[code][3] for code in others])]),
            lat=np.concatenate([lat, np.array([self._register[code][4] for code in others])]),
            streams=np.concatenate([[0], np.cumsum(widths)]).astype(np.int64),
            orders=np.concatenate([[0], np.cumsum(orders)]).astype(np.int64),
            sort=np.where(coding.valid(things), things // 10 // coding.ORDINALS % 10_000, -1),
            by_code=np.argsort(device),
            by_thing=np.argsort(things),
        )

    # sets

    def all(self, entity_set: EntitySet) -> Span:
        """Every entity of a set that the hub derives (tasks and observations are not among them)."""
        at = self._now()
        match entity_set:
            case _S.THINGS | _S.LOCATIONS | _S.HISTORICAL_LOCATIONS | _S.FEATURES_OF_INTEREST:
                return Span(len(at.thing), lambda i: self._of_thing(at, entity_set, i))
            case _S.DATASTREAMS:
                return Span(int(at.streams[-1]), lambda i: self._stream(at, *_place(at.streams, i)))
            case _S.TASKING_CAPABILITIES:
                return Span(int(at.orders[-1]), lambda i: self._capability(at, *_place(at.orders, i)))
            case _S.SENSORS:
                return span([_sensor(kind) for kind in _foreign(at)])
            case _S.ACTUATORS:
                return span([_actuator(kind) for kind in _foreign(at) if kind.commands])
            case _S.OBSERVED_PROPERTIES:
                return span([_observed(one) for one in _properties(at).values()])
        return span(())

    def find(self, entity_set: EntitySet, key: Key) -> Entity | None:
        """The one of that key; None if there is none."""
        at, text = self._now(), str(key)
        match entity_set:
            case _S.THINGS | _S.LOCATIONS | _S.HISTORICAL_LOCATIONS | _S.FEATURES_OF_INTEREST:
                i = self._thing(at, text)
                return None if i is None else self._of_thing(at, entity_set, i)
            case _S.DATASTREAMS | _S.TASKING_CAPABILITIES:
                code, _, name = text.partition(":")
                for i in self._rows(at, code):
                    made = self._streams(at, i) if entity_set is _S.DATASTREAMS else self._capabilities(at, i)
                    return next((one for one in made if one.key == f"{code}:{name}"), None)
                return None
            case _S.SENSORS | _S.ACTUATORS | _S.OBSERVED_PROPERTIES:
                return next((one for one in self.all(entity_set) if one.key == text), None)
        return None

    def related(self, entity: Entity, name: str) -> Span:
        """Where a relation leads from a derived entity, among those that are derived."""
        at, key = self._now(), str(entity.key)
        match entity.set, name:
            case _S.THINGS, "Datastreams":
                return joined([span(self._streams(at, i)) for i in self._guests(at, key)])
            case _S.THINGS, "TaskingCapabilities":
                return joined([span(self._capabilities(at, i)) for i in self._guests(at, key)])
            case ((_S.DATASTREAMS | _S.TASKING_CAPABILITIES), "Thing"):
                thing = [str(at.thing_of[i]) for i in self._rows(at, key.partition(":")[0])]
                return self._some(_S.THINGS, thing)
            case _S.DATASTREAMS, "Sensor":
                return self._some(_S.SENSORS, self._kind_of(at, key))
            case _S.DATASTREAMS, "ObservedProperty":
                return self._some(_S.OBSERVED_PROPERTIES, [key.partition(":")[2]])
            case _S.TASKING_CAPABILITIES, "Actuator":
                return self._some(_S.ACTUATORS, self._kind_of(at, key))
            case _S.SENSORS, "Datastreams":
                return self._of_kind(at, key, self._stream, width=lambda kind: len(kind.properties))
            case _S.ACTUATORS, "TaskingCapabilities":
                return self._of_kind(at, key, self._capability, width=lambda kind: len(kind.commands))
            case _S.OBSERVED_PROPERTIES, "Datastreams":
                return self._observing(at, key)
        to = {"Things": _S.THINGS, "Thing": _S.THINGS, "Locations": _S.LOCATIONS}.get(name)
        to = _S.HISTORICAL_LOCATIONS if name == "HistoricalLocations" else to
        return span(()) if to is None else self._some(to, [key])

    def _some(self, entity_set: EntitySet, keys: Sequence[str]) -> Span:
        found = [self.find(entity_set, key) for key in keys]
        return span([one for one in found if one is not None])

    # where they lie

    def _thing(self, at: _Layout, text: str) -> int | None:
        return next(iter(_among(at.thing, at.by_thing, text)), None)

    def _guests(self, at: _Layout, thing: str) -> range:
        """Rows of the devices of a thing."""
        low, high = np.searchsorted(at.thing_of, [int(thing), int(thing) + 1])
        return range(int(low), int(high))

    def _rows(self, at: _Layout, code: str) -> list[int]:
        """Row of a device, if there is such a one."""
        return _among(at.device, at.by_code, code)

    def _kind_of(self, at: _Layout, key: str) -> list[str]:
        return [at.kinds[at.kind[i]].name for i in self._rows(at, key.partition(":")[0])]

    def _of_kind(
        self,
        at: _Layout,
        name: str,
        make: Callable[[_Layout, int, int], Entity],
        *,
        width: Callable[[KindDescriptor], int],
    ) -> Span:
        number = next((i for i, kind in enumerate(at.kinds) if kind.name == name), -1)
        rows = np.flatnonzero(at.kind == number)
        wide = width(at.kinds[number])
        return Span(len(rows) * wide, lambda i: make(at, int(rows[i // wide]), i % wide))

    def _observing(self, at: _Layout, name: str) -> Span:
        places = [_position(kind, name) for kind in at.kinds]
        rows = np.flatnonzero(np.array([place >= 0 for place in places], np.bool_)[at.kind])
        return Span(len(rows), lambda i: self._stream(at, int(rows[i]), places[at.kind[rows[i]]]))

    # what they look like

    def _of_thing(self, at: _Layout, entity_set: EntitySet, i: int) -> Entity:
        key = str(at.thing[i])
        if entity_set is _S.HISTORICAL_LOCATIONS:
            born = int(at.born[at.first[i]]) if at.first[i] < len(at.born) else 0
            return Entity(entity_set, key, {"time": to_utc(born)})
        sort = _class_of(int(at.sort[i]))
        name = self._named(int(key), sort)
        point = {"type": "Point", "coordinates": [float(at.lon[i]), float(at.lat[i])]}
        if entity_set is _S.THINGS:
            return Entity(entity_set, key, {**name, "properties": self._told(int(key), sort)})
        place = "location" if entity_set is _S.LOCATIONS else "feature"
        return Entity(entity_set, key, {**name, "encodingType": GEOJSON, place: point, "properties": {}})

    def _named(self, code: int, sort: str) -> Fields:
        named = self._register.get(code)
        name = named[1] if named and named[1] else f"{sort} {code}"
        return {"name": name, "description": f"{sort.replace('_', ' ')} with the unified code {code}"}

    def _told(self, code: int, sort: str) -> Fields:
        named = self._register.get(code)
        return {"code": str(code), "class": sort, **({"owner": named[2]} if named else {})}

    def _streams(self, at: _Layout, i: int) -> list[Entity]:
        return [self._stream(at, i, place) for place in range(len(at.kinds[at.kind[i]].properties))]

    def _capabilities(self, at: _Layout, i: int) -> list[Entity]:
        return [self._capability(at, i, place) for place in range(len(at.kinds[at.kind[i]].commands))]

    def _stream(self, at: _Layout, i: int, place: int) -> Entity:
        kind = at.kinds[at.kind[i]]
        one, device = kind.properties[place], int(at.device[i])
        fields: Fields = {
            "name": f"{one.en or one.name} of {kind.en or kind.name} {device}",
            "description": f"{one.zh or one.name}: what {kind.zh or kind.name} {device} says of {one.name}",
            "observationType": MEASUREMENT,
            "unitOfMeasurement": unit_of_measurement(one.name),
            "properties": {"device": str(device), "kind": kind.name, "property": one.name},
        }
        return Entity(_S.DATASTREAMS, f"{device}:{one.name}", fields, device=device, says=one.name)

    def _capability(self, at: _Layout, i: int, place: int) -> Entity:
        kind, device = at.kinds[at.kind[i]], int(at.device[i])
        name = kind.commands[place]
        fields: Fields = {
            "name": f"{name} of {kind.en or kind.name} {device}",
            "description": f"orders '{name}' to {kind.zh or kind.name} {device}; numbers by name, unit in the name",
            "taskingParameters": {
                "type": "DataRecord",
                "field": [{"type": "Quantity", "name": "valid_s", "label": "worthless after", "uom": {"code": "s"}}],
            },
            "properties": {"device": str(device), "kind": kind.name, "command": name},
        }
        return Entity(_S.TASKING_CAPABILITIES, f"{device}:{name}", fields, device=device, says=name)


def _among(codes: Ints, order: Ints, text: str) -> list[int]:
    """Row of a code in a column, if the text is one that stands there. ``order``: rows by code."""
    if not (text.isdecimal() and text.isascii() and len(text) < 19):
        return []
    at = int(np.searchsorted(codes, int(text), sorter=order))
    return [int(order[at])] if at < len(order) and codes[order[at]] == int(text) else []


def _place(ends: Ints, i: int) -> tuple[int, int]:
    row = int(np.searchsorted(ends, i, side="right")) - 1
    return row, i - int(ends[row])


def _position(kind: KindDescriptor, name: str) -> int:
    """Place of a property within a kind; -1 if it is none of its own, or the kind stands for what was created."""
    if kind.name.startswith(OWN_KIND):
        return -1
    return next((i for i, one in enumerate(kind.properties) if one.name == name), -1)


def _foreign(at: _Layout) -> list[KindDescriptor]:
    return [kind for kind in at.kinds if not kind.name.startswith(OWN_KIND)]


def _properties(at: _Layout) -> dict[str, PropertyDescriptor]:
    found: dict[str, PropertyDescriptor] = {}
    for kind in _foreign(at):
        for one in kind.properties:
            found.setdefault(one.name, one)
    return found


def _class_of(number: int) -> str:
    """What a class of unified codes is called; a code of no such form is of a thing."""
    if number < 0:
        return "thing"
    return _CLASS_NAMES.get(number, "device" if f"{number:04d}".startswith(coding.DEVICE_MAJOR) else "object")


def _sensor(kind: KindDescriptor) -> Entity:
    fields: Fields = {
        "name": kind.en or kind.name,
        "description": f"{kind.zh or kind.name}: the kind {kind.name}, as its maker describes it",
        "encodingType": "application/json",
        "metadata": msgspec.to_builtins(kind),
        "properties": {"kind": kind.name},
    }
    return Entity(_S.SENSORS, kind.name, fields)


def _actuator(kind: KindDescriptor) -> Entity:
    fields: Fields = {
        **_sensor(kind).fields,
        "description": f"{kind.zh or kind.name}: takes {', '.join(kind.commands)}",
    }
    return Entity(_S.ACTUATORS, kind.name, fields)


def _observed(one: PropertyDescriptor) -> Entity:
    fields: Fields = {
        "name": one.name,
        "definition": f"urn:citybrain:property:{one.name}",
        "description": f"{one.zh or one.name}, {one.en or one.name}",
        "properties": {"unit": unit_of_measurement(one.name)["definition"]},
    }
    return Entity(_S.OBSERVED_PROPERTIES, one.name, fields)
