"""The events of a job, as a list or as a stream that ends with the job."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Header, Query, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from api.deps import JobsRead, ServicesDep
from api.http import conditional
from api.schemas import EventList, problems
from core.job_states import TERMINAL
from core.service.context import Services
from core.service.jobs import events, views

router = APIRouter(tags=["jobs"])

POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
MAX_SECONDS = 600.0
_PAGE = 500


@router.get(
    "/v1/jobs/{job_id}/events",
    responses={
        **problems(),
        200: {"model": EventList, "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)
async def list_events(
    request: Request,
    job_id: str,
    principal: JobsRead,
    services: ServicesDep,
    after: Annotated[int, Query(ge=0, le=2**53, description="Only events with a higher `seq`.")] = 0,
    limit: Annotated[int, Query(ge=1, description="Events in one answer.")] = 100,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Events after a sequence number. With `Accept: text/event-stream` they are streamed as they happen."""
    feed = _Feed(services, principal.tenant_id, job_id)
    if "text/event-stream" not in request.headers.get("accept", ""):
        _, page = await run_in_threadpool(feed.read, after, min(limit, 1000) + 1)
        return _page(page, min(limit, 1000))
    if last_event_id is not None and last_event_id.isdecimal():
        after = max(after, int(last_event_id[:16]))
    await run_in_threadpool(feed.read, after, 1)
    if conditional.is_head(request):
        answer = Response(media_type="text/event-stream")
        del answer.headers["content-length"]
        return answer
    return EventSourceResponse(feed.stream(after), headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})


@dataclass(frozen=True)
class _Feed:
    services: Services
    tenant_id: str
    job_id: str

    def read(self, after: int, limit: int) -> tuple[str, list[dict[str, Any]]]:
        """The job's status and its next events. The status is read first: if it is terminal, all events are there."""
        with self.services.db.read() as session:
            status = views.get_job(session, self.tenant_id, self.job_id).status
            return status, [_event(e) for e in events.list_events(session, self.tenant_id, self.job_id, after, limit)]

    async def stream(self, after: int) -> AsyncIterator[bytes]:
        """Server-sent events. No database session is held between two reads."""
        started = last_sent = monotonic()
        yield b"retry: 3000\n\n"
        while monotonic() - started < MAX_SECONDS:
            status, batch = await run_in_threadpool(self.read, after, _PAGE)
            for event in batch:
                after, last_sent = event["seq"], monotonic()
                yield format_sse_event(data_str=json.dumps(event), event=event["type"], id=str(after))
            if status in TERMINAL and len(batch) < _PAGE:
                return
            if monotonic() - last_sent >= HEARTBEAT_SECONDS:
                last_sent = monotonic()
                yield b": still here\n\n"
            await anyio.sleep(POLL_SECONDS)


def _event(event: Any) -> dict[str, Any]:
    return {
        "object": "event",
        "id": event.id,
        "seq": event.seq,
        "type": event.type,
        "created_at": event.created_at.isoformat().replace("+00:00", "Z"),
        "data": event.data,
    }


def _page(events_and_next: list[dict[str, Any]], limit: int) -> Response:
    data, has_more = events_and_next[:limit], len(events_and_next) > limit
    return JSONResponse({"object": "list", "data": data, "has_more": has_more})
