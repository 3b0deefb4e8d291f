"""Errors as RFC 9457 problem documents: every answer of 400 and above says what is wrong and what to change."""

from __future__ import annotations

import http
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from gateway.storage.cursors import CursorError

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger(__name__)

_MENDS = {
    400: "The body could not be read as JSON; check its quotes, commas and depth.",
    404: "There is nothing at this address; see /v1/openapi.json for the routes.",
    405: "This address does not take this method; see /v1/openapi.json for those it takes.",
}
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""The names of RFC 9110; older versions of Python know them by other ones."""


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """An answer that is not what was asked for. ``detail`` names the mend; ``errors`` are the single places."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers


def not_found(what: str, name: str) -> Problem:
    """404 for something that the caller named."""
    return Problem(404, f"There is no {what} with the id {name!r}.")


def document(status: int, detail: str, errors: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The problem document itself."""
    title = _TITLES.get(status) or http.HTTPStatus(status).phrase
    found: dict[str, Any] = {"type": "about:blank", "title": title, "status": status}
    found["detail"] = detail
    if errors:
        found["errors"] = list(errors)
    return found


def response(
    status: int, detail: str, errors: Sequence[Mapping[str, Any]] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The problem document as an HTTP answer."""
    content = document(status, detail, errors)
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` with a problem document."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(CursorError, _cursor)
    for lost in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(lost, _database_away)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return response(error.status, error.detail, error.errors, error.headers)


async def _http_exception(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    mend = _MENDS.get(error.status_code, "")
    said = "" if error.detail == http.HTTPStatus(error.status_code).phrase else str(error.detail)
    return response(error.status_code, mend or said, headers=error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    places = [_place(each) for each in error.errors()]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return response(400, _MENDS[400], places)
    named = "; ".join(f"{place['place']}: {place['message']}" for place in places[:3])
    more = f" (and {len(places) - 3} more)" if len(places) > 3 else ""  # noqa: PLR2004 - as many as a line bears
    return response(422, f"{named}{more}. Mend these and send it again.", places)


def _place(found: Mapping[str, Any]) -> dict[str, Any]:
    parts = [str(part) for part in found["loc"]]
    message = str(found["msg"]).removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        message = "no such field; /v1/openapi.json has those that there are"
    return {"place": ".".join(parts), "message": message, "kind": found["type"]}


async def _cursor(_request: Request, error: Exception) -> JSONResponse:
    return response(400, str(error), [{"place": "query.cursor", "message": str(error), "kind": "cursor"}])


async def _database_away(request: Request, error: Exception) -> JSONResponse:
    _log.warning("api.database_away", path=request.url.path, error=type(error).__name__)
    return response(503, "The database can't be reached. Try again in a moment.", headers={"Retry-After": "2"})


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("api.failed", path=request.url.path, method=request.method, exc_info=error)
    return response(500, "This is a fault of the gateway, not of the request; its log has the trace.")
