"""Jobs: create, read, list, delete."""

from __future__ import annotations

from time import monotonic
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Header, Query, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.deps import IdempotencyKey, JobsRead, JobsWrite, ServicesDep, base_url
from api.http import conditional, pages
from api.http.idempotent import Answer, answer_once, find_replay
from api.openapi.bodies import CREATE_JOB
from api.routes.jobs import response
from api.routes.jobs.intake import JobIntake, read_job
from api.routes.jobs.plans import resolve
from api.schemas import WITH_BODY, JobList, PlanPreview, problems
from core.job_states import TERMINAL, Verdict
from core.service.context import Services
from core.service.jobs import lifecycle, listing, views
from core.service.jobs.create import create_job as store_job
from core.service.jobs.create import storing_request
from core.service.jobs.inputs import StoredInputs
from core.service.jobs.listing import JobFilters
from core.service.jobs.views import JobVersion, JobView, Status
from core.service.kit.clock import Moment

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

MAX_WAIT_SECONDS = 60
WAIT_POLL_SECONDS = 0.3


@router.post(
    "",
    status_code=202,
    response_model=JobView,
    responses={**problems(*WITH_BODY), 200: {"model": PlanPreview, "description": "With validate_only"}},
    openapi_extra=CREATE_JOB,
)
def create_job(
    principal: JobsWrite,
    services: ServicesDep,
    intake: Annotated[JobIntake, Depends(read_job)],
    validate_only: Annotated[bool, Query(description="Answer with the plan only, and store nothing.")] = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Ask a model to forget. As JSON, or as multipart with the JSON in `request` and files in `images`, `audio`."""
    if validate_only:
        with services.db.read() as session:
            return JSONResponse(_preview(services, session, intake).model_dump(mode="json"))

    if (replay := find_replay(services, principal, idempotency_key, intake.fingerprint)) is not None:
        return replay
    with services.db.read() as session:
        plan = resolve(services, session, intake.create, intake.uploads)

    def make(session: Session, inputs: StoredInputs) -> Answer:
        job = store_job(
            services, session, principal, intake.create, plan=plan, inputs=inputs, base_url=base_url(services)
        )
        headers = {**response.job_headers(job), "Location": f"{base_url(services)}/v1/jobs/{job.id}"}
        return Answer(202, job.model_dump(mode="json"), headers)

    with storing_request(services, intake.create, intake.uploads) as inputs:
        return answer_once(services, principal, idempotency_key, intake.fingerprint, lambda s: make(s, inputs))


@router.get("", response_model=JobList, responses=problems())
def list_jobs(
    request: Request,
    principal: JobsRead,
    services: ServicesDep,
    status: Annotated[Status | None, Query(description="Only jobs in this state.")] = None,
    model: Annotated[str | None, Query(max_length=100, description="Only jobs about this model.")] = None,
    verdict: Annotated[Verdict | None, Query(description="Only jobs with this verdict.")] = None,
    external_id: Annotated[str | None, Query(max_length=255, description="Only jobs with this id of yours.")] = None,
    created_after: Annotated[
        Moment | None, Query(description="Only jobs after this time, RFC 3339 with a time zone.")
    ] = None,
    limit: pages.Limit = 20,
    after: pages.After = None,
) -> Response:
    """Jobs, newest first."""
    filters = JobFilters(status, model, external_id, created_after, verdict)
    with services.db.read() as session:
        page = listing.list_jobs(session, principal.tenant_id, filters, after, min(limit, 100), base_url(services))
    body = JobList(data=page.items, has_more=page.has_more, next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=pages.link_header(request, services, page.next_cursor))


@router.get("/{job_id}", response_model=JobView, responses={**problems(), 304: {"description": "Not changed"}})
async def get_job(
    request: Request,
    job_id: str,
    principal: JobsRead,
    services: ServicesDep,
    wait: Annotated[int, Query(ge=0, description="Seconds to wait for a change before answering, at most 60.")] = 0,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One job, with a strong `ETag`. `?wait=` holds the answer back until the job changes or has ended."""
    request.state.held = wait > 0
    job = await run_in_threadpool(_read, services, principal.tenant_id, job_id, if_none_match)
    if wait and job.status not in TERMINAL and (if_none_match is None or isinstance(job, JobVersion)):
        await _wait_for_change(request, services, principal.tenant_id, job_id, job.version, min(wait, MAX_WAIT_SECONDS))
        job = await run_in_threadpool(_read, services, principal.tenant_id, job_id, if_none_match)
    if isinstance(job, JobVersion):
        return Response(status_code=304, headers=response.job_headers(job))
    return response.job_response(job)


@router.delete("/{job_id}", status_code=204, response_class=Response, responses=problems(409))
def delete_job(job_id: str, principal: JobsWrite, services: ServicesDep) -> Response:
    """Erase the job's inputs and artefacts now. A record without the subject's data stays."""
    with services.db.write() as session:
        lifecycle.delete(services, session, principal.tenant_id, job_id, principal.key_id)
    return Response(status_code=204)


def _preview(services: Services, session: Session, intake: JobIntake) -> PlanPreview:
    plan = resolve(services, session, intake.create, intake.uploads)
    return PlanPreview(model=intake.create.model, method=plan["method"], plan=plan)


def _read(services: Services, tenant_id: str, job_id: str, if_none_match: str | None) -> JobView | JobVersion:
    """The job; or only its version, if the client has that already, as in most requests of a poll."""
    with services.db.autocommit() as connection:
        if if_none_match is not None:
            version = views.read_version(connection, tenant_id, job_id)
            if conditional.matches(if_none_match, response.etag(version.version)):
                return version
        return views.read_job(connection, tenant_id, job_id, base_url(services))


def _version(services: Services, tenant_id: str, job_id: str) -> int:
    with services.db.autocommit() as connection:
        return views.read_version(connection, tenant_id, job_id).version


async def _wait_for_change(
    request: Request, services: Services, tenant_id: str, job_id: str, version: int, seconds: int
) -> None:
    """Wait until the version differs, the time is over, or the client has disconnected. Holds no session meanwhile."""
    until = monotonic() + seconds
    while monotonic() < until and not await request.is_disconnected():
        await anyio.sleep(min(WAIT_POLL_SECONDS, max(0.0, until - monotonic())))
        if await run_in_threadpool(_version, services, tenant_id, job_id) != version:
            return
