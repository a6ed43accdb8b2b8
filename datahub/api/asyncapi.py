"""The topics of the wire as an AsyncAPI 3.0 document, made of the contract: topics, messages, and how they go out.

Addresses, QoS and examples are what ``datahub.contract.wire.encode`` makes of one sample of each message, so the
document cannot say what the wire does not do. It is written from the hub's side: ``receive`` goes upward, ``send``
downward.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import msgspec

from datahub.api.spoken import NODE, SAID, TOPICS, Said, outgoing
from datahub.contract.messages import SCHEMA, Alarm
from datahub.contract.resolution import NUMBERS, TEXTS, VALUES

Json: TypeAlias = dict[str, Any]

SENML: Final = "SenMLPack"


def document(*, city: str = "") -> Json:
    """The whole document; of one city, if it is named."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "citybrain hub",
            "version": f"{SCHEMA}.0.0",
            "description": "The wire between devices and the platform. Codes are unified codes of at most 18 digits,"
            " times epoch milliseconds UTC, units those that names carry. Readers ignore fields that they do not know.",
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {one.name: _channel(one, city) for one in SAID},
        "operations": {_operation_name(one): _operation(one) for one in SAID},
        "components": {
            "messages": {one.name: _message(one) for one in SAID},
            "schemas": _schemas(),
            "securitySchemes": {
                "secret": {"type": "userPassword", "description": "a node's unified code, and its secret"},
                "certificate": {"type": "X509", "description": "client certificate; its common name is the code"},
            },
        },
    }


def _servers() -> Json:
    secured = "a broker with the files that 'citybrain broker' writes"
    ref = "#/components/securitySchemes/"
    return {
        "embedded": {
            "host": "127.0.0.1:1883",
            "protocol": "mqtt",
            "description": "the embedded broker, on this machine only, without credentials",
        },
        "secret": {
            "host": "broker.example:8883",
            "protocol": "secure-mqtt",
            "description": secured,
            "security": [{"$ref": f"{ref}secret"}],
        },
        "certificate": {
            "host": "broker.example:8884",
            "protocol": "secure-mqtt",
            "description": f"{secured}, for client certificates",
            "security": [{"$ref": f"{ref}certificate"}],
        },
    }


def _channel(one: Said, city: str) -> Json:
    address = outgoing(one).topic.replace(f"/{TOPICS.city}/", "/{city}/").replace(f"/{NODE}/", "/{node}/")
    if isinstance(one.sample, Alarm):
        address = address.replace(f"/{one.sample.kind}", "/{kind}")
    told = _parameters(city)
    return {
        "address": address,
        "description": one.text,
        "messages": {one.name: {"$ref": f"#/components/messages/{one.name}"}},
        "parameters": {name: it for name, it in told.items() if f"{{{name}}}" in address},
    }


def _parameters(city: str) -> Json:
    name: Json = {"description": "short name of the city; in a virtual run with the run's id behind it (harbour~r1)"}
    return {
        "city": name | ({"default": city} if city else {"examples": ["zhuhai", "harbour~r1"]}),
        "node": {"description": "unified code of the node", "examples": [str(NODE)]},
        "kind": {"description": "kind of alarm: a declared limit, or device_silent", "examples": ["pole_tilt"]},
    }


def _operation_name(one: Said) -> str:
    return f"{'receive' if one.up else 'send'}{one.name[0].upper()}{one.name[1:]}"


def _operation(one: Said) -> Json:
    out = outgoing(one)
    told: Json = {
        "action": "receive" if one.up else "send",
        "channel": {"$ref": f"#/channels/{one.name}"},
        "messages": [{"$ref": f"#/channels/{one.name}/messages/{one.name}"}],
        "bindings": {"mqtt": {"qos": out.qos, "retain": out.retain, "bindingVersion": "0.2.0"}},
    }
    if one.answer:
        told["reply"] = {
            "channel": {"$ref": f"#/channels/{one.answer}"},
            "messages": [{"$ref": f"#/channels/{one.answer}/messages/{one.answer}"}],
        }
    return told


def _message(one: Said) -> Json:
    return {
        "name": one.name,
        "contentType": "application/senml+json" if one.reads is None else "application/json",
        "payload": {"$ref": f"#/components/schemas/{one.reads.__name__ if one.reads else SENML}"},
        "examples": [{"name": "sample", "payload": msgspec.json.decode(outgoing(one).payload)}],
    }


def _schemas() -> Json:
    structs = [one.reads for one in SAID if one.reads]
    _, found = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    return {name: _told(schema) for name, schema in sorted(found.items())} | {SENML: _pack()}


def _told(schema: Mapping[str, Any]) -> Json:
    """A schema with its text as it reads."""
    return {**schema, "description": inspect.cleandoc(schema.get("description", ""))}


def _pack() -> Json:
    """A SenML pack as the hub takes it: by every rule of the RFC, and with what it needs to number the readings."""
    number, text = {"type": "number"}, {"type": "string"}
    record: Json = {
        "type": "object",
        "properties": dict.fromkeys(NUMBERS, number)
        | dict.fromkeys(TEXTS, text)
        | {"bver": {"type": "integer", "minimum": 1, "maximum": 10}, "vb": {"type": "boolean"}},
        "propertyNames": {"not": {"pattern": "_$"}},
        "anyOf": [*({"required": [label]} for label in VALUES), {"required": ["s"]}],
        "not": {"anyOf": [{"required": [a, b]} for i, a in enumerate(VALUES) for b in VALUES[i + 1 :]]},
    }
    return {
        "title": "SenML pack",
        "description": "RFC 8428, JSON. Among its records are 'epoch' [ms] and 'seq' [count] of the node itself: its"
        " birth epoch, and the number of the first reading, from 0; the others are readings, in order, named"
        " <property> or <device>:<property>, in the SenML unit of the property.",
        "type": "array",
        "minItems": 1,
        "items": record,
        "allOf": [
            {"contains": {"type": "object", "properties": {"n": {"pattern": f"(^|:){label}$"}}, "required": ["n"]}}
            for label in ("epoch", "seq")
        ],
    }
