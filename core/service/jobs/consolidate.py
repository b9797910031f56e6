"""Creates consolidation jobs: one patch for all subjects that earlier jobs made a model forget."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.job_states import JobStatus
from core.service.access.keys import Principal
from core.service.context import Services
from core.service.db.tables.jobs import Job
from core.service.errors import (
    FieldError,
    InvalidRequest,
    JobNotSucceeded,
    NotFound,
    RecipesOfTwoBases,
    SculptNotPossible,
    ServiceError,
    Unavailable,
)
from core.service.jobs.artifacts import ArtifactRow, of_jobs
from core.service.jobs.create import announce, new_row
from core.service.jobs.lease import CERTIFICATE
from core.service.jobs.rows import with_artifacts
from core.service.jobs.schema import ConsolidateBody
from core.service.jobs.views import JobView, refreshed_view
from core.service.storage.port import StoreError

PATCH = "patch.zip"
MIN_JOBS = 2


def check_bases(
    services: Services, principal: Principal, model_id: str, body: ConsolidateBody, leaving_recipes: Collection[str]
) -> None:
    """Check that the patches were made for the same weights, before the transaction that calls the next function.

    Whether the model still has these weights is checked by the worker. Raises what `create_consolidate_job` does, and
    `RecipesOfTwoBases`, `Unavailable`.
    """
    with services.db.read() as s:
        chosen = _choose(s, principal.tenant_id, model_id, body, leaving_recipes)
    bases = {job_id: _base(services, artifacts) for job_id, artifacts in chosen.patches.items()}
    digests = list(dict.fromkeys(digest for digest in bases.values() if digest is not None))
    others = sorted(chosen.pointers[job_id] for job_id, digest in bases.items() if digest in digests[1:])
    if others:
        raise _with_pointers(RecipesOfTwoBases(), others)


def create_consolidate_job(
    services: Services,
    s: Session,
    principal: Principal,
    model_id: str,
    body: ConsolidateBody,
    plan: Mapping[str, Any],
    leaving_recipes: Collection[str],
    base_url: str = "",
) -> JobView:
    """Queue a job that consolidates the patches of several jobs, from their recipes alone.

    `leaving_recipes`: the methods whose patches bring a recipe.
    Raises `NotFound` for a job that is not there or another tenant's, `JobNotSucceeded`, `SculptNotPossible`,
    `InvalidRequest` for a job of another model and for fewer than two, `TooManyQueuedJobs`.
    """
    ids = list(_choose(s, principal.tenant_id, model_id, body, leaving_recipes).patches)
    row = new_row(
        s,
        principal,
        services.settings,
        model=model_id,
        plan={**plan, "consolidate": {"jobs": ids}},
        sculpt={"jobs": ids},
        job_metadata={},
    )
    s.add(row)
    s.flush()
    announce(s, principal, row, {"jobs": ids})
    return refreshed_view(s, row, base_url)


@dataclass(frozen=True)
class _Chosen:
    """The files of the jobs that become one, and the JSON pointer to each job in the body."""

    patches: Mapping[str, Sequence[ArtifactRow]]
    pointers: Mapping[str, str]


def _choose(s: Session, tenant: str, model_id: str, body: ConsolidateBody, methods: Collection[str]) -> _Chosen:
    jobs = _all_jobs(s, tenant, model_id, methods) if body.jobs is None else _named_jobs(s, tenant, body.jobs)
    pointers = _pointers(body.jobs, jobs)
    artifacts = of_jobs(s, [job.id for job in jobs])
    for job in jobs:
        _check(job, model_id, methods, artifacts[job.id], pointers[job.id])
    if len(jobs) < MIN_JOBS:
        raise InvalidRequest.one("/jobs", "too_few_jobs", "There must be two jobs at least, of two requests.")
    return _Chosen({job.id: artifacts[job.id] for job in jobs}, pointers)


def _named_jobs(s: Session, tenant: str, ids: Sequence[str]) -> list[Job]:
    query = select(Job).where(Job.tenant_id == tenant, with_artifacts(), Job.id.in_(ids))
    by_id = {job.id: job for job in s.execute(query).scalars()}
    missing = [n for n, job_id in enumerate(ids) if job_id not in by_id]
    if missing:
        raise _with_pointers(NotFound(), [f"/jobs/{n}" for n in missing])
    return [by_id[job_id] for job_id in dict.fromkeys(ids)]


def _all_jobs(s: Session, tenant: str, model_id: str, methods: Collection[str]) -> list[Job]:
    """For each request about this model the job with the newest patch, in the order of the requests.

    Jobs that have expired count: their patches are kept, so that nobody comes back. Those that were deleted do not.
    """
    query = select(Job).where(Job.tenant_id == tenant, with_artifacts(), Job.model == model_id)
    query = query.where(Job.method.in_(methods), Job.status == JobStatus.SUCCEEDED)
    # Consolidated jobs come last in time, but first here: for a request whose own job still exists, that one counts.
    jobs = sorted(
        s.execute(query.order_by(Job.created_at, Job.id)).scalars(), key=lambda job: "jobs" in (job.sculpt or {})
    )
    lineage = select(Job.id, Job.parent_id).where(Job.tenant_id == tenant, Job.model == model_id)
    parents = {row.id: row.parent_id for row in s.execute(lineage)}
    artifacts = of_jobs(s, [job.id for job in jobs])
    newest = {_root_job(job.id, parents): job for job in jobs if _find(artifacts[job.id], PATCH) is not None}
    return list(newest.values())


def _root_job(job_id: str, parents: Mapping[str, str | None]) -> str:
    """The job of the request itself, from which this one was sculpted again, possibly several times."""
    while (parent := parents.get(job_id)) is not None:
        job_id = parent
    return job_id


def _pointers(ids: Sequence[str] | None, jobs: Iterable[Job]) -> dict[str, str]:
    """The JSON pointer to each job in the body; `/jobs` for all of them if the body names none."""
    return {job.id: "/jobs" if ids is None else f"/jobs/{ids.index(job.id)}" for job in jobs}


def _check(job: Job, model_id: str, methods: Collection[str], artifacts: Sequence[ArtifactRow], pointer: str) -> None:
    if job.model != model_id:
        raise InvalidRequest.one(pointer, "other_model", "The job is of another model.")
    if job.status != JobStatus.SUCCEEDED:
        raise _with_pointers(JobNotSucceeded(f"A job is {job.status}; there is no recipe to consolidate."), [pointer])
    if job.method not in methods or _find(artifacts, PATCH) is None:
        raise _with_pointers(
            SculptNotPossible("A job's method leaves no recipe that could be consolidated."), [pointer]
        )


def _base(services: Services, artifacts: Iterable[ArtifactRow]) -> str | None:
    """The digest of the weights that the patch was made for, from the job's certificate."""
    row = _find(artifacts, CERTIFICATE)
    try:
        certificate = json.loads(services.storage.read(row.storage_key)) if row else {}
    except StoreError:
        raise Unavailable("The object store does not answer.") from None
    digest: str | None = certificate.get("base_digest")
    return digest


def _find(artifacts: Iterable[ArtifactRow], name: str) -> ArtifactRow | None:
    return next((row for row in artifacts if row.name == name), None)


def _with_pointers(error: ServiceError, pointers: Iterable[str]) -> ServiceError:
    error.errors = [FieldError(pointer, error.code, error.detail) for pointer in dict.fromkeys(pointers)]
    return error
