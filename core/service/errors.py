# ruff: noqa: N818 - their names are those of HTTP statuses
"""The errors of the service. Each class has a stable `code` of the HTTP contract.

No `detail` quotes what a client has sent: it may be the subject's data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One fault of a request. `pointer` is a JSON pointer (RFC 6901) into its body."""

    pointer: str
    code: str
    detail: str


class ServiceError(Exception):
    """A request that cannot be served. `status` is the HTTP status that says so."""

    status = 500
    code = "internal_error"
    title = "Internal Server Error"
    default_detail = "Something went wrong."

    def __init__(
        self,
        detail: str | None = None,
        *,
        code: str | None = None,
        errors: Sequence[FieldError] = (),
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.detail = self.default_detail if detail is None else detail
        super().__init__(self.detail)
        if code is not None:
            self.code = code
        self.errors = list(errors)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class BadRequest(ServiceError):
    """400."""

    status, code, title = 400, "bad_request", "Bad Request"
    default_detail = "The request cannot be understood."


class InvalidCursor(BadRequest):
    """A page cursor that this service did not make, or made for another list."""

    code = "invalid_cursor"
    default_detail = "The cursor is not one of this list's own."


class InvalidIdempotencyKey(BadRequest):
    """An `Idempotency-Key` outside the allowed form."""

    code = "invalid_idempotency_key"
    default_detail = "Idempotency-Key must be 1 to 255 visible ASCII characters."


class Unauthorized(ServiceError):
    """401, with `WWW-Authenticate`."""

    status, code, title = 401, "unauthorized", "Unauthorized"
    default_detail = "The API key is missing, unknown, expired or revoked."

    def __init__(self, detail: str | None = None, **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("WWW-Authenticate", 'Bearer realm="lethe"')


class Forbidden(ServiceError):
    """403: the key lacks a scope."""

    status, code, title = 403, "insufficient_scope", "Forbidden"
    default_detail = "The API key may not do this."


class NotFound(ServiceError):
    """404: no such thing, or another tenant's."""

    status, code, title = 404, "not_found", "Not Found"
    default_detail = "There is no such resource."


class Conflict(ServiceError):
    """409: the resource is not in a state that allows this."""

    status, code, title = 409, "conflict", "Conflict"
    default_detail = "The resource's present state does not allow this."


class IdempotencyInProgress(Conflict):
    """The first request with this key is still being served."""

    code = "idempotency_in_progress"
    default_detail = "The first request with this Idempotency-Key is still in progress."

    def __init__(self, detail: str | None = None, **options: Any) -> None:
        super().__init__(detail, **options)
        self.headers.setdefault("Retry-After", "1")


class ExternalIdExists(Conflict):
    """A job with this `external_id` exists. `extra["existing_job_id"]` names it."""

    code = "external_id_exists"
    default_detail = "A job with this external_id exists."


class JobNotSucceeded(Conflict):
    """The job has no result to give."""

    code = "job_not_succeeded"
    default_detail = "The job has not succeeded."


class VerdictFailed(Conflict):
    """The job's patch missed its thresholds."""

    code = "verdict_failed"
    default_detail = "The patch missed its thresholds; add ?accept_failed=true to download it all the same."


class JobAlreadyTerminal(Conflict):
    """The job has ended, so that it cannot be cancelled."""

    code = "job_already_terminal"
    default_detail = "The job has ended."


class JobNotFailed(Conflict):
    """Only a failed job can be tried again."""

    code = "job_not_failed"
    default_detail = "Only a failed job can be retried."


class JobRunning(Conflict):
    """The job must end, or be cancelled, first."""

    code = "job_running"
    default_detail = "The job is running; cancel it first."


class InputErased(Conflict):
    """The subject's data that this would need has been erased."""

    code = "input_erased"
    default_detail = "The job's inputs have been erased."


class SculptNotPossible(Conflict):
    """The job's method leaves no recipe to sculpt again."""

    code = "sculpt_not_possible"
    default_detail = "This job's method leaves no recipe that could be sculpted again."


class RecipesOfTwoBases(Conflict):
    """Patches that were made for different weights cannot be put together."""

    code = "base_mismatch"
    default_detail = "The jobs' patches were made for different weights of the model."


class FileInUse(Conflict):
    """A job that has not ended needs the file."""

    code = "file_in_use"
    default_detail = "A job that has not ended uses this file."


class KeyNotActive(Conflict):
    """Only a key that works can be replaced by another."""

    code = "key_not_active"
    default_detail = "The key has ended; make a new one."


class ModelExists(Conflict):
    """A model is registered under this id, with other contents."""

    code = "model_exists"
    default_detail = "Another model is registered under this id."


class WebhookDisabled(Conflict):
    """The endpoint is disabled, because its receiver has answered 410."""

    code = "webhook_disabled"
    default_detail = "The webhook is disabled; add it anew."


class TooManyWebhooks(Conflict):
    """The tenant has as many endpoints as it may."""

    code = "too_many_webhooks"
    default_detail = "The tenant has as many webhooks as it may."


class TooLarge(ServiceError):
    """413."""

    status, code, title = 413, "body_too_large", "Content Too Large"
    default_detail = "The request is too large."


class UnsupportedMedia(ServiceError):
    """415: a file that is none of the accepted kinds."""

    status, code, title = 415, "unsupported_media_type", "Unsupported Media Type"
    default_detail = "Send JPEG, PNG or WebP images, WAV or FLAC sounds."


class InvalidRequest(ServiceError):
    """422, with a pointer to each fault."""

    status, code, title = 422, "validation_error", "Unprocessable Content"
    default_detail = "The request is not valid."

    @classmethod
    def one(cls, pointer: str, code: str, detail: str) -> InvalidRequest:
        """A single fault, whose code becomes the problem's own."""
        return cls(detail, code=code, errors=[FieldError(pointer, code, detail)])


class IdempotencyKeyReused(InvalidRequest):
    """The key came before, with another request."""

    code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for a different request."


class RateLimited(ServiceError):
    """429: too many requests."""

    status, code, title = 429, "rate_limited", "Too Many Requests"
    default_detail = "Too many requests."


class TooManyQueuedJobs(RateLimited):
    """429: the tenant's queue is full."""

    code = "too_many_queued_jobs"
    default_detail = "Too many jobs are queued; wait for some to end."


class Unavailable(ServiceError):
    """503: something that the service needs is away."""

    status, code, title = 503, "unavailable", "Service Unavailable"
    default_detail = "The service is not available right now."
