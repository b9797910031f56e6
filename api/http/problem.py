"""`application/problem+json` (RFC 9457), the form of every error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


class ProblemError(BaseModel):
    """One thing that is wrong with the request."""

    pointer: str
    code: str
    detail: str


class ProblemBody(BaseModel):
    """What an error looks like on the wire."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    errors: list[ProblemError] = []


@dataclass(frozen=True)
class Problem:
    """An error as a response. `extra`: further members, such as `existing_job_id`."""

    status: int
    code: str
    title: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, request_id: str) -> JSONResponse:
        """The answer to the request with this id."""
        body = {
            "type": f"urn:lethe:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": f"urn:request:{request_id}",
            "code": self.code,
            "request_id": request_id,
            "errors": self.errors,
            **self.extra,
        }
        return JSONResponse(body, self.status, headers=dict(self.headers), media_type=MEDIA_TYPE)


_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    413: "body_too_large",
    415: "unsupported_media_type",
    416: "range_not_satisfiable",
    422: "validation_error",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}


def problem_for(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem of an HTTP status."""
    phrase = HTTPStatus(status).phrase
    return Problem(status, _CODES.get(status, "http_error"), phrase, detail or phrase, headers=headers or {})
