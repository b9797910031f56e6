"""A job as a response: entity tag, when to look again, and where it is."""

from __future__ import annotations

from starlette.responses import Response

from core.job_states import TERMINAL
from core.service.jobs.views import JobVersion, JobView

POLL_SECONDS = "2"


def tag(version: int) -> str:
    """The strong entity tag of a version of a job."""
    return f'"{version}"'


def headers(job: JobView | JobVersion) -> dict[str, str]:
    """`ETag`, and `Retry-After` while the job goes on."""
    found = {"ETag": tag(job.version), "Cache-Control": "private, no-cache"}
    if job.status not in TERMINAL:
        found["Retry-After"] = POLL_SECONDS
    return found


def respond(job: JobView, status: int = 200, **more: str) -> Response:
    """The job's document."""
    content = job.model_dump_json()
    return Response(content, status, headers={**headers(job), **more}, media_type="application/json")
