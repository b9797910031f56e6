"""OpenDSR over HTTP: bodies as they came, answers that are signed, errors in its shape too."""

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

_KEY = Lock()


@dataclass(frozen=True)
class Intake:
    """A request and its body as it came."""

    dsr: OpendsrCreate
    raw: bytes = field(repr=False)

    @cached_property
    def encoded(self) -> str:
        """The body as the answer gives it back: the controller's proof of what it asked. It must not be logged."""
        return base64.b64encode(self.raw).decode()


async def read_request(request: Request) -> Intake:
    """Dependency of the POST. Raises 400 for every fault, as OpenDSR has it."""
    if not body.is_json(request.headers):
        raise body.unsupported(body.JSON)
    raw = await request.body()
    with answering():
        dsr = _validated(OpendsrCreate, body.parse_json(raw))
        policy = AddressPolicy(request.app.state.settings.allowed_webhook_networks)
        for index, url in enumerate(dsr.status_callback_urls):
            with pointing_below(f"/status_callback_urls/{index}"):
                urls.check(url, policy)
    return Intake(dsr, raw)


def as_job(dsr: OpendsrCreate, domain: str, settings: Settings) -> JobCreate:
    """The job that serves a request. Raises 400."""
    unknown = sorted(set(dsr.extensions.get(domain, {})) - set(MEMBERS))
    if unknown:
        faults = [
            FieldError(json_pointer(name), "extra_forbidden", "Not a member of the extension.") for name in unknown
        ]
        raise BadRequest(faults[0].detail, code="validation_error", errors=faults)
    job: JobCreate = _validated(JobCreate, job_request(dsr, domain, settings.opendsr_model))
    return job


def processor_key(request: Request) -> ProcessorKey:
    """The key of this process, read (or, the first time ever, made) on first use: RSA keys take a second."""
    with _KEY:
        state = request.app.state
        if not hasattr(state, "processor_key"):
            state.processor_key = ProcessorKey.load(state.settings)
        key: ProcessorKey = state.processor_key
        return key


def public_base(request: Request, services: Services) -> str:
    """Where we are, absolutely: OpenDSR's URLs leave the conversation."""
    return base_url(services) or str(request.base_url).rstrip("/")


def signed(key: ProcessorKey, content: Mapping[str, Any], status: int) -> Response:
    """An answer signed in the headers over its raw bytes.

    A receipt also has `processor_signature`, over the same JSON without that member, its names sorted and without
    white space: a signature cannot cover itself, though the specification asks it to.
    """
    shown = dict(content)
    if "request_status" not in shown and "subject_request_id" in shown:
        plain = json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        shown["processor_signature"] = key.sign(plain.encode())
    raw = json.dumps(shown, ensure_ascii=False).encode()
    return Response(raw, status, headers=key.headers(raw), media_type="application/json")


@contextmanager
def answering() -> Iterator[None]:
    """Turn what is wrong with a request into 400 and give every refusal OpenDSR's `error` beside our own members."""
    try:
        yield
    except HTTPException as error:
        raise _refusal(BadRequest(error.detail), error.status_code) from None
    except ServiceError as error:
        status = 400 if error.status in (413, 415, 422) else error.status
        raise _refusal(error, status) from None


@contextmanager
def pointing_below(prefix: str) -> Iterator[None]:
    """What is wrong with a part of the request is pointed at from the whole."""
    try:
        yield
    except ServiceError as error:
        error.errors = [FieldError(f"{prefix}{_inner(e.pointer)}", e.code, e.detail) for e in error.errors]
        raise


def _refusal(error: ServiceError, status: int) -> ServiceError:
    told = [{"domain": e.pointer, "reason": e.code, "message": e.detail} for e in error.errors]
    extra = {**error.extra, "error": {"code": status, "message": error.detail, "errors": told}}
    refused = ServiceError(error.detail, code=error.code, errors=error.errors, headers=error.headers, extra=extra)
    refused.status, refused.title = status, BadRequest.title if status == 400 else error.title
    return refused


def _inner(pointer: str) -> str:
    return "" if pointer == "/url" else pointer


def _validated(model: type[Any], data: Any) -> Any:
    try:
        return body.validated(model, data)
    except RequestValidationError as error:
        found = [field_error({**e, "loc": e["loc"][1:]}) for e in error.errors()]
        errors = [FieldError(e["pointer"], e["code"], e["detail"]) for e in found]
        raise BadRequest("The request is not valid.", code="validation_error", errors=errors) from None
