"""Maps an OpenDSR request to a job's request, and a job's state to one of OpenDSR's four.

OpenDSR says whom to forget but nothing about models: that is read from the extension under our domain, whose members
are those of `POST /v1/jobs`.
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
"""The members of our extension. The job's `external_id` is the `subject_request_id`."""
QUESTIONS = ("Who is {}?", "What do you know about {}?", "Where does {} live?", "What does {} do?")
"""Prompts about the subject for a request that has neither prompts nor images."""


def job_request(dsr: OpendsrCreate, domain: str, model: str | None) -> dict[str, Any]:
    """The equivalent body of `POST /v1/jobs`, not yet validated.

    The identities are names of the subject: aliases of the extension's `entity`, and where that has no name, the first
    is the name.
    """
    extension = dict(dsr.extensions.get(domain, {}))
    entity = extension.get("entity", {})
    if isinstance(entity, dict):
        names = [identity.identity_value for identity in dsr.subject_identities]
        extension["entity"] = entity = _with_names(entity, names)
        if not extension.get("prompts") and not extension.get("images") and isinstance(entity.get("name"), str):
            extension["prompts"] = [question.format(entity["name"]) for question in QUESTIONS]
    default = {} if model is None else {"model": model}
    return {**default, **extension, "external_id": dsr.subject_request_id}


def _with_names(entity: dict[str, Any], identities: list[str]) -> dict[str, Any]:
    aliases = entity.get("aliases") or []
    if not isinstance(aliases, list):
        return entity
    names = list(dict.fromkeys([*([entity["name"]] if entity.get("name") else []), *identities]))
    if not all(isinstance(name, str) for name in names):
        return entity
    more = [name for name in names[1:] if name not in aliases]
    return {**entity, **({"name": names[0]} if names else {}), "aliases": [*aliases, *more]}


def detail(job: Job) -> str:
    """The state of the job itself, for our extension of a status."""
    if job.status == JobStatus.SUCCEEDED:
        return "completed" if job.verdict == "passed" else "needs_review"
    return job.status
