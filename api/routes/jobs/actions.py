"""What can be done to a job: cancel, retry, sculpt again."""

from __future__ import annotations

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from api.deps import IdempotencyKey, JobsWrite, ServicesDep, base_url
from api.http.idempotent import Answer, answer_once, fingerprint
from api.routes.jobs import response
from api.schemas import WITH_BODY, problems
from core.job_states import JobStatus
from core.service.jobs import lifecycle
from core.service.jobs.schema import SculptBody
from core.service.jobs.views import JobView
from core.unlearning.methods.registry import leaving_recipes

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["jobs"])


@router.post(
    "/cancel",
    response_model=JobView,
    responses={**problems(409), 202: {"model": JobView, "description": "Running: it stops within one step"}},
)
def cancel_job(job_id: str, principal: JobsWrite, services: ServicesDep) -> Response:
    """Stop a job. A queued one is cancelled at once (200); a running one stops within a step (202)."""
    with services.db.write() as session:
        job = lifecycle.cancel(session, principal.tenant_id, job_id, principal.key_id, base_url(services))
    return response.job_response(job, 200 if job.status == JobStatus.CANCELLED else 202)


@router.post("/retry", status_code=202, response_model=JobView, responses=problems(409))
def retry_job(job_id: str, principal: JobsWrite, services: ServicesDep) -> Response:
    """Try a failed job again."""
    with services.db.write() as session:
        job = lifecycle.retry(session, principal.tenant_id, job_id, principal.key_id, base_url(services))
    return response.job_response(job, 202, Location=job.links.self)


@router.post("/sculpt", status_code=202, response_model=JobView, responses=problems(*WITH_BODY))
def sculpt_job(
    request: Request,
    job_id: str,
    body: SculptBody,
    principal: JobsWrite,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Sculpt a succeeded job again from its recipe, without the subject's data: a new job, linked by `parent`."""

    def make(session: Session) -> Answer:
        job = lifecycle.create_sculpt_job(
            services, session, principal, job_id, body, leaving_recipes(), base_url(services)
        )
        return Answer(202, job.model_dump(mode="json"), {**response.job_headers(job), "Location": job.links.self})

    return answer_once(services, principal, idempotency_key, fingerprint(request, body.model_dump(mode="json")), make)
