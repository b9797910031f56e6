"""The audit log of the caller's tenant."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse, Response

from api.deps import AuditRead, ServicesDep
from api.http import pages
from api.schemas import AuditList, problems
from core.service import audit
from core.service.audit import AuditFilters
from core.service.kit.clock import Moment

router = APIRouter(tags=["audit"])


@router.get("/v1/audit", response_model=AuditList, responses=problems(400))
def list_audit(
    request: Request,
    principal: AuditRead,
    services: ServicesDep,
    action: Annotated[str | None, Query(max_length=64, description="Only this action, such as `job.created`.")] = None,
    resource: Annotated[
        str | None, Query(max_length=100, description="Only what was done to the thing with this id.")
    ] = None,
    actor: Annotated[str | None, Query(max_length=200, description="Only what this API key did, or `system`.")] = None,
    since: Annotated[Moment | None, Query(description="From this time on, RFC 3339 with a time zone.")] = None,
    before: Annotated[Moment | None, Query(description="Before this time, RFC 3339 with a time zone.")] = None,
    limit: pages.Limit = 20,
    after: pages.After = None,
) -> Response:
    """Who did what, newest first. Each entry's hash covers it and the hash of the one before it."""
    filters = AuditFilters(action, resource, actor, since, before)
    with services.db.read() as session:
        page = audit.list_entries(session, principal.tenant_id, filters, after, limit)
    body = AuditList(data=page.items, has_more=page.has_more, next_cursor=page.next_cursor)
    return JSONResponse(body.model_dump(mode="json"), headers=pages.link_header(request, services, page.next_cursor))
