"""The exceptions of the SDK. One class per HTTP status, each with the server's stable `code` and its `request_id`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class LetheError(Exception):
    """Base of every exception of the SDK. `str(error)` is one line that can be shown to a person."""


class APIConnectionError(LetheError):
    """No answer: nothing listens at the address, the name does not resolve, or the connection broke."""


class APITimeoutError(APIConnectionError):
    """No answer in time."""


class JobTimeoutError(LetheError):
    """The job did not end within the timeout of `wait`. It goes on."""


class IntegrityError(LetheError):
    """The downloaded bytes do not match the digest of the server. Nothing was written."""


class BadResponseError(LetheError):
    """The answer is not that of a Lethe server: most likely the URL is wrong."""


@dataclass(frozen=True)
class FieldError:
    """One thing wrong with the request. `pointer` is a JSON pointer into it."""

    pointer: str
    code: str
    detail: str


class APIError(LetheError):
    """The server answered with a problem. Catch a subclass for a status, or look at `code` for the reason."""

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str | None = None) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        self.detail = str(problem.get("detail") or problem.get("title") or f"the server answered {status}")
        self.request_id = str(problem["request_id"]) if problem.get("request_id") else request_id
        self.errors = tuple(_field_error(error) for error in problem.get("errors") or ())
        self.problem = dict(problem)
        super().__init__(self._line())

    def _line(self) -> str:
        fields = "; ".join(f"{e.pointer or '/'}: {e.detail}" for e in self.errors)
        detail = f"{self.detail.rstrip('.')}: {fields}" if fields else self.detail
        return f"{detail} ({self.code}, {self.status})"


class BadRequestError(APIError):
    """400."""


class AuthenticationError(APIError):
    """401: no key, or not one that the server knows."""


class PermissionDeniedError(APIError):
    """403: the key lacks a scope."""


class NotFoundError(APIError):
    """404: there is no such resource, or it is another tenant's."""


class ConflictError(APIError):
    """409: the state does not allow it; `code` says which (`job_not_succeeded`, `verdict_failed`, ...)."""


class PreconditionFailedError(APIError):
    """412."""


class PayloadTooLargeError(APIError):
    """413."""


class UnsupportedMediaTypeError(APIError):
    """415."""


class RangeNotSatisfiableError(APIError):
    """416."""


class UnprocessableEntityError(APIError):
    """422: the request does not validate; see `errors`."""


class RateLimitError(APIError):
    """429, after the retries."""


class ServerError(APIError):
    """Any 5xx, after the retries."""


_BY_STATUS: dict[int, type[APIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: PreconditionFailedError,
    413: PayloadTooLargeError,
    415: UnsupportedMediaTypeError,
    416: RangeNotSatisfiableError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def from_problem(status: int, problem: Mapping[str, Any], request_id: str | None = None) -> APIError:
    """The exception of a status."""
    kind = ServerError if status >= 500 else _BY_STATUS.get(status, APIError)
    return kind(status, problem, request_id)


def _field_error(error: Mapping[str, Any]) -> FieldError:
    return FieldError(str(error.get("pointer", "")), str(error.get("code", "")), str(error.get("detail", "")))
