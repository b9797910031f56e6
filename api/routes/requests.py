"""Requests of data subjects: received, extended, settled, rejected, withdrawn."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from api.deps import IdempotencyKey, JobsRead, JobsWrite, ServicesDep, base_url
from api.http import pages
from api.http.idempotent import Answer, answer_once, find_replay, fingerprint
from api.routes.jobs.plans import resolve
from api.schemas import WITH_BODY, RequestList, problems
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.tables.requests import RequestState
from core.service.errors import InvalidRequest
from core.service.jobs.create import storing_request
from core.service.jobs.requests import records
from core.service.jobs.schema import JobCreate
from core.service.kit.clock import Moment
from core.service.requests import views
from core.service.requests.create import as_jobs, create_request
from core.service.requests.schema import ExtendBody, ReasonBody, RequestCreate
from core.service.requests.views import RequestFilters, RequestView
from core.service.requests.withdraw import withdraw

router = APIRouter(prefix="/v1/requests", tags=["requests"])


@router.post("", status_code=202, response_model=RequestView, responses=problems(*WITH_BODY))
def receive_request(
    request: Request,
    body: RequestCreate,
    principal: JobsWrite,
    services: ServicesDep,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A data subject's request, for one or many models: a job for each begins at once."""
    sent = fingerprint(request, body.model_dump(mode="json"))
    if (replay := find_replay(services, principal, idempotency_key, sent)) is not None:
        return replay
    jobs = as_jobs(body)
    with services.db.read() as session:
        plans = [_plan(services, session, number, job) for number, job in enumerate(jobs)]
    with ExitStack() as stack:
        stored = [stack.enter_context(storing_request(services, job)) for job in jobs]

        def make(session: Session) -> Answer:
            row = create_request(services, session, principal, body, list(zip(jobs, plans, stored, strict=True)))
            view = views.view(session, row, base_url(services))
            location = f"{base_url(services)}/v1/requests/{row.id}"
            return Answer(202, view.model_dump(mode="json"), {"Location": location})

        return answer_once(services, principal, idempotency_key, sent, make)


@router.get("", response_model=RequestList, responses=problems())
def list_requests(
    request: Request,
    principal: JobsRead,
    services: ServicesDep,
    status: Annotated[RequestState | None, Query(description="Only requests in this state.")] = None,
    due_before: Annotated[
        Moment | None, Query(description="Only requests due before this time, RFC 3339 with a time zone.")
    ] = None,
    external_id: Annotated[str | None, Query(max_length=255, description="Only the request with this id.")] = None,
    limit: pages.Limit = 20,
    after: pages.After = None,
) -> Response:
    """Requests, newest first."""
    filters = RequestFilters(status, due_before, external_id)
    with services.db.read() as session:
        page = views.list_requests(session, principal.tenant_id, filters, after, limit, base_url(services))
    body = RequestList(data=page.items, has_more=page.has_more, next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=pages.link_header(request, services, page.next_cursor))


@router.get("/{request_id}", responses=problems())
def get_request(request_id: str, principal: JobsRead, services: ServicesDep) -> RequestView:
    """One request, with its jobs."""
    with services.db.read() as session:
        return views.read_request(session, principal.tenant_id, request_id, base_url(services))


@router.post("/{request_id}/extend", responses=problems(*WITH_BODY))
def extend_request(request_id: str, body: ExtendBody, principal: JobsWrite, services: ServicesDep) -> RequestView:
    """Extend the period, once and before it is over: by up to two months (GDPR) or by 45 days (CCPA)."""
    with services.db.write() as session:
        row = records.extend(session, principal.tenant_id, request_id, body.reason, body.months, principal.key_id)
        return views.view(session, row, base_url(services))


@router.post("/{request_id}/settle", responses=problems(*WITH_BODY))
def settle_request(request_id: str, body: ReasonBody, principal: JobsWrite, services: ServicesDep) -> RequestView:
    """Settle a request by hand, with a reason: one whose patches all passed is settled by itself."""
    return _end(services, principal, request_id, "settled", body.reason)


@router.post("/{request_id}/reject", responses=problems(*WITH_BODY))
def reject_request(request_id: str, body: ReasonBody, principal: JobsWrite, services: ServicesDep) -> RequestView:
    """Refuse a request, with the reason that the subject is told (Art. 12(4) GDPR)."""
    return _end(services, principal, request_id, "rejected", body.reason)


@router.post("/{request_id}/withdraw", responses=problems(409))
def withdraw_request(request_id: str, principal: JobsWrite, services: ServicesDep) -> RequestView:
    """The subject takes the request back. Its jobs that have not ended are cancelled."""
    with services.db.write() as session:
        row = withdraw(session, principal.tenant_id, request_id, principal.key_id)
        return views.view(session, row, base_url(services))


def _plan(services: Services, session: Session, number: int, job: JobCreate) -> dict[str, Any]:
    """The plan of the job of a model. Pointers to its model lead to the list that the body has."""
    try:
        return resolve(services, session, job)
    except InvalidRequest as error:
        at = {"/model": f"/models/{number}"}
        error.errors = [replace(fault, pointer=at.get(fault.pointer, fault.pointer)) for fault in error.errors]
        raise


def _end(services: Services, principal: Principal, request_id: str, status: RequestState, reason: str) -> RequestView:
    with services.db.write() as session:
        row = records.end(session, principal.tenant_id, request_id, status, principal.key_id, reason)
        return views.view(session, row, base_url(services))
