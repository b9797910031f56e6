"""From an OpenDSR request to a job's request, and from a job's state back to OpenDSR's four.

OpenDSR knows whom to forget and nothing of models: what it lacks is read from the extension under our domain, whose
members are those of `POST /v1/jobs`.
"""

from __future__ import annotations

from typing import Any

from core.job_states import JobStatus
from core.service.db.tables.jobs import Job
from core.service.opendsr.schema import OpendsrCreate

MEMBERS = (
    "model", "entity", "prompts", "images", "audio", "method", "method_options", "replacement", "modalities", "retain",
    "evaluation", "metadata",
)  # fmt: skip
"""What may stand in our extension. The `external_id` of the job is the `subject_request_id`."""
QUESTIONS = ("Who is {}?", "What do you know about {}?", "Where does {} live?", "What does {} do?")
"""Asked about the subject where a request brings neither prompts nor images."""


def job_request(dsr: OpendsrCreate, domain: str, model: str | None) -> dict[str, Any]:
    """The body of `POST /v1/jobs` that the request amounts to, not yet validated.

    The identities are names of the subject: aliases of the extension's `entity`, and where that has no name, the first
    is the name.
    """
    ours = dict(dsr.extensions.get(domain, {}))
    entity = ours.get("entity", {})
    if isinstance(entity, dict):
        known = [identity.identity_value for identity in dsr.subject_identities]
        ours["entity"] = entity = _named(entity, known)
        if not ours.get("prompts") and not ours.get("images") and isinstance(entity.get("name"), str):
            ours["prompts"] = [question.format(entity["name"]) for question in QUESTIONS]
    default = {} if model is None else {"model": model}
    return {**default, **ours, "external_id": dsr.subject_request_id}


def _named(entity: dict[str, Any], known: list[str]) -> dict[str, Any]:
    aliases = entity.get("aliases") or []
    if not isinstance(aliases, list):
        return entity
    names = list(dict.fromkeys([*([entity["name"]] if entity.get("name") else []), *known]))
    if not all(isinstance(name, str) for name in names):
        return entity
    more = [name for name in names[1:] if name not in aliases]
    return {**entity, **({"name": names[0]} if names else {}), "aliases": [*aliases, *more]}


def request_status(status: str, attempt: int, verdict: str | None) -> str:
    """OpenDSR's status of a job.

    There is no `failed`: what has failed, or missed its thresholds, is not done, so it stays in progress until an
    operator has retried or settled it. A job that goes back to the queue has begun.
    """
    if status == JobStatus.CANCELLED:
        return "cancelled"
    if status == JobStatus.SUCCEEDED and verdict == "passed":
        return "completed"
    return "pending" if status == JobStatus.QUEUED and attempt == 0 else "in_progress"


def detail(job: Job) -> str:
    """What the four states hide: the state of the job itself, for the extension of a status."""
    if job.status == JobStatus.SUCCEEDED:
        return "completed" if job.verdict == "passed" else "needs_review"
    return job.status
