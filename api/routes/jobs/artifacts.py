"""The artefacts of a job: patch, report, certificate, and any file by name."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api.deps import ArtifactsRead, ServicesDep, base_url
from api.http import conditional
from api.http.download import artifact_response
from api.schemas import ArtifactList, ArtifactView, problems
from core.job_states import JobStatus
from core.service import audit
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.errors import JobNotSucceeded, VerdictFailed
from core.service.jobs import artifacts, views
from core.service.jobs.artifacts import ArtifactRow
from core.service.jobs.rows import get_row
from core.service.jobs.views import JobView

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["artifacts"])

PATCH, REPORT, REPORT_HTML, CERTIFICATE = "patch.zip", "report.json", "report.html", "certificate.json"
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The report is one self-contained page that needs no script."""
_BINARY = {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}


@router.get("/patch", response_class=Response, responses={**problems(409, 416), 200: _BINARY})
def get_patch(
    request: Request,
    job_id: str,
    principal: ArtifactsRead,
    services: ServicesDep,
    accept_failed: Annotated[bool, Query(description="Download although the verdict is failed.")] = False,
) -> Response:
    """The patch as a zip, with `Repr-Digest`, `ETag` and ranges; or 307 where the store is public."""
    with services.db.read() as session:
        job = _succeeded(session, principal.tenant_id, job_id)
        if job.verdict == "failed" and not accept_failed:
            raise VerdictFailed("The patch missed its thresholds. Add ?accept_failed=true to download it anyway.")
        artifact = artifacts.get_artifact(session, principal.tenant_id, job_id, PATCH)
    return _send(request, services, principal, job_id, artifact, f"{job_id}-patch.zip")


@router.get("/report", response_class=Response, responses=problems(406, 409))
def get_report(request: Request, job_id: str, principal: ArtifactsRead, services: ServicesDep) -> Response:
    """The report as JSON, or as a page for those who accept `text/html` more."""
    name = REPORT_HTML if _prefers_html(request.headers.get("accept", "*/*")) else REPORT
    with services.db.read() as session:
        _succeeded(session, principal.tenant_id, job_id)
        artifact = artifacts.get_artifact(session, principal.tenant_id, job_id, name)
    response = _send(request, services, principal, job_id, artifact, f"{job_id}-{name}")
    response.headers["Vary"] = "Accept"
    if name == REPORT_HTML:
        response.headers["Content-Security-Policy"] = _PAGE_POLICY
    return response


@router.get("/certificate", response_class=Response, responses=problems(409))
def get_certificate(request: Request, job_id: str, principal: ArtifactsRead, services: ServicesDep) -> Response:
    """What was done, signed with Ed25519 (key: `/.well-known/lethe-keys.json`). It stays when the job expires."""
    with services.db.read() as session:
        if get_row(session, principal.tenant_id, job_id, expired=True).deleted_at is None:
            _succeeded(session, principal.tenant_id, job_id)
        artifact = artifacts.get_artifact(session, principal.tenant_id, job_id, CERTIFICATE, expired=True)
    return _send(request, services, principal, job_id, artifact, f"{job_id}-{CERTIFICATE}")


@router.get("/artifacts", responses=problems())
def list_artifacts(job_id: str, principal: ArtifactsRead, services: ServicesDep) -> ArtifactList:
    """Every file that the job left."""
    with services.db.read() as session:
        job = views.get_job(session, principal.tenant_id, job_id, base_url(services))
    return ArtifactList(data=[ArtifactView(**artifact.model_dump()) for artifact in job.artifacts])


@router.get("/artifacts/{name}", response_class=Response, responses=problems(409, 416))
def get_artifact(
    request: Request,
    job_id: str,
    name: str,
    principal: ArtifactsRead,
    services: ServicesDep,
    accept_failed: Annotated[bool, Query(description="Download the patch although the verdict is failed.")] = False,
) -> Response:
    """One file."""
    if name == PATCH:
        return get_patch(request, job_id, principal, services, accept_failed)
    with services.db.read() as session:
        artifact = artifacts.get_artifact(session, principal.tenant_id, job_id, name)
    return _send(request, services, principal, job_id, artifact, f"{job_id}-{name}")


def _send(
    request: Request, services: Services, principal: Principal, job_id: str, artifact: ArtifactRow, filename: str
) -> Response:
    """The response, and an audit entry if it has content."""
    response = artifact_response(request, services, artifact, filename)
    if response.status_code != 304 and not conditional.is_head(request):
        details = {"name": artifact.name, "sha256": artifact.sha256}
        with services.db.write() as session:
            audit.record(session, principal.tenant_id, principal.key_id, "artifact.downloaded", job_id, details)
    return response


def _succeeded(session: Session, tenant_id: str, job_id: str) -> JobView:
    job = views.get_job(session, tenant_id, job_id)
    if job.status != JobStatus.SUCCEEDED:
        raise JobNotSucceeded(f"The job is {job.status}; there is nothing to download.")
    return job


def _prefers_html(accept: str) -> bool:
    """Whether HTML is preferred to JSON. Raises 406 if neither is accepted."""
    html, plain = _quality(accept, "text/html"), _quality(accept, "application/json")
    if html == plain == 0:
        raise HTTPException(406, "The report comes as application/json or text/html.")
    return html > plain


def _quality(accept: str, media_type: str) -> float:
    """The `q` of a media type in an `Accept` header, by the most specific range that matches."""
    best = (-1, 0.0)
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        rank = {"*/*": 0, f"{media_type.partition('/')[0]}/*": 1, media_type: 2}.get(kind, -1)
        if rank > best[0]:
            best = (rank, _weight(parameters))
    return best[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
