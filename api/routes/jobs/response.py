"""A job as a response, with its entity tag and the time to poll again."""

from __future__ import annotations

from starlette.responses import Response

from core.job_states import TERMINAL
from core.service.jobs.views import JobVersion, JobView

POLL_SECONDS = "2"


def etag(version: int) -> str:
    """The strong entity tag of a version of a job."""
    return f'"{version}"'


def job_headers(job: JobView | JobVersion) -> dict[str, str]:
    """`ETag`, and `Retry-After` until the job has ended."""
    headers = {"ETag": etag(job.version), "Cache-Control": "private, no-cache"}
    if job.status not in TERMINAL:
        headers["Retry-After"] = POLL_SECONDS
    return headers


def job_response(job: JobView, status: int = 200, **more: str) -> Response:
    """The job's document."""
    content = job.model_dump_json()
    return Response(content, status, headers={**job_headers(job), **more}, media_type="application/json")
