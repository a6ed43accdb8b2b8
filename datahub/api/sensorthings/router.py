"""SensorThings by HTTP, below ``/v1.1``: all may read; to change anything one needs the token.

The token is borne as elsewhere (``Authorization: Bearer``), or as the password of HTTP Basic with any name, because
that is what clients of this standard can send.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from datahub.api.problems import Problem
from datahub.api.seat import Seat
from datahub.api.sensorthings import arrays, options, path
from datahub.api.sensorthings.answer import Answer
from datahub.api.sensorthings.grammar import wrong
from datahub.api.sensorthings.model import Entity, EntitySet, Fields
from datahub.api.sensorthings.readings import Scope
from datahub.api.sensorthings.service import SensorThings
from datahub.api.sensorthings.walk import Place, follow

ROOT: Final = "/v1.1"
LONGEST: Final = 8 * 2**20
"""Bytes of one body at most. Ours to choose."""

_PATCH: Final = "application/json-patch+json"
_ENCODER: Final = msgspec.json.Encoder()


async def _body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > LONGEST:
        raise Problem(413, f"the body is longer than {LONGEST} bytes; send it in parts")
    return body


Body = Annotated[bytes, Depends(_body)]


def router(things: SensorThings, *, token: str, prefix: str = "") -> APIRouter:
    """Routes of SensorThings. ``prefix``: below which they are included, for the links."""
    routes = APIRouter(prefix=ROOT, include_in_schema=False)

    def answer(request: Request) -> Answer:
        return Answer(things.source, f"{str(request.base_url).rstrip('/')}{prefix}{ROOT}")

    @routes.get("")
    @routes.get("/")
    def root(request: Request) -> Response:
        return _json(things.root(answer(request).address("")))

    @routes.get("/{text:path}")
    def get(text: str, request: Request) -> Response:
        wanted = options.read(request.scope["query_string"].decode("latin-1"))
        return _got(things, answer(request), path.read(text), wanted)

    _add_changes(routes, things, answer, seat=Seat(token))
    return routes


def _add_changes(routes: APIRouter, things: SensorThings, answer: Callable[[Request], Answer], *, seat: Seat) -> None:
    """The routes that change anything."""

    def allowed(request: Request) -> None:
        seat(_bearing(request))

    @routes.post("/CreateObservations", dependencies=[Depends(allowed)])
    def many(request: Request, body: Body) -> Response:
        made, tell = arrays.create(things.source, things.changes, _read(body)), answer(request)
        links = [arrays.FAILED if one is None else tell.address(one.path) for one in made]
        return _json(links, status=201)

    @routes.post("/{text:path}", dependencies=[Depends(allowed)])
    def post(text: str, request: Request, body: Body) -> Response:
        place = _collection(things, text)
        parent = (place.parent, place.to) if place.parent is not None and place.to is not None else None
        made = things.changes.create(place.set, _read(body), parent=parent)
        tell = answer(request)
        told = tell.entity(made, options.Options())
        return _json(told, status=201, headers={"Location": tell.address(made.path)})

    @routes.put("/{text:path}", dependencies=[Depends(allowed)])
    def put(text: str, request: Request, body: Body) -> Response:
        changed = things.changes.update(_entity(things, text), _read(body), whole=True)
        return _json(answer(request).entity(changed, options.Options()))

    @routes.patch("/{text:path}", dependencies=[Depends(allowed)])
    def patch(text: str, request: Request, body: Body) -> Response:
        entity, told = _entity(things, text), _read(body)
        if request.headers.get("content-type", "").partition(";")[0].strip() == _PATCH:
            changed = things.changes.patch(entity, told)
        else:
            changed = things.changes.update(entity, told, whole=False)
        return _json(answer(request).entity(changed, options.Options()))

    @routes.delete("/{text:path}", dependencies=[Depends(allowed)])
    def delete(text: str) -> Response:
        things.changes.delete(_entity(things, text))
        return Response(status_code=200)


def _got(things: SensorThings, tell: Answer, asked: path.ResourcePath, wanted: options.Options) -> Response:
    if not asked.steps:
        return _json(things.root(tell.address("")))
    place = follow(things.source, asked)
    if place.field and place.entity is not None:
        value = place.entity.fields.get(place.field)
        if value is None:
            return Response(status_code=204)
        if asked.ending == "$value":
            text = value if isinstance(value, str) else _ENCODER.encode(value).decode()
            return Response(text, media_type="text/plain")
        return _json({place.field: value})
    refs = asked.ending == "$ref"
    if asked.ending == "$value":
        raise wrong("$value follows upon a field, as in Things(1)/name/$value")
    if place.entity is not None:
        if refs:
            return _json({"@iot.selfLink": tell.address(place.entity.path)})
        return _json(tell.entity(place.entity, wanted))
    return _json(_collected(things, tell, place, wanted, refs=refs))


def _collected(things: SensorThings, tell: Answer, place: Place, wanted: options.Options, *, refs: bool) -> Fields:
    if place.parent is not None and place.to is not None:
        return tell.related(place.parent, place.to, wanted, refs=refs)
    if place.set is EntitySet.OBSERVATIONS:
        return tell.observations(Scope(), wanted, path=place.set.value, refs=refs)
    return tell.collection(place.set, things.source.all(place.set), wanted, path=place.set.value, refs=refs)


def _collection(things: SensorThings, text: str) -> Place:
    asked = path.read(text)
    place = follow(things.source, asked) if asked.steps and not asked.ending else None
    if place is None or place.entity is not None:
        raise Problem(405, "entities are created in a set or a relation, as in POST Things")
    return place


def _entity(things: SensorThings, text: str) -> Entity:
    asked = path.read(text)
    place = follow(things.source, asked) if asked.steps and not asked.ending else None
    if place is None or place.entity is None or place.field:
        raise Problem(405, "one entity is changed at a time, as in PATCH Things(1)")
    return place.entity


def _read(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise wrong(f"the body is no JSON: {error!s:.200}") from error


def _json(told: object, *, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_ENCODER.encode(told), status_code=status, media_type="application/json", headers=headers)


def _bearing(request: Request) -> Request:
    """The request as if its token came as a bearer's."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return request
    try:
        password = base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return request
    others = [(name, value) for name, value in request.scope["headers"] if name != b"authorization"]
    return Request({**request.scope, "headers": [*others, (b"authorization", f"Bearer {password}".encode())]})
