"""W3C WoT Thing Descriptions (TD 1.1) of devices, and Thing Models of kinds, made of what births say and nothing else.

A Thing Model describes any device of a kind, with placeholders where a device, a city or an address belongs; a Thing
Description has them filled in. Forms read over HTTP and observe over MQTT (vocabulary of the W3C's MQTT binding).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

import msgspec

from datahub.contract.messages import Alarm, ArgumentDescriptor, KindDescriptor, PropertyDescriptor
from datahub.contract.topics import ALARM, Word
from datahub.contract.units import unit_of, written_unit
from datahub.devices.alarms import SILENT
from datahub.ingest.thresholds import Threshold

Json: TypeAlias = dict[str, Any]

CONTEXT: Final = "https://www.w3.org/2022/wot/td/v1.1"
MQTT: Final = "https://www.w3.org/2019/wot/mqtt#"
OURS: Final = "urn:citybrain:td#"

TD_TYPE: Final = "application/td+json"
TM_TYPE: Final = "application/tm+json"

_SECURITY: Final[Json] = {
    "open": {"scheme": "nosec", "description": "whoever reaches the platform may read"},
    "token": {
        "scheme": "bearer",
        "in": "header",
        "format": "opaque",
        "description": "the platform's api_token; orders are taken from its own machine only",
    },
    "broker": {
        "scheme": "auto",
        "description": "what the broker asks for: nothing (the embedded one), a name and its secret, or a certificate",
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a thing is found; every text may be a placeholder.

    Attributes:
        api: address of the API, with a slash at its end.
        broker: URL of the MQTT broker.
        root: what every topic of the city begins with.
        city: short name of the city.
        device, node, object: unified codes of the device, of who speaks for it, and of what it watches.
        asset: path of the object below ``api``.
    """

    api: str
    broker: str
    root: str
    city: str
    device: str
    node: str
    object: str
    asset: str


ANYWHERE: Final = Place(
    api="{{API}}",
    broker="{{BROKER}}",
    root="city/{{CITY}}",
    city="{{CITY}}",
    device="{{DEVICE}}",
    node="{{NODE}}",
    object="{{OBJECT}}",
    asset="assets/{{OBJECT}}",
)


def model(kind: KindDescriptor, thresholds: Sequence[Threshold]) -> Json:
    """The Thing Model of a kind."""
    return {"@context": _context(), "@type": "tm:ThingModel"} | _thing(kind, thresholds, ANYWHERE)


def description(kind: KindDescriptor, thresholds: Sequence[Threshold], place: Place) -> Json:
    """The Thing Description of one device."""
    thing = _thing(kind, thresholds, place)
    thing["links"].insert(0, {"rel": "type", "href": f"td/{quote(kind.name, safe='')}", "type": TM_TYPE})
    return {"@context": _context(), "@type": "Thing"} | thing


def _context() -> list[Json | str]:
    return [CONTEXT, {"@language": "zh", "mqv": MQTT, "cb": OURS}]


def _thing(kind: KindDescriptor, thresholds: Sequence[Threshold], place: Place) -> Json:
    counted = {one.property: one for one in thresholds if one.kind in ("", kind.name)}  # the last declared one counts
    limits = [counted[one.name] for one in kind.properties if one.name in counted]
    return {
        "id": f"urn:citybrain:{place.city}:{place.device}",
        "base": place.api,
        **_titled(f"{kind.zh} {place.device}", f"{kind.en} {place.device}"),
        "securityDefinitions": _SECURITY,
        "security": ["open"],
        "properties": {one.name: _property(one, place) for one in kind.properties},
        "actions": {name: _action(kind, name, place) for name in kind.commands},
        "events": {one.name: _limit(one, place) for one in limits} | {SILENT: _silence(kind, place)},
        "links": [
            {"rel": "collection", "href": place.asset, "type": "application/json"},
            {"rel": "alternate", "href": f"devices/{place.device}", "type": "application/json"},
        ],
    }


def _titled(zh: str, en: str) -> Json:
    return {"title": zh, "titles": {"zh": zh, "en": en}}


def _property(one: PropertyDescriptor, place: Place) -> Json:
    """What a device observes: read its latest value over HTTP, or watch its packs (SenML) go by."""
    every = f"every {one.period_s:g} s" if one.period_s else "when something happens"
    schema: Json = {
        **_titled(one.zh or one.name, one.en or one.name),
        "description": f"{every}; range and resolution are the sensor's, as its maker states them",
        "type": "number",
        "readOnly": True,
        "observable": True,
        "cb:resolution": one.resolution,
        "cb:period_s": one.period_s,
        "cb:cumulative": one.cumulative,
    }
    if one.low <= one.high:
        schema |= {"minimum": one.low, "maximum": one.high}
    if written := written_unit(one.name):
        schema["unit"] = written
    if senml := _senml_unit(one.name):
        schema["cb:senmlUnit"] = senml
    schema["forms"] = [
        {
            "op": "readproperty",
            "href": f"devices/{place.device}/properties/{quote(one.name, safe='')}",
            "contentType": "application/json",
            "htv:methodName": "GET",
        },
        _heard(["observeproperty", "unobserveproperty"], f"{place.root}/{place.node}/{Word.OBS}", place, senml=True),
    ]
    return schema


def _senml_unit(name: str) -> str:
    try:
        return unit_of(name)
    except KeyError:
        return ""


def _heard(op: list[str], topic: str, place: Place, *, senml: bool = False) -> Json:
    """A form that subscribes."""
    return {
        "op": op,
        "href": place.broker,
        "contentType": "application/senml+json" if senml else "application/json",
        "mqv:controlPacket": "subscribe",
        "mqv:filter": topic,
        "mqv:qos": "1",
        "mqv:retain": False,
        "security": ["broker"],
    }


def _action(kind: KindDescriptor, name: str, place: Place) -> Json:
    """A command: ordered through the platform, which sees to its delivery, and followed there by its id."""
    return {
        **_titled(name, name),
        "description": f"what '{kind.en}' does when told '{name}'; ordered twice under one id, it is done once",
        "safe": False,
        "idempotent": False,
        "synchronous": False,
        "input": {
            "type": "object",
            "required": ["name", "valid_s"],
            "properties": {
                "name": {"const": name, "type": "string"},
                "arguments": _arguments(kind, name),
                "valid_s": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 86_400,
                    "unit": "s",
                    "description": "how long the order is worth carrying out, in city time",
                },
                "id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,64}$"},
            },
        },
        "output": {"type": "object", "properties": {"id": {"type": "string"}, "status": {"type": "string"}}},
        "uriVariables": {"id": {"type": "string", "description": "the order, when it is asked after"}},
        "forms": [
            {
                "op": "invokeaction",
                "href": f"devices/{place.device}/commands",
                "contentType": "application/json",
                "htv:methodName": "POST",
                "security": ["token"],
            },
            {
                "op": "queryaction",
                "href": "commands/{id}",
                "contentType": "application/json",
                "htv:methodName": "GET",
            },
        ],
    }


def _arguments(kind: KindDescriptor, command: str) -> Json:
    """What a command takes, as the maker says; any numbers, where none says."""
    taken = [one for one in kind.arguments or () if one.command == command]
    schema: Json = {
        "type": "object",
        "description": "numbers by name, in the unit that the name carries",
        "properties": {one.name: _argument(one) for one in taken},
        "additionalProperties": {"type": "number"} if kind.arguments is None else False,
    }
    needed = [one.name for one in taken if one.default is None]
    return schema | ({"required": needed} if needed else {})


def _argument(one: ArgumentDescriptor) -> Json:
    schema: Json = {"type": "number", "minimum": one.low, "maximum": one.high}
    if one.default is not None:
        schema["default"] = one.default
    if unit := written_unit(one.name):
        schema["unit"] = unit
    return schema


def _limit(one: Threshold, place: Place) -> Json:
    sense, limit = ("above", one.above) if one.above is not None else ("below", one.below)
    unit = written_unit(one.property) or ""
    text = f"{one.property} is {sense} {limit:g} {unit}, until it is back at {one.clear:g} {unit}; "
    return _event(_titled(one.zh, one.en), text + _concern(fault=one.fault), one.name, place)


def _silence(kind: KindDescriptor, place: Place) -> Json:
    text = f"nothing is heard of who speaks for it, who has something to say every {kind.report_s:g} s; "
    return _event(_titled("设备失联", "device silent"), text + _concern(fault=True), SILENT, place)


def _concern(*, fault: bool) -> str:
    return "the owner's matter" if fault else "the city's matter"


def _event(titles: Json, text: str, kind: str, place: Place) -> Json:
    """An alarm of the hub, as it goes out northbound; the topic carries those of all devices."""
    return {
        **titles,
        "description": text,
        "data": _alarm(),
        "forms": [_heard(["subscribeevent", "unsubscribeevent"], f"{place.root}/{ALARM}/{kind}", place)],
    }


def _alarm() -> Json:
    _, parts = msgspec.json.schema_components([Alarm])
    schema: Mapping[str, Any] = parts["Alarm"]
    return {"type": "object", "properties": schema["properties"], "required": schema["required"]}
