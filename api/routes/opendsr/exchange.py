"""The form of OpenDSR requests and answers: raw bodies, signatures, and errors with OpenDSR's members."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.deps import base_url
from api.http import body
from api.http.errors import field_error
from core.json_pointer import json_pointer
from core.service.context import Services
from core.service.errors import BadRequest, FieldError, ServiceError
from core.service.jobs.schema import JobCreate
from core.service.opendsr.mapping import MEMBERS, job_request
from core.service.opendsr.schema import OpendsrCreate
from core.service.opendsr.signing import ProcessorKey
from core.service.settings import Settings
from core.service.webhooks import urls
from core.service.webhooks.addresses import AddressPolicy

_KEY_LOCK = Lock()


@dataclass(frozen=True)
class OpendsrIntake:
    """A validated request, and its raw body."""

    dsr: OpendsrCreate
    raw: bytes = field(repr=False)

    @cached_property
    def encoded(self) -> str:
        """The body in base64, which the answer repeats as proof of the request. It must not be logged."""
        return base64.b64encode(self.raw).decode()


async def read_request(request: Request) -> OpendsrIntake:
    """Dependency of the POST. Raises 400 for every fault, as OpenDSR specifies."""
    if not body.is_json(request.headers):
        raise body.unsupported(body.JSON)
    raw = await request.body()
    with opendsr_errors():
        dsr = _validated(OpendsrCreate, body.parse_json(raw))
        policy = AddressPolicy(request.app.state.settings.allowed_webhook_networks)
        for index, url in enumerate(dsr.status_callback_urls):
            with pointers_below(f"/status_callback_urls/{index}"):
                urls.check(url, policy)
    return OpendsrIntake(dsr, raw)


def as_job(dsr: OpendsrCreate, domain: str, settings: Settings) -> JobCreate:
    """The request of the job that serves an OpenDSR request. Raises 400."""
    unknown = sorted(set(dsr.extensions.get(domain, {})) - set(MEMBERS))
    if unknown:
        faults = [
            FieldError(json_pointer(name), "extra_forbidden", "Not a member of the extension.") for name in unknown
        ]
        raise BadRequest(faults[0].detail, code="validation_error", errors=faults)
    job: JobCreate = _validated(JobCreate, job_request(dsr, domain, settings.opendsr_model))
    return job


def processor_key(request: Request) -> ProcessorKey:
    """The processor's key, loaded (or created) on first use: creating an RSA key takes a second."""
    with _KEY_LOCK:
        state = request.app.state
        if not hasattr(state, "processor_key"):
            state.processor_key = ProcessorKey.load(state.settings)
        key: ProcessorKey = state.processor_key
        return key


def public_base(request: Request, services: Services) -> str:
    """The absolute URL of this server: OpenDSR passes URLs on to third parties."""
    return base_url(services) or str(request.base_url).rstrip("/")


def signed(key: ProcessorKey, content: Mapping[str, Any], status: int) -> Response:
    """An answer with the signature of its raw bytes in the headers.

    A receipt also has the member `processor_signature`. The specification wants it to cover the whole body, which would
    include itself; it covers the same JSON without that member, with sorted names and without white space.
    """
    document = dict(content)
    if "request_status" not in document and "subject_request_id" in document:
        plain = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        document["processor_signature"] = key.sign(plain.encode())
    raw = json.dumps(document, ensure_ascii=False).encode()
    return Response(raw, status, headers=key.headers(raw), media_type="application/json")


@contextmanager
def opendsr_errors() -> Iterator[None]:
    """Answer invalid requests with 400, and add OpenDSR's member `error` to every problem."""
    try:
        yield
    except HTTPException as error:
        raise _opendsr_error(BadRequest(error.detail), error.status_code) from None
    except ServiceError as error:
        status = 400 if error.status in (413, 415, 422) else error.status
        raise _opendsr_error(error, status) from None


@contextmanager
def pointers_below(prefix: str) -> Iterator[None]:
    """Put `prefix` in front of the pointers of errors, which are relative to a part of the request."""
    try:
        yield
    except ServiceError as error:
        error.errors = [FieldError(f"{prefix}{_below(e.pointer)}", e.code, e.detail) for e in error.errors]
        raise


def _opendsr_error(error: ServiceError, status: int) -> ServiceError:
    errors = [{"domain": e.pointer, "reason": e.code, "message": e.detail} for e in error.errors]
    extra = {**error.extra, "error": {"code": status, "message": error.detail, "errors": errors}}
    result = ServiceError(error.detail, code=error.code, errors=error.errors, headers=error.headers, extra=extra)
    result.status, result.title = status, BadRequest.title if status == 400 else error.title
    return result


def _below(pointer: str) -> str:
    return "" if pointer == "/url" else pointer


def _validated(model: type[Any], data: Any) -> Any:
    try:
        return body.validated(model, data)
    except RequestValidationError as error:
        faults = [field_error({**e, "loc": e["loc"][1:]}) for e in error.errors()]
        errors = [FieldError(e["pointer"], e["code"], e["detail"]) for e in faults]
        raise BadRequest("The request is not valid.", code="validation_error", errors=errors) from None
