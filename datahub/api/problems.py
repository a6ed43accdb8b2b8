"""What went wrong, as a problem document (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from datahub.api import sentences
from datahub.contract.errors import CitybrainError, IllegalMove, OutsideError, UsageError

MEDIA_TYPE = "application/problem+json"

_IN_PATH = "/:@!$&'()*+,;="
"""What stands in a path as it is (RFC 3986, 3.3)."""

_TEXT, _WHERE = {"type": "string"}, {"type": "string", "format": "uri-reference"}
_SCHEMA = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "type": _WHERE,
        "title": _TEXT,
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _TEXT,
        "instance": _WHERE,
    },
    "required": ["type", "title", "status", "detail", "instance"],
}

DECLARED: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": _SCHEMA}}}
    for status, text in (("4XX", "What the caller got wrong."), ("5XX", "What the platform cannot do now."))
}
"""The answers that every route may give besides its own, for the description of the API."""


class Problem(Exception):
    """Something a caller must be told, with the status that says what kind of thing it is."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        self.status, self.detail, self.headers = status, detail, headers
        super().__init__(detail)


def install(api: FastAPI, *, prefix: str = "") -> None:
    """Let an application answer every error below ``prefix`` with a problem document; the rest stays as it is."""
    api.add_exception_handler(Problem, _told)

    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if not request.url.path.startswith(prefix):
            return await http_exception_handler(request, error)
        headers = dict(error.headers) if error.headers else None
        return _document(request, status=error.status_code, detail=str(error.detail), headers=headers)

    async def invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):
            raise error
        if not request.url.path.startswith(prefix):
            return await request_validation_exception_handler(request, error)
        return _invalid(request, error)

    api.add_exception_handler(HTTPException, refused)
    api.add_exception_handler(RequestValidationError, invalid)
    api.add_exception_handler(CitybrainError, _ours)
    api.add_exception_handler(Exception, _broken)


def _document(request: Request, *, status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """The document; its type is left at ``about:blank``, so the title is the status phrase (RFC 9457, 4.2.1)."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": quote(request.url.path, safe=_IN_PATH),
    }
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE, headers=headers)


async def _told(request: Request, error: Exception) -> Response:
    if not isinstance(error, Problem):
        raise error
    return _document(request, status=error.status, detail=error.detail, headers=error.headers)


def _invalid(request: Request, error: RequestValidationError) -> Response:
    return _document(request, status=422, detail=sentences.of_faults(error.errors(), error.body))


async def _ours(request: Request, error: Exception) -> Response:
    status = 400 if isinstance(error, UsageError) else 500
    status = 409 if isinstance(error, IllegalMove) else 503 if isinstance(error, OutsideError) else status
    return _document(request, status=status, detail=str(error))


async def _broken(request: Request, _error: Exception) -> Response:
    """A fault of ours: the caller learns that, the log learns the rest."""
    return _document(request, status=500, detail="the hub could not answer; its log says why")
