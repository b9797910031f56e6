"""Turns every exception into a problem document. No answer quotes what the client has sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, TimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.http.body import is_json
from api.http.problem import Problem, problem_for
from core.json_pointer import json_pointer
from core.service.errors import ServiceError
from core.service.storage.port import ObjectMissing, StoreError

log = structlog.get_logger(__name__)

_PREFIXES = {"body": "", "query": "/query", "path": "/path", "header": "/header"}
_AWAY = (StoreError, OperationalError, InterfaceError, InternalError, TimeoutError)
"""A store or a database that is away, frozen, read-only, or has no connection left."""
_MAY_QUOTE_INPUT = {"union_tag_invalid", "union_tag_not_found", "json_invalid", "value_error"}


def install(app: FastAPI) -> None:
    """Answer every error of `app` as `application/problem+json`."""
    app.add_exception_handler(ServiceError, _service_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ObjectMissing, _object_missing)
    for error in _AWAY:
        app.add_exception_handler(error, _unavailable)


def field_error(error: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A pydantic error as `{pointer, code, detail}`, without the input that caused it."""
    kind = str(error["type"])
    ours = kind == "value_error" and isinstance(error.get("ctx", {}).get("error"), ValueError)
    detail = str(error["msg"]) if ours or kind not in _MAY_QUOTE_INPUT else "Not valid."
    return {
        "pointer": prefix + json_pointer(*error["loc"]),
        "code": kind,
        "detail": detail.removeprefix("Value error, "),
    }


def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)  # noqa: S101 - narrows for the type checker
    errors = [{"pointer": e.pointer, "code": e.code, "detail": e.detail} for e in error.errors]
    problem = Problem(error.status, error.code, error.title, error.detail, errors, error.extra, error.headers)
    return problem.response(request.state.request_id)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - narrows for the type checker
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    return problem_for(error.status_code, error.detail, headers).response(request.state.request_id)


def _allowed(request: Request) -> str:
    """All methods of the path. The router's own answer names only those of the first route."""
    path = request.url.path
    return ", ".join(
        sorted({m for route in request.app.state.endpoints if route.path_regex.match(path) for m in route.methods})
    )


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - narrows for the type checker
    faults = error.errors()
    if any(e["type"] == "json_invalid" for e in faults):
        return problem_for(400, "The request body is not valid JSON.").response(request.state.request_id)
    if _not_json(request) and any(tuple(e["loc"]) == ("body",) for e in faults):
        return problem_for(415, "Send the body as application/json.").response(request.state.request_id)
    errors = [field_error({**e, "loc": e["loc"][1:]}, _PREFIXES.get(str(e["loc"][0]), "")) for e in faults]
    problem = Problem(422, "validation_error", "Unprocessable Content", "The request is not valid.", errors)
    return problem.response(request.state.request_id)


def _object_missing(request: Request, _: Exception) -> Response:
    return problem_for(404, "The file has been erased.").response(request.state.request_id)


def _unavailable(request: Request, error: Exception) -> Response:
    # SQLAlchemy's message contains the statement's parameters: only the type of the error may be logged.
    log.error("dependency_failed", error=type(error).__name__)
    detail = "Something that the service needs is away. Try again."
    return problem_for(503, detail, {"Retry-After": "5"}).response(request.state.request_id)


def _not_json(request: Request) -> bool:
    return "content-type" in request.headers and not is_json(request.headers)
