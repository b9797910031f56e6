"""The routes of OpenDSR 2.0: a request becomes a job, and every answer is signed. See docs/how-to/opendsr.md."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from api.deps import JobsRead, JobsWrite, ServicesDep
from api.routes.jobs.plans import resolve
from api.routes.opendsr import exchange
from api.routes.opendsr.exchange import (
    OpendsrIntake,
    opendsr_errors,
    pointers_below,
    processor_key,
    read_request,
    signed,
)
from api.schemas import WITH_BODY, OpendsrDiscovery, OpendsrReceipt, OpendsrStatus, problems
from core.service import audit
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.tables.opendsr import OpendsrRequest
from core.service.jobs.create import create_job as store_job
from core.service.jobs.create import storing_request
from core.service.kit.clock import now
from core.service.opendsr import mapping, requests, schema

router = APIRouter(prefix="/opendsr/v2", tags=["opendsr"])

_PEM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/x-pem-file": {"schema": {"type": "string"}}}, "description": "PEM"}
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/OpendsrCreate"}, "example": schema.EXAMPLE}
        },
    }
}


@router.get("/discovery", response_model=OpendsrDiscovery)
def discover_opendsr(request: Request, services: ServicesDep) -> Response:
    """What can be asked, for whom, and the certificate that our answers are signed with. Needs no key."""
    key = processor_key(request)
    body = {
        "api_version": schema.API_VERSION,
        "supported_identities": [{"identity_type": kind, "identity_format": "raw"} for kind in schema.IDENTITIES],
        "supported_subject_request_types": ["erasure"],
        "processor_certificate": f"{exchange.public_base(request, services)}/opendsr/v2/certificate.pem",
        "supported_extensions": {key.domain: list(mapping.MEMBERS)},
    }
    return signed(key, body, 200)


@router.get("/certificate.pem", response_class=Response, responses=_PEM)
def get_opendsr_certificate(request: Request) -> Response:
    """The processor's X.509 certificate, with its chain, leaf first. Needs no key."""
    return Response(processor_key(request).certificate_pem, media_type="application/x-pem-file")


@router.post(
    "/requests", status_code=201, response_model=OpendsrReceipt, responses=problems(*WITH_BODY), openapi_extra=_BODY
)
def create_opendsr_request(
    request: Request,
    principal: JobsWrite,
    services: ServicesDep,
    intake: Annotated[OpendsrIntake, Depends(read_request)],
) -> Response:
    """Ask for an erasure. The same request again is answered as the first time."""
    key, received = processor_key(request), now()
    with opendsr_errors(), pointers_below(f"/extensions/{key.domain}"):
        row = _find_or_create(services, principal, intake, key.domain, received)
    return signed(key, {**_receipt(row), "encoded_request": intake.encoded}, 201)


@router.get("/requests/{subject_request_id}", response_model=OpendsrStatus, responses=problems())
def get_opendsr_request(
    request: Request, subject_request_id: str, principal: JobsRead, services: ServicesDep
) -> Response:
    """How far a request is, in OpenDSR's four states; the job's own state is in the extension."""
    key = processor_key(request)
    with services.db.read() as session:
        found = requests.find(session, principal.tenant_id, subject_request_id)
        results = f"{exchange.public_base(request, services)}/v1/jobs/{found.best_job.id}/report"
        body = requests.status(found, key.domain, results)
    return signed(key, body, 200)


@router.delete(
    "/requests/{subject_request_id}", status_code=202, response_model=OpendsrReceipt, responses=problems(409)
)
def cancel_opendsr_request(
    request: Request, subject_request_id: str, principal: JobsWrite, services: ServicesDep
) -> Response:
    """Cancel a request on which no job works."""
    key = processor_key(request)

    with opendsr_errors(), services.db.write() as session:
        found = requests.find(session, principal.tenant_id, subject_request_id)
        requests.withdraw(session, found, principal.key_id)
    return signed(key, _receipt(found.row), 202)


@router.get("/status/{subject_request_id}", response_model=OpendsrStatus, responses=problems())
def get_opendsr_status(
    request: Request, subject_request_id: str, principal: JobsRead, services: ServicesDep
) -> Response:
    """The same as `GET /opendsr/v2/requests/{id}`: the specification names both."""
    return get_opendsr_request(request, subject_request_id, principal, services)


def _find_or_create(
    services: Services, principal: Principal, intake: OpendsrIntake, domain: str, received: datetime
) -> OpendsrRequest:
    """The stored request that this one repeats, or a new one with its job."""

    def find(session: Session) -> OpendsrRequest | None:
        return requests.find_repeat(session, principal.tenant_id, intake.dsr, intake.raw)

    with services.db.read() as session:
        if (repeated := find(session)) is not None:
            return repeated
        create = exchange.as_job(intake.dsr, domain, services.settings)
        plan = resolve(services, session, create)
    with storing_request(services, create) as inputs, services.db.write() as session:
        if (repeated := find(session)) is not None:
            return repeated
        serves = requests.open_for(session, principal, intake.dsr, create.entity.name, received)
        job = store_job(services, session, principal, create, plan=plan, inputs=inputs, erasure_request=serves)
        stored = requests.add(session, principal.tenant_id, intake.dsr, intake.raw, job.id, received)
        details = {"subject_request_id": stored.subject_request_id, "regulation": stored.regulation}
        audit.record(session, principal.tenant_id, principal.key_id, "opendsr.received", job.id, details)
    return stored


def _receipt(row: OpendsrRequest) -> dict[str, Any]:
    return {**requests.receipt(row), "expected_completion_time": requests.timestamp(row.expected_at)}
